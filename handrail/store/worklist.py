"""What waits for people, a page at a time."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import pandas as pd
from sqlalchemy import Connection, Text, and_, case, func, literal_column, or_, select

from handrail.gold import shown_kind
from handrail.store.frames import frame
from handrail.store.labels import SLIPPED_IN
from handrail.store.schema import (
    Case,
    Route,
    WorkItem,
)
from handrail.store.visibility import Onlooker, kept


class Place(NamedTuple):
    """A work item in the order of the list; the next page begins after it."""

    due_at: datetime
    item_id: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Open work in the list, as far as it may be told to whoever reads it."""

    id: int
    case_id: int
    external_id: str | None
    kind: str
    queue: str
    opened_at: datetime
    due_at: datetime
    holder: str | None
    lease_until: datetime | None
    assigned_to: str | None
    snoozed_until: datetime | None
    category: str | None
    confidence: float | None


def page(
    connection: Connection, onlooker: Onlooker, *, queue: str | None, after: Place | None, limit: int
) -> tuple[list[Waiting], Place | None]:
    """Open work, earliest due first, and where the next page begins; None on the last one.

    Tests of reviewers are left out: nobody waits for them. A gold case among the work of `onlooker` is a review to
    them, from their claim on. `category` and `confidence` are None where the suggestion is hidden; they and
    `external_id` where `onlooker` must not learn what was said of the case.
    """
    held = and_(WorkItem.holder == onlooker.name, WorkItem.lease_until > onlooker.at)
    slipped_in = and_(SLIPPED_IN, WorkItem.assigned_to == onlooker.name, held)
    query = (
        select(
            WorkItem.suggestion_hidden,
            WorkItem.id,
            WorkItem.case_id,
            Case.external_id,
            WorkItem.kind,
            WorkItem.queue,
            WorkItem.opened_at,
            WorkItem.due_at,
            WorkItem.holder,
            WorkItem.lease_until,
            WorkItem.assigned_to,
            WorkItem.snoozed_until,
            Route.category,
            Route.confidence,
        )
        .join(Case, Case.id == WorkItem.case_id)
        .join(Route, Route.case_id == WorkItem.case_id, isouter=True)
        .where(WorkItem.state == "open", or_(WorkItem.kind != "gold", slipped_in))
        .order_by(WorkItem.due_at, WorkItem.id)
        .limit(limit + 1)
    )
    if queue is not None:
        query = query.where(WorkItem.queue == queue)
    if after is not None:
        same = and_(WorkItem.due_at == after.due_at, WorkItem.id > after.item_id)
        query = query.where(or_(WorkItem.due_at > after.due_at, same))
    found = [(hidden, Waiting(*columns)) for hidden, *columns in connection.execute(query)]
    rows = found[:limit]
    silent = kept(connection, [one.case_id for _, one in rows], onlooker)
    shown = [_shown(one, hidden=hidden, silent=one.case_id in silent) for hidden, one in rows]
    return shown, Place(shown[-1].due_at, shown[-1].id) if len(found) > limit else None


def _shown(one: Waiting, *, hidden: bool, silent: bool) -> Waiting:
    if hidden or silent:
        one = replace(one, category=None, confidence=None)
    if silent:
        one = replace(one, external_id=None)
    if one.kind == "gold":
        one = replace(one, assigned_to=None)
    return replace(one, kind=shown_kind(one.kind, one.queue))


def waiting(connection: Connection, now: datetime) -> pd.DataFrame:
    """Open work by queue and kind: queue, kind, waiting, overdue, next_due; looks because of doubt are rechecks."""
    # Written out: PostgreSQL takes two parameters of one value for two values, and groups by neither.
    doubt, recheck = (literal_column(f"'{name}'", Text) for name in ("doubt", "recheck"))
    kind = case((WorkItem.kind == doubt, recheck), else_=WorkItem.kind)
    query = (
        select(
            WorkItem.queue,
            kind.label("kind"),
            func.count().label("waiting"),
            func.sum(case((WorkItem.due_at < now, 1), else_=0)).label("overdue"),
            func.min(WorkItem.due_at).label("next_due"),
        )
        .where(WorkItem.state == "open")
        .group_by(WorkItem.queue, kind)
        .order_by(WorkItem.queue, kind)
    )
    return frame(connection, query)

"""What waits for people, a page at a time."""

from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import Connection, and_, case, func, or_, select

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


def page(
    connection: Connection, onlooker: Onlooker, *, queue: str | None, after: Place | None, limit: int
) -> tuple[list[dict[str, Any]], Place | None]:
    """Open work, earliest due first, and where the next page begins; None on the last one.

    Tests of reviewers are left out: nobody waits for them. A gold case among the work of `onlooker` is a review to
    them. `category` and `confidence` are None where the suggestion is hidden; they and `external_id` where `onlooker`
    must not learn what was said of the case.
    """
    slipped_in = and_(SLIPPED_IN, WorkItem.assigned_to == onlooker.name)
    query = (
        select(
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
            WorkItem.suggestion_hidden,
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
    found = [dict(row) for row in connection.execute(query).mappings()]
    rows = found[:limit]
    silent = kept(connection, [row["case_id"] for row in rows], onlooker)
    for row in rows:
        if row.pop("suggestion_hidden") or row["case_id"] in silent:
            row |= {"category": None, "confidence": None}
        if row["case_id"] in silent:
            row["external_id"] = None
        if row["kind"] == "gold":
            row |= {"kind": shown_kind(row["kind"], row["queue"]), "assigned_to": None}
    return rows, Place(rows[-1]["due_at"], rows[-1]["id"]) if len(found) > limit else None


def waiting(connection: Connection, now: datetime) -> pd.DataFrame:
    """Open work by queue and kind: queue, kind, waiting, overdue, next_due."""
    query = (
        select(
            WorkItem.queue,
            WorkItem.kind,
            func.count().label("waiting"),
            func.sum(case((WorkItem.due_at < now, 1), else_=0)).label("overdue"),
            func.min(WorkItem.due_at).label("next_due"),
        )
        .where(WorkItem.state == "open")
        .group_by(WorkItem.queue, WorkItem.kind)
        .order_by(WorkItem.queue, WorkItem.kind)
    )
    return frame(connection, query)

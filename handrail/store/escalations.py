"""What waits for the escalation manager, the most urgent first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from handrail.store import bulk
from handrail.store.bulk import one_of, row_of
from handrail.store.cases import chunks
from handrail.store.frames import frame, within
from handrail.store.retention import CAUSE as WARNING
from handrail.store.retention import is_worked_on
from handrail.store.schema import (
    Case,
    Decision,
    Dispute,
    Escalation,
    Note,
    Outbox,
    Route,
    WorkItem,
)
from handrail.store.work import ASIDE
from handrail.window import Window

REJECTIONS = ("policy", "legal")
MANAGERS_WORK = ("escalation", "dispute")
"""Kinds of work that only the escalation manager does."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open escalation with the work behind it; from `item_id` on None where no work waits any more."""

    case_id: int
    cause: str
    first_decider: str | None
    opened_at: datetime
    due_at: datetime
    external_id: str
    category: str | None
    item_id: int | None
    kind: str | None
    work_due_at: datetime | None
    holder: str | None
    lease_until: datetime | None
    assigned_to: str | None
    dispute: int | None


def waiting(
    connection: Connection, *, causes: Collection[str] | None = None, case_id: int | None = None, limit: int = 200
) -> list[Waiting]:
    """Open escalations with the work behind them, earliest due first."""
    query = (
        select(
            Escalation.case_id,
            Escalation.cause,
            Escalation.first_decider,
            Escalation.opened_at,
            Escalation.due_at,
            Case.external_id,
            Route.category,
            WorkItem.id,
            WorkItem.kind,
            WorkItem.due_at,
            WorkItem.holder,
            WorkItem.lease_until,
            WorkItem.assigned_to,
            Dispute.id,
        )
        .join(Case, Case.id == Escalation.case_id)
        .join(Route, Route.case_id == Escalation.case_id, isouter=True)
        .join(WorkItem, WorkItem.id == _work_behind(), isouter=True)
        .join(Dispute, Dispute.work_item_id == WorkItem.id, isouter=True)
        .where(_is_open())
        .order_by(Escalation.due_at, Escalation.id)
        .limit(limit)
    )
    if causes is not None:
        query = query.where(Escalation.cause.in_(causes))
    if case_id is not None:
        query = query.where(Escalation.case_id == case_id)
    return [Waiting(*row) for row in connection.execute(query)]


def counts(connection: Connection, now: datetime) -> dict[str, tuple[int, int]]:
    """Open escalations by cause: how many, and how many of them are late."""
    late = func.sum(case((Escalation.due_at < now, 1), else_=0))
    query = select(Escalation.cause, func.count(), late).where(_is_open()).group_by(Escalation.cause)
    return {cause: (number, int(overdue)) for cause, number, overdue in connection.execute(query)}


def due_soon(connection: Connection, now: datetime, within: timedelta) -> int:
    """How many rejections for policy or legal reasons are due within that time, late ones among them."""
    query = select(func.count()).where(_is_open(), Escalation.cause.in_(REJECTIONS), Escalation.due_at <= now + within)
    return int(connection.execute(query).scalar_one())


def _work_behind() -> Any:  # noqa: ANN401 - a scalar subquery
    """The open work that an escalation is about: the manager's own, or for a missed SLA what is late."""
    work = aliased(WorkItem)
    fits = or_(
        and_(Escalation.cause == "sla_breach", _is_others_work(work)),
        and_(Escalation.cause == "dispute", work.kind == "dispute"),
        Escalation.cause == "retention",
        and_(Escalation.cause.in_(REJECTIONS), work.kind == "escalation"),
    )
    open_work = select(func.min(work.id)).where(work.case_id == Escalation.case_id, work.state == "open", fits)
    return open_work.correlate(Escalation).scalar_subquery()


def _is_others_work(work: Any) -> ColumnElement[bool]:  # noqa: ANN401 - an alias of the table
    return and_(work.kind.not_in((*ASIDE, *MANAGERS_WORK)), work.breached_at.is_not(None))


def _is_open() -> ColumnElement[bool]:
    """Not resolved; a missed SLA of the manager's own work is that work, shown as late, and not another row.

    A text that is past its time matters as long as somebody works on its case.
    """
    mine, others = aliased(WorkItem), aliased(WorkItem)
    own_work = exists().where(mine.case_id == Escalation.case_id, mine.state == "open", mine.kind.in_(MANAGERS_WORK))
    late_work = exists().where(others.case_id == Escalation.case_id, others.state == "open", _is_others_work(others))
    any_work = aliased(WorkItem)
    worked_on = exists().where(any_work.case_id == Escalation.case_id, any_work.state == "open")
    return and_(
        Escalation.resolved_at.is_(None),
        or_(Escalation.cause != "sla_breach", ~own_work, late_work),
        or_(Escalation.cause != "retention", worked_on),
    )


@dataclass(frozen=True, slots=True)
class ManagersWork:
    """An escalated case or a dispute: its work."""

    id: int
    case_id: int
    kind: str
    state: str
    due_at: datetime


def work(connection: Connection, item_id: int) -> ManagersWork | None:
    """One work item of the escalation manager; None for anybody else's."""
    query = select(WorkItem.id, WorkItem.case_id, WorkItem.kind, WorkItem.state, WorkItem.due_at)
    row = connection.execute(query.where(WorkItem.id == item_id, WorkItem.kind.in_(MANAGERS_WORK))).first()
    return ManagersWork(*row) if row else None


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What was decided before the manager, and what was noted beside it."""

    kind: str
    outcome: str
    label: str | None
    reason_code: str | None
    actor: str
    decided_at: datetime
    note: str | None


def first_look(connection: Connection, case_id: int, decision_id: int | None = None) -> FirstLook | None:
    """What was decided before the manager: the decision that is contested, else the newest on the case."""
    query = (
        select(
            Decision.kind,
            Decision.outcome,
            Decision.label,
            Decision.reason_code,
            Decision.actor,
            Decision.decided_at,
            Note.text,
        )
        .join(Note, Note.decision_id == Decision.id, isouter=True)
        .where(Decision.case_id == case_id, Decision.kind.not_in(ASIDE))
        .order_by(Decision.id.desc())
        .limit(1)
    )
    query = query if decision_id is None else query.where(Decision.id == decision_id)
    row = connection.execute(query).first()
    return FirstLook(*row) if row else None


def resolve(connection: Connection, case_id: int, cause: str, actor: str, now: datetime) -> bool:
    """Close the open escalation of a case for one cause; False when there is none."""
    found = update(Escalation).where(
        Escalation.case_id == case_id, Escalation.cause == cause, Escalation.resolved_at.is_(None)
    )
    return connection.execute(found.values(resolved_at=now, resolved_by=actor)).rowcount == 1


@dataclass(frozen=True, slots=True)
class StuckAction:
    """An action that will not go out by itself: dead or unknown."""

    case_id: int
    action: str
    state: str
    created_at: datetime


def stuck_actions(connection: Connection, limit: int = 50) -> list[StuckAction]:
    """Actions that will not go out by themselves, oldest first."""
    query = (
        select(Outbox.case_id, Outbox.action, Outbox.state, Outbox.created_at)
        .where(Outbox.state.in_(("dead", "unknown")))
        .order_by(Outbox.created_at, Outbox.id)
        .limit(limit)
    )
    return [StuckAction(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class NewEscalation:
    """A case for the escalation manager; its first decider, if there was one, never reviews it again."""

    case_id: int
    cause: str
    first_decider: str | None
    opened_at: datetime
    due_at: datetime


def insert_escalations(connection: Connection, opened: Sequence[NewEscalation]) -> set[int]:
    """Open escalations, a resolved one of the same case and cause anew; returns the cases, the rest is open already."""
    known: dict[tuple[int, str], datetime | None] = {}
    for part in chunks([one.case_id for one in opened]):
        query = select(Escalation.case_id, Escalation.cause, Escalation.resolved_at)
        found = connection.execute(query.where(Escalation.case_id.in_(part)))
        known.update({(case_id, cause): resolved_at for case_id, cause, resolved_at in found})
    fresh = [one for one in opened if (one.case_id, one.cause) not in known]
    again = [one for one in opened if known.get((one.case_id, one.cause)) is not None]
    if fresh:
        connection.execute(insert(Escalation), [row_of(one, resolved_at=None, resolved_by=None) for one in fresh])
    for one in again:
        anew = update(Escalation).where(Escalation.case_id == one.case_id, Escalation.cause == one.cause)
        connection.execute(anew.values(**row_of(one, resolved_at=None, resolved_by=None)))
    return {one.case_id for one in [*fresh, *again]}


def end_without_work(connection: Connection, case_ids: Sequence[int], actor: str, now: datetime) -> None:
    """Close the open escalations of these cases behind which no work is open any more: each ends with its work.

    To be called when what follows in the transaction opens no work: a warning of the retention is about all of it.
    """
    for part in chunks(case_ids):
        known = {"ids": bulk.ids(connection, part), "by": actor, "moment": now}
        connection.execute(_end_without_work(connection.dialect.name), known)
        connection.execute(_end_warnings(connection.dialect.name), known)


@cache
def _end_without_work(dialect: str) -> Update:
    work = aliased(WorkItem)
    about = or_(
        and_(Escalation.cause == "sla_breach", work.breached_at.is_not(None), work.kind.not_in(ASIDE)),
        and_(Escalation.cause == "dispute", work.kind == "dispute"),
        and_(Escalation.cause.not_in(("sla_breach", "dispute")), work.kind == "escalation"),
    )
    behind = exists().where(work.case_id == Escalation.case_id, work.state == "open", about)
    return _ended(dialect).where(Escalation.cause != WARNING, ~behind)


@cache
def _end_warnings(dialect: str) -> Update:
    return _ended(dialect).where(Escalation.cause == WARNING, ~is_worked_on(Escalation.case_id))


def _ended(dialect: str) -> Update:
    ended = update(Escalation).where(one_of(dialect, Escalation.case_id), Escalation.resolved_at.is_(None))
    return ended.values(resolved_at=bindparam("moment"), resolved_by=bindparam("by"))


def open_escalations(connection: Connection, limit: int = 1000) -> pd.DataFrame:
    """Open escalations, earliest due first."""
    query = (
        select(Escalation.__table__)
        .where(Escalation.resolved_at.is_(None))
        .order_by(Escalation.due_at, Escalation.id)
        .limit(limit)
    )
    return frame(connection, query)


def escalations_in(connection: Connection, window: Window) -> pd.DataFrame:
    """Escalations opened in the window: case_id, cause, opened_at, resolved_at, due_at."""
    query = select(
        Escalation.case_id, Escalation.cause, Escalation.opened_at, Escalation.resolved_at, Escalation.due_at
    ).where(within(Escalation.opened_at, window))
    return frame(connection, query)

"""What waits for the escalation manager, the most urgent first."""

from collections.abc import Collection, Sequence
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
from handrail.store.bulk import one_of
from handrail.store.cases import chunks
from handrail.store.frames import frame, records, within
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


def waiting(
    connection: Connection, *, causes: Collection[str] | None = None, case_id: int | None = None, limit: int = 200
) -> list[dict[str, Any]]:
    """Open escalations with the work behind them, earliest due first.

    Columns: those of the escalation, external_id, category, and of the work item_id, kind, work_due_at, holder,
    lease_until, assigned_to, dispute; None where no work waits any more.
    """
    query = (
        select(
            Escalation.__table__,
            Case.external_id,
            Route.category,
            WorkItem.id.label("item_id"),
            WorkItem.kind,
            WorkItem.due_at.label("work_due_at"),
            WorkItem.holder,
            WorkItem.lease_until,
            WorkItem.assigned_to,
            Dispute.id.label("dispute"),
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
    return records(frame(connection, query))


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
        and_(Escalation.cause.in_(REJECTIONS), work.kind == "escalation"),
    )
    open_work = select(func.min(work.id)).where(work.case_id == Escalation.case_id, work.state == "open", fits)
    return open_work.correlate(Escalation).scalar_subquery()


def _is_others_work(work: Any) -> ColumnElement[bool]:  # noqa: ANN401 - an alias of the table
    return and_(work.kind.not_in((*ASIDE, *MANAGERS_WORK)), work.breached_at.is_not(None))


def _is_open() -> ColumnElement[bool]:
    """Not resolved; and a missed SLA of the manager's own work is that work, shown as late, and not another row."""
    mine, others = aliased(WorkItem), aliased(WorkItem)
    own_work = exists().where(mine.case_id == Escalation.case_id, mine.state == "open", mine.kind.in_(MANAGERS_WORK))
    late_work = exists().where(others.case_id == Escalation.case_id, others.state == "open", _is_others_work(others))
    return and_(Escalation.resolved_at.is_(None), or_(Escalation.cause != "sla_breach", ~own_work, late_work))


def work(connection: Connection, item_id: int) -> dict[str, Any] | None:
    """One work item of the escalation manager: id, case_id, kind, state, due_at; None for anybody else's."""
    query = select(WorkItem.id, WorkItem.case_id, WorkItem.kind, WorkItem.state, WorkItem.due_at)
    query = query.where(WorkItem.id == item_id, WorkItem.kind.in_(MANAGERS_WORK))
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def first_look(connection: Connection, case_id: int, decision_id: int | None = None) -> dict[str, Any] | None:
    """What was decided before the manager: the decision that is contested, else the newest on the case.

    Columns: kind, outcome, label, reason_code, actor, decided_at, blind, note.
    """
    query = (
        select(
            Decision.kind,
            Decision.outcome,
            Decision.label,
            Decision.reason_code,
            Decision.actor,
            Decision.decided_at,
            Decision.blind,
            Note.text.label("note"),
        )
        .join(Note, Note.decision_id == Decision.id, isouter=True)
        .where(Decision.case_id == case_id, Decision.kind.not_in(ASIDE))
        .order_by(Decision.id.desc())
        .limit(1)
    )
    query = query if decision_id is None else query.where(Decision.id == decision_id)
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def resolve(connection: Connection, case_id: int, cause: str, actor: str, now: datetime) -> bool:
    """Close the open escalation of a case for one cause; False when there is none."""
    found = update(Escalation).where(
        Escalation.case_id == case_id, Escalation.cause == cause, Escalation.resolved_at.is_(None)
    )
    return connection.execute(found.values(resolved_at=now, resolved_by=actor)).rowcount == 1


def stuck_actions(connection: Connection, limit: int = 50) -> list[dict[str, Any]]:
    """Actions that will not go out by themselves, oldest first: id, case_id, external_id, action, state, created_at."""
    query = (
        select(Outbox.id, Outbox.case_id, Case.external_id, Outbox.action, Outbox.state, Outbox.created_at)
        .join(Case, Case.id == Outbox.case_id)
        .where(Outbox.state.in_(("dead", "unknown")))
        .order_by(Outbox.created_at, Outbox.id)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def insert_escalations(connection: Connection, rows: Sequence[dict[str, Any]]) -> set[int]:
    """Open escalations, a resolved one of the same case and cause anew; returns the cases, the rest is open already."""
    known: dict[tuple[int, str], datetime | None] = {}
    for part in chunks([row["case_id"] for row in rows]):
        query = select(Escalation.case_id, Escalation.cause, Escalation.resolved_at)
        found = connection.execute(query.where(Escalation.case_id.in_(part)))
        known.update({(case_id, cause): resolved_at for case_id, cause, resolved_at in found})
    fresh = [row for row in rows if (row["case_id"], row["cause"]) not in known]
    again = [row for row in rows if known.get((row["case_id"], row["cause"])) is not None]
    if fresh:
        connection.execute(insert(Escalation), fresh)
    for row in again:
        one = update(Escalation).where(Escalation.case_id == row["case_id"], Escalation.cause == row["cause"])
        connection.execute(one.values(**row))
    return {row["case_id"] for row in [*fresh, *again]}


def resolve_escalations(connection: Connection, case_ids: Sequence[int], actor: str, now: datetime) -> None:
    """Close the open escalations of these cases; a dispute ends only by its own ruling."""
    for part in chunks(case_ids):
        known = {"ids": bulk.ids(connection, part), "by": actor, "moment": now}
        connection.execute(_resolve(connection.dialect.name), known)


@cache
def _resolve(dialect: str) -> Update:
    still_open = and_(Escalation.resolved_at.is_(None), Escalation.cause != "dispute")
    settled: dict[str, Any] = {"resolved_at": bindparam("moment"), "resolved_by": bindparam("by")}
    return update(Escalation).where(one_of(dialect, Escalation.case_id), still_open).values(settled)


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

"""Work for people: opened, offered, leased, handed on, closed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pandas as pd
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Update,
    and_,
    bindparam,
    case,
    exists,
    false,
    func,
    or_,
    select,
    true,
    update,
)

from handrail import gold, work
from handrail.case import State
from handrail.store.bulk import ids, insert_numbered, one_of, row_of
from handrail.store.cases import chunks
from handrail.store.engine import real_time
from handrail.store.frames import frame
from handrail.store.schema import Case, Decision, Route, Skip, UtcDateTime, WorkItem

ASIDE = ("recheck", "doubt", "adjudication", "gold")
"""Kinds of work about labels alone: they change no case and send no action."""
WINDOW = 200
"""So many of those due next are compared by age: thousands that came in one file are due at the same moment."""


def insert_work(connection: Connection, opened: Sequence[work.NewWork]) -> list[int]:
    """Open work items; their ids, in order."""
    return insert_numbered(connection, WorkItem, [row_of(one, state="open", fence=0) for one in opened])


@dataclass(frozen=True, slots=True)
class Taker:
    """Who asks for work, and what they may take; `skills` None means every category.

    They leave the categories in `spared` to others, and may take what is assigned to somebody `absent`.
    """

    name: str
    kinds: Collection[str]
    skills: Collection[str] | None = None
    spared: Collection[str] = ()
    absent: Collection[str] = ()


def claimable(
    connection: Connection,
    taker: Taker,
    *,
    now: datetime,
    limit: int,
    besides_held: bool = False,
    case_id: int | None = None,
) -> list[work.WorkItem]:
    """Open work that `taker` may take, one item a case: earliest due first, then the oldest case of the next `WINDOW`.

    Never leased (by the real clock) or assigned to another, and never on a case that they have decided before, except
    a gold case of their own test. What is snoozed, or skipped by them, is left out too, unless one case is asked for.
    """
    statement = _claimable(
        besides_held=besides_held,
        one_case=case_id is not None,
        spared=bool(taker.spared),
        **shape_of(taker),
    )
    asked = {
        **values_of(taker),
        "now": now,
        "real": real_time(connection),
        "spared": list(taker.spared),
        "case_id": case_id,
        "window": max(WINDOW, limit),
        "most": limit,
    }
    found = [work.WorkItem(**row) for row in connection.execute(statement, asked).mappings()]
    return list({item.case_id: item for item in reversed(found)}.values())[::-1]


@cache  # a few dozen shapes; building one takes longer than the database needs to answer it
def _claimable(
    *, besides_held: bool, one_case: bool, absent: bool, skilled: bool, spared: bool, slipped_in: bool
) -> Select[Any]:
    real: BindParameter[datetime] = bindparam("real", type_=UtcDateTime)
    name: BindParameter[str] = bindparam("name")
    leased = [WorkItem.lease_until.is_(None), WorkItem.lease_until <= real]
    free = and_(WorkItem.state == "open", or_(*leased) if besides_held else or_(*leased, WorkItem.holder == name))
    window = (
        select(WorkItem.id)
        .where(
            free,
            fits(absent=absent, skilled=skilled, slipped_in=slipped_in),
            WorkItem.case_id == bindparam("case_id") if one_case else _due_now(),
        )
        .order_by(WorkItem.due_at, WorkItem.id)
        .limit(bindparam("window"))
        .subquery()
    )
    return (
        select(WorkItem.__table__)
        .join(window, window.c.id == WorkItem.id)
        .join(Case, Case.id == WorkItem.case_id)
        .where(free)  # once more: PostgreSQL looks again at what another has changed meanwhile
        .order_by(WorkItem.due_at, *([_left_to_others()] if spared else []), Case.received_at, WorkItem.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=WorkItem)
    )


def shape_of(taker: Taker) -> dict[str, bool]:
    """Which of its conditions `fits` needs for `taker`."""
    return {
        "absent": bool(taker.absent),
        "skilled": taker.skills is not None,
        "slipped_in": gold.shown_kind("gold", gold.queue_of(slipped_in=True)) in taker.kinds,
    }


def values_of(taker: Taker) -> dict[str, object]:
    """The parameters of `fits`."""
    return {
        "name": taker.name,
        "kinds": list(taker.kinds),
        "absent": list(taker.absent),
        "skills": list(taker.skills or ()),
    }


def fits(*, absent: bool, skilled: bool, slipped_in: bool) -> ColumnElement[bool]:
    """The condition that a taker may take work, whoever holds it now and whenever it is offered."""
    name: BindParameter[str] = bindparam("name")
    theirs = or_(
        WorkItem.assigned_to.is_(None),
        WorkItem.assigned_to == name,
        and_(WorkItem.assigned_to.in_(_many("absent")), WorkItem.kind != "gold") if absent else false(),
    )
    decided_before = exists().where(Decision.case_id == WorkItem.case_id, Decision.actor == name)
    return and_(
        _of_kinds(slipped_in=slipped_in),
        theirs,
        _known() if skilled else true(),
        or_(WorkItem.kind == "gold", ~decided_before),
    )


def _many(name: str) -> BindParameter[Any]:
    return bindparam(name, expanding=True)


def _of_kinds(*, slipped_in: bool) -> ColumnElement[bool]:
    """Work of the wanted kinds, where a gold case that is slipped in passes for a review."""
    passes = and_(WorkItem.kind == "gold", WorkItem.queue == gold.queue_of(slipped_in=True))
    named = and_(WorkItem.kind.in_(_many("kinds")), ~passes)
    return or_(named, passes) if slipped_in else named


def _known() -> ColumnElement[bool]:
    """Within their skills, where a skill may route: what is hidden from them does not; or chosen for them by name."""
    routed = or_(WorkItem.suggestion_hidden, WorkItem.category.is_(None), WorkItem.category.in_(_many("skills")))
    return or_(routed, WorkItem.assigned_to == bindparam("name"))


def _due_now() -> ColumnElement[bool]:
    now: BindParameter[datetime] = bindparam("now", type_=UtcDateTime)
    skipped = exists().where(Skip.work_item_id == WorkItem.id, Skip.person == bindparam("name"), Skip.until > now)
    return and_(or_(WorkItem.snoozed_until.is_(None), WorkItem.snoozed_until <= now), ~skipped)


def _left_to_others() -> ColumnElement[int]:
    for_others = and_(~WorkItem.suggestion_hidden, WorkItem.category.in_(_many("spared")))
    return case((for_others, 1), else_=0)


def lease(connection: Connection, item_ids: Sequence[int], holder: str, until: datetime) -> None:
    """Reserve work items; the fence grows so that an earlier holder's decision is refused."""
    for part in chunks(item_ids):
        whose = {"ids": ids(connection, part), "by": holder, "moment": until}
        connection.execute(_lease(connection.dialect.name), whose)


@cache
def _lease(dialect: str) -> Update:
    taken = update(WorkItem).where(one_of(dialect, WorkItem.id))
    return taken.values(
        holder=bindparam("by"), lease_until=bindparam("moment"), snoozed_until=None, fence=WorkItem.fence + 1
    )


def renew(connection: Connection, item_ids: Sequence[int], holder: str, until: datetime) -> list[work.WorkItem]:
    """Prolong the leases of `holder` without a new fence; returns what is still theirs, in the order of claiming."""
    mine: set[int] = set()
    if not item_ids:
        return []
    for part in chunks(item_ids):
        theirs = update(WorkItem).where(WorkItem.id.in_(part), WorkItem.holder == holder, WorkItem.state == "open")
        mine.update(connection.execute(theirs.values(lease_until=until).returning(WorkItem.id)).scalars())
    query = select(WorkItem.__table__).where(WorkItem.id.in_(mine))
    return _in_order(connection, query)


def held(connection: Connection, holder: str) -> list[work.WorkItem]:
    """Work that `holder` has claimed and whose lease runs, in the order of claiming."""
    return _in_order(connection, select(WorkItem.__table__).where(_is_held(holder, real_time(connection))))


def count_held(connection: Connection, holder: str) -> int:
    """How much work `holder` has claimed."""
    return int(connection.execute(_HELD, {"by": holder, "moment": real_time(connection)}).scalar_one())


def _is_held(holder: str | BindParameter[str], now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    return and_(WorkItem.state == "open", WorkItem.holder == holder, WorkItem.lease_until > now)


_HELD = (
    select(func.count()).select_from(WorkItem).where(_is_held(bindparam("by"), bindparam("moment", type_=UtcDateTime)))
)


def _in_order(connection: Connection, query: Select[Any]) -> list[work.WorkItem]:
    ordered = query.join(Case, Case.id == WorkItem.case_id).order_by(WorkItem.due_at, Case.received_at, WorkItem.id)
    return [work.WorkItem(**row) for row in connection.execute(ordered).mappings()]


def hand_on(connection: Connection, item_ids: Sequence[int], **values: Any) -> None:  # noqa: ANN401 - of `work_items`
    """End the leases of work items; the fence grows. `values` say what becomes of them: whose, not before when."""
    for part in chunks(item_ids):
        free = update(WorkItem).where(WorkItem.id.in_(part), WorkItem.state == "open")
        connection.execute(free.values(holder=None, lease_until=None, fence=WorkItem.fence + 1, **values))


def assign(connection: Connection, item_id: int, person: str) -> None:
    """Let `person` alone claim this work."""
    connection.execute(update(WorkItem).where(WorkItem.id == item_id).values(assigned_to=person))


def before(connection: Connection, person: str) -> list[work.WorkItem]:
    """Open work that `person` holds, be the lease over or not, or that is assigned to them; their test left out."""
    query = (
        select(WorkItem.__table__)
        .where(
            WorkItem.state == "open",
            WorkItem.kind != "gold",
            or_(WorkItem.holder == person, WorkItem.assigned_to == person),
        )
        .order_by(WorkItem.due_at, WorkItem.id)
        .with_for_update()
    )
    return [work.WorkItem(**row) for row in connection.execute(query).mappings()]


def items(connection: Connection, item_ids: Sequence[int]) -> dict[int, work.WorkOnCase]:
    """Work items by id, with what a decision needs of their case: names, state, amount, proposal, model version."""
    found: dict[int, work.WorkOnCase] = {}
    for part in chunks(item_ids):
        rows = connection.execute(_items(connection.dialect.name), {"ids": ids(connection, part)}).mappings()
        found.update({row["id"]: _on_case(**row) for row in rows})
    return found


def _on_case(*, case_state: str, **columns: Any) -> work.WorkOnCase:  # noqa: ANN401 - the other columns of `_items`
    return work.WorkOnCase(**columns, case_state=State(case_state))


@cache
def _items(dialect: str) -> Select[Any]:
    return (
        select(
            WorkItem.__table__,
            Case.amount,
            Case.source,
            Case.external_id,
            Case.state.label("case_state"),
            func.coalesce(WorkItem.shown_label, Route.category).label("proposed"),
            Route.model_version,
        )
        .join(Case, Case.id == WorkItem.case_id)
        .join(Route, Route.case_id == WorkItem.case_id, isouter=True)
        .where(one_of(dialect, WorkItem.id))
        .with_for_update(of=WorkItem)
    )


def open_work(connection: Connection, *, case_id: int | None = None, limit: int = 1000) -> pd.DataFrame:
    """Open work items, earliest due first, with route and external id."""
    query = (
        select(
            WorkItem.id,
            WorkItem.case_id,
            Case.source,
            Case.external_id,
            WorkItem.kind,
            WorkItem.queue,
            Route.reason,
            Route.category,
            Route.confidence,
            WorkItem.suggestion_hidden,
            WorkItem.opened_at,
            WorkItem.due_at,
            WorkItem.breached_at,
            WorkItem.holder,
            WorkItem.lease_until,
            WorkItem.fence,
            WorkItem.assigned_to,
        )
        .join(Case, Case.id == WorkItem.case_id)
        .join(Route, Route.case_id == WorkItem.case_id, isouter=True)
        .where(WorkItem.state == "open")
        .order_by(WorkItem.due_at, WorkItem.id)
        .limit(limit)
    )
    if case_id is not None:
        query = query.where(WorkItem.case_id == case_id)
    return frame(connection, query)


def close_work(connection: Connection, item_ids: Sequence[int], now: datetime) -> None:
    """Close work items, decided or withdrawn."""
    for part in chunks(item_ids):
        connection.execute(_close(connection.dialect.name), {"ids": ids(connection, part), "moment": now})


@cache
def _close(dialect: str) -> Update:
    closed = update(WorkItem).where(one_of(dialect, WorkItem.id))
    return closed.values(state="closed", closed_at=bindparam("moment"), lease_until=None)


def close_kind(connection: Connection, case_id: int, kind: str, now: datetime) -> None:
    """Close the open work of one kind on a case, undecided: somebody has settled it by another way."""
    found = update(WorkItem).where(WorkItem.case_id == case_id, WorkItem.kind == kind, WorkItem.state == "open")
    connection.execute(found.values(state="closed", closed_at=now, lease_until=None))


def close_audits(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Close the open audits of these cases, undecided."""
    for part in chunks(ids):
        audits = update(WorkItem).where(WorkItem.case_id.in_(part), WorkItem.kind == "audit", WorkItem.state == "open")
        connection.execute(audits.values(state="closed", closed_at=now, lease_until=None))


def close_reviews(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Close the open reviews and second looks of these cases, undecided: their action was executed after all."""
    for part in chunks(ids):
        looks = update(WorkItem).where(
            WorkItem.case_id.in_(part), WorkItem.kind.in_(("review", "second")), WorkItem.state == "open"
        )
        connection.execute(looks.values(state="closed", closed_at=now, lease_until=None))


def with_open_work(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Which of these cases have open work, other than about their label alone."""
    found: set[int] = set()
    for part in chunks(ids):
        query = select(WorkItem.case_id).where(
            WorkItem.case_id.in_(part), WorkItem.state == "open", WorkItem.kind.not_in(ASIDE)
        )
        found.update(connection.execute(query).scalars())
    return found


def breached(connection: Connection, now: datetime, limit: int) -> pd.DataFrame:
    """Open work past its due time that has not been noticed yet: id, case_id, kind, queue, due_at, holder.

    Tests and second opinions are left out: their case waits for nothing.
    """
    query = (
        select(WorkItem.id, WorkItem.case_id, WorkItem.kind, WorkItem.queue, WorkItem.due_at, WorkItem.holder)
        .where(
            WorkItem.state == "open", WorkItem.due_at < now, WorkItem.breached_at.is_(None), WorkItem.kind.not_in(ASIDE)
        )
        .order_by(WorkItem.due_at)
        .limit(limit)
    )
    return frame(connection, query)


def mark_breached(connection: Connection, item_ids: Sequence[int], now: datetime) -> set[int]:
    """Note that the SLA of these work items was missed; returns those still open that were not marked before."""
    marked: set[int] = set()
    for part in chunks(item_ids):
        waiting = update(WorkItem).where(
            WorkItem.id.in_(part), WorkItem.state == "open", WorkItem.breached_at.is_(None)
        )
        marked.update(connection.execute(waiting.values(breached_at=now).returning(WorkItem.id)).scalars())
    return marked

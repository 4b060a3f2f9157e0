"""From whom it is kept what was said of a case: from whoever may still have to decide it from the case alone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, case, exists, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from handrail import gold
from handrail.case import State
from handrail.permissions import PERMITTED
from handrail.store.bulk import among
from handrail.store.cases import chunks
from handrail.store.schema import Case, GoldCase, WorkItem

FIRST_HAND = ("review", "audit", "second", "recheck", "doubt", "gold")
"""Work that is decided from the case. Escalations and disputes are about what was said before."""
TELLS_NOTHING = frozenset({"input.viewed", "input.purged"})
"""Kinds of events that tell neither what was said of a case, nor that it is gold, as who took it in would."""


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Who looks, with which roles, and when by the real clock: what they hold is theirs as long as its lease runs."""

    name: str
    roles: Collection[str]
    at: datetime

    def may(self, act: str) -> bool:
        """Whether their roles allow `act`."""
        return not PERMITTED[act].isdisjoint(self.roles)


def kept_from(
    onlooker: Onlooker, case_id: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
) -> ColumnElement[bool]:
    """The condition that `onlooker` must not learn what was said of the case.

    That is so for all who may decide while hidden work waits on it or it is gold, and for who adjudicates while it
    waits for that. What somebody holds to decide is kept from them here as well: the review shows what it may show,
    and a gold case with a seeded suggestion must look like any other.
    """
    hidden: list[ColumnElement[bool]] = []
    if onlooker.may("decide"):
        holds = or_(
            WorkItem.assigned_to == onlooker.name,
            and_(WorkItem.holder == onlooker.name, WorkItem.lease_until > onlooker.at),
        )
        hidden.append(or_(WorkItem.suggestion_hidden, and_(holds, WorkItem.kind.in_(FIRST_HAND))))
    elif onlooker.may("adjudicate"):
        hidden.append(and_(WorkItem.suggestion_hidden, WorkItem.kind == "adjudication"))
    if not hidden:
        return false()
    waits = exists().where(WorkItem.case_id == case_id, WorkItem.state == "open", *hidden)
    if not onlooker.may("decide"):
        return waits
    return or_(waits, exists().where(GoldCase.case_id == case_id, GoldCase.retired_at.is_(None)))


def state_for(onlooker: Onlooker) -> ColumnElement[str]:
    """Where a case stands, as `onlooker` may know it: a gold case among their work waits like any review."""
    return case((_is_slipped_in_for(onlooker), State.QUEUED), else_=Case.state)


def state_of(connection: Connection, case_id: int, onlooker: Onlooker) -> str:
    """Where this case stands, as `onlooker` may know it."""
    return str(connection.execute(select(state_for(onlooker)).where(Case.id == case_id)).scalar_one())


def received_for(onlooker: Onlooker) -> ColumnElement[datetime]:
    """When a case came in, as `onlooker` may know it: a gold case among their work is no older than the rest."""
    passes_for = (
        select(WorkItem.shown_received_at)
        .where(WorkItem.case_id == Case.id, _is_slipped_in_work_of(onlooker))
        .limit(1)
        .correlate(Case)
        .scalar_subquery()
    )
    return func.coalesce(passes_for, Case.received_at)


def received_of(connection: Connection, case_id: int, onlooker: Onlooker) -> datetime:
    """When this case came in, as `onlooker` may know it."""
    return connection.execute(select(received_for(onlooker)).where(Case.id == case_id)).scalar_one()


def stands(onlooker: Onlooker, state: str) -> ColumnElement[bool]:
    """The condition that a case stands there, as `onlooker` may know it; an index may serve it."""
    slipped_in = _is_slipped_in_for(onlooker)
    return or_(Case.state == state, slipped_in) if state == State.QUEUED else and_(Case.state == state, ~slipped_in)


def _is_slipped_in_for(onlooker: Onlooker) -> ColumnElement[bool]:
    return Case.id.in_(select(WorkItem.case_id).where(_is_slipped_in_work_of(onlooker)))


def _is_slipped_in_work_of(onlooker: Onlooker) -> ColumnElement[bool]:
    return and_(
        WorkItem.kind == "gold",
        WorkItem.queue == gold.queue_of(slipped_in=True),
        WorkItem.state == "open",
        WorkItem.assigned_to == onlooker.name,
    )


def kept(connection: Connection, ids: Sequence[int], onlooker: Onlooker) -> set[int]:
    """Of which of these cases `onlooker` must not learn what was said."""
    found: set[int] = set()
    for part in chunks(ids):
        query = select(Case.id).where(among(connection, Case.id, part), kept_from(onlooker, Case.id))
        found.update(connection.execute(query).scalars())
    return found

"""What a reviewer's page asks of the work: what it suggests, what was said before, what can be approved at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, not_, or_, select

from handrail import decision
from handrail.bulk_approval import CaseStanding
from handrail.case import State
from handrail.queues import Queue
from handrail.store.bulk import among
from handrail.store.decisions import of_row
from handrail.store.engine import real_time
from handrail.store.labels import SLIPPED_IN
from handrail.store.schema import Case, CaseInput, Decision, Note, Route, Skip, WorkItem

EXCERPT = 240
"""Characters of a text in a list."""


def seeded(connection: Connection, item_id: int) -> tuple[str | None, float | None]:
    """The suggestion with its confidence that this work shows in place of its route's, or twice None."""
    row = connection.execute(
        select(WorkItem.shown_label, WorkItem.shown_confidence).where(WorkItem.id == item_id)
    ).one_or_none()
    return (None, None) if row is None else (row.shown_label, row.shown_confidence)


def kind_of(connection: Connection, item_id: int) -> tuple[str, str]:
    """Kind and queue of work, as they are."""
    return tuple(connection.execute(select(WorkItem.kind, WorkItem.queue).where(WorkItem.id == item_id)).one())


def is_hidden(connection: Connection, item_id: int) -> bool:
    """Is this work decided without a suggestion, because it is hidden or there is none?"""
    query = (
        select(WorkItem.suggestion_hidden, WorkItem.shown_label, Route.category)
        .join(Route, Route.case_id == WorkItem.case_id, isouter=True)
        .where(WorkItem.id == item_id)
    )
    row = connection.execute(query).one_or_none()
    return row is None or bool(row.suggestion_hidden) or (row.shown_label or row.category) is None


@dataclass(frozen=True, slots=True)
class NoteOn:
    """What somebody wrote beside their decision of a case."""

    actor: str
    outcome: str
    decided_at: datetime
    text: str


def notes_on(connection: Connection, case_id: int) -> list[NoteOn]:
    """What people wrote beside their decisions of a case, in order."""
    query = (
        select(Decision.actor, Decision.outcome, Decision.decided_at, Note.text)
        .join(Note, Note.decision_id == Decision.id)
        .where(Decision.case_id == case_id, Decision.kind != "gold")
        .order_by(Decision.id)
    )
    return [NoteOn(*row) for row in connection.execute(query)]


def decision_on(connection: Connection, item_id: int) -> decision.Decision | None:
    """The decision that closed this work, or None."""
    query = select(Decision.__table__).where(Decision.work_item_id == item_id).order_by(Decision.id.desc())
    row = connection.execute(query).mappings().first()
    return of_row(row) if row else None


@dataclass(frozen=True, slots=True)
class OwnDecision:
    """A decision of whoever asks, with what the model had `said`, and how `sure` it was; None without a prediction."""

    id: int
    case_id: int
    kind: str
    outcome: str
    label: str | None
    blind: bool
    decided_at: datetime
    said: str | None
    sure: float | None


def decisions_of(connection: Connection, ids: Sequence[int], actor: str) -> list[OwnDecision]:
    """These decisions, as far as they are of `actor`."""
    query = (
        select(
            Decision.id,
            Decision.case_id,
            Decision.kind,
            Decision.outcome,
            Decision.label,
            Decision.blind,
            Decision.decided_at,
            Route.category.label("said"),
            Route.confidence.label("sure"),
        )
        .join(Route, Route.case_id == Decision.case_id, isouter=True)
        .where(Decision.id.in_(ids), Decision.actor == actor)
        .order_by(Decision.id)
    )
    return [OwnDecision(*row) for row in connection.execute(query)]


def _slipped_in_for(reviewer: str) -> ColumnElement[bool]:
    return and_(SLIPPED_IN, WorkItem.assigned_to == reviewer)


_shown_category = func.coalesce(WorkItem.shown_label, Route.category)
_shown_confidence = func.coalesce(WorkItem.shown_confidence, Route.confidence)
"""What a reviewer is shown: of a gold case that is slipped in, its own suggestion."""


def _approvable(connection: Connection, reviewer: str, now: datetime, *columns: Any) -> Select[Any]:  # noqa: ANN401 - columns of the three tables
    """Quick reviews that `reviewer` may decide and whose suggestion they may see, with nothing against it.

    A gold case among their work is one of them: what can be approved everywhere but here would be known as a test.
    """
    return (
        select(*columns)
        .select_from(WorkItem)
        .join(Route, Route.case_id == WorkItem.case_id, isouter=True)
        .join(Case, Case.id == WorkItem.case_id)
        .where(
            WorkItem.state == "open",
            or_(WorkItem.kind == "review", _slipped_in_for(reviewer)),
            WorkItem.queue == Queue.B,
            not_(WorkItem.suggestion_hidden),
            _shown_category.is_not(None),
            not_(_is_held_by_another(reviewer, real_time(connection))),
            not_(_is_elsewhere(reviewer)),
            not_(_is_put_off(reviewer, now)),
        )
    )


def _is_held_by_another(reviewer: str, real: datetime) -> ColumnElement[bool]:
    held = and_(WorkItem.holder.is_not(None), WorkItem.lease_until.is_not(None))
    return and_(held, WorkItem.lease_until > real, WorkItem.holder != reviewer)


def _is_elsewhere(reviewer: str) -> ColumnElement[bool]:
    decided = exists().where(Decision.case_id == WorkItem.case_id, Decision.actor == reviewer)
    assigned = and_(WorkItem.assigned_to.is_not(None), WorkItem.assigned_to != reviewer)
    return or_(assigned, and_(WorkItem.kind != "gold", decided))


def _is_put_off(reviewer: str, now: datetime) -> ColumnElement[bool]:
    skipped = exists().where(Skip.work_item_id == WorkItem.id, Skip.person == reviewer, Skip.until > now)
    return or_(and_(WorkItem.snoozed_until.is_not(None), WorkItem.snoozed_until > now), skipped)


def approvable_counts(connection: Connection, reviewer: str, now: datetime) -> dict[str, int]:
    """How many quick reviews of each category `reviewer` could approve at once, the most first."""
    query = _approvable(connection, reviewer, now, _shown_category, func.count()).group_by(_shown_category)
    return {
        str(name): count for name, count in connection.execute(query.order_by(func.count().desc(), _shown_category))
    }


@dataclass(frozen=True, slots=True)
class Approvable:
    """A quick review with the beginning of what the customer wrote; None where there is no text."""

    item_id: int
    case_id: int
    due_at: datetime
    amount: float | None
    received_at: datetime
    confidence: float
    text: str | None


def approvable(connection: Connection, reviewer: str, now: datetime, *, category: str, limit: int) -> list[Approvable]:
    """Quick reviews of a category that could be approved at once, due first."""
    columns = (
        Case.flags,
        WorkItem.id,
        WorkItem.case_id,
        WorkItem.due_at,
        Case.amount,
        Case.received_at,
        _shown_confidence,
        func.substr(CaseInput.redacted, 1, EXCERPT),
    )
    query = _approvable(connection, reviewer, now, *columns).join(
        CaseInput, CaseInput.case_id == WorkItem.case_id, isouter=True
    )
    query = query.where(_shown_category == category).order_by(WorkItem.due_at, WorkItem.id).limit(limit)
    return [Approvable(*shown) for flags, *shown in connection.execute(query) if not flags]


def standings(connection: Connection, reviewer: str, now: datetime, ids: Sequence[int]) -> dict[int, CaseStanding]:
    """Where each of these cases stands to `reviewer`; what does not exist is left out, a review comes first."""
    seen = or_(WorkItem.kind != "gold", _slipped_in_for(reviewer))
    query = (
        select(
            Case.id,
            case((_slipped_in_for(reviewer), State.QUEUED), else_=Case.state),
            case((SLIPPED_IN, "review"), else_=WorkItem.kind).label("kind"),
            WorkItem.queue,
            _shown_category,
            func.coalesce(WorkItem.suggestion_hidden, False),
            Case.flags,
            func.coalesce(_is_held_by_another(reviewer, real_time(connection)), False),
            func.coalesce(_is_elsewhere(reviewer), False),
            func.coalesce(_is_put_off(reviewer, now), False),
        )
        .select_from(Case)
        .join(WorkItem, and_(WorkItem.case_id == Case.id, WorkItem.state == "open", seen), isouter=True)
        .join(Route, Route.case_id == Case.id, isouter=True)
        .where(among(connection, Case.id, ids))
        .order_by(case((or_(WorkItem.kind == "review", SLIPPED_IN), 0), else_=1).desc())
    )
    return {
        case_id: CaseStanding(
            str(state), kind, queue, category, bool(hidden), bool(flags), bool(held), bool(off), bool(put)
        )
        for case_id, state, kind, queue, category, hidden, flags, held, off, put in connection.execute(query)
    }

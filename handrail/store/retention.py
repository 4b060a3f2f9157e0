"""What is past its retention: found, spared where somebody works on it or it is held, and deleted in small parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    SQLColumnExpression,
    and_,
    delete,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from handrail.case import State
from handrail.policy import Policy
from handrail.store.bulk import among
from handrail.store.cases import chunks, delete_inputs
from handrail.store.schema import (
    Case,
    CaseInput,
    Decision,
    Dispute,
    Escalation,
    LegalHold,
    Note,
    Quarantine,
    Reason,
    TrailEvent,
    WorkItem,
)

CAUSE = "retention"
"""Of the escalations that warn: a finished case with open work will lose its text."""
Number = SQLColumnExpression[Any]
"""A column of whole numbers, which may be null."""
FINISHED = (State.DONE, State.QUARANTINED)


@dataclass(frozen=True, slots=True)
class RecordSeries:
    """Something that is erased: where it lies, by which number it is counted through, and how it goes.

    `due` is a query of one column, the number, of what is past its time; `case` is the column of its case.
    """

    name: str
    number: Number
    case: Number
    due: Callable[[Policy, datetime], Select[tuple[int]]]
    erase: Callable[[Connection, Sequence[int]], int]


def due(
    connection: Connection, series: RecordSeries, policy: Policy, now: datetime, after: int, limit: int
) -> list[int]:
    """The next numbers past their time that nothing spares, counted through from `after`."""
    query = series.due(policy, now).where(series.number > after, ~_is_spared(series.case, policy, now))
    return list(connection.execute(query.order_by(series.number).limit(limit)).scalars())


def still_due(
    connection: Connection, series: RecordSeries, policy: Policy, now: datetime, ids: Sequence[int]
) -> list[int]:
    """Those of these numbers that are past their time and spared by nothing in this very transaction."""
    query = series.due(policy, now).where(series.number.in_(ids), ~_is_spared(series.case, policy, now))
    return list(connection.execute(query.order_by(series.number)).scalars())


def count_due(connection: Connection, series: RecordSeries, policy: Policy, now: datetime) -> int:
    """How much is past its time and spared by nothing."""
    query = series.due(policy, now).where(~_is_spared(series.case, policy, now))
    return int(connection.execute(select(func.count()).select_from(query.subquery())).scalar_one())


def to_warn(connection: Connection, policy: Policy, now: datetime, after: int, limit: int) -> list[int]:
    """The next finished cases with open work whose text is past its time, of which nobody has been warned yet."""
    query = _unwarned(policy, now).where(Case.id > after)
    return list(connection.execute(query.order_by(Case.id).limit(limit)).scalars())


def still_to_warn(connection: Connection, policy: Policy, now: datetime, ids: Sequence[int]) -> list[int]:
    """Those of these cases of which that is so in this very transaction."""
    query = _unwarned(policy, now).where(Case.id.in_(ids))
    return list(connection.execute(query.order_by(Case.id)).scalars())


def warned_in_vain(connection: Connection, limit: int) -> list[int]:
    """Cases with an open warning and no open work."""
    query = select(Escalation.case_id).where(Escalation.cause == CAUSE, Escalation.resolved_at.is_(None))
    return list(connection.execute(query.where(~is_worked_on(Escalation.case_id)).limit(limit)).scalars())


@dataclass(frozen=True, slots=True)
class Spared:
    """How many cases whose text is past its time keep it, each counted once.

    `held` by somebody; not finished: `undecided`, or `undelivered`, decided and not yet carried out; finished with
    open work: `to_warn` of, or `warned` of and in their second period.
    """

    held: int
    undecided: int
    undelivered: int
    to_warn: int
    warned: int


def count_spared(connection: Connection, policy: Policy, now: datetime) -> Spared:
    """Count the cases whose text is past its time and stays, by why it does."""
    held, warned = _is_held(Case.id), _is_warned(Case.id)
    busy = and_(~held, Case.state.in_(FINISHED), is_worked_on(Case.id))

    def count(why: ColumnElement[bool]) -> int:
        return int(
            connection.execute(
                select(func.count()).select_from(_cases_past(policy, now).where(why).subquery())
            ).scalar_one()
        )

    return Spared(
        held=count(held),
        undecided=count(and_(~held, Case.state.not_in((*FINISHED, State.DECIDED)))),
        undelivered=count(and_(~held, Case.state == State.DECIDED)),
        to_warn=count(and_(busy, ~warned)),
        warned=count(and_(busy, warned, _is_spared(Case.id, policy, now))),
    )


def with_content(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Which of these cases still have their content. Nobody can look again at what is deleted."""
    readable: set[int] = set()
    for part in chunks(ids):
        query = select(CaseInput.case_id).where(among(connection, CaseInput.case_id, part))
        readable.update(connection.execute(query).scalars())
    return readable


def is_worked_on(case: Number) -> ColumnElement[bool]:
    """Whether work, an escalation or a dispute of a case is open, of whatever kind."""
    other = aliased(Escalation)
    return or_(
        exists().where(WorkItem.case_id == case, WorkItem.state == "open"),
        exists().where(Dispute.case_id == case, Dispute.closed_at.is_(None)),
        exists().where(other.case_id == case, other.cause != CAUSE, other.resolved_at.is_(None)),
    )


def _is_spared(case: Number, policy: Policy, now: datetime) -> ColumnElement[bool]:
    """Held, or worked on and within the second period."""
    warned_in_time = and_(Escalation.opened_at <= now - policy.retention.open_work, Escalation.resolved_at.is_(None))
    over = exists().where(Escalation.case_id == case, Escalation.cause == CAUSE, warned_in_time)
    return or_(_is_held(case), and_(is_worked_on(case), ~over))


def _is_warned(case: Number) -> ColumnElement[bool]:
    return exists().where(Escalation.case_id == case, Escalation.cause == CAUSE, Escalation.resolved_at.is_(None))


def _is_held(case: Number) -> ColumnElement[bool]:
    return exists().where(LegalHold.case_id == case, LegalHold.until.is_(None))


def _unwarned(policy: Policy, now: datetime) -> Select[tuple[int]]:
    return _due_cases(policy, now).where(~_is_held(Case.id), is_worked_on(Case.id), ~_is_warned(Case.id))


def _due_cases(policy: Policy, now: datetime) -> Select[tuple[int]]:
    return _cases_past(policy, now).where(Case.state.in_(FINISHED))


def _cases_past(policy: Policy, now: datetime) -> Select[tuple[int]]:
    """Cases whose text is past its time, finished or not."""
    with_text = select(Case.id).join(CaseInput, CaseInput.case_id == Case.id)
    return with_text.where(Case.received_at < now - policy.retention.inputs)


def _due_notes(policy: Policy, now: datetime) -> Select[tuple[int]]:
    old = Decision.decided_at < now - policy.retention.notes
    return select(Note.decision_id).join(Decision, Decision.id == Note.decision_id).where(old)


def _due_reasons(policy: Policy, now: datetime) -> Select[tuple[int]]:
    old = TrailEvent.at < now - policy.retention.notes
    return select(Reason.seq).join(TrailEvent, TrailEvent.seq == Reason.seq).where(old)


def _due_disputes(policy: Policy, now: datetime) -> Select[tuple[int]]:
    """Closed ones; an open one is still being worked on, and its answer has not been given."""
    kept = or_(Dispute.text.is_not(None), Dispute.answer.is_not(None))
    return select(Dispute.id).where(Dispute.closed_at < now - policy.retention.notes, kept)


def _due_rows(policy: Policy, now: datetime) -> Select[tuple[int]]:
    return select(Quarantine.id).where(Quarantine.at < now - policy.retention.quarantine, Quarantine.row.is_not(None))


def _erase_notes(connection: Connection, ids: Sequence[int]) -> int:
    return connection.execute(delete(Note).where(Note.decision_id.in_(ids))).rowcount


def _erase_reasons(connection: Connection, ids: Sequence[int]) -> int:
    return connection.execute(delete(Reason).where(Reason.seq.in_(ids))).rowcount


def _erase_disputes(connection: Connection, ids: Sequence[int]) -> int:
    return connection.execute(update(Dispute).where(Dispute.id.in_(ids)).values(text=None, answer=None)).rowcount


def _erase_rows(connection: Connection, ids: Sequence[int]) -> int:
    # SQL's NULL, for None would be JSON's and count as a row for ever; and the reason quotes the cell.
    blank = update(Quarantine).where(Quarantine.id.in_(ids)).values(row=null(), reason=Quarantine.expectation)
    return connection.execute(blank).rowcount


INPUTS = RecordSeries("inputs", Case.id, Case.id, _due_cases, delete_inputs)
NOTES = (
    RecordSeries("notes", Note.decision_id, Decision.case_id, _due_notes, _erase_notes),
    RecordSeries("notes", Reason.seq, TrailEvent.case_id, _due_reasons, _erase_reasons),
    RecordSeries("notes", Dispute.id, Dispute.case_id, _due_disputes, _erase_disputes),
)
"""Notes, reasons of acts, and the texts of disputes."""
ROWS = RecordSeries("quarantined_rows", Quarantine.id, Quarantine.case_id, _due_rows, _erase_rows)


@dataclass(frozen=True, slots=True)
class Hold:
    """A case whose texts are kept."""

    case_id: int
    since: datetime
    held_by: str


def hold_of(connection: Connection, case_id: int) -> Hold | None:
    """The hold on a case; None where nothing holds it."""
    query = select(LegalHold.case_id, LegalHold.since, LegalHold.held_by)
    row = connection.execute(query.where(LegalHold.case_id == case_id, LegalHold.until.is_(None))).first()
    return None if row is None else Hold(*row)


def holds(connection: Connection) -> list[Hold]:
    """All holds, the oldest first."""
    query = select(LegalHold.case_id, LegalHold.since, LegalHold.held_by).where(LegalHold.until.is_(None))
    return [Hold(*row) for row in connection.execute(query.order_by(LegalHold.id))]


def insert_hold(connection: Connection, case_id: int, actor: str, now: datetime) -> None:
    """Hold a case."""
    connection.execute(insert(LegalHold).values(case_id=case_id, since=now, held_by=actor))


def end_hold(connection: Connection, case_id: int, actor: str, now: datetime) -> bool:
    """Release a case; False where nothing held it."""
    live = update(LegalHold).where(LegalHold.case_id == case_id, LegalHold.until.is_(None))
    return connection.execute(live.values(until=now, released_by=actor)).rowcount > 0

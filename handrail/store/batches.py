"""Deliveries as they stand: what became of their rows, and which of them wait for a person's word."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from handrail.case import State
from handrail.inbound_rows import BadRow
from handrail.store import cases, changes, quarantine
from handrail.store.schema import Batch, Case, CaseChange, Quarantine
from handrail.store.superseded import is_superseded, stopped_with_changes

STOPPED = "stopped"
RELEASED = "released"
"""A person has let a stopped batch go on; its gate lets the good rows through and stops no more."""
REJECTED = "rejected"
"""A person has ended a stopped batch; what came with it lies in quarantine."""
REPLACED = "replaced"
"""Later deliveries have brought every row of a stopped batch anew."""


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What became of a batch's rows: `received` = `waiting` + `accepted` + rows that became no case or lie aside.

    `waiting` stand before the gate, `accepted` are past it, `imported` those of them with a known outcome,
    `reopened` those that came after a decision; `quarantined` rows lie aside; `changed` counts known cases with
    other content, those that still wait for the gate included.
    """

    received: int
    waiting: int
    accepted: int
    imported: int
    reopened: int
    quarantined: int
    changed: int


def counts(connection: Connection, batch_id: int) -> BatchCounts:
    """Count a batch's rows where they lie, so that no page tells another number."""
    states = cases.state_counts(connection, batch_id)
    entered, waiting = sum(states.values()), states.get(State.RECEIVED, 0)
    return BatchCounts(
        received=entered + quarantine.quarantine_count(connection, batch_id, unreadable=True),
        waiting=waiting,
        accepted=entered - waiting - states.get(State.QUARANTINED, 0),
        imported=cases.history_count(connection, batch_id),
        reopened=changes.reopened_count(connection, batch_id),
        quarantined=quarantine.quarantine_count(connection, batch_id),
        changed=changes.changed_count(connection, batch_id),
    )


def recount(connection: Connection, batch_ids: Sequence[int]) -> None:
    """Write the counts of these batches anew, where something of them has moved."""
    for batch_id in batch_ids:
        kept = cases.batch(connection, batch_id).counts
        cases.update_batch(connection, batch_id, counts={**kept, **asdict(counts(connection, batch_id))})


def sources(connection: Connection) -> set[str]:
    """Where deliveries have come from so far."""
    return set(connection.execute(select(Batch.source).distinct()).scalars())


@dataclass(frozen=True, slots=True)
class StoppedBatch:
    """A batch that waits for a person's word."""

    id: int
    source: str
    started_at: datetime


def stopped(connection: Connection) -> list[StoppedBatch]:
    """Stopped batches behind which something still waits, the oldest first."""
    query = select(Batch.id, Batch.source, Batch.started_at).where(Batch.state == STOPPED, _has_rest())
    return [StoppedBatch(*row) for row in connection.execute(query.order_by(Batch.id))]


def emptied(connection: Connection, batch_ids: Sequence[int]) -> list[int]:
    """Which of these batches are stopped with nothing left behind them."""
    query = select(Batch.id).where(Batch.id.in_(list(batch_ids)), Batch.state == STOPPED, ~_has_rest())
    return list(connection.execute(query.order_by(Batch.id)).scalars())


def stopped_with(
    connection: Connection, source: str, external_ids: Sequence[str], case_ids: Sequence[int]
) -> list[int]:
    """Stopped batches of which a row with one of these ids lies or lay aside, or would change one of these cases."""
    found = set(stopped_with_changes(connection, case_ids, STOPPED))
    for part in cases.chunks(external_ids):
        query = (
            select(Quarantine.batch_id)
            .join(Batch, Batch.id == Quarantine.batch_id)
            .where(Quarantine.source == source, Quarantine.external_id.in_(part), Batch.state == STOPPED)
        )
        found.update(connection.execute(query).scalars())
    return sorted(found)


def waiting_rows(connection: Connection, batch_id: int, reason: str, expectation: str) -> list[BadRow]:
    """The cases of a batch that stand before its gate, as rows to put aside for `reason`."""
    query = select(Case.row_digest, Case.external_id, Case.id).where(
        Case.batch_id == batch_id, Case.state == State.RECEIVED
    )
    return [
        BadRow(row_digest, external_id, reason, expectation, case_id=case_id)
        for row_digest, external_id, case_id in connection.execute(query.order_by(Case.id))
    ]


def _has_rest() -> ColumnElement[bool]:
    return or_(
        exists().where(Case.batch_id == Batch.id, Case.state == State.RECEIVED),
        exists().where(and_(Quarantine.batch_id == Batch.id, Quarantine.released_at.is_(None))),
        exists().where(
            CaseChange.batch_id == Batch.id, CaseChange.state == changes.WAITING, ~is_superseded(by_waiting=True)
        ),
    )

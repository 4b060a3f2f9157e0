"""What came over HTTP and has not reached its queue yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, exists, or_, select

from handrail.case import State
from handrail.store.cases import CALL
from handrail.store.schema import Batch, Case, CaseChange, CaseInput, Quarantine, Route

ON_THE_WAY = (State.RECEIVED, State.ACCEPTED, State.SCORED)


def open_calls(connection: Connection, limit: int) -> list[int]:
    """Batches of calls that nobody has gated, and stopped ones that a person has released; oldest first."""
    is_call = Batch.file_digest.startswith(CALL, autoescape=True)
    query = select(Batch.id).where(or_(and_(Batch.state == "open", is_call), Batch.state == "released"))
    return list(connection.execute(query.order_by(Batch.id).limit(limit)).scalars())


def gated_calls(connection: Connection, limit: int) -> list[int]:
    """Batches of calls that were gated, none of whose cases is on the way any more."""
    query = select(Batch.id).where(
        Batch.state == "gated",
        Batch.file_digest.startswith(CALL, autoescape=True),
        ~exists().where(Case.batch_id == Batch.id, Case.state.in_(ON_THE_WAY)),
    )
    return list(connection.execute(query.order_by(Batch.id).limit(limit)).scalars())


def is_on_the_way(connection: Connection) -> bool:
    """Does any case wait between its gate and its queue, whoever delivered it, or for the redaction of a change?"""
    waits = select(Case.id).where(Case.state.in_((State.ACCEPTED, State.SCORED))).limit(1)
    changed = (
        select(CaseChange.id)
        .join(CaseInput, CaseInput.case_id == CaseChange.case_id)
        .where(CaseChange.state == "applied", CaseInput.redacted.is_(None))
        .limit(1)
    )
    return any(connection.execute(query).first() is not None for query in (waits, changed))


def has_arrived(connection: Connection) -> bool:
    """Has any case come that is in no queue yet? Then an empty queue says nothing."""
    return is_on_the_way(connection) or bool(open_calls(connection, 1))


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a case comes from and where it stands; `queue` and `due_at` are None before it is routed."""

    id: int
    source: str
    external_id: str
    state: str
    batch_id: int
    received_at: datetime
    has_text: bool
    queue: str | None
    due_at: datetime | None


def case(connection: Connection, case_id: int) -> Whereabouts | None:
    """Where a case stands; None without it."""
    query = (
        select(
            Case.id,
            Case.source,
            Case.external_id,
            Case.state,
            Case.batch_id,
            Case.received_at,
            Case.has_text,
            Route.queue,
            Route.due_at,
        )
        .join(Route, Route.case_id == Case.id, isouter=True)
        .where(Case.id == case_id)
    )
    row = connection.execute(query).first()
    return None if row is None else Whereabouts(*row)


def why_aside(connection: Connection, case_ids: Sequence[int]) -> dict[int, str]:
    """Why these cases lie in quarantine."""
    query = select(Quarantine.case_id, Quarantine.reason).where(
        Quarantine.case_id.in_(list(case_ids)), Quarantine.released_at.is_(None)
    )
    return {case_id: reason for case_id, reason in connection.execute(query) if case_id is not None}

"""Changes that wait while a later delivery has brought their cases anew."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, or_, select
from sqlalchemy.orm import aliased

from handrail.store import changes
from handrail.store.bulk import among
from handrail.store.cases import chunks
from handrail.store.schema import Batch, Case, CaseChange, Reopening

_IN_EFFECT = (changes.APPLIED, changes.LABELLED, changes.REOPENED)


def is_superseded(*, by_waiting: bool = False) -> ColumnElement[bool]:
    """Whether what a change's case says came later: changed, reopened or readmitted; `by_waiting`: or is about to."""
    later = aliased(CaseChange)
    states = (*_IN_EFFECT, changes.WAITING) if by_waiting else _IN_EFFECT
    came_later = Case.batch_id > CaseChange.batch_id
    return or_(
        exists()
        .where(later.case_id == CaseChange.case_id, later.id > CaseChange.id, later.state.in_(states))
        .correlate(CaseChange),
        exists().where(Case.id == CaseChange.case_id, came_later).correlate(CaseChange),
        exists()
        .where(Reopening.earlier_id == CaseChange.case_id, Case.id == Reopening.case_id, came_later)
        .correlate(CaseChange),
    )


def drop_superseded(connection: Connection, batch_id: int, now: datetime) -> int:
    """Let go of waiting changes of a batch that would turn newer content back; returns how many."""
    waits = select(CaseChange.id).where(
        CaseChange.batch_id == batch_id, CaseChange.state == changes.WAITING, is_superseded()
    )
    ids = list(connection.execute(waits).scalars())
    changes.settle(connection, ids, changes.DROPPED, now)
    return len(ids)


def stopped_with_changes(connection: Connection, case_ids: Sequence[int], stopped: str) -> list[int]:
    """Batches in the state `stopped` that hold a waiting change of one of these cases."""
    found: set[int] = set()
    for part in chunks(case_ids):
        query = (
            select(CaseChange.batch_id)
            .join(Batch, Batch.id == CaseChange.batch_id)
            .where(
                among(connection, CaseChange.case_id, part), CaseChange.state == changes.WAITING, Batch.state == stopped
            )
        )
        found.update(connection.execute(query).scalars())
    return sorted(found)

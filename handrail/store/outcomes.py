"""Outcomes: what happened to cases afterwards, as the business's systems tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from handrail.store.bulk import row_of
from handrail.store.cases import chunks
from handrail.store.schema import (
    CaseOutcome,
)


@dataclass(frozen=True, slots=True)
class ImportedOutcome:
    """What happened to a case afterwards; `value` is the score of a CSAT."""

    case_id: int
    kind: str
    value: float | None
    at: datetime


def insert_outcomes(connection: Connection, told: Sequence[ImportedOutcome], now: datetime) -> int:
    """Write outcomes that are not known yet; returns how many were new."""
    known: set[tuple[int, str, datetime]] = set()
    for part in chunks([one.case_id for one in told]):
        query = select(CaseOutcome.case_id, CaseOutcome.kind, CaseOutcome.at).where(CaseOutcome.case_id.in_(part))
        known.update((case_id, kind, at) for case_id, kind, at in connection.execute(query))
    fresh = {(one.case_id, one.kind, one.at): one for one in told}
    new = [row_of(one, imported_at=now) for key, one in fresh.items() if key not in known]
    if new:
        connection.execute(insert(CaseOutcome), new)
    return len(new)

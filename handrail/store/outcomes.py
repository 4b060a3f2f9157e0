"""Outcomes: what happened to cases afterwards, as the business's systems tell."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select

from handrail.store.cases import chunks
from handrail.store.frames import frame, within
from handrail.store.schema import (
    Case,
    CaseOutcome,
    Decision,
)
from handrail.window import Window


def insert_outcomes(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> int:
    """Write outcomes that are not known yet; rows hold case_id, kind, value, at. Returns how many were new."""
    known: set[tuple[int, str, datetime]] = set()
    for part in chunks([row["case_id"] for row in rows]):
        query = select(CaseOutcome.case_id, CaseOutcome.kind, CaseOutcome.at).where(CaseOutcome.case_id.in_(part))
        known.update((case_id, kind, at) for case_id, kind, at in connection.execute(query))
    fresh = {(row["case_id"], row["kind"], row["at"]): row for row in rows}
    new = [{**row, "imported_at": now} for key, row in fresh.items() if key not in known]
    if new:
        connection.execute(insert(CaseOutcome), new)
    return len(new)


def outcomes(connection: Connection, window: Window) -> pd.DataFrame:
    """Imported outcomes of the window: case_id, kind, value, at, received_at, automatic."""
    automatic = (
        select(Decision.id).where(Decision.case_id == CaseOutcome.case_id, Decision.kind == "automatic").exists()
    )
    query = (
        select(
            CaseOutcome.case_id,
            CaseOutcome.kind,
            CaseOutcome.value,
            CaseOutcome.at,
            Case.received_at,
            automatic.label("automatic"),
        )
        .join(Case, Case.id == CaseOutcome.case_id)
        .where(within(CaseOutcome.at, window))
    )
    return frame(connection, query)

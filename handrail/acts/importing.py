"""What happened to cases afterwards is joined to them."""

from datetime import datetime

import pandas as pd

from handrail.acts.authority import authorize
from handrail.acts.intake import CHUNK
from handrail.store import outcomes as stored_outcomes
from handrail.store import trail
from handrail.store.engine import Store
from handrail.store.frames import typed
from handrail.store.outcomes import ImportedOutcome
from handrail.store.trail import Event


def import_outcomes(store: Store, outcomes: pd.DataFrame, *, actor: str, now: datetime) -> dict[str, int]:
    """Join what happened afterwards to its cases.

    `outcomes` has case_id, kind, value, at. Returns how many were imported and how many were known before.
    """
    imported = 0
    for start in range(0, len(outcomes), CHUNK):
        told = typed(outcomes.iloc[start : start + CHUNK], ImportedOutcome)
        with store.write() as connection:
            authorize(connection, "import_outcomes", actor)
            trail.lock(connection)
            new = stored_outcomes.insert_outcomes(connection, told, now)
            events = [Event("outcomes.imported", data={"outcomes": new})] if new else []
            trail.append(connection, events, at=now, actor=actor)
        imported += new
    return {"imported": imported, "duplicates": len(outcomes) - imported}

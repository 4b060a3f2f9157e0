"""What people decided, as far as it shows how they work: with the suggestion in sight or not, how fast, for whom."""

import pandas as pd
from sqlalchemy import Connection, select

from handrail.store.frames import frame, within
from handrail.store.schema import Case, Decision, WorkItem
from handrail.window import Window

_COUNTED = ("review", "audit", "second", "recheck")


def decisions(connection: Connection, window: Window) -> pd.DataFrame:
    """Ordinary decisions of people in the window, in order; gold cases, escalations and adjudications are left out.

    Columns: case_id, reviewer, kind, queue, outcome, proposed, label, reason_code, blind, seconds, fields.
    """
    query = (
        select(
            Decision.case_id,
            Decision.actor.label("reviewer"),
            Decision.kind,
            WorkItem.queue,
            Decision.outcome,
            Decision.proposed,
            Decision.label,
            Decision.reason_code,
            Decision.blind,
            Decision.seconds,
            Case.fields,
        )
        .join(WorkItem, WorkItem.id == Decision.work_item_id)
        .join(Case, Case.id == Decision.case_id)
        .where(within(Decision.decided_at, window), Decision.kind.in_(_COUNTED))
        .order_by(Decision.id)
    )
    return frame(connection, query)

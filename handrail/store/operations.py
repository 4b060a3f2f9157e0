"""What an operator looks at, by category: recorded cases, waiting work."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, and_, case, func, select

from handrail.store.frames import frame, within
from handrail.store.schema import Case, Prediction, Route, WorkItem
from handrail.store.work import ASIDE
from handrail.window import Window


def recorded(connection: Connection, category: str, window: Window) -> pd.DataFrame:
    """Cases routed as `category` in the window, with what routing them once more takes.

    Columns: case_id, consent, has_text, flags, amount, label, confidence, novel, assigned_at.
    """
    query = (
        select(
            Route.case_id,
            Case.consent,
            Case.has_text,
            Case.flags,
            Case.amount,
            Prediction.label,
            Prediction.confidence,
            Prediction.novel,
            Route.assigned_at,
        )
        .join(Case, Case.id == Route.case_id)
        .join(Prediction, and_(Prediction.case_id == Route.case_id, Prediction.model_version == Route.model_version))
        .where(Route.category == category, within(Route.assigned_at, window), ~Case.history)
        .order_by(Route.case_id)
    )
    return frame(connection, query)


def waiting(connection: Connection, now: datetime) -> dict[str | None, tuple[int, int]]:
    """Open work and how much of it is overdue, by predicted category; tests and rechecks are left out."""
    late = func.sum(case((WorkItem.due_at < now, 1), else_=0))
    query = (
        select(WorkItem.category, func.count(), late)
        .where(WorkItem.state == "open", WorkItem.kind.not_in(ASIDE))
        .group_by(WorkItem.category)
    )
    return {category: (int(count), int(overdue)) for category, count, overdue in connection.execute(query)}

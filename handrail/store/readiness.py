"""What the checks of a category's next stage rest on: predictions with the chance of a blind look, late audits."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, and_, func, select

from handrail.store.frames import frame
from handrail.store.schema import AuditDraw, Case, Prediction, Route, StageChange, WorkItem


def predicted(
    connection: Connection, version: str, *, since: datetime, received_after: datetime | None
) -> pd.DataFrame:
    """Cases routed since then as `version` sees them, none of them old enough to have trained it.

    Columns: case_id, predicted, confidence, novel, queue, stage, blind_chance (None: not kept), inclusion_probability
    (None: no audit draw looked at it), own (routed by `version`), assigned_at.
    """
    query = (
        select(
            Case.id.label("case_id"),
            Prediction.label.label("predicted"),
            Prediction.confidence,
            Prediction.novel,
            Route.queue,
            Route.stage,
            Route.blind_chance,
            AuditDraw.inclusion_probability,
            (Route.model_version == version).label("own"),
            Route.assigned_at,
        )
        .join(Route, Route.case_id == Case.id)
        .join(Prediction, and_(Prediction.case_id == Case.id, Prediction.model_version == version))
        .join(AuditDraw, AuditDraw.case_id == Case.id, isouter=True)
        .where(Route.assigned_at >= since, ~Case.history)
        .order_by(Case.id)
    )
    return frame(connection, query if received_after is None else query.where(Case.received_at > received_after))


def overdue_audits(connection: Connection, now: datetime) -> int:
    """Drawn audits that nobody has done and that were due before now."""
    query = select(func.count()).where(WorkItem.kind == "audit", WorkItem.state == "open", WorkItem.due_at < now)
    return int(connection.execute(query).scalar_one())


def staged_at(connection: Connection) -> dict[str, datetime]:
    """When each category came to its stage; one whose stage was never changed is missing."""
    newest = select(func.max(StageChange.id)).group_by(StageChange.category)
    rows = connection.execute(select(StageChange.category, StageChange.since).where(StageChange.id.in_(newest)))
    return {category: since for category, since in rows}

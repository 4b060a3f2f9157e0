"""What the audit sample rests on: approvals looked at, their chances, the minutes spent, categories under watch."""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, and_, func, select
from sqlalchemy.orm import aliased

from handrail.store.frames import frame, within
from handrail.store.schema import AuditDraw, Case, Decision, Pause, Route
from handrail.window import Window

_AUDIT, _AUTOMATIC = aliased(Decision), aliased(Decision)


def looked_at(connection: Connection, window: Window, *, only_audited: bool = False) -> pd.DataFrame:
    """Auto-approvals of the window that a draw has looked at, drawn or not, by case; or those audited.

    Columns: case_id, category, confidence, approved_at, drawn, random, stratum, inclusion_probability, and of the
    newest audit before the window's end audited_at and rejected (None where there is none).
    """
    newest = (
        select(Decision.case_id, func.max(Decision.id).label("id"))
        .where(Decision.kind == "audit", Decision.decided_at < window.until)
        .group_by(Decision.case_id)
        .subquery()
    )
    query = (
        select(
            AuditDraw.case_id,
            Route.category,
            Route.confidence,
            _AUTOMATIC.decided_at.label("approved_at"),
            AuditDraw.drawn,
            AuditDraw.random,
            AuditDraw.stratum,
            AuditDraw.inclusion_probability,
            _AUDIT.decided_at.label("audited_at"),
            (_AUDIT.outcome != "approve").label("rejected"),
        )
        .join(_AUTOMATIC, and_(_AUTOMATIC.case_id == AuditDraw.case_id, _AUTOMATIC.kind == "automatic"))
        .join(Route, Route.case_id == AuditDraw.case_id)
        .join(newest, newest.c.case_id == AuditDraw.case_id, isouter=True)
        .join(_AUDIT, _AUDIT.id == newest.c.id, isouter=True)
        .where(within(_AUTOMATIC.decided_at, window))
        .order_by(AuditDraw.case_id)
    )
    return frame(connection, query.where(_AUDIT.id.is_not(None)) if only_audited else query)


def count_looked_at(connection: Connection, window: Window) -> int:
    """How many rows `looked_at` has for the window, audited or not."""
    approved = and_(_AUTOMATIC.case_id == AuditDraw.case_id, _AUTOMATIC.kind == "automatic")
    query = select(func.count()).select_from(AuditDraw).join(_AUTOMATIC, approved)
    return int(connection.execute(query.where(within(_AUTOMATIC.decided_at, window))).scalar_one())


def seconds_of_audits(connection: Connection, *, since: datetime) -> list[float]:
    """How long each audit decided since then took, where the time was measured."""
    query = select(Decision.seconds).where(
        Decision.kind == "audit", Decision.decided_at >= since, Decision.seconds.is_not(None)
    )
    return [float(seconds) for seconds in connection.execute(query).scalars() if seconds is not None]


def drawn_since(connection: Connection, since: datetime) -> int:
    """How many audits were drawn since a moment."""
    query = select(func.count()).where(AuditDraw.drawn, AuditDraw.drawn_at >= since)
    return int(connection.execute(query).scalar_one())


def resumed_since(connection: Connection, since: datetime) -> list[str | None]:
    """Categories that came back from a pause since then; None stands for a pause of everything."""
    query = select(Pause.category).where(Pause.until.is_not(None), Pause.until >= since).distinct()
    return list(connection.execute(query).scalars())


def drawn_at(connection: Connection, moment: datetime) -> pd.DataFrame:
    """Every approval that the draws of one moment looked at, with what decided its chance then, by case.

    Columns: case_id, category, confidence, amount, fields, drawn, random, stratum, inclusion_probability, seed.
    """
    query = (
        select(
            AuditDraw.case_id,
            Route.category,
            Route.confidence,
            Case.amount,
            Case.fields,
            AuditDraw.drawn,
            AuditDraw.random,
            AuditDraw.stratum,
            AuditDraw.inclusion_probability,
            AuditDraw.seed,
        )
        .join(Route, Route.case_id == AuditDraw.case_id)
        .join(Case, Case.id == AuditDraw.case_id)
        .where(AuditDraw.drawn_at == moment)
        .order_by(AuditDraw.case_id)
    )
    return frame(connection, query)


def last_draw(connection: Connection) -> datetime | None:
    """When audits were drawn last."""
    found: Any = connection.execute(select(func.max(AuditDraw.drawn_at))).scalar()
    return found if isinstance(found, datetime) else None

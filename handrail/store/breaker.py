"""The breaker's memory: how far each category's detector has come, and which audits it has counted."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, insert, or_, select, text, true, update
from sqlalchemy.orm import aliased

from handrail.breaker import DetectorState
from handrail.store import contradictions
from handrail.store.cases import chunks
from handrail.store.frames import frame, within
from handrail.store.schema import AuditDraw, BreakerState, Contradiction, Decision, Route
from handrail.window import Window

_AUDIT, _AUTOMATIC, _DOUBT = aliased(Decision), aliased(Decision), aliased(Contradiction)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


def lock(connection: Connection) -> None:
    """Be the only one who counts until the transaction ends; on SQLite whoever writes is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('handrail breaker'))"))


def state(connection: Connection, category: str, rules: str) -> DetectorState | None:
    """The state of a category if it was computed with these rules."""
    query = select(BreakerState.__table__).where(BreakerState.category == category, BreakerState.rules == rules)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return DetectorState(
        row["since"], row["looked_until"], tuple(row["log_evidence"]), row["reviewed"], row["rejected"], row["alarm_at"]
    )


def save(connection: Connection, category: str, rules: str, state: DetectorState) -> None:
    """Keep a category's state in the place of the one before."""
    values = {
        "rules": rules,
        "since": state.since,
        "looked_until": state.looked_until,
        "log_evidence": list(state.log_evidence),
        "reviewed": state.reviewed,
        "rejected": state.rejected,
        "alarm_at": state.alarm_at,
    }
    changed = connection.execute(update(BreakerState).where(BreakerState.category == category).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(BreakerState).values(category=category, **values))


def with_uncounted(connection: Connection, until: datetime) -> list[str]:
    """Categories with audits of the simple-random draw decided by then that no look has counted, by name."""
    query = _audits(Route.category).where(AuditDraw.counted_at.is_(None), _AUDIT.decided_at <= until, _may_count(until))
    return sorted(connection.execute(query.order_by(None).distinct()).scalars())


def uncounted(connection: Connection, category: str, until: datetime, limit: int) -> pd.DataFrame:
    """The oldest audits of a category's simple-random draw decided by then that no look has counted, by time of audit.

    A difference that others still look at holds back what was audited after it, so that nothing is counted out of its
    turn, but no longer than the policy allows for an audit. A rejection that waits for nobody (of policy, or legal) is
    counted at once.

    Columns: case_id, approved_at, audited_at, rejected.
    """
    rejected, _ = contradictions.rejected(_AUDIT, _AUTOMATIC.label, until)
    columns = (
        _AUDIT.case_id,
        _AUTOMATIC.decided_at.label("approved_at"),
        _AUDIT.decided_at.label("audited_at"),
        rejected,
    )
    query = _audits(*columns).where(
        AuditDraw.counted_at.is_(None), _AUDIT.decided_at <= until, Route.category == category, _may_count(until)
    )
    found = frame(connection, query.limit(limit))
    return found.drop_duplicates("case_id", ignore_index=True)


def mark_counted(connection: Connection, case_ids: Sequence[int], now: datetime) -> None:
    """Note that these audits have been counted; nobody counts them again."""
    for part in chunks(case_ids):
        connection.execute(update(AuditDraw).where(AuditDraw.case_id.in_(part)).values(counted_at=now))


def counted(
    connection: Connection, category: str, *, since: datetime, approved_after: datetime | None, limit: int
) -> pd.DataFrame:
    """The newest counted audits of a category since a moment, oldest first.

    Columns: case_id, audited_at, rejected.
    """
    # What was counted is known as it was counted at the latest: far in the future nothing is pending.
    rejected, _ = contradictions.rejected(_AUDIT, _AUTOMATIC.label, _LATEST)
    columns = (_AUDIT.case_id, _AUDIT.decided_at.label("audited_at"), rejected)
    query = (
        _audits(*columns)
        .where(AuditDraw.counted_at.is_not(None), Route.category == category, _AUDIT.decided_at >= since)
        .order_by(None)
        .order_by(_AUDIT.decided_at.desc(), _AUDIT.id.desc())
        .limit(limit)
    )
    if approved_after is not None:
        query = query.where(_AUTOMATIC.decided_at > approved_after)
    return frame(connection, query).iloc[::-1].reset_index(drop=True)


def volumes(connection: Connection, window: Window) -> dict[str, int]:
    """How many audits of the simple-random draw were decided in the window, by category."""
    query = _audits(Route.category, func.count()).where(within(_AUDIT.decided_at, window))
    return {
        category: int(count) for category, count in connection.execute(query.order_by(None).group_by(Route.category))
    }


def blind_reviews(connection: Connection, window: Window) -> pd.DataFrame:
    """Decisions on the blind share of queue B in the window, by time.

    Columns: category, decided_at, rejected, chance (that the suggestion was hidden; None for old routes).
    """
    rejected, _ = contradictions.rejected(Decision, Route.category, window.until)
    query = (
        select(Route.category, Decision.decided_at, rejected, Route.blind_chance.label("chance"))
        .join(Route, Route.case_id == Decision.case_id)
        .join(Contradiction, Contradiction.case_id == Decision.case_id, isouter=True)
        .where(Decision.kind == "review", within(Decision.decided_at, window))
        .where(Decision.blind, Route.queue == "B", Route.category.is_not(None))
        .order_by(Decision.decided_at, Decision.id)
    )
    found = frame(connection, query)
    return found[found["rejected"].notna()].astype({"rejected": bool}).reset_index(drop=True)


def _may_count(until: datetime) -> ColumnElement[bool]:
    """That an audit waits for no difference before it in its category, or is a rejection that waits for nobody."""
    before, its_route, its_draw = aliased(Decision), aliased(Route), aliased(AuditDraw)
    waits = exists().where(
        its_draw.case_id == before.case_id,
        its_draw.random,
        its_draw.drawn,
        its_route.category == Route.category,
        its_route.case_id == before.case_id,
        before.kind == "audit",
        before.trained.is_(true()),
        before.outcome != "approve",
        before.decided_at <= until,
        or_(
            before.decided_at < _AUDIT.decided_at, and_(before.decided_at == _AUDIT.decided_at, before.id <= _AUDIT.id)
        ),
        _DOUBT.case_id == before.case_id,
        or_(_DOUBT.settled_at.is_(None), _DOUBT.settled_at > until),
        _DOUBT.due_at > until,
    )
    at_once = and_(_AUDIT.outcome != "approve", Contradiction.case_id.is_(None))
    return or_(at_once, ~waits)


def _audits(*columns: Any) -> Select:  # type: ignore[type-arg]  # noqa: ANN401 - columns as `select` takes them
    """Auto-approvals of the simple-random draw that trained people audited, by time of audit."""
    return (
        select(*columns)
        .join_from(AuditDraw, _AUDIT, and_(_AUDIT.case_id == AuditDraw.case_id, _AUDIT.kind == "audit"))
        .join(_AUTOMATIC, and_(_AUTOMATIC.case_id == AuditDraw.case_id, _AUTOMATIC.kind == "automatic"))
        .join(Route, Route.case_id == AuditDraw.case_id)
        .join(Contradiction, Contradiction.case_id == AuditDraw.case_id, isouter=True)
        .where(AuditDraw.random, AuditDraw.drawn, _AUDIT.trained.is_(true()))
        .order_by(_AUDIT.decided_at, _AUDIT.id)
    )

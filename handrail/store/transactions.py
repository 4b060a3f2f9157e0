"""The business's transactions as the KPIs count them: work, routes, outcomes and escalations of a span of time."""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select, true, union
from sqlalchemy.orm import aliased

from handrail.kpi import SETTLING, Trace
from handrail.store import contradictions, decisions
from handrail.store.frames import frame, within
from handrail.store.schema import (
    AuditDraw,
    Case,
    CaseOutcome,
    Contradiction,
    Decision,
    Dispute,
    Escalation,
    Recheck,
    Route,
    WorkItem,
)
from handrail.window import Window

ASSISTED = ("suggest", "partial", "auto")
"""Stages at which the machine's suggestion reaches people or the customer."""
_PLACE = (Route.category, Case.fields["channel"].as_string().label("channel"), Route.assigned_at)


def trace(connection: Connection, window: Window, *, among: ColumnElement[bool] | None = None) -> Trace:
    """All that happened in the window, `among` the routes it names; what is pending is so at its end."""
    kept = true() if among is None else among

    def inside(moment: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a column of moments
        return and_(kept, within(moment, window))

    routes = select(Route.case_id, Route.queue, Route.stage, Route.assigned_at.label("at"), *_PLACE)
    outcomes = select(CaseOutcome.case_id, CaseOutcome.kind, CaseOutcome.value, CaseOutcome.at, *_PLACE)
    escalations = select(Escalation.case_id, Escalation.cause, Escalation.opened_at.label("at"), *_PLACE)
    return Trace(
        work=_work(connection, inside(Decision.decided_at), window.until),
        routes=frame(connection, routes.join(Case, Case.id == Route.case_id).where(inside(Route.assigned_at))),
        outcomes=frame(connection, _with_case(outcomes, CaseOutcome.case_id).where(inside(CaseOutcome.at))),
        escalations=frame(connection, _with_case(escalations, Escalation.case_id).where(inside(Escalation.opened_at))),
        pending=pending(connection, window.until),
    )


def rollout(connection: Connection) -> dict[str, datetime]:
    """When each category's first case was routed at an assisted stage; categories that never were are absent."""
    query = (
        select(Route.category, func.min(Route.assigned_at))
        .where(Route.stage.in_(ASSISTED), Route.category.is_not(None))
        .group_by(Route.category)
        .order_by(Route.category)
    )
    return {category: at for category, at in connection.execute(query)}


def before(connection: Connection, window: Window, left: dict[str, datetime]) -> Trace:
    """The trace of cases routed before any category left shadow, or before their own did, by `left`."""
    if not left:
        return trace(connection, window)
    early = [Route.assigned_at < min(left.values())]
    early += [and_(Route.category == category, Route.assigned_at < at) for category, at in left.items()]
    return trace(connection, window, among=or_(*early))


def first_routed(connection: Connection) -> datetime | None:
    """When the first case of all was routed; None without any."""
    # The column itself, for its type: a function of it comes back from SQLite as text without a zone.
    return connection.execute(select(Route.assigned_at).order_by(Route.assigned_at).limit(1)).scalar()


def pending(connection: Connection, at: datetime) -> frozenset[int]:
    """Cases that were not settled at that moment: somebody's ruling, an escalation or a dispute was outstanding."""
    work = select(WorkItem.case_id).where(
        WorkItem.kind.in_(SETTLING), _outstanding(WorkItem.opened_at, WorkItem.closed_at, at)
    )
    escalated = select(Escalation.case_id).where(_outstanding(Escalation.opened_at, Escalation.resolved_at, at))
    contested = select(Dispute.case_id).where(_outstanding(Dispute.opened_at, Dispute.closed_at, at))
    return frozenset(connection.execute(union(work, escalated, contested)).scalars())


def _outstanding(opened: Any, closed: Any, at: datetime) -> ColumnElement[bool]:  # noqa: ANN401 - columns
    return and_(opened < at, or_(closed.is_(None), closed >= at))


def _work(connection: Connection, inside: ColumnElement[bool], until: datetime) -> pd.DataFrame:
    """Decisions that are counted with what they are compared with at that moment; columns as `Trace.work`."""
    earlier, looked_at = aliased(Decision), aliased(Decision)
    settled_before = exists().where(
        earlier.case_id == Decision.case_id,
        earlier.id < Decision.id,
        earlier.kind.in_(SETTLING),
        decisions.holds(earlier),
    )
    first_look = (
        select(looked_at.label)
        .where(
            looked_at.case_id == Decision.case_id, looked_at.kind.in_(("review", "audit")), looked_at.id < Decision.id
        )
        .order_by(looked_at.id)
        .limit(1)
        .scalar_subquery()
    )
    repeated = (
        select(Recheck.chance)
        .join(looked_at, looked_at.id == Recheck.decision_id)
        .where(Recheck.case_id == Decision.case_id, looked_at.id < Decision.id, looked_at.withdrawal_id.is_(None))
        .order_by(looked_at.id)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(
            Decision.case_id,
            Decision.kind,
            Decision.outcome,
            Decision.label,
            Decision.seconds,
            Decision.decided_at.label("at"),
            Case.received_at,
            Route.queue,
            settled_before.label("settled_before"),
            AuditDraw.inclusion_probability.label("chance"),
            first_look.label("first_label"),
            case((and_(Decision.kind == "recheck", Decision.trained.is_(true())), repeated)).label("recheck_chance"),
            *contradictions.rejected(Decision, Route.category, until),
            *_PLACE,
        )
        .join(Case, Case.id == Decision.case_id)
        .join(Route, Route.case_id == Decision.case_id)
        .join(AuditDraw, AuditDraw.case_id == Decision.case_id, isouter=True)
        .join(Contradiction, Contradiction.case_id == Decision.case_id, isouter=True)
        .where(inside, decisions.is_counted())
        .order_by(Decision.id)
    )
    found = frame(connection, query)
    found["first"] = found["kind"].isin(SETTLING) & ~found.pop("settled_before").astype(bool)
    found["chance"] = pd.to_numeric(found["chance"]).astype(float).where(found["kind"] == "audit")
    found["recheck_chance"] = pd.to_numeric(found["recheck_chance"]).astype(float)
    rechecked = found["label"].fillna("") != found.pop("first_label").fillna("")
    found = found.drop(columns=["outcome", "pending"])
    answers = found.pop("rejected")
    # Others look still: it is no error yet, and no proof that there is none.
    found["chance"] = found["chance"].where(answers.notna())
    refused = answers.eq(True)  # noqa: FBT003 - a value, null while others look
    found["differs"] = refused.where(found["kind"] == "audit", rechecked & (found["kind"] == "recheck")).astype(bool)
    return found


def _with_case(query: Any, case_id: Any) -> Any:  # noqa: ANN401 - a query and a column
    return query.join(Case, Case.id == case_id).join(Route, Route.case_id == Case.id)

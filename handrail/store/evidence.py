"""What is known of the decisions: labels, audits, outcomes, windows of cases; read by training, watches and KPIs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, case, delete, exists, func, insert, null, or_, select, update
from sqlalchemy.orm import aliased

from handrail.policy import Policy
from handrail.store import readable
from handrail.store.cases import chunks
from handrail.store.frames import frame, within
from handrail.store.labels import gold_ids
from handrail.store.schema import (
    AuditDraw,
    Case,
    CaseInput,
    CaseOutcome,
    Decision,
    Dispute,
    Escalation,
    Label,
    Note,
    Outbox,
    Prediction,
    Quarantine,
    Reason,
    Route,
    TrailEvent,
    WorkItem,
)
from handrail.window import Window

TRAINING = ("imported", "accepted", "adjudicated")


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


def ids_of(connection: Connection, source: str | None, external_ids: Sequence[str]) -> dict[str, int]:
    """Case ids by external id, of one source or, with None, of whatever source delivered it last."""
    found: dict[str, int] = {}
    for part in chunks(external_ids):
        query = select(Case.external_id, Case.id).where(Case.external_id.in_(part)).order_by(Case.id)
        query = query if source is None else query.where(Case.source == source)
        found.update({external_id: case_id for external_id, case_id in connection.execute(query)})
    return found


def labelled(connection: Connection, policy: Policy, *, since: datetime | None = None) -> pd.DataFrame:
    """Labels that may train, the newest of each case, with what the model may see of it; never of a gold case.

    Columns: case_id, label, status, provenance, blind (any label of the case is, whatever its standing), reviewer,
    labelled_at, received_at, text (redacted), amount, fields.
    """
    newest = select(func.max(Label.id)).where(Label.status.in_(TRAINING)).group_by(Label.case_id)
    any_label = aliased(Label)
    blind = exists().where(any_label.case_id == Label.case_id, any_label.blind)
    query = (
        readable.view(
            Label.label,
            Label.status,
            Label.provenance,
            blind.label("blind"),
            Label.reviewer,
            Label.labelled_at,
            Case.received_at,
        )
        .join(Label, Label.case_id == Case.id)
        .where(Label.id.in_(newest), Label.case_id.not_in(gold_ids()))
        .order_by(Case.received_at, Label.case_id)
    )
    return readable.read(connection, query if since is None else query.where(Label.labelled_at >= since), policy)


def proposals(connection: Connection, ids: Sequence[int]) -> pd.DataFrame:
    """Cases with their proposed category, None without a route: case_id, external_id, category, fields."""
    parts = [
        frame(
            connection,
            select(Case.id.label("case_id"), Case.external_id, Route.category, Case.fields)
            .join(Route, Route.case_id == Case.id, isouter=True)
            .where(Case.id.in_(part)),
        )
        for part in chunks(ids) or [[]]
    ]
    return pd.concat(parts, ignore_index=True)


def executed(connection: Connection, window: Window) -> pd.DataFrame:
    """Decisions of the window whose action went out or will: external_id, executed_label, decided_at, automatic."""
    query = (
        select(
            Case.external_id,
            Decision.label.label("executed_label"),
            Decision.decided_at,
            (Decision.kind == "automatic").label("automatic"),
        )
        .join(Case, Case.id == Decision.case_id)
        .join(Outbox, Outbox.decision_id == Decision.id)
        .where(Outbox.state != "withdrawn", within(Decision.decided_at, window))
        .order_by(Decision.id)
    )
    return frame(connection, query)


def imported_labels(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Labels that came with these cases as history."""
    found: dict[int, str] = {}
    for part in chunks(ids):
        query = select(Label.case_id, Label.label).where(Label.case_id.in_(part), Label.status == "imported")
        found.update({case_id: label for case_id, label in connection.execute(query)})
    return found


def unredacted_history(connection: Connection, limit: int) -> pd.DataFrame:
    """History whose text has not been redacted yet: case_id, text, amount."""
    query = (
        select(Case.id.label("case_id"), CaseInput.text, Case.amount)
        .join(CaseInput, CaseInput.case_id == Case.id)
        .where(Case.history, CaseInput.redacted.is_(None))
        .order_by(Case.id)
        .limit(limit)
    )
    return frame(connection, query)


def audits(connection: Connection, window: Window, *, category: str | None = None) -> pd.DataFrame:
    """Audits of auto-approvals that were decided in the window, by time of audit; with `category` only its own.

    Columns: case_id, category, confidence, model_version, approved_at, audited_at, rejected, random,
    inclusion_probability, reviewer.
    """
    audit, automatic = aliased(Decision), aliased(Decision)
    query = (
        select(
            audit.case_id,
            Route.category,
            Route.confidence,
            Route.model_version,
            automatic.decided_at.label("approved_at"),
            audit.decided_at.label("audited_at"),
            (audit.outcome != "approve").label("rejected"),
            AuditDraw.random,
            AuditDraw.inclusion_probability,
            audit.actor.label("reviewer"),
        )
        .join(automatic, and_(automatic.case_id == audit.case_id, automatic.kind == "automatic"))
        .join(Route, Route.case_id == audit.case_id)
        .join(AuditDraw, AuditDraw.case_id == audit.case_id)
        .where(audit.kind == "audit", within(audit.decided_at, window))
        .order_by(audit.decided_at, audit.id)
    )
    return frame(connection, query if category is None else query.where(Route.category == category))


def received(connection: Connection, policy: Policy, window: Window, *, version: str | None) -> pd.DataFrame:
    """Cases received in the window as the drift watch sees them; those without a text are among them.

    Columns: case_id, external_id, text (redacted), amount, fields, label, confidence, novelty, novel (of `version`;
    NaN where it did not score).
    """
    query = (
        readable.view(
            Case.external_id,
            Prediction.label,
            Prediction.confidence,
            Prediction.novelty,
            Prediction.novel,
            with_text=False,
        )
        .join(Prediction, and_(Prediction.case_id == Case.id, Prediction.model_version == version), isouter=True)
        .where(within(Case.received_at, window), ~Case.history)
        .order_by(Case.id)
    )
    return readable.read(connection, query, policy)


def compared(connection: Connection, window: Window) -> pd.DataFrame:
    """Each human ruling beside each model version's prediction of the same case; answers to a test are none.

    Columns: case_id, model_version, role, predicted, confidence, decided, kind, blind, actor.
    """
    query = (
        select(
            Decision.case_id,
            Prediction.model_version,
            Prediction.role,
            Prediction.label.label("predicted"),
            Prediction.confidence,
            Decision.label.label("decided"),
            Decision.kind,
            Decision.blind,
            Decision.actor,
        )
        .join(Prediction, Prediction.case_id == Decision.case_id)
        .where(Decision.kind.not_in(("automatic", "gold")), within(Decision.decided_at, window))
        .order_by(Decision.id)
    )
    return frame(connection, query)


def withheld_labels(
    connection: Connection, policy: Policy, *, since: datetime, until: datetime | None = None
) -> pd.DataFrame:
    """Blind accepted labels of cases labelled blindly since then, with what tells the chance of each to be so.

    None from after `until`: what comes while they are used is for the next time. A case that had a blind label before
    is not fresh, whoever labels it again. Columns: case_id, label, labelled_at, text (redacted), amount, fields,
    queue, stage, inclusion_probability (audits only).
    """
    earlier = aliased(Label)
    query = (
        readable.view(Label.label, Label.labelled_at, Route.queue, Route.stage, AuditDraw.inclusion_probability)
        .join(Label, Label.case_id == Case.id)
        .join(Route, Route.case_id == Label.case_id)
        .join(AuditDraw, and_(AuditDraw.case_id == Label.case_id, AuditDraw.drawn), isouter=True)
        .where(Label.blind, Label.status.in_(("accepted", "adjudicated")), Label.labelled_at > since)
        .where(Label.case_id.not_in(gold_ids()))
        .where(~exists().where(earlier.case_id == Label.case_id, earlier.blind, earlier.labelled_at <= since))
        # A second look elsewhere follows from an override, not from a draw: nobody knows what it stands for.
        .where(or_(Label.provenance != "second", Route.stage == "shadow"))
        .order_by(Label.id)
    )
    return readable.read(connection, query if until is None else query.where(Label.labelled_at <= until), policy)


def shadow_error(connection: Connection) -> float | None:
    """Share of shadow cases whose people decided another category than the champion; None without any."""
    query = (
        select(func.count(), func.sum(case((Decision.label == Prediction.label, 0), else_=1)))
        .join(Prediction, and_(Prediction.case_id == Decision.case_id, Prediction.role == "champion"))
        .join(Route, Route.case_id == Decision.case_id)
        .where(Decision.kind == "review", Route.stage == "shadow")
    )
    compared_cases, different = connection.execute(query).one()
    return different / compared_cases if compared_cases else None


def decided(connection: Connection, window: Window) -> pd.DataFrame:
    """Decisions of the window, tests left out, with the times and groups that KPIs and fairness need.

    Columns: case_id, kind, outcome, proposed, label, actor, seconds, decided_at, received_at, queue, category,
    assigned_at, due_at, fields, amount.
    """
    query = (
        select(
            Decision.case_id,
            Decision.kind,
            Decision.outcome,
            Decision.proposed,
            Decision.label,
            Decision.actor,
            Decision.seconds,
            Decision.decided_at,
            Case.received_at,
            Route.queue,
            Route.category,
            Route.assigned_at,
            Route.due_at,
            Case.fields,
            Case.amount,
        )
        .join(Case, Case.id == Decision.case_id)
        .join(Route, Route.case_id == Decision.case_id)
        .where(within(Decision.decided_at, window), Decision.kind != "gold")
        .order_by(Decision.id)
    )
    return frame(connection, query)


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


def routed(connection: Connection, window: Window) -> pd.DataFrame:
    """Routes assigned in the window: case_id, queue, reason, category, stage, assigned_at."""
    columns = (Route.case_id, Route.queue, Route.reason, Route.category, Route.stage, Route.assigned_at)
    return frame(connection, select(*columns).where(within(Route.assigned_at, window)))


def escalations_in(connection: Connection, window: Window) -> pd.DataFrame:
    """Escalations opened in the window: case_id, cause, opened_at, resolved_at, due_at."""
    query = select(
        Escalation.case_id, Escalation.cause, Escalation.opened_at, Escalation.resolved_at, Escalation.due_at
    ).where(within(Escalation.opened_at, window))
    return frame(connection, query)


def waiting(connection: Connection, now: datetime) -> pd.DataFrame:
    """Open work by queue and kind: queue, kind, waiting, overdue, next_due."""
    query = (
        select(
            WorkItem.queue,
            WorkItem.kind,
            func.count().label("waiting"),
            func.sum(case((WorkItem.due_at < now, 1), else_=0)).label("overdue"),
            func.min(WorkItem.due_at).label("next_due"),
        )
        .where(WorkItem.state == "open")
        .group_by(WorkItem.queue, WorkItem.kind)
        .order_by(WorkItem.queue, WorkItem.kind)
    )
    return frame(connection, query)


def expired(connection: Connection, policy: Policy, now: datetime) -> dict[str, int]:
    """How many notes, reasons and texts of disputes (`notes`) and quarantined rows are past their retention."""
    olds = (_old_notes, _old_reasons, _old_disputes)
    texts = [select(func.count()).where(old(policy, now)) for old in olds]
    rows = select(func.count()).where(Quarantine.at < now - policy.retention.quarantine, Quarantine.row.is_not(None))
    return {
        "notes": sum(int(connection.execute(count).scalar_one()) for count in texts),
        "quarantined_rows": int(connection.execute(rows).scalar_one()),
    }


def purge_expired(connection: Connection, policy: Policy, now: datetime) -> dict[str, int]:
    """Delete notes and reasons of acts, and blank texts of disputes and quarantined rows, past their retention."""
    notes = connection.execute(delete(Note).where(_old_notes(policy, now))).rowcount
    notes += connection.execute(delete(Reason).where(_old_reasons(policy, now))).rowcount
    texts = update(Dispute).where(_old_disputes(policy, now))
    notes += connection.execute(texts.values(text=None, answer=None)).rowcount
    rows = connection.execute(
        update(Quarantine)
        .where(Quarantine.at < now - policy.retention.quarantine, Quarantine.row.is_not(None))
        # SQL's NULL, for None would be JSON's and count as a row for ever; and the reason quotes the cell.
        .values(row=null(), reason=Quarantine.expectation)
    ).rowcount
    return {"notes": notes, "quarantined_rows": rows}


def _old_notes(policy: Policy, now: datetime) -> ColumnElement[bool]:
    old = select(Decision.id).where(Decision.decided_at < now - policy.retention.notes)
    return Note.decision_id.in_(old)


def _old_reasons(policy: Policy, now: datetime) -> ColumnElement[bool]:
    return Reason.seq.in_(select(TrailEvent.seq).where(TrailEvent.at < now - policy.retention.notes))


def _old_disputes(policy: Policy, now: datetime) -> ColumnElement[bool]:
    """Closed ones; an open one is still being worked on."""
    kept = or_(Dispute.text.is_not(None), Dispute.answer.is_not(None))
    return and_(Dispute.closed_at < now - policy.retention.notes, kept)

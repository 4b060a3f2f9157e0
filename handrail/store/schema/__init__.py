"""The tables, each column with its meaning; the migrations in `migrations/` build the same.

Split by erasability: inputs, notes and raw quarantined rows lie in tables of their own and may be deleted;
everything else, the trail above all, holds ids, codes and keyed digests only.
"""

from handrail.store.schema.access import Account, IdempotentAnswer, Invitation, Session, Token
from handrail.store.schema.base import Base, UtcDateTime, name_moments
from handrail.store.schema.governance import (
    Lease,
    ModelReview,
    Pause,
    Person,
    Proposal,
    Reason,
    StageChange,
    TrailEvent,
    TrailHead,
    Watch,
)
from handrail.store.schema.intake import (
    Batch,
    Case,
    CaseChange,
    CaseInput,
    GivenPrediction,
    LegalHold,
    Policy,
    Quarantine,
    Reopening,
)
from handrail.store.schema.learning import (
    Certificate,
    CertificateAttempt,
    Contradiction,
    Drift,
    GoldCase,
    Label,
    ModelVersion,
    Prediction,
    Profile,
    Qualification,
    Serving,
)
from handrail.store.schema.watch import Alert, AlertDelivery, BreakerState, Reading, WatchRuns
from handrail.store.schema.work import (
    AuditDraw,
    CaseOutcome,
    Decision,
    Dispute,
    Escalation,
    Note,
    Outbox,
    Route,
    Skip,
    WorkItem,
)

name_moments()

__all__ = [
    "Account",
    "Alert",
    "AlertDelivery",
    "AuditDraw",
    "Base",
    "Batch",
    "BreakerState",
    "Case",
    "CaseChange",
    "CaseInput",
    "CaseOutcome",
    "Certificate",
    "CertificateAttempt",
    "Contradiction",
    "Decision",
    "Dispute",
    "Drift",
    "Escalation",
    "GivenPrediction",
    "GoldCase",
    "IdempotentAnswer",
    "Invitation",
    "Label",
    "Lease",
    "LegalHold",
    "ModelReview",
    "ModelVersion",
    "Note",
    "Outbox",
    "Pause",
    "Person",
    "Policy",
    "Prediction",
    "Profile",
    "Proposal",
    "Qualification",
    "Quarantine",
    "Reading",
    "Reason",
    "Reopening",
    "Route",
    "Serving",
    "Session",
    "Skip",
    "StageChange",
    "Token",
    "TrailEvent",
    "TrailHead",
    "UtcDateTime",
    "Watch",
    "WatchRuns",
    "WorkItem",
]

"""What is done with a case: routes, work for people, decisions, actions, audits, outcomes."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from handrail.store.schema.base import Base, Id


class Route(Base):
    """Where a case went and why; the current one, earlier ones stand in the trail."""

    __tablename__ = "routes"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True, autoincrement=False)
    queue: Mapped[str] = mapped_column(String(1), comment="A, B or C")
    reason: Mapped[str] = mapped_column(comment="code of the first matching rule")
    reasons: Mapped[list[Any]] = mapped_column(comment="codes of all matching rules, in order")
    category: Mapped[str | None] = mapped_column(comment="predicted category; null without a prediction")
    confidence: Mapped[float | None] = mapped_column(comment="of that prediction")
    threshold: Mapped[float | None] = mapped_column(comment="auto threshold applied")
    stage: Mapped[str | None] = mapped_column(String(8), comment="stage of the category at that time")
    control: Mapped[bool] = mapped_column(comment="randomised control group of a partial rollout")
    suggestion_hidden: Mapped[bool] = mapped_column(comment="the reviewer decides blind")
    blind_chance: Mapped[float | None] = mapped_column(
        comment="chance that this was so; null in queue A, and for routes of before it was kept"
    )
    model_version: Mapped[str | None] = mapped_column(String(32), comment="who predicted")
    policy_version: Mapped[str] = mapped_column(String(12), comment="policy that routed")
    assigned_at: Mapped[datetime] = mapped_column(comment="when")
    due_at: Mapped[datetime] = mapped_column(comment="assignment + SLA in business time")
    __table_args__ = (
        Index(None, "queue", "due_at"),
        Index(None, "category", "assigned_at"),
        Index(None, "assigned_at"),
    )


class WorkItem(Base):
    """Work for a person: a review, an audit, a second opinion, a gold case, an escalated case."""

    __tablename__ = "work_items"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    kind: Mapped[str] = mapped_column(
        String(12), comment="review, audit, second, recheck, adjudication, gold, escalation or dispute"
    )
    queue: Mapped[str] = mapped_column(String(1), comment="queue of the case at opening")
    category: Mapped[str | None] = mapped_column(comment="predicted category")
    suggestion_hidden: Mapped[bool] = mapped_column(comment="the reviewer decides blind")
    opened_at: Mapped[datetime] = mapped_column(comment="when the work came up")
    due_at: Mapped[datetime] = mapped_column(comment="SLA")
    state: Mapped[str] = mapped_column(String(8), comment="open or closed")
    holder: Mapped[str | None] = mapped_column(comment="reviewer who claimed it")
    lease_until: Mapped[datetime | None] = mapped_column(comment="the claim ends here")
    fence: Mapped[int] = mapped_column(default=0, comment="grows with each claim; a stale one is refused")
    breached_at: Mapped[datetime | None] = mapped_column(comment="SLA breach noticed")
    closed_at: Mapped[datetime | None] = mapped_column(comment="decided or withdrawn")
    assigned_to: Mapped[str | None] = mapped_column(comment="only this person may claim it; null: whoever may")
    snoozed_until: Mapped[datetime | None] = mapped_column(comment="not offered before; the SLA runs on")
    shown_label: Mapped[str | None] = mapped_column(comment="wrong suggestion seeded into a gold case")
    shown_confidence: Mapped[float | None] = mapped_column(comment="invented for the seeded suggestion")
    shown_received_at: Mapped[datetime | None] = mapped_column(comment="the age that a gold case among work passes for")
    __table_args__ = (
        Index(None, "state", "due_at"),
        Index(None, "case_id", "state"),
        Index(None, "kind", "state"),
        Index(None, "holder", "state"),
    )


class Decision(Base):
    """An outcome applied to a case, or a blind second look at one (audit)."""

    __tablename__ = "decisions"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    work_item_id: Mapped[int | None] = mapped_column(
        ForeignKey("work_items.id"), comment="null: automatic, or practice"
    )
    kind: Mapped[str] = mapped_column(String(12), comment="automatic, or the work item's kind")
    outcome: Mapped[str] = mapped_column(String(8), comment="approve, override or deny")
    proposed: Mapped[str | None] = mapped_column(comment="label the model proposed")
    label: Mapped[str | None] = mapped_column(comment="label decided; null when none fits")
    reason_code: Mapped[str | None] = mapped_column(comment="why a rejection")
    actor: Mapped[str] = mapped_column(comment="reviewer, or the flow")
    blind: Mapped[bool] = mapped_column(comment="decided without seeing the suggestion")
    seconds: Mapped[float | None] = mapped_column(comment="time the person took")
    decided_at: Mapped[datetime] = mapped_column(comment="when")
    trained: Mapped[bool | None] = mapped_column(
        comment="the person's training counted then, and it was not withdrawn; null: it was no person"
    )
    withdrawal_id: Mapped[int | None] = mapped_column(
        Id, comment="the withdrawal by which it counts no longer; null: none"
    )
    __table_args__ = (
        Index(None, "case_id"),
        Index(None, "kind", "decided_at"),
        Index(None, "decided_at"),
        Index(None, "actor", "id"),
    )


class Note(Base):
    """Erasable: what a reviewer wrote beside a decision."""

    __tablename__ = "notes"
    decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id"), primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(comment="free text")


class Outbox(Base):
    """Actions to deliver, at least once, each with its idempotency key."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id"), comment="the decision it carries out")
    key: Mapped[str] = mapped_column(String(64), unique=True, comment="idempotency key for the receiver")
    action: Mapped[str] = mapped_column(comment="what the receiver does")
    category: Mapped[str] = mapped_column(comment="label decided; a pause stops automatic ones by it")
    automatic: Mapped[bool] = mapped_column(comment="true: held while the category is paused")
    state: Mapped[str] = mapped_column(String(9), comment="new, leased, done, retry, dead, unknown or withdrawn")
    attempts: Mapped[int] = mapped_column(default=0, comment="deliveries tried")
    created_at: Mapped[datetime] = mapped_column(comment="with its decision")
    next_at: Mapped[datetime] = mapped_column(comment="not before")
    lease_until: Mapped[datetime | None] = mapped_column(comment="a sender holds it until then")
    done_at: Mapped[datetime | None] = mapped_column(comment="acknowledged by the receiver")
    error: Mapped[str | None] = mapped_column(comment="last failure")
    __table_args__ = (Index(None, "state", "next_at"), Index(None, "case_id"))


class AuditDraw(Base):
    """Auto-approved cases drawn for a second look, with the chance they had."""

    __tablename__ = "audit_draws"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True, autoincrement=False)
    work_item_id: Mapped[int | None] = mapped_column(ForeignKey("work_items.id"), comment="null: looked at, not drawn")
    drawn: Mapped[bool] = mapped_column(comment="in the sample")
    random: Mapped[bool] = mapped_column(comment="drawn by the simple-random stratum; the breaker counts only these")
    stratum: Mapped[str | None] = mapped_column(
        String(16), comment="random, low_confidence, high_value, new_segment or watched"
    )
    inclusion_probability: Mapped[float] = mapped_column(comment="chance of being in the sample by any stratum")
    drawn_at: Mapped[datetime] = mapped_column(comment="when")
    seed: Mapped[int] = mapped_column(Id, comment="reproduces the draw")
    counted_at: Mapped[datetime | None] = mapped_column(comment="the breaker has counted the audit; each once")
    __table_args__ = (Index(None, "drawn_at"), Index(None, "random", "counted_at"))


class Escalation(Base):
    """What the escalation manager owns."""

    __tablename__ = "escalations"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    cause: Mapped[str] = mapped_column(String(12), comment="policy, legal, sla_breach, dispute, retention or incident")
    first_decider: Mapped[str | None] = mapped_column(comment="never reviews it again")
    opened_at: Mapped[datetime] = mapped_column(comment="when")
    due_at: Mapped[datetime] = mapped_column(comment="policy's escalation time")
    resolved_at: Mapped[datetime | None] = mapped_column(comment="when")
    resolved_by: Mapped[str | None] = mapped_column(comment="who")
    __table_args__ = (UniqueConstraint("case_id", "cause"), Index(None, "resolved_at", "due_at"))


class Skip(Base):
    """A reviewer passed work on to others; they are not offered it again for a while."""

    __tablename__ = "skips"
    work_item_id: Mapped[int] = mapped_column(ForeignKey("work_items.id"), primary_key=True, autoincrement=False)
    person: Mapped[str] = mapped_column(primary_key=True, comment="who skipped it")
    until: Mapped[datetime] = mapped_column(comment="offered to them again from then on")


class Dispute(Base):
    """A customer contests a decision; somebody else than its decider looks again."""

    __tablename__ = "disputes"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    work_item_id: Mapped[int] = mapped_column(ForeignKey("work_items.id"), comment="the work of looking again")
    first_decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id"), comment="what is contested")
    first_decider: Mapped[str] = mapped_column(comment="person or flow; never decides the dispute")
    opened_by: Mapped[str] = mapped_column(comment="who took the dispute down")
    opened_at: Mapped[datetime] = mapped_column(comment="when")
    closed_at: Mapped[datetime | None] = mapped_column(comment="when it was decided")
    upheld: Mapped[bool | None] = mapped_column(comment="the first decision stands; null: not decided")
    text: Mapped[str | None] = mapped_column(comment="erasable: what the customer said")
    answer: Mapped[str | None] = mapped_column(comment="erasable: what the customer was told")
    __table_args__ = (Index(None, "case_id"), Index(None, "closed_at"))


class CaseOutcome(Base):
    """What happened afterwards, imported from the business's systems."""

    __tablename__ = "outcomes"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    kind: Mapped[str] = mapped_column(String(10), comment="reversal, complaint, csat or closed")
    value: Mapped[float | None] = mapped_column(comment="CSAT 1–5; else null")
    at: Mapped[datetime] = mapped_column(comment="when it happened")
    imported_at: Mapped[datetime] = mapped_column(comment="when Handrail learnt of it")
    __table_args__ = (UniqueConstraint("case_id", "kind", "at"), Index(None, "kind", "at"))

"""What holds and what is proven: stages, pauses, reviews, people, watches, the trail."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from handrail.store.schema.base import Base, Id


class StageChange(Base):
    """Rollout of a category; the newest row counts, the policy's stage before any."""

    __tablename__ = "stage_changes"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    category: Mapped[str] = mapped_column(comment="category")
    stage: Mapped[str] = mapped_column(String(8), comment="manual, shadow, suggest, partial or auto")
    since: Mapped[datetime] = mapped_column(comment="from then on")
    actor: Mapped[str] = mapped_column(comment="who")
    reason: Mapped[str] = mapped_column(comment="why")
    __table_args__ = (Index(None, "category", "id"),)


class Pause(Base):
    """Automation withheld for a category, or for all."""

    __tablename__ = "pauses"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    category: Mapped[str | None] = mapped_column(comment="null: everything")
    kind: Mapped[str] = mapped_column(String(10), comment="breaker or operator")
    reason: Mapped[str] = mapped_column(comment="why")
    actor: Mapped[str] = mapped_column(comment="who")
    since: Mapped[datetime] = mapped_column(comment="from then on")
    until: Mapped[datetime | None] = mapped_column(comment="resumed")
    model_review_id: Mapped[int | None] = mapped_column(ForeignKey("model_reviews.id"), comment="opened by the breaker")
    __table_args__ = (Index(None, "until"),)


class ModelReview(Base):
    """Opened by the breaker; a pause ends only when it is closed."""

    __tablename__ = "model_reviews"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    category: Mapped[str] = mapped_column(comment="category")
    evidence: Mapped[dict[str, Any]] = mapped_column(comment="counts, rate, window, case ids")
    opened_at: Mapped[datetime] = mapped_column(comment="when")
    closed_at: Mapped[datetime | None] = mapped_column(comment="when")
    closed_by: Mapped[str | None] = mapped_column(comment="who")
    conclusion: Mapped[str | None] = mapped_column(comment="what was found and done")


class Person(Base):
    """Reviewers and the other roles."""

    __tablename__ = "people"
    name: Mapped[str] = mapped_column(primary_key=True, comment="sign-in name")
    roles: Mapped[list[Any]] = mapped_column(
        comment="reviewer, escalation_manager, model_steward, data_curator, product_owner"
    )
    trained_until: Mapped[datetime | None] = mapped_column(comment="labels count as accepted until then")
    active: Mapped[bool] = mapped_column(comment="may act")
    skills: Mapped[list[Any] | None] = mapped_column(comment="categories they review; null: all")
    away_from: Mapped[datetime | None] = mapped_column(comment="on leave from then on: no work is offered")
    away_until: Mapped[datetime | None] = mapped_column(comment="back from then on; null with away_from: open end")


class Proposal(Base):
    """An act that waits for a second person."""

    __tablename__ = "proposals"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    act: Mapped[str] = mapped_column(String(16), comment="resume, promote, roll_back or set_stage")
    arguments: Mapped[dict[str, Any]] = mapped_column(comment="what the act is called with: ids and policy values")
    reason: Mapped[str] = mapped_column(comment="why")
    proposer: Mapped[str] = mapped_column(comment="who; may not confirm it")
    proposed_at: Mapped[datetime] = mapped_column(comment="when")
    expires_at: Mapped[datetime] = mapped_column(comment="without effect from then on")
    settled_at: Mapped[datetime | None] = mapped_column(comment="when")
    settled_by: Mapped[str | None] = mapped_column(comment="the second person, or the proposer who withdrew it")
    outcome: Mapped[str | None] = mapped_column(
        String(9), comment="confirmed, refused, withdrawn or overtaken; null: waits"
    )
    __table_args__ = (Index(None, "settled_at"),)


class Watch(Base):
    """When each watch last succeeded; a silent one holds auto-approval."""

    __tablename__ = "watches"
    name: Mapped[str] = mapped_column(primary_key=True, comment="audit_sampling, quality_watch or sla_watch")
    succeeded_at: Mapped[datetime] = mapped_column(comment="when")


class Lease(Base):
    """Work that only one may do at a time, such as a retraining; whoever dies lets go when the time is over."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(primary_key=True, comment="what is reserved")
    holder: Mapped[str] = mapped_column(comment="a random name of the run that holds it")
    until: Mapped[datetime] = mapped_column(comment="free again from then on")


class TrailEvent(Base):
    """The audit trail: the exact bytes, chained by hash; triggers refuse every change."""

    __tablename__ = "trail"
    seq: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False, comment="1, 2, 3 … without a gap")
    at: Mapped[datetime] = mapped_column(comment="copy of body.at, for searching; verified")
    kind: Mapped[str] = mapped_column(String(40), comment="copy of body.kind, for searching; verified")
    case_id: Mapped[int | None] = mapped_column(Id, comment="copy of body.case, for searching; verified")
    body: Mapped[bytes] = mapped_column(LargeBinary, comment="JSON with sorted keys; what was hashed is what is stored")
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), comment="sha256(previous hash ‖ body)")
    __table_args__ = (Index(None, "case_id"), Index(None, "kind", "seq"))


class Reason(Base):
    """Erasable: the sentence a person gave for an act; the trail's event holds only who, what and when."""

    __tablename__ = "reasons"
    seq: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False, comment="trail event it explains")
    text: Mapped[str] = mapped_column(comment="free text")


class TrailHead(Base):
    """One row: the end of the chain; locked by whoever appends."""

    __tablename__ = "trail_head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Id, comment="of the newest event; 0 when empty")
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), comment="of the newest event; zeros when empty")
    at: Mapped[datetime | None] = mapped_column(comment="of the newest event; null when empty")
    clock: Mapped[datetime | None] = mapped_column(comment="what the real clock showed then; null: not known")

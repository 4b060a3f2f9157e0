"""The tables, each column with its meaning; the migrations in `migrations/` build the same.

Split by erasability: inputs, notes and raw quarantined rows lie in tables of their own and may be deleted;
everything else, the trail above all, holds ids, codes and keyed digests only.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment; a naive one is refused on the way in."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; pass an aware datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """SQLite gives naive moments back; they are UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """All tables of Handrail."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as declared
        datetime: UtcDateTime,
        str: Text,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


class Policy(Base):
    """Published policies; the newest is in force."""

    __tablename__ = "policies"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    version: Mapped[str] = mapped_column(String(12), comment="first hex digits of the content's SHA-256")
    body: Mapped[str] = mapped_column(comment="the policy as JSON")
    published_at: Mapped[datetime] = mapped_column(comment="when it came into force")
    actor: Mapped[str] = mapped_column(comment="who published it")


class Batch(Base):
    """One delivery of rows: a file, or one call of the API."""

    __tablename__ = "batches"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    source: Mapped[str] = mapped_column(comment="where the rows come from; with external_id it identifies a case")
    file_digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the delivered bytes")
    policy_version: Mapped[str] = mapped_column(String(12), comment="policy pinned for this batch")
    state: Mapped[str] = mapped_column(String(12), comment="open, gated, stopped or done")
    started_at: Mapped[datetime] = mapped_column(comment="first row read")
    finished_at: Mapped[datetime | None] = mapped_column(comment="last step ended")
    counts: Mapped[dict[str, Any]] = mapped_column(comment="received, accepted, quarantined, duplicates, imported")


class Case(Base):
    """One item to decide; holds no text and no customer id."""

    __tablename__ = "cases"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    source: Mapped[str] = mapped_column(comment="where the case comes from")
    external_id: Mapped[str] = mapped_column(comment="the source's id of the case")
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), comment="delivery it came with")
    row_digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the row as delivered")
    state: Mapped[str] = mapped_column(
        String(12), comment="received, quarantined, accepted, scored, queued, decided, done"
    )
    received_at: Mapped[datetime] = mapped_column(comment="when the customer sent it")
    ingested_at: Mapped[datetime] = mapped_column(comment="when Handrail took it in")
    history: Mapped[bool] = mapped_column(comment="known outcome: enters as done, with a label and no queue")
    has_text: Mapped[bool] = mapped_column(comment="false: nothing for the model to read")
    consent: Mapped[bool] = mapped_column(comment="false: a person decides")
    amount: Mapped[float | None] = mapped_column(comment="largest amount at stake, in the policy's currency")
    fields: Mapped[dict[str, Any]] = mapped_column(comment="mapped fields such as channel, region, tier")
    flags: Mapped[list[Any]] = mapped_column(comment="policy, legal, safety or amount hits that force queue C")
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        Index(None, "state", "id"),
        Index(None, "batch_id", "state"),
        Index(None, "received_at"),
    )


class CaseInput(Base):
    """Erasable: what the customer wrote and who it was."""

    __tablename__ = "case_inputs"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True, autoincrement=False)
    salt: Mapped[bytes] = mapped_column(LargeBinary(16), comment="key of the trail's digest; gone with the text")
    text: Mapped[str] = mapped_column(comment="raw text")
    redacted: Mapped[str | None] = mapped_column(comment="text with personal data replaced; null before redaction")
    findings: Mapped[list[Any] | None] = mapped_column(comment="[type, start, end] of each replacement, in characters")
    customer_id: Mapped[str | None] = mapped_column(comment="the source's id of the customer")
    __table_args__ = (Index(None, "customer_id"),)


class Quarantine(Base):
    """Rows that may not enter, with the reason; erasable."""

    __tablename__ = "quarantine"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), comment="delivery it came with")
    source: Mapped[str] = mapped_column(comment="where the row comes from")
    row_number: Mapped[int] = mapped_column(comment="1-based row in the delivery, header not counted")
    row_digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the row; the same row enters once")
    external_id: Mapped[str | None] = mapped_column(comment="the source's id, where it could be read")
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), comment="the case, where one was made")
    reason: Mapped[str] = mapped_column(comment="what is wrong and the remedy")
    expectation: Mapped[str] = mapped_column(comment="rule or Great Expectations name that failed")
    row: Mapped[dict[str, Any] | None] = mapped_column(comment="the row as delivered; erasable")
    at: Mapped[datetime] = mapped_column(comment="when it was put aside")
    released_at: Mapped[datetime | None] = mapped_column(comment="when a corrected row replaced it")
    __table_args__ = (UniqueConstraint("source", "row_digest"), Index(None, "batch_id"))


class ModelVersion(Base):
    """Model versions as Handrail knows them; MLflow holds the artifact."""

    __tablename__ = "model_versions"
    version: Mapped[str] = mapped_column(String(32), primary_key=True, comment="MLflow registry version")
    run_id: Mapped[str] = mapped_column(String(64), comment="MLflow run")
    status: Mapped[str] = mapped_column(String(16), comment="challenger, champion, retired, refused, rolled_back")
    artifact_digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the skops file")
    dataset_digest: Mapped[str] = mapped_column(
        String(64), comment="SHA-256 over case ids and labels of the training set"
    )
    policy_version: Mapped[str] = mapped_column(String(12), comment="policy it was trained under")
    labels: Mapped[int] = mapped_column(comment="size of the training set")
    cause: Mapped[str] = mapped_column(comment="what started the training: first, monthly, error_rate, drift, by_hand")
    metrics: Mapped[dict[str, Any]] = mapped_column(comment="accuracy, ece, log_loss … on data never trained on")
    novelty_threshold: Mapped[float] = mapped_column(comment="novelty above it flags a case as novel")
    registered_at: Mapped[datetime] = mapped_column(comment="when it was registered")
    trained_until: Mapped[datetime | None] = mapped_column(comment="receipt of the newest training case")


class Serving(Base):
    """The one row that says which model serves; the MLflow alias only follows it."""

    __tablename__ = "serving"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    model_version: Mapped[str | None] = mapped_column(
        ForeignKey("model_versions.version"), comment="null: all to people"
    )
    previous: Mapped[str | None] = mapped_column(String(32), comment="what a rollback returns to")
    challenger: Mapped[str | None] = mapped_column(String(32), comment="scored in shadow beside the champion")
    since: Mapped[datetime] = mapped_column(comment="when it began to serve")


class Prediction(Base):
    """What one model version said of one case."""

    __tablename__ = "predictions"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    model_version: Mapped[str] = mapped_column(String(32), comment="who predicted")
    role: Mapped[str] = mapped_column(String(12), comment="champion or challenger at that time")
    label: Mapped[str] = mapped_column(comment="predicted category")
    confidence: Mapped[float] = mapped_column(comment="calibrated probability of the label")
    novelty: Mapped[float] = mapped_column(comment="0 familiar … 1 unlike anything in training")
    novel: Mapped[bool] = mapped_column(comment="novelty above the version's threshold")
    scored_at: Mapped[datetime] = mapped_column(comment="when")
    __table_args__ = (UniqueConstraint("case_id", "model_version"), Index(None, "model_version", "scored_at"))


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
    kind: Mapped[str] = mapped_column(String(12), comment="review, audit, second, gold or escalation")
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
    __table_args__ = (Index(None, "state", "due_at"), Index(None, "case_id"), Index(None, "kind", "state"))


class Decision(Base):
    """An outcome applied to a case, or a blind second look at one (audit)."""

    __tablename__ = "decisions"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    work_item_id: Mapped[int | None] = mapped_column(ForeignKey("work_items.id"), comment="null: automatic")
    kind: Mapped[str] = mapped_column(String(12), comment="automatic, review, audit, second, gold or escalation")
    outcome: Mapped[str] = mapped_column(String(8), comment="approve, override or deny")
    proposed: Mapped[str | None] = mapped_column(comment="label the model proposed")
    label: Mapped[str | None] = mapped_column(comment="label decided; null when none fits")
    reason_code: Mapped[str | None] = mapped_column(comment="why a rejection")
    actor: Mapped[str] = mapped_column(comment="reviewer, or the flow")
    blind: Mapped[bool] = mapped_column(comment="decided without seeing the suggestion")
    seconds: Mapped[float | None] = mapped_column(comment="time the person took")
    decided_at: Mapped[datetime] = mapped_column(comment="when")
    __table_args__ = (
        Index(None, "case_id"),
        Index(None, "kind", "decided_at"),
        Index(None, "decided_at"),
    )


class Note(Base):
    """Erasable: what a reviewer wrote beside a decision."""

    __tablename__ = "notes"
    decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id"), primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(comment="free text")


class Label(Base):
    """Reviewed truth; only accepted and imported ones train."""

    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    label: Mapped[str] = mapped_column(comment="category")
    status: Mapped[str] = mapped_column(String(12), comment="imported, accepted, provisional or adjudicated")
    provenance: Mapped[str] = mapped_column(String(12), comment="history, review, audit, second, gold or escalation")
    reviewer: Mapped[str | None] = mapped_column(comment="null for history")
    blind: Mapped[bool] = mapped_column(comment="given without seeing the suggestion; only these certify")
    reason_code: Mapped[str | None] = mapped_column(comment="reason of a correction")
    labelled_at: Mapped[datetime] = mapped_column(comment="when")
    __table_args__ = (Index(None, "case_id"), Index(None, "status", "labelled_at"))


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
    stratum: Mapped[str | None] = mapped_column(String(16), comment="random, low_confidence, high_value or new_segment")
    inclusion_probability: Mapped[float] = mapped_column(comment="chance of being in the sample by any stratum")
    drawn_at: Mapped[datetime] = mapped_column(comment="when")
    seed: Mapped[int] = mapped_column(Id, comment="reproduces the draw")
    __table_args__ = (Index(None, "drawn_at"),)


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


class Escalation(Base):
    """What the escalation manager owns."""

    __tablename__ = "escalations"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    cause: Mapped[str] = mapped_column(String(12), comment="policy, legal, sla_breach, dispute or incident")
    first_decider: Mapped[str | None] = mapped_column(comment="never reviews it again")
    opened_at: Mapped[datetime] = mapped_column(comment="when")
    due_at: Mapped[datetime] = mapped_column(comment="policy's escalation time")
    resolved_at: Mapped[datetime | None] = mapped_column(comment="when")
    resolved_by: Mapped[str | None] = mapped_column(comment="who")
    __table_args__ = (UniqueConstraint("case_id", "cause"), Index(None, "resolved_at", "due_at"))


class Certificate(Base):
    """A threshold with its guarantee."""

    __tablename__ = "certificates"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    model_version: Mapped[str] = mapped_column(String(32), comment="valid for this version only")
    category: Mapped[str | None] = mapped_column(comment="null: overall, guarantees no single category")
    threshold: Mapped[float] = mapped_column(comment="confidence at or above it is certified")
    max_error: Mapped[float] = mapped_column(comment="guaranteed share of errors")
    delta: Mapped[float] = mapped_column(comment="chance that the guarantee is wrong")
    labels: Mapped[int] = mapped_column(comment="blind labels at or above the threshold")
    errors: Mapped[int] = mapped_column(comment="errors among them")
    window_from: Mapped[datetime] = mapped_column(comment="oldest label")
    window_to: Mapped[datetime] = mapped_column(comment="newest label")
    issued_at: Mapped[datetime] = mapped_column(comment="when")
    expires_at: Mapped[datetime] = mapped_column(comment="policy's age limit")
    voided_at: Mapped[datetime | None] = mapped_column(comment="by a new model or drift")
    void_reason: Mapped[str | None] = mapped_column(comment="which")
    __table_args__ = (Index(None, "model_version", "voided_at"),)


class Profile(Base):
    """Reference profiles for drift, versioned."""

    __tablename__ = "profiles"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    model_version: Mapped[str | None] = mapped_column(String(32), comment="serving when it was built")
    cause: Mapped[str] = mapped_column(comment="first, promotion or drift absorbed")
    built_at: Mapped[datetime] = mapped_column(comment="when")
    window_from: Mapped[datetime] = mapped_column(comment="oldest case")
    window_to: Mapped[datetime] = mapped_column(comment="newest case")
    cases: Mapped[int] = mapped_column(comment="how many")
    body: Mapped[str] = mapped_column(comment="columns and terms as JSON; terms are document frequencies, no texts")


class Drift(Base):
    """A shift that was found, and how long it raises the audit rate."""

    __tablename__ = "drifts"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    profile_id: Mapped[int] = mapped_column(ForeignKey("profiles.id"), comment="compared with")
    window_from: Mapped[datetime] = mapped_column(comment="oldest case looked at")
    window_to: Mapped[datetime] = mapped_column(comment="newest case looked at")
    columns: Mapped[list[Any]] = mapped_column(comment="names of drifted columns")
    terms: Mapped[list[Any]] = mapped_column(comment="new terms, most lifted first")
    found_at: Mapped[datetime] = mapped_column(comment="when")
    raises_audits_until: Mapped[datetime] = mapped_column(comment="policy's factor applies until then")
    __table_args__ = (Index(None, "raises_audits_until"),)


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


class Person(Base):
    """Reviewers and the other roles."""

    __tablename__ = "people"
    name: Mapped[str] = mapped_column(primary_key=True, comment="sign-in name")
    roles: Mapped[list[Any]] = mapped_column(
        comment="reviewer, escalation_manager, model_steward, data_curator, product_owner"
    )
    trained_until: Mapped[datetime | None] = mapped_column(comment="labels count as accepted until then")
    active: Mapped[bool] = mapped_column(comment="may act")


class Watch(Base):
    """When each watch last succeeded; a silent one holds auto-approval."""

    __tablename__ = "watches"
    name: Mapped[str] = mapped_column(primary_key=True, comment="audit_sampling, quality_watch or sla_watch")
    succeeded_at: Mapped[datetime] = mapped_column(comment="when")


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


class TrailHead(Base):
    """One row: the end of the chain; locked by whoever appends."""

    __tablename__ = "trail_head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Id, comment="of the newest event; 0 when empty")
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), comment="of the newest event; zeros when empty")

"""What models said and people taught: versions, predictions, labels, certificates, drift."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from handrail.store.schema.base import Base, Id


class ModelVersion(Base):
    """Model versions as Handrail knows them; MLflow holds the artifact."""

    __tablename__ = "model_versions"
    version: Mapped[str] = mapped_column(String(32), primary_key=True, comment="MLflow registry version")
    run_id: Mapped[str] = mapped_column(String(64), comment="MLflow run")
    status: Mapped[str] = mapped_column(
        String(16), comment="challenger, superseded, champion, retired, refused or rolled_back"
    )
    artifact_digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 over both files of the model")
    dataset_digest: Mapped[str] = mapped_column(
        String(64), comment="SHA-256 over case ids and labels of the training set"
    )
    policy_version: Mapped[str] = mapped_column(String(12), comment="policy it was trained under")
    labels: Mapped[int] = mapped_column(comment="size of the training set")
    cause: Mapped[str] = mapped_column(comment="first, drift, error_rate, monthly, new_labels or by_hand")
    metrics: Mapped[dict[str, float]] = mapped_column(comment="accuracy, ece, log_loss … on data never trained on")
    novelty_threshold: Mapped[float] = mapped_column(comment="novelty above it flags a case as novel")
    registered_at: Mapped[datetime] = mapped_column(comment="when it was registered")
    kind: Mapped[str] = mapped_column(String(8), server_default="trained", comment="trained here, or given: calibrated")
    rebuild: Mapped[dict[str, Any] | None] = mapped_column(comment="seed, code, lock, packages, digest of predictions")
    judgement: Mapped[dict[str, Any] | None] = mapped_column(comment="the gates' last word: passed, figures, reasons")
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


class Label(Base):
    """Reviewed truth; only accepted and imported ones train."""

    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    label: Mapped[str] = mapped_column(comment="category")
    status: Mapped[str] = mapped_column(String(12), comment="imported, accepted, provisional, adjudicated or withdrawn")
    provenance: Mapped[str] = mapped_column(
        String(12),
        comment="history, review, audit, second, recheck, doubt, escalation, dispute, adjudication or consensus",
    )
    reviewer: Mapped[str | None] = mapped_column(comment="null for history")
    blind: Mapped[bool] = mapped_column(comment="given without seeing the suggestion; only these certify")
    reason_code: Mapped[str | None] = mapped_column(comment="reason of a correction")
    labelled_at: Mapped[datetime] = mapped_column(comment="when")
    withdrawal_id: Mapped[int | None] = mapped_column(Id, comment="the withdrawal that changed its status; null: none")
    stood_as: Mapped[str | None] = mapped_column(String(12), comment="status before that withdrawal")
    __table_args__ = (Index(None, "case_id"), Index(None, "status", "labelled_at"))


class Contradiction(Base):
    """A blind label that differs from a sure prediction, until others have looked; one of a case at most."""

    __tablename__ = "contradictions"
    case_id: Mapped[int] = mapped_column(
        ForeignKey("cases.id"), primary_key=True, autoincrement=False, comment="the case"
    )
    decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id"), comment="whose label differs")
    predicted: Mapped[str] = mapped_column(comment="category that a version surely said")
    also_predicted: Mapped[str | None] = mapped_column(comment="another that another version surely said")
    drawn: Mapped[bool] = mapped_column(comment="a random recheck of the case serves as the look")
    opened_at: Mapped[datetime] = mapped_column(comment="with the label; later where a newer version contradicts it")
    due_at: Mapped[datetime] = mapped_column(comment="alarms count it as an error from then on, settled or not")
    settled_at: Mapped[datetime | None] = mapped_column(comment="when; null: others still look")
    settled_by: Mapped[str | None] = mapped_column(
        String(12), comment="looks, adjudication, or stands: nobody else could look"
    )
    label: Mapped[str | None] = mapped_column(comment="what holds; null while open, and where no category was right")
    __table_args__ = (Index(None, "settled_at", "due_at"),)
class Recheck(Base):
    """A blind label that was drawn to be repeated blindly, with the chance that its draw had."""

    __tablename__ = "rechecks"
    decision_id: Mapped[int] = mapped_column(
        ForeignKey("decisions.id"), primary_key=True, autoincrement=False, comment="the decision that gave the label"
    )
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="its case")
    person: Mapped[str] = mapped_column(comment="who gave it")
    chance: Mapped[float] = mapped_column(comment="chance of being drawn, whatever the label said")
    drawn_at: Mapped[datetime] = mapped_column(comment="when")
    __table_args__ = (Index(None, "case_id"), Index(None, "person", "drawn_at"))


class LabelWithdrawal(Base):
    """The labels of one person over a time that count no longer, until they are reinstated."""

    __tablename__ = "label_withdrawals"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    reviewer: Mapped[str] = mapped_column(comment="whose labels")
    since: Mapped[datetime] = mapped_column(comment="given from then on")
    until: Mapped[datetime] = mapped_column(comment="given up to then: when it was withdrawn")
    withdrawn_by: Mapped[str] = mapped_column(comment="who")
    reinstated_at: Mapped[datetime | None] = mapped_column(comment="when they began to count again")
    reinstated_by: Mapped[str | None] = mapped_column(comment="who")
    __table_args__ = (Index(None, "reviewer", "since"),)


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
    voided_at: Mapped[datetime | None] = mapped_column(comment="by a new model, drift, or audits that contradict it")
    void_reason: Mapped[str | None] = mapped_column(comment="which")
    cases_from: Mapped[datetime | None] = mapped_column(
        comment="when the first case it speaks of came; null: from before it was kept"
    )
    cases_until: Mapped[datetime | None] = mapped_column(comment="when the last one came")
    outside: Mapped[int | None] = mapped_column(comment="cases of categories and days without any blind look")
    __table_args__ = (Index(None, "model_version", "voided_at"),)


class CertificateAttempt(Base):
    """One look at the blind labels for a certificate; each look spends a part of the policy's delta."""

    __tablename__ = "certificate_attempts"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    model_version: Mapped[str] = mapped_column(String(32), comment="the version looked at")
    category: Mapped[str | None] = mapped_column(comment="null: overall")
    at: Mapped[datetime] = mapped_column(comment="when")
    delta: Mapped[float] = mapped_column(comment="chance of a wrong guarantee that this look spent")
    labels: Mapped[int] = mapped_column(comment="blind labels looked at")
    errors: Mapped[int] = mapped_column(comment="errors among them, at or above the threshold where there is one")
    threshold: Mapped[float | None] = mapped_column(comment="what was certified; null: nothing")
    coverage: Mapped[float] = mapped_column(comment="share of cases at or above the threshold")
    needed: Mapped[int] = mapped_column(comment="further labels without an error that would certify; 0 when certified")
    certificate_id: Mapped[int | None] = mapped_column(ForeignKey("certificates.id"), comment="what came of it")
    renews: Mapped[int | None] = mapped_column(Id, comment="the certificate it would renew")
    __table_args__ = (Index(None, "model_version", "category", "id"),)


class GoldCase(Base):
    """A case whose category a data curator has attested; it tests reviewers and never trains."""

    __tablename__ = "gold_cases"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True, autoincrement=False)
    label: Mapped[str] = mapped_column(comment="the attested category")
    origin: Mapped[str] = mapped_column(String(8), comment="history, review or written by hand")
    attested_by: Mapped[str] = mapped_column(comment="data curator")
    attested_at: Mapped[datetime] = mapped_column(comment="when")
    retired_at: Mapped[datetime | None] = mapped_column(comment="no longer used from then on")


class Qualification(Base):
    """One test of a reviewer on gold cases; passed, it makes their labels count for a time."""

    __tablename__ = "qualifications"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person: Mapped[str] = mapped_column(comment="who is tested")
    opened_at: Mapped[datetime] = mapped_column(comment="when the gold cases were handed out")
    cases: Mapped[int] = mapped_column(comment="gold cases handed out")
    right: Mapped[int | None] = mapped_column(comment="how many were labelled as attested; null: not finished")
    passed: Mapped[bool | None] = mapped_column(comment="null: not finished")
    closed_at: Mapped[datetime | None] = mapped_column(comment="when the last one was decided")
    __table_args__ = (Index(None, "person", "id"),)


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

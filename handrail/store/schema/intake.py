"""What came in: policies, batches, cases, their erasable inputs, the quarantine."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from handrail.store.schema.base import Base, Id


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
    file_digest: Mapped[str] = mapped_column(
        String(64), comment="SHA-256 of the delivered bytes; of a call: 'call:' and its digits"
    )
    policy_version: Mapped[str] = mapped_column(String(12), comment="policy pinned for this batch")
    state: Mapped[str] = mapped_column(String(12), comment="open, gated, stopped, released, rejected, replaced or done")
    started_at: Mapped[datetime] = mapped_column(comment="first row read")
    finished_at: Mapped[datetime | None] = mapped_column(comment="last step ended")
    counts: Mapped[dict[str, int]] = mapped_column(
        comment="rows received, waiting, accepted, imported, reopened, quarantined, changed"
    )


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
    fields: Mapped[dict[str, str]] = mapped_column(comment="mapped fields such as channel, region, tier")
    flags: Mapped[list[Any]] = mapped_column(comment="policy, legal, safety or amount hits that force queue C")
    read_under: Mapped[str | None] = mapped_column(
        String(12), comment="policy by which its text was redacted and flagged; null: none was, or before this column"
    )
    scored_by: Mapped[str | None] = mapped_column(
        String(32), comment="model version that served when it was scored, or passed unscored; null: none did"
    )
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
    row: Mapped[dict[str, str] | None] = mapped_column(comment="the row as delivered; erasable")
    at: Mapped[datetime] = mapped_column(comment="when it was put aside")
    released_at: Mapped[datetime | None] = mapped_column(comment="when a corrected row replaced it")
    __table_args__ = (UniqueConstraint("source", "row_digest"), Index(None, "batch_id"))


class GivenPrediction(Base):
    """What somebody else's model said of a case; it arrives with the case and is calibrated here."""

    __tablename__ = "given_predictions"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True, autoincrement=False)
    label: Mapped[str] = mapped_column(comment="category it gave, as delivered")
    confidence: Mapped[float] = mapped_column(comment="its own confidence in [0, 1], uncalibrated")


class LegalHold(Base):
    """A case whose text, customer and notes are kept, whatever the retention says, until somebody releases it."""

    __tablename__ = "legal_holds"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="whose text, customer and notes are kept")
    since: Mapped[datetime] = mapped_column(comment="from then on")
    held_by: Mapped[str] = mapped_column(comment="who; why stands beside the trail's event")
    until: Mapped[datetime | None] = mapped_column(comment="released; null: held")
    released_by: Mapped[str | None] = mapped_column(comment="who")
    __table_args__ = (Index(None, "case_id"),)


class CaseChange(Base):
    """A known case came again with other content: what waits for its gate, afterwards what stood before; erasable."""

    __tablename__ = "case_changes"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case")
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), comment="delivery that brought the change")
    state: Mapped[str] = mapped_column(
        String(9), comment="waiting; applied: the content is the earlier one; labelled, reopened or dropped"
    )
    row_digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the row with this content")
    at: Mapped[datetime] = mapped_column(comment="when it came")
    settled_at: Mapped[datetime | None] = mapped_column(comment="when it was applied, or settled otherwise")
    label: Mapped[str | None] = mapped_column(comment="known outcome that came with it")
    amount: Mapped[float | None] = mapped_column(comment="largest amount at stake")
    consent: Mapped[bool] = mapped_column(comment="consent of this content")
    fields: Mapped[dict[str, str]] = mapped_column(comment="mapped fields")
    marks: Mapped[list[Any]] = mapped_column(comment="flags that were set at intake")
    given_label: Mapped[str | None] = mapped_column(comment="category that its source's model gave")
    given_confidence: Mapped[float | None] = mapped_column(comment="that model's own confidence")
    received_at: Mapped[datetime] = mapped_column(comment="when the customer sent it")
    salt: Mapped[bytes | None] = mapped_column(LargeBinary(16), comment="key of the trail's digest; null: erased")
    text: Mapped[str | None] = mapped_column(comment="raw text")
    redacted: Mapped[str | None] = mapped_column(comment="text with personal data replaced; null before redaction")
    customer_id: Mapped[str | None] = mapped_column(comment="the source's id of the customer")
    __table_args__ = (UniqueConstraint("batch_id", "case_id"), Index(None, "case_id", "state"))


class Reopening(Base):
    """A case whose request changed after it was decided goes on as another case."""

    __tablename__ = "reopenings"
    case_id: Mapped[int] = mapped_column(
        ForeignKey("cases.id"), primary_key=True, autoincrement=False, comment="the case that goes on"
    )
    earlier_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the decided case before it")
    first_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), comment="the case that its source first sent")
    __table_args__ = (Index(None, "first_id"), Index(None, "earlier_id"))

"""A case, what the model said of it, and the words for the states it passes through."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Where a case stands; every step picks up its cases by this."""

    RECEIVED = "received"
    QUARANTINED = "quarantined"
    ACCEPTED = "accepted"
    SCORED = "scored"
    QUEUED = "queued"
    DECIDED = "decided"
    DONE = "done"


class Outcome(StrEnum):
    """What a decision does with the proposal: execute it, execute another's action, or none."""

    APPROVE = "approve"
    OVERRIDE = "override"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Case:
    """One item to decide.

    Raw text and customer id live in erasable tables; here stand only what rules may read.
    `fields` are the policy's permitted model fields, `amount` is in the business's currency.
    """

    id: int
    source: str
    external_id: str
    received_at: datetime
    state: State
    has_text: bool
    consent: bool
    amount: float | None = None
    flags: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCase:
    """A case as it enters, before anything has been found in it; `batch_id` is the delivery it came with."""

    source: str
    external_id: str
    batch_id: int
    row_digest: str
    received_at: datetime
    ingested_at: datetime
    history: bool = False
    has_text: bool = True
    consent: bool = True
    amount: float | None = None
    fields: dict[str, str] = field(default_factory=dict)
    state: State = State.RECEIVED


@dataclass(frozen=True, slots=True)
class NewInput:
    """The erasable half of a case; `salt` keys the trail's digest of the text."""

    salt: bytes
    text: str
    customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one model version says of one case; `confidence` is the calibrated probability of `label`."""

    label: str
    confidence: float
    novelty: float
    novel: bool
    model_version: str

"""A case, what the model said of it, and the words for the states it passes through."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from handrail.errors import ForbiddenTransition


class State(StrEnum):
    """Where a case stands; every step picks up its cases by this."""

    RECEIVED = "received"
    QUARANTINED = "quarantined"
    ACCEPTED = "accepted"
    SCORED = "scored"
    QUEUED = "queued"
    DECIDED = "decided"
    DONE = "done"


ENTRY = frozenset({State.RECEIVED, State.DONE})
"""How a case comes in: from a delivery, or as a letter written by hand for a test, with nothing left to do."""

NEXT: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.RECEIVED: frozenset({State.QUARANTINED, State.ACCEPTED, State.DONE}),  # done: history, decided before
        State.QUARANTINED: frozenset({State.RECEIVED}),  # its corrected row has come
        State.ACCEPTED: frozenset({State.SCORED}),
        # decided: approved by itself; accepted, here and below: its request has changed, or another version serves or
        # another policy holds, so that it is read anew
        State.SCORED: frozenset({State.QUEUED, State.DECIDED, State.ACCEPTED}),
        State.QUEUED: frozenset({State.DECIDED, State.DONE, State.ACCEPTED}),  # done: denied, nothing is sent
        State.DECIDED: frozenset({State.DONE, State.QUEUED}),  # queued: undone, or its action was taken back unsent
        State.DONE: frozenset({State.QUEUED, State.DECIDED}),  # undone; a dispute sends another action
    }
)
"""Where a case may go from each state, and nowhere else. Only a correction, a change, an undo, an action taken back
or given up, a dispute, or a reading that does not hold any more leads back."""


def require_transition(before: State, after: State) -> None:
    """Make sure that a case may go from one state to the other.

    Raises:
        ForbiddenTransition: it never does.
    """
    if after not in NEXT[State(before)]:
        raise ForbiddenTransition(
            f"A case that is {before} never becomes {after}, only {' or '.join(sorted(NEXT[State(before)]))}. "
            "Nothing was written; report it as a fault of Handrail."
        )


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
    flags: list[str] = field(default_factory=list)
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

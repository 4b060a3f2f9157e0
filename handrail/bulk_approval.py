"""What becomes of each case that somebody wants to approve together with others, unopened."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from handrail.case import State
from handrail.queues import Queue

_BEFORE_A_QUEUE = frozenset({State.RECEIVED, State.QUARANTINED, State.ACCEPTED, State.SCORED})


class Fate(StrEnum):
    """Why a case was left alone; `sentence` says it to people."""

    UNKNOWN = "unknown", "There is no case of this number."
    NOT_QUEUED = "not_queued", "It is not in a queue yet."
    DECIDED = "decided", "It is decided already."
    HELD = "held", "A colleague is working on it."
    NOT_YOURS = "not_yours", "It is not yours to decide."
    PUT_OFF = "put_off", "It was skipped or put off."
    ALONE = "alone", "It has to be looked at by itself."
    CHANGED = "changed", "It is suggested for another category now."
    FULL = "full", "You hold as many cases as one person may."

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Self:
        """A code with its sentence."""
        fate = str.__new__(cls, code)
        fate._value_ = code
        fate.sentence = sentence
        return fate


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a case stands to a reviewer, as they may know it; `kind` and `queue` are None without open work.

    `elsewhere`: assigned to somebody else, or decided by this reviewer before. `put_off`: snoozed, or skipped by them.
    """

    state: str
    kind: str | None
    queue: str | None
    category: str | None
    hidden: bool
    flagged: bool
    held_by_another: bool
    elsewhere: bool
    put_off: bool


def fate_of(standing: Standing | None, category: str) -> Fate | None:
    """Why this case is not approved as `category` together with others; None where nothing is against it.

    Whether a suggestion is another one is told only where it may be seen.
    """
    if standing is None:
        return Fate.UNKNOWN
    if standing.state != State.QUEUED or standing.kind is None:
        return Fate.NOT_QUEUED if standing.state in _BEFORE_A_QUEUE else Fate.DECIDED
    is_quick = standing.kind == "review" and standing.queue == Queue.B and not standing.flagged
    reasons = (
        (standing.held_by_another, Fate.HELD),
        (standing.elsewhere, Fate.NOT_YOURS),
        (standing.put_off, Fate.PUT_OFF),
        (not is_quick or standing.hidden or standing.category is None, Fate.ALONE),
        (standing.category != category, Fate.CHANGED),
    )
    return next((fate for holds, fate in reasons if holds), None)

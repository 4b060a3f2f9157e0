"""What becomes of each case that somebody wants to approve together with others, unopened."""

from dataclasses import dataclass
from enum import StrEnum

from handrail.case import State
from handrail.queues import Queue

_BEFORE_A_QUEUE = frozenset({State.RECEIVED, State.QUARANTINED, State.ACCEPTED, State.SCORED})


class Fate(StrEnum):
    """Why a case was left alone."""

    UNKNOWN = "unknown"
    NOT_QUEUED = "not_queued"
    DECIDED = "decided"
    HELD = "held"
    NOT_YOURS = "not_yours"
    PUT_OFF = "put_off"
    ALONE = "alone"
    CHANGED = "changed"
    FULL = "full"

    @property
    def sentence(self) -> str:
        """The same for people."""
        return _SENTENCES[self]


_SENTENCES = {
    Fate.UNKNOWN: "There is no case of this number.",
    Fate.NOT_QUEUED: "It is not in a queue yet.",
    Fate.DECIDED: "It is decided already.",
    Fate.HELD: "A colleague is working on it.",
    Fate.NOT_YOURS: "It is not yours to decide.",
    Fate.PUT_OFF: "It was skipped or put off.",
    Fate.ALONE: "It has to be looked at by itself.",
    Fate.CHANGED: "It is suggested for another category now.",
    Fate.FULL: "You hold as many cases as one person may.",
}


@dataclass(frozen=True, slots=True)
class CaseStanding:
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


def fate_of(standing: CaseStanding | None, category: str) -> Fate | None:
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

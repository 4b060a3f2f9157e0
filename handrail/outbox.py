"""An action: what a receiver is asked to do for a case, once for each idempotency key."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class NewAction:
    """An action that is to be sent, not before `next_at`.

    `category` is the label decided: a pause stops automatic ones by it.
    """

    case_id: int
    decision_id: int
    key: str
    action: str
    category: str
    automatic: bool
    created_at: datetime
    next_at: datetime


@dataclass(frozen=True, slots=True)
class OutboxAction:
    """An action as it stands: `state` is new, leased, done, retry, dead, unknown or withdrawn.

    `attempts` counts the deliveries tried before.
    """

    id: int
    case_id: int
    key: str
    action: str
    category: str
    automatic: bool
    state: str
    attempts: int

    @property
    def is_in_doubt(self) -> bool:
        """Whether a receiver may have executed it; see `is_in_doubt`."""
        return is_in_doubt(self.state, self.attempts)


def is_in_doubt(state: str, attempts: int) -> bool:
    """Whether a receiver may have executed an action: it was handed over, and nobody has said what became of it.

    One that failed for good at its first delivery was refused; a later refusal says nothing of the first.
    """
    return state in ("leased", "retry", "unknown") or (state == "dead" and attempts > 1)

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

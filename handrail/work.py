"""Work for a person: a review, an audit, a second opinion, a gold case, an escalated or contested case."""

from dataclasses import dataclass
from datetime import datetime

from handrail.case import State


@dataclass(frozen=True, slots=True)
class NewWork:
    """Work that is to be opened.

    `shown_label` and `shown_confidence` are the wrong suggestion seeded into a gold case, `shown_received_at` is the
    age that it passes for.
    """

    case_id: int
    kind: str
    queue: str
    category: str | None
    suggestion_hidden: bool
    opened_at: datetime
    due_at: datetime
    assigned_to: str | None = None
    shown_label: str | None = None
    shown_confidence: float | None = None
    shown_received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Work as it stands: whose it is, until when, and when it is due.

    `fence` grows with each claim; `state` is open or closed.
    """

    id: int
    case_id: int
    kind: str
    queue: str
    category: str | None
    suggestion_hidden: bool
    opened_at: datetime
    due_at: datetime
    state: str
    holder: str | None
    lease_until: datetime | None
    fence: int
    breached_at: datetime | None
    closed_at: datetime | None
    assigned_to: str | None
    snoozed_until: datetime | None
    shown_label: str | None
    shown_confidence: float | None
    shown_received_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Does it still wait for somebody?"""
        return self.state == "open"

    def is_held(self, person: str, now: datetime) -> bool:
        """Has `person` claimed it, and does the lease run?"""
        return self.holder == person and self.lease_until is not None and self.lease_until > now


@dataclass(frozen=True, slots=True)
class PutAside:
    """How much work somebody could take and is not offered: skipped by them, or `snoozed` by anybody.

    The first of it comes back by itself at `back_at`, None of nothing. Nobody who `is_away` is offered anything.
    """

    skipped: int
    snoozed: int
    back_at: datetime | None
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class WorkOnCase(WorkItem):
    """Work with what a decision needs of its case.

    `proposed` is the label that the work shows or would show, None without a prediction; `amount` is in the business's
    currency.
    """

    amount: float | None
    source: str
    external_id: str
    case_state: State
    proposed: str | None
    model_version: str | None

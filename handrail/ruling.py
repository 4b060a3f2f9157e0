"""A ruling: what a person decides of one claimed work item."""

from dataclasses import dataclass

from handrail.case import Outcome


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person decides of one claimed work item."""

    item_id: int
    fence: int
    outcome: Outcome
    label: str | None = None
    reason_code: str | None = None
    note: str | None = None
    seconds: float | None = None
    answer: str | None = None
    """What the customer is told; of a dispute only."""

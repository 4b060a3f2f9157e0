"""A ruling: what a person decides of one claimed work item."""

from dataclasses import dataclass

from handrail.case import Outcome
from handrail.errors import BadInput
from handrail.policy import Policy


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

    def require_reason_of(self, policy: Policy) -> None:
        """Raise where the reason is none of the policy's: a misspelt one would pass by the escalation manager."""
        codes = dict.fromkeys((*policy.desk.reasons, *policy.escalation.reasons))
        if self.reason_code is not None and self.reason_code not in codes:
            raise BadInput(
                f"The policy has no such reason. Choose one of: {', '.join(codes)}. Sentences belong into the note."
            )

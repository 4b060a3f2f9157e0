"""A decision: an outcome applied to a case, or a blind second look at one."""

from dataclasses import dataclass, field
from datetime import datetime

from handrail.case import Outcome


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision that is to be written down.

    `kind` is *automatic* or that of the work; of an automatic one and of practice `work_item_id` is None. `proposed` is
    what the model had said, `label` what is decided, None where no category fits; `seconds` is how long a person took.
    `trained` says whether their training counted at that moment, whatever becomes of it later; None of nobody.
    """

    case_id: int
    work_item_id: int | None
    kind: str
    outcome: Outcome
    proposed: str | None
    label: str | None
    reason_code: str | None
    actor: str
    blind: bool
    seconds: float | None
    decided_at: datetime
    trained: bool | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Decision(NewDecision):
    """A decision as it stands, with its number."""

    id: int
    withdrawal_id: int | None = field(default=None, kw_only=True)
    """Of the withdrawal by which it is evidence no longer; what it decided stands all the same."""

    @property
    def standing(self) -> str | None:
        """The category whose action it chose; a denial may name one, and chooses none."""
        return None if self.outcome == Outcome.DENY else self.label

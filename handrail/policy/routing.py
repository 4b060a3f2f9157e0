"""Rules of the way of a case: queues, due times, escalation, categories, intake, privacy, retention."""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from handrail.policy.base import Consequence, Duration, Money, Share, Stage, Strict
from handrail.policy.calendar import Calendar

# Keys that came later are left out of the content at these values, so that a policy from before them keeps its version.
# For the same reason these values never change.
_OPEN_WORK = timedelta(days=30)
_STOP_AT_LEAST = 20


def _compiles(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    return patterns


Patterns = Annotated[tuple[str, ...], AfterValidator(_compiles)]


class QueueRules(Strict):
    """Confidence bands and what the reviewer may see."""

    auto_above: Share = 0.95
    human_below: Share = 0.70
    uncertified: Literal["review", "fixed"] = "review"
    blind_share: Share = Field(0.10, description="share of queue B whose suggestion is hidden")
    partial_blind_share: Share | None = Field(
        None, description="the same at stage partial; none: as blind_share", exclude_if=lambda share: share is None
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.human_below > self.auto_above:
            raise ValueError("human_below must not be above auto_above")
        return self

    def blind_share_at(self, stage: Stage | None) -> float:
        """Share of queue B whose suggestion is hidden for cases at this stage."""
        partial = self.partial_blind_share if stage is Stage.PARTIAL else None
        return self.blind_share if partial is None else partial


class SlaRules(Strict):
    """Time from assignment to decision, by kind of work."""

    auto: Duration = timedelta(hours=1)
    quick: Duration = timedelta(hours=24)
    decision: Duration = timedelta(hours=4)
    manual: Duration = timedelta(hours=72)
    audit: Duration = timedelta(hours=72)
    calendar: Calendar = Calendar()


class EscalationRules(Strict):
    """Which rejections go to the escalation manager, and how soon they are due."""

    due_within: Duration = timedelta(hours=1)
    reasons: tuple[str, ...] = ("policy", "legal")


class LeaseRules(Strict):
    """How long a claimed case is reserved for its reviewer."""

    duration: Duration = timedelta(minutes=5)


class AmountStep(Strict):
    """From this amount on the consequence of an error is at least this."""

    above: Money
    consequence: Consequence


class CategoryRules(Strict):
    """What one category may do by itself. All of it follows the *predicted* category."""

    action: str = Field(min_length=1, description="name of the action that the receiver executes")
    consequence: Consequence = Consequence.MEDIUM
    consequence_by_amount: tuple[AmountStep, ...] = ()
    amount_limit: Money | None = Field(None, description="above it the case is flagged")
    stage: Stage = Stage.SHADOW
    partial_share: Share = 0.5
    auto_above: Share | None = Field(None, description="replaces queues.auto_above for this category")
    error_cost: Money | None = Field(
        None, description="price of an error; none: `costs.error`", exclude_if=lambda price: price is None
    )
    undone_by: str | None = Field(None, min_length=1, description="action that takes `action` back after a dispute")
    passage: str = Field("", description="what the business's own rules say; shown to the reviewer beside the case")

    def consequence_at(self, amount: float | None) -> Consequence:
        """The highest consequence that applies to `amount`; the category's own when there is none."""
        reached = [
            step.consequence for step in self.consequence_by_amount if amount is not None and amount > step.above
        ]
        return max([self.consequence, *reached], key=list(Consequence).index)


class Retired(Strict):
    """What became of a category that is no more; without `to` nothing takes its place, and people decide."""

    to: str | None = Field(None, min_length=1, description="the category that what is left of it belongs to")


class PrivacyRules(Strict):
    """What is taken out of texts before the model or a log sees them."""

    redact: tuple[Literal["email", "phone", "card", "iban", "ssn", "ip"], ...] = (
        "email",
        "phone",
        "card",
        "iban",
        "ssn",
        "ip",
    )
    phone_region: str = "US"
    consent_when_absent: bool = Field(default=True, description="consent where the source names no such column")


class RetentionRules(Strict):
    """How long erasable content is kept, and who may purge it."""

    inputs: Duration = timedelta(days=365)
    notes: Duration = timedelta(days=730)
    quarantine: Duration = timedelta(days=90)
    open_work: Duration = Field(
        _OPEN_WORK,
        description="second period of a text on whose case somebody still works; then it goes too",
        exclude_if=_OPEN_WORK.__eq__,
    )
    purgers: tuple[str, ...] = Field(("data_curator",), description="roles, or sign-in names; nobody else deletes")


class IntakeRules(Strict):
    """What one batch may look like."""

    batch_rows: Annotated[int, Field(ge=1, le=100_000)] = 5_000
    max_bad_share: Share = 0.10
    stop_at_least: Annotated[int, Field(ge=1)] = Field(
        _STOP_AT_LEAST, description="bad rows; fewer never stop a delivery", exclude_if=_STOP_AT_LEAST.__eq__
    )
    max_text_characters: Annotated[int, Field(ge=100)] = 100_000
    oldest: Duration = Field(timedelta(days=3650), description="a case received earlier is a mistake")

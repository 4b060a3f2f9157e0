"""The policy: every number a steward may change, typed, frozen and versioned by its content."""

import hashlib
import re
from collections.abc import Sequence
from datetime import date, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from handrail import typed_yaml
from handrail.errors import NotFound


def _quoted(value: object) -> object:
    """A bare 24 would silently be seconds, and YAML reads a bare 17:30 as the number 1050."""
    if isinstance(value, int | float):
        # pydantic tells the place of a ValueError only.
        raise ValueError(  # noqa: TRY004
            "write it in ISO 8601 and in quotes, such as 'PT24H' for 24 hours or '09:00' for nine o'clock"
        )
    return value


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Vienna") from error
    return name


Share = Annotated[float, Field(ge=0, le=1)]
Duration = Annotated[timedelta, BeforeValidator(_quoted), Field(gt=timedelta(0))]
TimeOfDay = Annotated[time, BeforeValidator(_quoted)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
Money = Annotated[float, Field(ge=0)]


class Consequence(StrEnum):
    """What an error in this category costs the customer; the `automation map`'s first axis."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Stage(StrEnum):
    """How far a category's rollout has come."""

    MANUAL = "manual"
    SHADOW = "shadow"
    SUGGEST = "suggest"
    PARTIAL = "partial"
    AUTO = "auto"


class Strict(BaseModel):
    """Frozen, and no key that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.human_below > self.auto_above:
            raise ValueError("human_below must not be above auto_above")
        return self


class CertificateRules(Strict):
    """What a certified threshold guarantees and for how long."""

    max_error: Annotated[float, Field(gt=0, lt=1)] = 0.02
    delta: Annotated[float, Field(gt=0, lt=1)] = 0.05
    valid_for: Duration = timedelta(days=60)


class Calendar(Strict):
    """When the business works; SLA time runs only then. The default is always."""

    timezone: TimeZone = "UTC"
    opens: TimeOfDay = time(0)
    closes: TimeOfDay = Field(time(0), description="00:00 means the end of the day")
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        "mon", "tue", "wed", "thu", "fri", "sat", "sun",
    )  # fmt: skip
    holidays: tuple[date, ...] = ()

    @model_validator(mode="after")
    def _open_some_time(self) -> Self:
        if not self.days:
            raise ValueError("days must name at least one working day")
        if self.closes != time(0) and self.closes <= self.opens:
            raise ValueError("closes must be later than opens")
        return self


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


class BreakerRules(Strict):
    """When rejections of audited auto-approvals pause a category."""

    rule: Literal["literal"] = "literal"
    limit: Annotated[float, Field(gt=0, le=1)] = 0.05
    window: Duration = timedelta(hours=48)
    min_reviewed: Annotated[int, Field(ge=1)] = 30
    healthy_rate: Share = Field(0.02, description="true rate for which the false-alarm rate is computed")


class StratumRules(Strict):
    """The audit's strata beside the simple-random draw."""

    low_confidence_below: Share = 0.97
    low_confidence_rate: Share = 0.05
    high_value_above: Money = 200
    high_value_rate: Share = 0.10
    new_segment_days: Annotated[int, Field(ge=1)] = 14
    new_segment_rate: Share = 0.10


class SamplingPolicy(Strict):
    """Which share of auto-approvals people look at again."""

    random_rate: Annotated[float, Field(ge=0.01, le=0.05)] = 0.03
    strata: StratumRules = StratumRules()


class DriftRules(Strict):
    """When an input shift counts, and how much more is audited then."""

    min_cases: Annotated[int, Field(ge=1)] = 100
    psi_at_least: Annotated[float, Field(gt=0)] = 0.1
    min_new_terms: Annotated[int, Field(ge=1)] = 5
    false_discovery_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    audit_factor: Annotated[float, Field(ge=1, le=20)] = 3
    audit_factor_for: Duration = timedelta(days=7)


class NoveltyRules(Strict):
    """Which share of in-scope cases may be called novel."""

    max_in_scope_flagged: Share = 0.02


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

    def consequence_at(self, amount: float | None) -> Consequence:
        """The highest consequence that applies to `amount`; the category's own when there is none."""
        reached = [
            step.consequence for step in self.consequence_by_amount if amount is not None and amount > step.above
        ]
        return max([self.consequence, *reached], key=list(Consequence).index)


class ModelRules(Strict):
    """What the model may see and from how much it may learn."""

    fields: tuple[str, ...] = ()
    min_labels: Annotated[int, Field(ge=10)] = 100
    min_labels_per_category: Annotated[int, Field(ge=2)] = 5
    calibration_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    max_labels: Annotated[int, Field(ge=100)] = Field(20_000, description="the newest are kept")
    max_features: Annotated[int, Field(ge=100)] = 200_000
    seed: int = 7


class PrivacyRules(Strict):
    """What is taken out of texts before the model or a log sees them."""

    redact: tuple[Literal["email", "phone", "card", "iban", "ssn", "ip"], ...] = (
        "email", "phone", "card", "iban", "ssn", "ip",
    )  # fmt: skip
    phone_region: str = "US"
    consent_when_absent: bool = Field(default=True, description="consent where the source names no such column")


class RetentionRules(Strict):
    """How long erasable content is kept, and who may purge it."""

    inputs: Duration = timedelta(days=365)
    notes: Duration = timedelta(days=730)
    quarantine: Duration = timedelta(days=90)
    purgers: tuple[str, ...] = ("data_curator",)


class RetrainingRules(Strict):
    """What starts a retraining."""

    every: Duration = timedelta(days=28)
    error_rate_above: Share = 0.05
    error_window: Duration = timedelta(days=7)
    min_audited: Annotated[int, Field(ge=1)] = 60
    not_again_within: Duration = timedelta(days=6)


class PromotionRules(Strict):
    """What a challenger has to show on the withheld set."""

    withheld: Duration = Field(timedelta(days=28), description="labels older than this no longer judge")
    withheld_share: Share = Field(0.5, description="share of blind labels that never trains")
    shadow_for: Duration = Field(
        timedelta(days=6), description="time a challenger scores in shadow before it is judged"
    )
    min_withheld: Annotated[int, Field(ge=20)] = 200
    margin_per_case: float = Field(0.0, description="gain in business value per case, in `costs.currency`")
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


class CostRules(Strict):
    """What work and errors cost; the business value of a decision is computed from these."""

    currency: str = "USD"
    minutes_manual: Money = 6.0
    minutes_quick: Money = 1.0
    minute: Money = 0.75
    error: Money = 25.0


class FairnessRules(Strict):
    """The groups or proxies that are compared."""

    groups: tuple[str, ...] = ()
    max_gap: Share = 0.05


class WatchRules(Strict):
    """The dead-man's switch: without a living watch nothing is approved by itself."""

    silent_for: Duration = timedelta(hours=30)


class LabelRules(Strict):
    """Whose labels train, and for how long a training counts."""

    training_valid_for: Duration = timedelta(days=180)


class IntakeRules(Strict):
    """What one batch may look like."""

    batch_rows: Annotated[int, Field(ge=1, le=100_000)] = 5_000
    max_bad_share: Share = 0.10
    max_text_characters: Annotated[int, Field(ge=100)] = 100_000
    oldest: Duration = Field(timedelta(days=3650), description="a case received earlier is a mistake")


class KpiGoal(Strict):
    """The 90-day goal of the business case."""

    automation_share: Share = 0.30
    error_rate_at_most: Share = 0.03
    horizon: Duration = timedelta(days=90)


class Policy(Strict):
    """One business's rules. Read it with `read`, never change it in place: edit the file and publish."""

    business: str = Field(min_length=1)
    owner: str = "product_owner"
    queues: QueueRules = QueueRules()
    certificate: CertificateRules = CertificateRules()
    sla: SlaRules = SlaRules()
    escalation: EscalationRules = EscalationRules()
    leases: LeaseRules = LeaseRules()
    breaker: BreakerRules = BreakerRules()
    sampling: SamplingPolicy = SamplingPolicy()
    drift: DriftRules = DriftRules()
    novelty: NoveltyRules = NoveltyRules()
    categories: dict[str, CategoryRules] = Field(min_length=1)
    flags: dict[Literal["policy", "legal", "safety"], Patterns] = {}
    model: ModelRules = ModelRules()
    privacy: PrivacyRules = PrivacyRules()
    retention: RetentionRules = RetentionRules()
    retraining: RetrainingRules = RetrainingRules()
    promotion: PromotionRules = PromotionRules()
    costs: CostRules = CostRules()
    fairness: FairnessRules = FairnessRules()
    watches: WatchRules = WatchRules()
    labels: LabelRules = LabelRules()
    intake: IntakeRules = IntakeRules()
    goal: KpiGoal = KpiGoal()

    @property
    def version(self) -> str:
        """Twelve hex digits of the content's SHA-256: equal content, equal version."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def category(self, label: str) -> CategoryRules:
        """The rules of one category.

        Raises:
            NotFound: the policy has no such category.
        """
        try:
            return self.categories[label]
        except KeyError:
            known = ", ".join(self.categories)
            raise NotFound(f"The policy has no category {label!r}. Use one of: {known}.") from None

    def auto_above(self, label: str) -> float:
        """The fixed part of the auto threshold of one category; a certificate may only raise it."""
        own = self.category(label).auto_above
        return self.queues.auto_above if own is None else own


def read(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        BadPolicy: names the line and the remedy.
    """
    return typed_yaml.load(path, Policy)


def for_labels(labels: Sequence[str], *, business: str = "file") -> Policy:
    """A policy of one entry per label, taken verbatim: low consequence, stage auto, fixed threshold.

    It serves a labelled file in an empty workspace, where nobody has written a policy yet.
    """
    rules = {
        label: CategoryRules(action=label, consequence=Consequence.LOW, stage=Stage.AUTO)
        for label in sorted(set(labels))
    }
    return Policy(business=business, queues=QueueRules(uncertified="fixed"), categories=rules)

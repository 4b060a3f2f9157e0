"""Rules of learning: model, labels, certificates, gates, retraining, promotion."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from handrail.policy.base import Duration, Money, ProperShare, Share, Strict

# Keys that came later are left out of the content at these values, so that a policy from before them keeps its version.
# For the same reason these values never change.
_SETTLES = True
_EARLIER = 10
_VOIDED_WRONGLY = 0.05
_GROWN_BY = 0.5
_NO_TIME = timedelta(0)
_DECIDES_WITHIN = timedelta(days=17)
_GOLD_A_WEEK = 5
_RECHECKS_A_DAY = 6
_RECHECKS_KNOWN = 120
_WRONG_AT_MOST = 0.06


class CertificateRules(Strict):
    """What a certified threshold guarantees and for how long."""

    max_error: ProperShare = 0.02
    delta: ProperShare = 0.05
    valid_for: Duration = timedelta(days=60)
    renew_before: Duration = Field(timedelta(days=14), description="time before its end from which it is renewed")
    retry_after_growth: Annotated[float, Field(gt=0)] = Field(
        0.5, description="share by which the labels have to grow before the next attempt"
    )
    decide_within: Duration = Field(
        _DECIDES_WITHIN,
        description="time since the first label after which a quarter of that growth does for the second attempt",
        exclude_if=_DECIDES_WITHIN.__eq__,
    )
    settles_within: Duration = Field(
        _NO_TIME,
        description="cases younger than this are left out, whatever was said of them: second looks are under way",
        exclude_if=_NO_TIME.__eq__,
    )
    voided_wrongly: ProperShare = Field(
        _VOIDED_WRONGLY,
        description="chance that audits void a certificate that holds",
        exclude_if=_VOIDED_WRONGLY.__eq__,
    )


class ReadinessRules(Strict):
    """What a category has to show before its next stage; these defaults are part of every earlier policy: they stay."""

    shadow_for: Duration = Field(timedelta(days=7), description="blind labels of the serving version, at least so long")
    shadow_at_most: Duration = Field(
        timedelta(days=28), description="time in shadow without a certificate after which suggest comes first"
    )
    labels: Annotated[int, Field(ge=1)] = Field(30, description="blind labels of the category")
    pooled_labels: Annotated[int, Field(ge=1)] = Field(100, description="of all categories, where its own are too few")
    own_within: Duration = Field(timedelta(days=14), description="no category waits longer for labels of its own")
    suggest_agreement: Share = Field(0.80, description="with what people would be shown, low end of the interval")
    partial_agreement: Share = Field(
        0.90, description="with what would run by itself, low end, where the policy asks for no certificate"
    )
    trained: Annotated[int, Field(ge=1)] = Field(2, description="trained people at least: one alone settles nothing")
    cases_a_person: Annotated[int, Field(ge=1)] = Field(100, description="cases a day for each trained person, at most")
    partial_for: Duration = Field(timedelta(days=3), description="time at stage partial, at least")
    audits: Annotated[int, Field(ge=1)] = Field(10, description="audits of the category")
    pooled_audits: Annotated[int, Field(ge=1)] = Field(20, description="of all categories, where its own are too few")


class NoveltyRules(Strict):
    """Which share of in-scope cases may be called novel."""

    max_in_scope_flagged: Share = 0.15


class ModelRules(Strict):
    """What the model may see and from how much it may learn."""

    source: Literal["trained", "given"] = Field(
        "trained", description="trained: Handrail's own; given: label and confidence arrive with each case"
    )
    fields: tuple[str, ...] = ()
    min_labels: Annotated[int, Field(ge=10)] = 100
    min_labels_per_category: Annotated[int, Field(ge=2)] = 5
    calibration_share: ProperShare = 0.2
    max_labels: Annotated[int, Field(ge=100)] = Field(20_000, description="the newest are kept")
    max_features: Annotated[int, Field(ge=100)] = 200_000
    seed: int = 7


class LabelRules(Strict):
    """Whose labels train, and for how long a training counts."""

    training_valid_for: Duration = timedelta(days=180)
    gold_cases: Annotated[int, Field(ge=1)] = Field(20, description="attested cases that a reviewer is tested on")
    gold_right: Share = Field(0.85, description="share of them to get right")
    test_again_after: Duration = Field(timedelta(days=1), description="wait before one begins the next test oneself")
    gold_share: Share = Field(0.0, description="gold cases slipped in among this share of a reviewer's claims")
    gold_window: Annotated[int, Field(ge=5)] = Field(40, description="newest gold cases that a training rests on")
    seeded_wrong: Share = Field(0.5, description="share of the gold cases slipped in that carry a wrong suggestion")
    gold_a_week: Annotated[int, Field(ge=0)] = Field(
        _GOLD_A_WEEK,
        description="gold cases slipped in for each person a week at least, where `gold_share` is above 0",
        exclude_if=_GOLD_A_WEEK.__eq__,
    )
    second_share: Share = Field(
        0.05, description="share of blind labels that another person repeats blindly; at 0 none is"
    )
    rechecks_a_day: Annotated[int, Field(ge=0)] = Field(
        _RECHECKS_A_DAY,
        description="labels of each person a day that another repeats, while little is known of them",
        exclude_if=_RECHECKS_A_DAY.__eq__,
    )
    rechecks_known: Annotated[int, Field(ge=1)] = Field(
        _RECHECKS_KNOWN,
        description="rechecks in eight weeks from which the share alone is drawn",
        exclude_if=_RECHECKS_KNOWN.__eq__,
    )
    wrong_at_most: ProperShare = Field(
        _WRONG_AT_MOST,
        description="share of a person's blind labels that may be wrong before they are named",
        exclude_if=_WRONG_AT_MOST.__eq__,
    )
    consensus_at_least: Annotated[float, Field(gt=0.5, le=1)] = Field(
        0.9, description="posterior probability from which a consensus settles two that disagree"
    )
    settle_differences: bool = Field(
        _SETTLES,
        description="a label that contradicts a sure prediction is looked at again",
        exclude_if=_SETTLES.__eq__,
    )
    earlier_differences_a_day: Annotated[int, Field(ge=0)] = Field(
        _EARLIER,
        description="looks at earlier labels that a new challenger contradicts",
        exclude_if=_EARLIER.__eq__,
    )


class RetrainingRules(Strict):
    """What starts a retraining."""

    every: Duration = timedelta(days=28)
    error_rate_above: Share = 0.05
    error_window: Duration = timedelta(days=7)
    min_audited: Annotated[int, Field(ge=1)] = 60
    new_labels: Annotated[int, Field(ge=1)] = Field(1_000, description="labels that can train, since the last training")
    grown_by: Annotated[float, Field(gt=0)] = Field(
        _GROWN_BY,
        description="or new labels, as a share of those that the serving version learnt from",
        exclude_if=_GROWN_BY.__eq__,
    )
    not_again_within: Duration = timedelta(days=6)


class PromotionRules(Strict):
    """What a challenger has to show on the withheld set."""

    withheld: Duration = Field(timedelta(days=56), description="labels older than this no longer judge")
    withheld_share: Share = Field(0.5, description="share of blind labels that never trains")
    shadow_for: Duration = Field(
        timedelta(days=6), description="time a challenger scores in shadow before it is judged"
    )
    min_withheld: Annotated[int, Field(ge=20)] = 200
    without_evidence: Literal["refuse", "allow"] = Field(
        "refuse", description="may a person promote a version that no withheld label has judged yet?"
    )
    margin_per_case: float = Field(0.0, description="gain in business value per case, in `costs.currency`")
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


def _is_nothing(amount: float) -> bool:
    return amount == 0


class CostRules(Strict):
    """What work and errors cost; the business value of a decision is computed from these."""

    currency: str = "USD"
    minutes_manual: Money = 6.0
    minutes_quick: Money = 1.0
    minute: Money = 0.75
    error: Money = 25.0
    # Later keys: left out at nothing, so that a policy from before them keeps its version.
    steward_minutes_a_week: Money = Field(
        0.0, description="time for looking after the automation", exclude_if=_is_nothing
    )
    licences_a_month: Money = Field(0.0, description="in `currency`", exclude_if=_is_nothing)
    retraining: Money = Field(0.0, description="one training, in `currency`", exclude_if=_is_nothing)


class TrainingSetRules(Strict):
    """What the labels have to look like before a model learns from them."""

    largest_category_at_most: Share = Field(0.90, description="share of the labels")
    agreement_at_least: Annotated[float, Field(ge=-1, le=1)] = Field(0.4, description="Krippendorff's alpha, nominal")
    agreement_cases: Annotated[int, Field(ge=2)] = Field(50, description="fewer cases labelled twice say nothing")
    newest_within: Duration = timedelta(days=56)
    without_text_at_most: Share = 0.05
    repeated_at_most: Share = Field(0.5, description="share of texts that stand more than once")
    near_duplicate_from: ProperShare = Field(0.8, description="share of word triples that two texts have in common")


class WithheldSetRules(Strict):
    """What the withheld labels have to look like before they judge a challenger."""

    newest_within: Duration = timedelta(days=14)
    shift_at_most: Annotated[float, Field(gt=0)] = Field(
        0.25, description="population stability index of the champion's predictions against production"
    )


class ChallengerRules(Strict):
    """What a challenger's predictions on the withheld labels have to look like."""

    calibration_error_at_most: Share = Field(0.05, description="beyond what chance explains at this number of labels")
    covers_from: Share = Field(0.03, description="a category of at least this share of the labels must be predicted")


class GateRules(Strict):
    """What the data gates ask for; a failed one stops the training or the deployment."""

    training_set: TrainingSetRules = TrainingSetRules()
    withheld_set: WithheldSetRules = WithheldSetRules()
    challenger: ChallengerRules = ChallengerRules()

"""The promotion test: a challenger serves only if it is surely worth more on withheld cases.

The bound is Student's on the weighted differences of value, case by case, with two cautions. Errors are rare and
costly, so a small sample may hold none of those that a bolder model will make: a loss and a gain of the size that
the differing cases put at stake are added before the spread is taken. And degrees of freedom are counted on the
differing cases only, unequal weights on what they are worth together (Kish).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from handrail.policy import Consequence, CostRules, Policy, PromotionRules

Floats = NDArray[np.float64]

WEIGHT, PENDING = "weight", "pending"
NEVER = 1.0
"""No confidence is above it."""


@dataclass(frozen=True, slots=True)
class Bands:
    """From which confidence a prediction is executed, and from which a quick look is enough.

    `auto_above` may differ by predicted label; a category that is never automatic has 1.0.
    """

    auto_above: float | Mapping[str, float]
    human_below: float

    @property
    def automate(self) -> bool:
        """Whether there is a confidence that lets anything be executed."""
        limits = self.auto_above.values() if isinstance(self.auto_above, Mapping) else [self.auto_above]
        return any(limit < NEVER for limit in limits)


@dataclass(frozen=True, slots=True)
class Sides:
    """What the two would be let do: each by its own certificates."""

    champion: Bands
    challenger: Bands


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Whether the challenger may serve. `gain` per case and its bounds are in the policy's currency.

    `discordant` counts the cases on which the models differ in value; `reasons` say why it was
    refused, and are empty when it passed; `codes` name the same for the trail. `underpowered` are groups
    whose cases show neither that they get worse nor that they do not; they refuse nothing.
    """

    passed: bool
    gain: float
    low: float
    high: float
    cases: int
    discordant: int
    reasons: tuple[str, ...]
    codes: tuple[str, ...] = ()
    underpowered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Change:
    """Growth of one group's share of errors, with bounds that hold for all groups together."""

    group: str
    cases: int
    grown: float
    low: float
    high: float


def judge(
    withheld: pd.DataFrame,
    *,
    costs: CostRules,
    rules: PromotionRules,
    bands: Bands | Sides,
    groups: Sequence[str] = (),
    max_gap: float = 0.05,
) -> GateVerdict:
    """Compare two models case by case on blind labels that trained neither.

    `withheld` has `truth` (None: no category was right), `champion_label`, `champion_confidence`, `challenger_label`,
    `challenger_confidence`, the columns of `groups`, and may have `weight` (1 / chance of being drawn),
    `champion_novel` and `challenger_novel` (what is novel goes to people), and `pending`: a ruling that somebody
    contradicts, of which the reading counts that is worse for the challenger. `bands` are both models', or each its
    own.
    Guarantee: a challenger that is worth just the margin passes with at most 1 − `rules.confidence`.
    A group is worse if its share of errors demonstrably grew by more than `max_gap`.
    """
    if len(withheld) < rules.min_withheld:
        missing = rules.min_withheld - len(withheld)
        reason = f"{len(withheld)} withheld cases are too few: {missing} more blind labels are needed"
        return GateVerdict(False, 0.0, 0.0, 0.0, len(withheld), 0, (reason,), ("too_few",))  # noqa: FBT003 - a verdict reads as its fields
    weights = _weights(withheld)
    sides = Sides(bands, bands) if isinstance(bands, Bands) else bands
    difference = gains(withheld, costs, sides)
    differing = difference != 0
    stake = _stake(withheld, weights, differing, costs, sides)
    gain = float(np.average(difference, weights=weights))
    low, high = _bounds(*_with_doubt(difference, weights, stake), rules.confidence)
    discordant = int(differing.sum())
    changes = _group_changes(withheld, groups, rules.confidence)
    failed = {
        **_no_gain(low, discordant, costs, rules),
        **{f"worse_{change.group}": _worse(change) for change in changes if change.low > max_gap},
    }
    undecided = tuple(
        f"{change.group} ({change.cases} cases)" for change in changes if change.low <= max_gap < change.high
    )
    return GateVerdict(
        not failed, gain, low, high, len(withheld), discordant, tuple(failed.values()), _codes(failed), undecided
    )


def gains(withheld: pd.DataFrame, costs: CostRules, sides: Sides) -> Floats:
    """How much more each case would be worth with the challenger than with the champion."""

    def more(cases: pd.DataFrame) -> Floats:
        return case_value(cases, "challenger", costs, sides.challenger) - case_value(
            cases, "champion", costs, sides.champion
        )

    ruled = more(withheld)
    if PENDING not in withheld:
        return ruled
    # Two against a model will be its error, two for it a slip of the first person: what will come of it nobody knows.
    slip = more(withheld.assign(truth=withheld["champion_label"]))
    pending = withheld[PENDING].to_numpy(dtype=bool)
    return np.where(pending, np.minimum(ruled, slip), ruled)


def case_value(withheld: pd.DataFrame, model: str, costs: CostRules, bands: Bands) -> Floats:
    """What each case would be worth with `model` (`champion` or `challenger`), against deciding it by hand.

    Executed: the manual minutes saved, or the cost of an error. Quick look: the minutes saved when
    the suggestion is right, the look for nothing when it is wrong. Below: nothing.
    """
    return np.where(_right(withheld, model), *_worth(withheld, model, costs, bands))


def _right(withheld: pd.DataFrame, model: str) -> NDArray[np.bool_]:
    """Whether the model named the settled category; where no category was right, nobody did."""
    truth = withheld["truth"]
    return ((withheld[f"{model}_label"] == truth) & truth.notna()).to_numpy(dtype=bool)


def _worth(withheld: pd.DataFrame, model: str, costs: CostRules, bands: Bands) -> tuple[Floats, Floats]:
    """What each prediction is worth in its band if it is right, and if it is wrong."""
    label, confidence = withheld[f"{model}_label"], withheld[f"{model}_confidence"].to_numpy(dtype=np.float64)
    if isinstance(bands.auto_above, Mapping):
        above = label.map(bands.auto_above).fillna(1.0).to_numpy(dtype=np.float64)
    else:
        above = np.full(len(withheld), bands.auto_above)
    seen = np.zeros(len(withheld), dtype=bool)
    if f"{model}_novel" in withheld:
        seen = withheld[f"{model}_novel"].to_numpy(dtype=bool)
    bands_hit = [~seen & (confidence > above), ~seen & (confidence >= bands.human_below)]
    right = (costs.minutes_manual * costs.minute, (costs.minutes_manual - costs.minutes_quick) * costs.minute)
    wrong = (-costs.error, -costs.minutes_quick * costs.minute)
    return np.select(bands_hit, right, 0.0), np.select(bands_hit, wrong, 0.0)


def _stake(
    withheld: pd.DataFrame, weights: Floats, differing: NDArray[np.bool_], costs: CostRules, sides: Sides
) -> float:
    """Root mean square of the worst that each differing case could have brought; needs no truth."""
    if not differing.any():
        return 0.0
    right, wrong = _worth(withheld, "challenger", costs, sides.challenger)
    known_right, known_wrong = _worth(withheld, "champion", costs, sides.champion)
    same = (withheld["challenger_label"] == withheld["champion_label"]).to_numpy(dtype=bool)
    worst = np.where(same, np.minimum(right - known_right, wrong - known_wrong), wrong - known_right)
    return float(np.sqrt(np.average(worst[differing] ** 2, weights=weights[differing])))


def _bounds(difference: Floats, weights: Floats, confidence: float) -> tuple[float, float]:
    """One-sided lower and upper bounds of the weighted mean, each at `confidence`; infinite on a single case."""
    total = weights.sum()
    mean = float((weights * difference).sum() / total)
    told = weights[difference != 0]
    if not len(told):
        return mean, mean
    freedom = float(told.sum() ** 2 / (told**2).sum()) - 1
    if freedom <= 0:
        return -np.inf, np.inf
    error = float(np.sqrt((weights**2 * (difference - mean) ** 2).sum()) / total)
    reach = float(stats.t.ppf(confidence, freedom)) * error
    return mean - reach, mean + reach


def _with_doubt(difference: Floats, weights: Floats, stake: float) -> tuple[Floats, Floats]:
    """Two more cases, a loss and a gain of `stake`: cases that all went one way would have no spread and prove all.

    Each weighs what the case that stands for an average production case weighs. Without a stake nothing is added.
    Source: Agresti and Min (2005), who do so for differences of paired shares.
    """
    if not stake:
        return difference, weights
    typical = float((weights**2).sum() / weights.sum())
    return np.append(difference, [stake, -stake]), np.append(weights, [typical, typical])


def _no_gain(low: float, discordant: int, costs: CostRules, rules: PromotionRules) -> dict[str, str]:
    if not discordant:
        return {"no_difference": "on no withheld case do the two models differ in value: there is nothing to gain"}
    if low >= rules.margin_per_case:
        return {}
    asked = f"the policy asks for {rules.margin_per_case:.3f}"
    at_least = f"at {rules.confidence:.0%} confidence it may be as low as {low:.3f} {costs.currency} per case"
    return {"gain_uncertain": f"the gain is not certain enough: {at_least}, {asked}"}


def _worse(change: _Change) -> str:
    return f"{change.group} gets worse: its errors grow by {change.grown:.1%} of cases, at least {change.low:.1%}"


def _codes(failed: Mapping[str, str]) -> tuple[str, ...]:
    """The trail names no group: its values come from customers."""
    return tuple(dict.fromkeys("group_worse" if name.startswith("worse_") else name for name in failed))


def _group_changes(withheld: pd.DataFrame, groups: Sequence[str], confidence: float) -> list[_Change]:
    """How the share of errors changes in every group, with Bonferroni over all of them."""
    weights = _weights(withheld)
    wrong = [(~_right(withheld, model)).astype(np.float64) for model in ("challenger", "champion")]
    members = [
        (f"{column} {value!r}", (withheld[column] == value).to_numpy(dtype=bool))
        for column in groups
        for value in sorted(withheld[column].dropna().unique(), key=str)
    ]
    each = 1 - (1 - confidence) / max(len(members), 1)
    changes = []
    for name, inside in members:
        grown: Floats = (wrong[0] - wrong[1])[inside]
        known = weights[inside]
        low, high = _bounds(*_with_doubt(grown, known, 1.0), each)
        changes.append(_Change(name, int(inside.sum()), float(np.average(grown, weights=known)), low, high))
    return changes


def _weights(withheld: pd.DataFrame) -> Floats:
    if WEIGHT in withheld:
        return withheld[WEIGHT].to_numpy(dtype=np.float64)
    return np.ones(len(withheld))


def bands(policy: Policy, certified: Mapping[str | None, float]) -> Bands:
    """From which confidence a version executes each category; one of more than low consequence it never does.

    `certified` are the thresholds of its own certificates, by category, None for the overall one. They raise the
    policy's; where neither stands and the policy asks for one, nothing of the category is executed.
    """
    automatic = {}
    for label, rules in policy.categories.items():
        fixed, threshold = policy.auto_above(label), certified.get(label, certified.get(None))
        if rules.consequence is not Consequence.LOW or (threshold is None and policy.queues.uncertified == "review"):
            automatic[label] = NEVER
        else:
            # A certified threshold is reached, the policy's exceeded.
            automatic[label] = fixed if threshold is None else max(fixed, float(np.nextafter(threshold, 0.0)))
    return Bands(automatic, policy.queues.human_below)

"""The business gate: a challenger serves only if it is surely worth more on withheld cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from handrail.policy import CostRules, PromotionRules

WEIGHT = "weight"


@dataclass(frozen=True, slots=True)
class Bands:
    """From which confidence a prediction is executed, and from which a quick look is enough.

    `auto_above` may differ by predicted label; a category that is never automatic has 1.0.
    """

    auto_above: float | Mapping[str, float]
    human_below: float


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Whether the challenger may serve. `gain` per case and its bounds are in the policy's currency.

    `discordant` counts the cases on which the models differ in value; `reasons` say why it was
    refused, and are empty when it passed.
    """

    passed: bool
    gain: float
    low: float
    high: float
    cases: int
    discordant: int
    reasons: tuple[str, ...]


def judge(
    withheld: pd.DataFrame,
    *,
    costs: CostRules,
    rules: PromotionRules,
    bands: Bands,
    groups: Sequence[str] = (),
    max_gap: float = 0.05,
) -> GateVerdict:
    """Compare two models case by case on blind labels that trained neither.

    `withheld` has `truth`, `champion_label`, `champion_confidence`, `challenger_label`,
    `challenger_confidence`, the columns of `groups`, and may have `weight` (1 / chance of being drawn).
    Guarantee: a challenger that is worth just the margin passes with at most 1 − `rules.confidence`.
    A group is worse if its share of errors demonstrably grew by more than `max_gap`.
    """
    if len(withheld) < rules.min_withheld:
        missing = rules.min_withheld - len(withheld)
        reason = f"{len(withheld)} withheld cases are too few: {missing} more blind labels are needed"
        return GateVerdict(False, 0.0, 0.0, 0.0, len(withheld), 0, (reason,))  # noqa: FBT003 - a verdict reads as its fields
    difference = case_value(withheld, "challenger", costs, bands) - case_value(withheld, "champion", costs, bands)
    gain, low, high = _interval(difference, _weights(withheld), rules.confidence)
    discordant = int(np.count_nonzero(difference))
    reasons = [
        *_no_gain(low, discordant, costs, rules),
        *_worse_groups(withheld, groups, max_gap, rules.confidence),
    ]
    return GateVerdict(not reasons, gain, low, high, len(withheld), discordant, tuple(reasons))


def case_value(withheld: pd.DataFrame, model: str, costs: CostRules, bands: Bands) -> NDArray[np.float64]:
    """What each case would be worth with `model` (`champion` or `challenger`), against deciding it by hand.

    Executed: the manual minutes saved, or the cost of an error. Quick look: the minutes saved when
    the suggestion is right, the look for nothing when it is wrong. Below: nothing.
    """
    label, confidence = withheld[f"{model}_label"], withheld[f"{model}_confidence"].to_numpy(dtype=np.float64)
    right = (label == withheld["truth"]).to_numpy(dtype=bool)
    if isinstance(bands.auto_above, Mapping):
        above = label.map(bands.auto_above).fillna(1.0).to_numpy(dtype=np.float64)
    else:
        above = np.full(len(withheld), bands.auto_above)
    executed = np.where(right, costs.minutes_manual * costs.minute, -costs.error)
    looked_at = np.where(right, costs.minutes_manual - costs.minutes_quick, -costs.minutes_quick) * costs.minute
    return np.where(confidence > above, executed, np.where(confidence >= bands.human_below, looked_at, 0.0))


def _interval(
    difference: NDArray[np.float64], weights: NDArray[np.float64], confidence: float
) -> tuple[float, float, float]:
    """Weighted mean and its one-sided lower and upper bounds.

    Student's t with one degree of freedom less than there are non-zero differences: on the whole sample's
    degrees three lucky cases would already prove a gain.
    """
    total = weights.sum()
    mean = float((weights * difference).sum() / total)
    discordant = np.count_nonzero(difference)
    if discordant < 2:  # noqa: PLR2004 - one case has no spread
        return mean, -np.inf if discordant else mean, np.inf if discordant else mean
    error = float(np.sqrt((weights**2 * (difference - mean) ** 2).sum()) / total)
    reach = float(stats.t.ppf(confidence, discordant - 1)) * error
    return mean, mean - reach, mean + reach


def _no_gain(low: float, discordant: int, costs: CostRules, rules: PromotionRules) -> list[str]:
    if not discordant:
        return ["on no withheld case do the two models differ in value: there is nothing to gain"]
    if low >= rules.margin_per_case:
        return []
    asked = f"the policy asks for {rules.margin_per_case:.3f}"
    at_least = f"at {rules.confidence:.0%} confidence it may be as low as {low:.3f} {costs.currency} per case"
    return [f"the gain is not certain enough: {at_least}, {asked}"]


def _worse_groups(withheld: pd.DataFrame, groups: Sequence[str], max_gap: float, confidence: float) -> list[str]:
    """Groups whose share of errors grew demonstrably; small ones show nothing and are not refused."""
    weights = _weights(withheld)
    wrong = [
        (withheld[f"{model}_label"] != withheld["truth"]).to_numpy(dtype=float) for model in ("challenger", "champion")
    ]
    members = [
        (column, value, (withheld[column] == value).to_numpy(dtype=bool))
        for column in groups
        for value in sorted(withheld[column].dropna().unique(), key=str)
    ]
    each = 1 - (1 - confidence) / max(len(members), 1)  # Bonferroni over all groups
    reasons = []
    for column, value, inside in members:
        grown, low, _ = _interval(*_with_doubt((wrong[0] - wrong[1])[inside], weights[inside]), each)
        if low > max_gap:
            reasons.append(
                f"{column} {value!r} gets worse: its errors grow by {grown:.1%} of cases, at least {low:.1%}"
            )
    return reasons


def _with_doubt(
    difference: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two more cases, one for each model: three that all went wrong would have no spread and prove anything.

    Source: Agresti and Min (2005) for differences of paired shares.
    """
    average = weights.mean()
    return np.append(difference, [1.0, -1.0]), np.append(weights, [average, average])


def _weights(withheld: pd.DataFrame) -> NDArray[np.float64]:
    if WEIGHT in withheld:
        return withheld[WEIGHT].to_numpy(dtype=np.float64)
    return np.ones(len(withheld))

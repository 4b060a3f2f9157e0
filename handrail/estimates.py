"""What audits say about all auto-approvals: error rates with intervals, their trend, and how many more are needed.

Intervals here hold their level on average over rates, for reading; `clopper_pearson` alone holds it at every rate,
where something is promised. The rate is that of the approvals the draw looked at, a fixed set: errors may come in
clusters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from handrail.errors import BadInput
from handrail.proportions import wilson

Floats = NDArray[np.float64]

FEW_ERRORS = 20
"""Below so many errors a normal approximation is too coarse."""
_FEW_PERIODS = 3
_FEW_FOR_A_TREND = 5  # errors


@dataclass(frozen=True)
class Estimate:
    """A rate with its interval; without a sample n is 0 and the interval is all of [0, 1].

    `effective` is how many audits of equal chance say as much as these `n`, and `pending` how many contradictions
    among them nobody has settled yet.
    """

    rate: float
    low: float
    high: float
    n: int
    errors: int
    method: str
    effective: float = 0.0
    pending: int = 0


class Direction(StrEnum):
    """What a series of rates shows."""

    RISING = "rising"
    FALLING = "falling"
    NONE_SHOWN = "no trend shown"
    TOO_FEW = "too few to say"


@dataclass(frozen=True)
class Trend:
    """Change of a rate per period with its interval; without enough periods or errors all of it is open."""

    direction: Direction
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None


NO_SAMPLE = Estimate(0.0, 0.0, 1.0, 0, 0, "no sample")


def hajek(errors: ArrayLike, probabilities: ArrayLike, level: float = 0.95) -> Estimate:
    """The error rate among all candidates, from audits whose chances of being drawn are known.

    Each audit stands for 1 / its probability of all candidates, so that the rate is 0 only where no audit found an
    error. The interval is Wilson's on the effective number of audits: Kish's, (Σ weights)² / Σ weights², or the one
    that the spread of the weighted audits shows, where it is smaller. Kish alone misses where errors sit among those
    that were drawn least; with equal weights both are the number of audits.

    Args:
        errors: true where the audit found an error, one entry an audit.
        probabilities: inclusion probability of each audit, in (0, 1].
        level: confidence of the interval.

    Returns:
        The rate with its interval; `n` and `errors` count every audit given. An empty sample gives n = 0 and [0, 1].

    Raises:
        BadInput: lengths differ or a probability is outside (0, 1].

    Source: Hájek 1971; Kish, Survey Sampling (1965); Wilson 1927; docs/decisions/0041-weights.md.

    >>> estimate = hajek([True, False, False], [1.0, 0.5, 0.5])
    >>> estimate.rate, estimate.n, estimate.errors
    (0.2, 3, 1)
    """
    wrong, chance = _audits(errors, probabilities)
    if not len(wrong):
        return NO_SAMPLE
    rate, size = _ratio(wrong, chance), effective(wrong, chance)
    lows, highs = wilson(np.array([rate * size]), np.array([size]), level)
    method = "wilson" if np.ptp(chance) == 0 else "wilson on the effective size"
    # Weights add up to the last digit only: the rate itself may lie beyond an end by as much.
    low, high = min(float(lows[0]), rate), max(float(highs[0]), rate)
    return Estimate(rate, low, high, len(wrong), int(wrong.sum()), method, size)


def of_audits(audits: pd.DataFrame, level: float = 0.95) -> Estimate:
    """The error rate that audits show, each weighted for how it was drawn.

    Args:
        audits: columns rejected (missing where nobody ruled yet) and inclusion_probability; pending, where it is kept.
        level: confidence of the interval.

    Returns:
        As `hajek`, of the audits that were ruled on, with the number that are pending.

    Raises:
        BadInput: a probability is outside (0, 1].

    Source: docs/decisions/0041-weights.md.

    >>> audits = pd.DataFrame({"rejected": [True, False, None], "inclusion_probability": [0.5, 0.25, 0.25]})
    >>> round(of_audits(audits).rate, 3), of_audits(audits).n
    (0.333, 2)
    """
    ruled = audits[audits["rejected"].notna()]
    found = hajek(ruled["rejected"].to_numpy(dtype=bool), ruled["inclusion_probability"].to_numpy(dtype=float), level)
    pending = int(audits["pending"].eq(True).sum()) if "pending" in audits else 0  # noqa: FBT003 - a value
    return replace(found, pending=pending)


def effective(errors: ArrayLike, probabilities: ArrayLike) -> float:
    """How many audits of equal chance would say as much as these.

    Args:
        errors: true where the audit found an error, one entry an audit.
        probabilities: inclusion probability of each audit, in (0, 1].

    Returns:
        The smaller of Kish's effective number and rate · (1 - rate) ÷ the variance that the weighted audits show; the
        number of audits where all chances are equal, 0 without any.

    Raises:
        BadInput: lengths differ or a probability is outside (0, 1].

    Source: Kish, Survey Sampling (1965); docs/decisions/0041-weights.md.

    >>> effective([True, False, False], [0.1, 0.1, 0.1]), round(effective([False, False, False], [1.0, 0.5, 0.5]), 6)
    (3.0, 2.777778)
    """
    wrong, chance = _audits(errors, probabilities)
    if not len(wrong):
        return 0.0
    weight, rate = 1 / chance, _ratio(wrong, chance)
    if np.ptp(chance) == 0:
        return float(len(wrong))
    kish = float(weight.sum() ** 2 / (weight**2).sum())
    variance = float((weight**2 * (wrong - rate) ** 2).sum() / weight.sum() ** 2)
    return min(kish, rate * (1 - rate) / variance) if variance > 0 else kish


def exceeds(rate: Estimate, drawn: Estimate, bound: float) -> bool:
    """Whether an error rate surely lies above a bound.

    With few errors both intervals must lie above: Wilson's low end does so for one error in one audit, which proves
    nothing.

    Args:
        rate: the estimate from every audit.
        drawn: the exact interval of the simple-random draw alone.
        bound: the error rate that must be exceeded, in [0, 1].

    Returns:
        True where both low ends lie above the bound, from 20 errors on where that of `rate` does.

    Source: docs/decisions/0020-audit-design.md.

    >>> exceeds(hajek([True], [1.0]), clopper_pearson(1, 1), 0.05)
    False
    >>> exceeds(hajek([True] * 9, [1.0] * 9), clopper_pearson(9, 9), 0.05)
    True
    """
    return rate.low > bound and (rate.errors >= FEW_ERRORS or drawn.low > bound)


def clopper_pearson(errors: int, n: int, level: float = 0.95) -> Estimate:
    """The exact binomial interval of a rate; it covers with at least `level`, mostly more.

    Args:
        errors: errors among the cases.
        n: cases.
        level: confidence of the interval.

    Returns:
        The rate with its interval; n = 0 gives [0, 1].

    Source: Clopper and Pearson 1934.

    >>> interval = clopper_pearson(0, 20)
    >>> interval.rate, interval.low, round(interval.high, 3)
    (0.0, 0.0, 0.168)
    """
    if n == 0:
        return NO_SAMPLE
    tail = (1 - level) / 2
    low = stats.beta.ppf(tail, errors, n - errors + 1) if errors else 0.0
    high = stats.beta.isf(tail, errors + 1, n - errors) if errors < n else 1.0
    return Estimate(errors / n, float(low), float(high), n, errors, "clopper-pearson on the simple-random draw", n)


def expected_error(confidences: ArrayLike, level: float = 0.95) -> Estimate:
    """The error rate that calibrated confidences expect without any label: the mean of 1 - confidence.

    The interval holds the realised rate of these cases if the confidences are calibrated. Whether they are is what
    audits are for.

    Args:
        confidences: one for each case, in [0, 1]; missing ones (NaN) are left out.
        level: confidence of the interval.

    Returns:
        The rate with its interval; `errors` is the expected number, rounded. Without confidences n = 0 and [0, 1].

    Raises:
        BadInput: a confidence outside [0, 1].

    Source: mean and variance of the Poisson binomial distribution; docs/decisions/0020-audit-design.md.

    >>> estimate = expected_error([0.9, 0.7, np.nan])
    >>> round(estimate.rate, 6), estimate.n
    (0.2, 2)
    """
    stated = np.asarray(confidences, dtype=np.float64)
    stated = stated[~np.isnan(stated)]
    if not ((stated >= 0) & (stated <= 1)).all():
        raise BadInput("Confidences lie between 0 and 1. Correct the predictions.")
    if not len(stated):
        return NO_SAMPLE
    rate = float(1 - stated.mean())
    reach = _z(level) * float(np.sqrt((stated * (1 - stated)).sum())) / len(stated)
    low, high = max(0.0, rate - reach), min(1.0, rate + reach)
    return Estimate(rate, low, high, len(stated), round(rate * len(stated)), "confidence-based, no labels")


def assisted(
    errors: ArrayLike, probabilities: ArrayLike, expected: ArrayLike, expected_of_all: ArrayLike, level: float = 0.95
) -> Estimate | None:
    """The error rate from audits and the model's own expected errors together, tuned for power (PPI++).

    The weight of the model's expectation is fitted to the audits: a useless or miscalibrated model gets none, and the
    estimate stays unbiased whatever its calibration. In large samples its interval is never wider than that of `hajek`.

    Args:
        errors: true where the audit found an error, one entry an audit.
        probabilities: inclusion probability of each audit, in (0, 1].
        expected: 1 - confidence of each audited case.
        expected_of_all: 1 - confidence of every candidate.
        level: confidence of the interval.

    Returns:
        The rate with its interval; None below 20 errors, where the normal approximation fails, and without confidences.

    Raises:
        BadInput: lengths differ, or a probability is outside (0, 1].

    Source: Angelopoulos, Duchi and Zrnic, PPI++ (2023); Cassel, Särndal and Wretman 1976 (difference estimator).

    >>> wrong, expected = [True] * 20 + [False] * 80, [0.6] * 20 + [0.1] * 80
    >>> round(assisted(wrong, [0.5] * 100, expected, expected * 2).rate, 3)
    0.2
    >>> assisted([True], [0.5], [0.1], [0.1]) is None
    True
    """
    wrong, chance = _audits(errors, probabilities)
    predicted, of_all = (np.asarray(one, dtype=np.float64) for one in (expected, expected_of_all))
    if len(predicted) != len(wrong):
        raise BadInput("Each audit needs the error that the model expected of it. Pass lists of equal length.")
    if not FEW_ERRORS <= wrong.sum() < len(wrong) or np.isnan(predicted).any() or np.isnan(of_all).any():
        return None
    weight = 1 / chance
    centred = predicted - np.average(predicted, weights=weight)
    spread = (weight * (1 - chance) / chance * centred**2).sum()
    rate = float(np.average(wrong, weights=weight))
    power = float((weight * (1 - chance) / chance * centred * (wrong - rate)).sum() / spread) if spread > 0 else 0.0
    together = rate + power * float(of_all.mean() - np.average(predicted, weights=weight))
    together = min(max(together, 1 / len(wrong) / 2), 1 - 1 / len(wrong) / 2)
    residual = (wrong - rate - power * centred) / chance
    error = float(np.sqrt(((1 - chance) * residual**2).sum()) / weight.sum())
    low, high = _logit_interval(together, error, level)
    return Estimate(together, low, high, len(wrong), int(wrong.sum()), f"ppi++, weight {power:.2f}")


def trend(errors: Sequence[float], audited: Sequence[float], level: float = 0.95) -> Trend:
    """Whether a rate rises or falls over periods of equal length.

    The slope is the weighted least-squares one, its test Cochran and Armitage's for a linear trend in proportions.

    Args:
        errors: errors of each period, oldest first; rate times effective number where audits weigh unequally.
        audited: audits of each period, or their effective number; periods without any are skipped.
        level: confidence of the interval and of the test.

    Returns:
        Direction, slope per period, its interval and p; below 3 periods or 5 errors the direction alone: too few to
        say.

    Raises:
        BadInput: more errors than audits, or lengths that differ.

    Source: Cochran 1954; Armitage 1955. Oracle: scipy.stats.linregress of the single audits.

    >>> str(trend([1, 5, 12], [100, 100, 100]).direction)
    'rising'
    >>> str(trend([1, 0], [100, 100]).direction)
    'too few to say'
    """
    k, n = np.asarray(errors, dtype=np.float64), np.asarray(audited, dtype=np.float64)
    if len(k) != len(n) or (k < 0).any() or (k > n).any():
        raise BadInput("Each period needs its errors and its audits, and no more errors than audits.")
    if (n > 0).sum() < _FEW_PERIODS or k.sum() < _FEW_FOR_A_TREND or k.sum() == n.sum():
        return Trend(Direction.TOO_FEW)
    at, rate = np.arange(len(n)), k.sum() / n.sum()
    centred = at - np.average(at, weights=n)
    scale = float((n * centred**2).sum())
    slope = float((k * centred).sum() / scale)
    error = math.sqrt(rate * (1 - rate) / scale)
    p = float(2 * stats.norm.sf(abs(slope) / error))
    reach = _z(level) * error
    shown = Direction.RISING if slope > 0 else Direction.FALLING
    return Trend(shown if p <= 1 - level else Direction.NONE_SHOWN, slope, slope - reach, slope + reach, p)


def needed(estimate: Estimate, reach: float = 0.01, level: float = 0.95) -> int:
    """How many more audits it takes until the interval reaches `reach` to each side.

    Reckoned from the middle of the interval rather than from the rate, so that ten audits without an error do not
    promise that no more are needed; and for audits that are worth as little each as those so far.

    Args:
        estimate: what the audits so far say.
        reach: half the width wanted, in (0, 0.5); 0.01 is one point.
        level: confidence of the interval.

    Returns:
        Audits still missing; 0 where the interval is as narrow already.

    Raises:
        BadInput: a reach outside (0, 0.5).

    Source: Cochran, Sampling Techniques (1977), chapter 4.

    >>> needed(NO_SAMPLE, 0.05), needed(clopper_pearson(0, 1000), 0.05)
    (385, 0)
    """
    if not 0 < reach < 0.5:  # noqa: PLR2004 - half a share to each side is all of it
        raise BadInput("The precision lies between 0 and one half, such as 0.01 for one point. Correct it.")
    if estimate.n and (estimate.high - estimate.low) / 2 <= reach:
        return 0
    size = estimate.effective or estimate.n
    rate = min(estimate.rate + _z(level) ** 2 / (2 * size), 0.5) if size else 0.5
    in_all = _z(level) ** 2 * rate * (1 - rate) / reach**2
    return max(math.ceil(in_all * estimate.n / size if size else in_all) - estimate.n, 1)


def _audits(errors: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    wrong, chance = np.asarray(errors, dtype=bool), np.asarray(probabilities, dtype=np.float64)
    if len(wrong) != len(chance) or not ((chance > 0) & (chance <= 1)).all():
        raise BadInput("Each audit needs one inclusion probability in (0, 1]. Read both from the stored draw.")
    return wrong, chance


def _ratio(wrong: NDArray[np.bool_], chance: Floats) -> float:
    return float((wrong / chance).sum() / (1 / chance).sum())


def _logit_interval(rate: float, error: float, level: float) -> tuple[float, float]:
    reach = _z(level) * error / (rate * (1 - rate))
    low, high = special.expit(special.logit(rate) + np.array([-reach, reach]))
    return float(low), float(high)


def _z(level: float) -> float:
    return float(stats.norm.isf((1 - level) / 2))

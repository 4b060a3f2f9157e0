"""What audits say about all auto-approvals: error rates with intervals, their trend, and how many more are needed.

Intervals here hold their level on average over rates, for reading; `clopper_pearson` alone holds it at every rate,
where something is promised. The rate is that of the approvals the draw looked at, a fixed set: errors may come in
clusters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
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
    """A rate with its interval; without a sample n is 0 and the interval is all of [0, 1]."""

    rate: float
    low: float
    high: float
    n: int
    errors: int
    method: str


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
    """Estimate the error rate among all candidates from audits with known inclusion probabilities.

    `errors` is true where the audit found one. The rate is the Hajek ratio: each audit stands for 1 / its probability
    of all candidates, so that it is 0 only where no audit found an error. From 20 errors on its interval is that of the
    design-based variance (independent draws) on the logit scale; below, Wilson's on Kish's effective number of audits,
    (Σ weights)² / Σ weights². `n` and `errors` count every audit given. An empty sample gives n = 0 and [0, 1].

    Raises:
        BadInput: lengths differ or a probability is outside (0, 1].
    """
    wrong, chance = _audits(errors, probabilities)
    if not len(wrong):
        return NO_SAMPLE
    if FEW_ERRORS <= wrong.sum() < len(wrong):
        return _design_based(wrong, chance, level)
    even = np.ptp(chance) == 0
    return _score(wrong, chance, level, "wilson" if even else "wilson on the effective size")


def exceeds(rate: Estimate, drawn: Estimate, bound: float) -> bool:
    """Does an error rate surely lie above a bound?

    `rate` is the estimate from every audit, `drawn` the exact interval of the simple-random draw. With few errors both
    must lie above: Wilson's low end does so for one error in one audit, which proves nothing.
    """
    return rate.low > bound and (rate.errors >= FEW_ERRORS or drawn.low > bound)


def clopper_pearson(errors: int, n: int, level: float = 0.95) -> Estimate:
    """Exact binomial interval of a rate; it covers with at least `level`, mostly more. n = 0 gives [0, 1]."""
    if n == 0:
        return NO_SAMPLE
    tail = (1 - level) / 2
    low = stats.beta.ppf(tail, errors, n - errors + 1) if errors else 0.0
    high = stats.beta.isf(tail, errors + 1, n - errors) if errors < n else 1.0
    return Estimate(errors / n, float(low), float(high), n, errors, "clopper-pearson on the simple-random draw")


def expected_error(confidences: ArrayLike, level: float = 0.95) -> Estimate:
    """The error rate that calibrated confidences expect without any label: the mean of 1 - confidence.

    The interval holds the realised rate of these cases if the confidences are calibrated, and says nothing about
    whether they are; that is what audits are for. `errors` is the expected number, rounded. Missing ones are left out.

    Raises:
        BadInput: a confidence outside [0, 1].
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
    """Audits and the model's own expected errors together: prediction-powered inference, tuned for power (PPI++).

    `expected` is 1 - confidence of each audited case, `expected_of_all` that of every candidate. The weight of the
    model's word is fitted to the audits: a useless or miscalibrated model gets none, and the estimate stays unbiased
    whatever its calibration; in large samples it is never wider than `hajek`. None below 20 errors, where the normal
    approximation fails. Source: Angelopoulos, Duchi and Zrnic, PPI++ (2023); in survey sampling, the difference
    estimator with a fitted coefficient (Cassel, Särndal and Wretman 1976).

    Raises:
        BadInput: lengths differ, or a probability is outside (0, 1].
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


def trend(errors: Sequence[int], audited: Sequence[int], level: float = 0.95) -> Trend:
    """Whether the rate rises or falls over periods of equal length, oldest first; periods without audits are skipped.

    The slope is the weighted least-squares one, its test Cochran and Armitage's for a linear trend in proportions.
    Oracle: scipy.stats.linregress of the single audits.

    Raises:
        BadInput: more errors than audits, or lengths that differ.
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
    """How many more audits until the interval reaches `reach` to each side: 0 where it does already.

    From the middle of the interval rather than the rate itself, so that ten audits without an error do not promise
    that no more are needed.

    Raises:
        BadInput: a reach outside (0, 0.5).
    """
    if not 0 < reach < 0.5:  # noqa: PLR2004 - half a share to each side is all of it
        raise BadInput("The precision lies between 0 and one half, such as 0.01 for one point. Correct it.")
    if estimate.n and (estimate.high - estimate.low) / 2 <= reach:
        return 0
    rate = min(estimate.rate + _z(level) ** 2 / (2 * estimate.n), 0.5) if estimate.n else 0.5
    in_all = math.ceil(_z(level) ** 2 * rate * (1 - rate) / reach**2)
    return max(in_all - estimate.n, 1)


def _audits(errors: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    wrong, chance = np.asarray(errors, dtype=bool), np.asarray(probabilities, dtype=np.float64)
    if len(wrong) != len(chance) or not ((chance > 0) & (chance <= 1)).all():
        raise BadInput("Each audit needs one inclusion probability in (0, 1]. Read both from the stored draw.")
    return wrong, chance


def _ratio(wrong: NDArray[np.bool_], chance: Floats) -> float:
    return float((wrong / chance).sum() / (1 / chance).sum())


def _design_based(wrong: NDArray[np.bool_], chance: Floats, level: float) -> Estimate:
    rate = _ratio(wrong, chance)
    residual = (wrong - rate) / chance
    error = float(np.sqrt(((1 - chance) * residual**2).sum())) / float((1 / chance).sum())
    low, high = _logit_interval(rate, error, level)
    return Estimate(rate, low, high, len(wrong), int(wrong.sum()), "hajek, design-based")


def _logit_interval(rate: float, error: float, level: float) -> tuple[float, float]:
    reach = _z(level) * error / (rate * (1 - rate))
    low, high = special.expit(special.logit(rate) + np.array([-reach, reach]))
    return float(low), float(high)


def _score(wrong: NDArray[np.bool_], chance: Floats, level: float, method: str) -> Estimate:
    rate, weight = _ratio(wrong, chance), 1 / chance
    size = float(weight.sum() ** 2 / (weight**2).sum())
    low, high = wilson(np.array([rate * size]), np.array([size]), level)
    # Weights add up to the last digit only: the rate itself may lie beyond an end by as much.
    return Estimate(rate, min(float(low[0]), rate), max(float(high[0]), rate), len(wrong), int(wrong.sum()), method)


def _z(level: float) -> float:
    return float(stats.norm.isf((1 - level) / 2))

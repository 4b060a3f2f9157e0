"""Shares and their differences: intervals, tests, and the cases that a difference needs to be found.

Every function takes whole columns: arrays (or lists) of counts, one entry a comparison.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]

POWER = 0.8  # a test that finds the gap that matters less often than this says little by its silence
_FEW = 5  # expected cases in a cell below which the exact test replaces the normal one
_MIDDLE = 0.5  # the share at which a share varies most


def wilson(positive: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson score intervals of shares.

    Args:
        positive: hits of each comparison.
        n: cases of each comparison; neither needs to be whole.
        level: confidence of the intervals.

    Returns:
        Low ends and high ends, each in [0, 1]; [0, 1] without cases.

    Source: Wilson 1927. Oracle: scipy's `binomtest(...).proportion_ci(method="wilson")`.

    >>> low, high = wilson([8], [10])
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.49, 0.943)
    """
    k, cases = np.asarray(positive, dtype=np.float64), np.asarray(n, dtype=np.float64)
    many = np.maximum(cases, 1)
    z = float(stats.norm.isf((1 - level) / 2))
    share, scale = k / many, 1 + z * z / many
    middle = (share + z * z / (2 * many)) / scale
    reach = z * np.sqrt(share * (1 - share) / many + z * z / (4 * many * many)) / scale
    low = np.where(k == 0, 0.0, np.clip(middle - reach, 0.0, 1.0))
    high = np.where(k == cases, 1.0, np.clip(middle + reach, 0.0, 1.0))
    return np.where(cases > 0, low, 0.0), np.where(cases > 0, high, 1.0)


def in_percent(share: float, digits: int = 1) -> str:
    """A share as people read it; what is more than nothing is never written as nothing.

    Args:
        share: the share, 1 is all.
        digits: digits after the point.

    Returns:
        The share in percent.

    >>> in_percent(0.0421), in_percent(0.0), in_percent(0.0004)
    ('4.2%', '0.0%', '<0.1%')
    """
    written = f"{share:.{digits}%}"
    if share > 0 and float(written[:-1]) == 0:
        return f"<{10.0**-digits:.{digits}f}%"
    return written


def newcombe(
    positive: ArrayLike, n: ArrayLike, other: ArrayLike, other_n: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Intervals of the difference of two shares, the first minus the other.

    Built from the Wilson intervals of both, so that they hold their level at shares near 0 and 1 too.

    Args:
        positive: hits on the first side of each comparison.
        n: cases on the first side.
        other: hits on the other side.
        other_n: cases on the other side.
        level: confidence of the intervals.

    Returns:
        Low ends and high ends, each in [-1, 1]; [-1, 1] where a side has no cases.

    Source: Newcombe 1998, method 10. Oracle: statsmodels' `confint_proportions_2indep(method="newcomb")`.

    >>> low, high = newcombe([56], [70], [48], [80])
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.0524, 0.3339)
    """
    cases, other_cases = np.asarray(n, dtype=np.float64), np.asarray(other_n, dtype=np.float64)
    one = np.asarray(positive, dtype=np.float64) / np.maximum(cases, 1)
    two = np.asarray(other, dtype=np.float64) / np.maximum(other_cases, 1)
    (low, high), (other_low, other_high) = wilson(positive, n, level), wilson(other, other_n, level)
    below = one - two - np.hypot(one - low, other_high - two)
    above = one - two + np.hypot(high - one, two - other_low)
    comparable = (cases > 0) & (other_cases > 0)
    return np.where(comparable, below, -1.0), np.where(comparable, above, 1.0)


def difference_p(positive: ArrayLike, n: ArrayLike, other: ArrayLike, other_n: ArrayLike) -> Floats:
    """Two-sided p of the hypothesis that two shares are equal.

    The pooled z-test; Fisher's exact test where a cell expects fewer than five cases.

    Args:
        positive: hits on the first side of each comparison.
        n: cases on the first side.
        other: hits on the other side.
        other_n: cases on the other side.

    Returns:
        One p for each comparison; 1 where either side is empty or every outcome is the same.

    Source: Fisher 1935; Cochran 1954 for the limit of five.

    >>> p = difference_p([10, 3], [100, 3], [30, 0], [100, 3])
    >>> [round(float(one), 4) for one in p]
    [0.0004, 0.1]
    """
    k, cases, rest_k, rest = (
        np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in (positive, n, other, other_n)
    )
    together = np.maximum(cases + rest, 1)
    pooled = (k + rest_k) / together
    comparable = (cases > 0) & (rest > 0) & (pooled > 0) & (pooled < 1)
    few = comparable & (np.minimum(cases, rest) * np.minimum(pooled, 1 - pooled) < _FEW)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(pooled * (1 - pooled) * (1 / cases + 1 / rest))
        z = np.where(comparable, (k / cases - rest_k / rest) / error, 0.0)
    p = np.where(comparable, 2 * stats.norm.sf(np.abs(z)), 1.0)
    for at in np.flatnonzero(few):
        table = np.rint([[k[at], cases[at] - k[at]], [rest_k[at], rest[at] - rest_k[at]]]).astype(np.int64)
        p[at] = stats.fisher_exact(table).pvalue
    return np.asarray(np.minimum(p, 1.0), dtype=np.float64)


def sign_p(better: float, worse: float) -> float:
    """One-sided exact p of the hypothesis that what was better so often, and worse so often, is no better.

    For two judges of the same cases it is McNemar's exact test: only cases count in which exactly one was right.

    Args:
        better: how often the first was better.
        worse: how often it was worse.

    Returns:
        The p of the sign test; 1 where they never differ.

    Source: Conover, Practical Nonparametric Statistics (1999), 3.4; McNemar 1947. Oracle: scipy's `binomtest`.

    >>> sign_p(5, 0), sign_p(0, 0)
    (0.03125, 1.0)
    """
    return float(stats.binom.sf(better - 1, better + worse, _MIDDLE))


def holm(p: ArrayLike) -> Floats:
    """P-values after Holm's step-down adjustment: rejecting those <= a keeps the chance of any false rejection <= a.

    Args:
        p: one p-value for each hypothesis.

    Returns:
        The adjusted values in the same order; none give none.

    Source: Holm 1979. Oracle: statsmodels' `multipletests(method="holm")`.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    scaled = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(scaled, 1.0)
    return adjusted


def times_as_many(n: ArrayLike, other_n: ArrayLike, other_share: ArrayLike, gap: float, alpha: float) -> Floats:
    """By which factor both sides must grow until a gap is found in 80 % of samples.

    The gap is taken to lie towards the middle, where shares vary most, so that the factor is no understatement.

    Args:
        n: cases on the first side of each comparison.
        other_n: cases on the other side.
        other_share: share of hits on the other side.
        gap: the difference of shares that is to be found.
        alpha: level of the two-sided normal test.

    Returns:
        One factor for each comparison, 1 or less where the gap is found by now; infinite where a side is empty or the
        gap is 0.

    Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions (2003), chapter 4.

    >>> factor = times_as_many([100, 0], [900, 900], [0.1, 0.1], gap=0.05, alpha=0.05)
    >>> round(float(factor[0]), 1), float(factor[1])
    (3.6, inf)
    """
    cases, rest = np.asarray(n, dtype=np.float64), np.asarray(other_n, dtype=np.float64)
    base = np.asarray(other_share, dtype=np.float64)
    shifted = np.clip(np.where(base <= _MIDDLE, base + gap, base - gap), 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (cases * shifted + rest * base) / (cases + rest)
        equal = np.sqrt(pooled * (1 - pooled) * (1 / cases + 1 / rest))
        apart = np.sqrt(shifted * (1 - shifted) / cases + base * (1 - base) / rest)
        needed = stats.norm.isf(alpha / 2) * equal + stats.norm.isf(1 - POWER) * apart
        factor = (needed / np.abs(shifted - base)) ** 2
    return np.asarray(np.where((cases > 0) & (rest > 0) & (gap > 0), factor, np.inf), dtype=np.float64)

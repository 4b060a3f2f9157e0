"""What chance explains: p-values of two windows, and their adjustment for many columns."""

import warnings
from collections.abc import Iterable

import numpy as np
from scipy import stats

from handrail.drift.columns import Floats
from handrail.drift.distances import Counts

EXACT_KS = 10_000
"""Above it scipy's exact distribution is slow and equal to the asymptotic one."""
_SUMMED = 5_000
"""Effective size up to which scipy's sum of that many terms is quick enough."""
_ONE_SIDED, _CERTAIN = 2.2, 18.0
"""Of size times squared statistic: from the first on scipy sums, from the second on p is below 1e-15."""
_EXPECTED = 5.0
"""Chi-squared needs as many expected cases a cell (Cochran 1954): with one, 2.3 % of its p were below 1 %."""


def kolmogorov_smirnov_p(statistic: float, first: Floats, second: Floats, size: int) -> float:
    """Two-sided p of the Kolmogorov-Smirnov statistic of two sorted samples; as scipy's ks_2samp.

    Args:
        statistic: largest gap between both distribution functions.
        first: the reference's sample, sorted.
        second: the window's numbers, sorted.
        size: how many numbers `first` stands for.

    Returns:
        Exact up to 10,000 numbers a side, else asymptotic.

    Source: Kolmogorov 1933; Smirnov 1939; docs/decisions/0018-drift-definitions.md. Oracle: scipy's ks_2samp.

    >>> kolmogorov_smirnov_p(1.0, np.array([1.0, 2.0]), np.array([3.0, 4.0]), 2)
    0.3333333333333333
    """
    if len(first) == size and max(size, len(second)) <= EXACT_KS:
        with warnings.catch_warnings():
            # Where its exact distribution fails, scipy takes the asymptotic one by itself, and says so.
            warnings.simplefilter("ignore", RuntimeWarning)
            return float(stats.ks_2samp(first, second).pvalue)
    return ks_tail(statistic, max(np.round(float(size) * len(second) / (size + len(second))), 1.0))


def ks_tail(statistic: float, effective: float) -> float:
    """P(D >= statistic) of the two-sided Kolmogorov distribution; equals scipy's kstwo.sf to 1e-9, in microseconds.

    Large samples that differ cost scipy half a second each: there it sums twice the one-sided probability, which counts
    the chance that both sides reach the statistic, 2 exp(-8 n D^2), once too often. The expansion behind its cdf needs
    no such sum; the same term is added, so that the values agree.

    Args:
        statistic: largest gap, in [0, 1].
        effective: effective size, n m / (n + m) of two samples.

    Returns:
        A probability.

    Source: Simard and L'Ecuyer 2011, as scipy does; docs/decisions/0018-drift-definitions.md.

    >>> bool(np.isclose(ks_tail(0.02, 6000.0), stats.kstwo.sf(0.02, 6000)))
    True
    """
    squared = effective * statistic * statistic  # multiplied as scipy does: it decides which way is taken
    if effective <= _SUMMED or statistic <= 0 or statistic >= 1:
        p = stats.kstwo.sf(statistic, effective)
    elif squared >= _CERTAIN:
        p = 2 * np.exp(-2 * effective * (statistic + 1 / (6 * effective)) ** 2)
    else:
        p = stats.kstwo.sf(statistic, effective) if squared < _ONE_SIDED else _two_sided(statistic, effective)
    return float(np.clip(p, 0.0, 1.0))


def _two_sided(statistic: float, effective: float) -> float:
    tail = 1 - stats.kstwo.cdf(statistic, effective)
    return float(tail + 2 * np.exp(-8 * effective * (statistic + 1 / (6 * effective)) ** 2))


def homogeneity_p(reference: Counts, current: Counts) -> float:
    """P-value of the hypothesis that two windows share one distribution over the same cells.

    Chi-squared; cells with fewer than five cases expected in the smaller window are pooled. A pool that is still as
    small is tested exactly (Fisher) and joined to the others (Bonferroni): beside a long reference one case of a rare
    category proves little, a fifth of the window much.

    Args:
        reference: cases in each cell.
        current: cases of the window in the same cells.

    Returns:
        A probability; 1 for a single cell or an empty window.

    Source: Pearson 1900; Cochran 1954; Fisher 1935. Oracles: scipy's chi2_contingency and fisher_exact.

    >>> round(homogeneity_p(np.array([50, 50]), np.array([30, 70])), 4)
    0.0039
    """
    table = np.array([reference, current])
    sizes = table.sum(axis=1)
    if not sizes.all():
        return 1.0
    both = table.sum(axis=0)
    least = _EXPECTED * sizes.sum() / sizes.min()
    kept, pool = table[:, both >= least], table[:, both < least].sum(axis=1)
    p_values = []
    if pool.sum() >= least:
        kept = np.column_stack([kept, pool])
    elif pool.any() and kept.any():
        p_values.append(float(stats.fisher_exact(np.column_stack([pool, sizes - pool])).pvalue))
    if kept.shape[1] > 1 and kept.any(axis=1).all():
        p_values.append(float(stats.chi2_contingency(kept, correction=False).pvalue))
    return min(1.0, len(p_values) * min(p_values)) if p_values else 1.0


def benjamini_hochberg(p: Iterable[float]) -> Floats:
    """Adjusted p-values: rejecting those <= q keeps the expected share of false rejections <= q.

    Args:
        p: one p-value for each hypothesis.

    Returns:
        The adjusted values in the same order.

    Source: Benjamini and Hochberg 1995.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.04, 0.04]
    """
    values = np.asarray(list(p), dtype=np.float64)
    order = np.argsort(values)[::-1]
    scaled = values[order] * len(values) / np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return adjusted

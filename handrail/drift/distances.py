"""How far apart two windows are: PSI and Jensen-Shannon on counts, Kolmogorov-Smirnov and Wasserstein on numbers."""

import numpy as np
from numpy.typing import NDArray

from handrail.drift.columns import Floats

Counts = NDArray[np.int64]

BLOCK = 64
"""Numbers between two places of the grid on which the distributions are compared first."""


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index of two sets of counts over the same cells, one case added to each cell.

    Args:
        reference: cases in each cell.
        current: cases of the window in the same cells.

    Returns:
        0 for equal shares of equal sizes, without an upper limit; by custom 0.1 is noticeable and 0.25 large.

    Source: Siddiqi, Credit Risk Scorecards (2006); Laplace's rule for empty cells;
    docs/decisions/0018-drift-definitions.md.

    >>> round(psi(np.array([50, 50]), np.array([30, 70])), 4), psi(np.array([5, 5]), np.array([5, 5]))
    (0.1625, 0.0)
    """
    cells = len(reference)
    before, now = ((c + 1) / (c.sum() + cells) for c in (np.asarray(reference), np.asarray(current)))
    return float(((now - before) * np.log(now / before)).sum())


def js_distance(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance of two sets of counts over the same cells, natural logarithm.

    Args:
        reference: cases in each cell, at least one.
        current: cases of the window in the same cells, at least one.

    Returns:
        A distance from 0 to sqrt(ln 2).

    Source: Lin 1991; Endres and Schindelin 2003 for the square root.

    >>> round(js_distance(np.array([1, 0]), np.array([0, 1])), 4), js_distance(np.array([1, 1]), np.array([2, 2]))
    (0.8326, 0.0)
    """
    before, now = reference / reference.sum(), current / current.sum()
    middle = (before + now) / 2
    divergence = (_relative_entropy(before, middle) + _relative_entropy(now, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def ks_and_wasserstein(first: Floats, second: Floats, *, block: int = BLOCK) -> tuple[float, float]:
    """Largest gap and area between the distribution functions F, G of two sorted samples.

    Exact. F - G is taken on a grid of every `block`-th number. Between two places of the grid where it cannot change
    its sign the area follows from sums; only where it can, or where a gap beyond the largest one could hide, every
    number is looked at.

    Args:
        first: sorted numbers, at least one.
        second: sorted numbers, at least one.
        block: numbers between two places of the grid.

    Returns:
        The Kolmogorov-Smirnov statistic in [0, 1], and the Wasserstein-1 distance in the numbers' unit.

    Source: Smirnov 1939; Vallender 1974; docs/decisions/0018-drift-definitions.md. Oracles: scipy's ks_2samp and
    wasserstein_distance.

    >>> ks_and_wasserstein(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    (1.0, 2.0)
    """
    both, ends = (first, second), [first[:1], second[:1], first[-1:], second[-1:]]
    grid = np.unique(np.concatenate([*ends, first[::block], second[::block]]))
    ranks = [np.searchsorted(sample, grid, side="right") for sample in both]
    low, high = (
        [rank[:-1] / len(s) for rank, s in zip(ranks, both, strict=True)],
        [rank[1:] / len(s) for rank, s in zip(ranks, both, strict=True)],
    )
    gap = ranks[0] / len(first) - ranks[1] / len(second)
    most, least = high[0] - low[1], low[0] - high[1]
    close = ((least < 0) & (most > 0)) | (np.maximum(most, -least) > np.abs(gap).max())
    area = np.diff(grid) * gap[:-1]
    area += _gain(first, grid, ranks[0]) / len(first) - _gain(second, grid, ranks[1]) / len(second)
    held = [sample[rank[0] :][np.repeat(close, np.diff(rank))] for sample, rank in zip(both, ranks, strict=True)]
    places = np.sort(np.concatenate([*held, grid]), kind="stable")
    gaps = np.searchsorted(first, places, side="right") / len(first)
    gaps -= np.searchsorted(second, places, side="right") / len(second)
    looked_at = np.append(close, False)[np.searchsorted(grid, places, side="right") - 1]
    near = (np.abs(gaps[:-1]) * np.diff(places))[looked_at[:-1]].sum()
    return float(np.abs(gaps).max()), float(np.abs(area[~close]).sum() + near)


def _gain(sample: Floats, grid: Floats, rank: Counts) -> Floats:
    """By how much the area under the counts of a sample grows within each interval of the grid."""
    held = np.diff(rank)
    interval = np.repeat(np.arange(len(held)), held)
    to_end = grid[1:][interval] - sample[rank[0] : rank[-1]]
    gained: Floats = np.bincount(interval, weights=to_end, minlength=len(held)).astype(np.float64, copy=False)
    return gained


def _relative_entropy(shares: Floats, base: Floats) -> float:
    held = shares > 0
    return float((shares[held] * np.log(shares[held] / base[held])).sum())

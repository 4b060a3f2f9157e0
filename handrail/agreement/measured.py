"""All coefficients of a set of ratings with their intervals."""

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from scipy import sparse

from handrail.agreement import alpha as alphas
from handrail.agreement.alpha import Level, krippendorff_alpha
from handrail.agreement.kappa import CohenKappa, FleissKappa, fleiss_kappa, shared
from handrail.agreement.ratings import Codes, Ratings
from handrail.agreement.resampling import Interval, interval
from handrail.agreement.units import Units

MOST_PAIRS: Final = 300
"""Pairs of raters that are measured: those with the most items in common."""


@dataclass(frozen=True)
class PairAgreement:
    """Two raters over the items both rated; kappa is `None` when chance alone would agree fully."""

    rater_a: str
    rater_b: str
    items: int
    agreement: float | None
    kappa: float | None
    kappa_interval: Interval


@dataclass(frozen=True)
class Agreement:
    """Agreement of all raters; alpha is `None` when no item has two ratings or only one label occurs.

    `fleiss` is Fleiss' kappa, whatever the level. `pairs_left_out` counts those beyond `MOST_PAIRS`.
    """

    items: int
    agreement: float | None
    alpha: float | None
    alpha_interval: Interval
    fleiss: float | None
    fleiss_interval: Interval
    pairs: tuple[PairAgreement, ...]
    pairs_left_out: int = 0


def measure(
    ratings: Ratings,
    rng: np.random.Generator,
    *,
    of: Level | str = Level.NOMINAL,
    pairs: bool = True,
    draws: int = 1000,
    level: float = 0.95,
) -> Agreement:
    """Percent agreement, Krippendorff's alpha, Fleiss' kappa and Cohen's kappa of every pair, with their intervals.

    Args:
        ratings: who gave which label to which item.
        rng: chance of the resamples.
        of: what a difference of labels means: nominal, ordinal or interval.
        pairs: whether the pairs of raters are measured.
        draws: resamples of the bootstrap.
        level: confidence of the intervals.

    Returns:
        All coefficients; None for each that is not defined.

    Raises:
        BadInput: at the interval level, a label that is no number.

    Source: Krippendorff 2011, Fleiss 1971, Cohen 1960; intervals: see `resampling.interval`.

    >>> ratings = Ratings.of_table([[1, 1], [1, 1], [2, 2], [1, 2]])
    >>> measured = measure(ratings, np.random.default_rng(1), draws=10)
    >>> measured.items, measured.agreement, measured.pairs[0].kappa
    (4, 0.75, 0.5)
    """
    of = Level(of)
    alpha, fleiss = alphas.statistic(ratings, of), FleissKappa(Units.of(ratings))
    chosen, left_out = _pairs(ratings) if pairs else ([], 0)
    return Agreement(
        items=len(ratings.items),
        agreement=percent_agreement(ratings),
        alpha=krippendorff_alpha(ratings, of),
        alpha_interval=interval(alpha, rng, draws=draws, level=level),
        fleiss=fleiss_kappa(ratings),
        fleiss_interval=interval(fleiss, rng, draws=draws, level=level),
        pairs=tuple(_pair(ratings, a, b, rng, draws, level) for a, b in chosen),
        pairs_left_out=left_out,
    )


def percent_agreement(ratings: Ratings) -> float | None:
    """Share of agreeing pairs among all pairs of ratings of one item.

    Args:
        ratings: who gave which label to which item.

    Returns:
        A share in [0, 1], not corrected for chance; None without pairs.

    Source: the observed agreement of Fleiss 1971, over all pairs together.

    >>> percent_agreement(Ratings.of_table([[1, 1], [1, 1], [2, 2], [1, 2]]))
    0.75
    """
    units = Units.of(ratings)
    pairs = units.times @ (units.sizes * (units.sizes - 1))
    return float(units.times @ (units.squares - units.sizes) / pairs) if pairs else None


def _pairs(ratings: Ratings) -> tuple[list[tuple[int, int]], int]:
    """The pairs of raters to measure, and how many more have an item in common."""
    count = len(ratings.raters)
    if count * (count - 1) // 2 <= MOST_PAIRS:
        return list(combinations(range(count), 2)), 0
    rated = sparse.csr_array(
        (np.ones(len(ratings.item)), (ratings.rater, ratings.item)), shape=(count, len(ratings.items))
    )
    common = sparse.triu(rated @ rated.T, k=1).tocoo()
    most = np.argsort(-common.data, kind="stable")[:MOST_PAIRS]
    return sorted(zip(common.row[most].tolist(), common.col[most].tolist(), strict=True)), len(common.data) - len(most)


def _pair(ratings: Ratings, a: int, b: int, rng: np.random.Generator, draws: int, level: float) -> PairAgreement:
    both: tuple[Codes, Codes] = shared(ratings, a, b)
    kappa = CohenKappa.of(*both)
    agreement = float((both[0] == both[1]).mean()) if len(both[0]) else None
    return PairAgreement(
        ratings.raters[a],
        ratings.raters[b],
        len(both[0]),
        agreement,
        kappa.value(),
        interval(kappa, rng, draws=draws, level=level),
    )

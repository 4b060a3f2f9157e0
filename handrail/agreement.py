"""Agreement between reviewers, corrected for chance; a missing rating is no opinion, never a label."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ratings:
    """Who said what: `codes[i, r]` is the position in `labels` of rater r's label of item i, or -1."""

    items: tuple[str, ...]
    raters: tuple[str, ...]
    labels: tuple[str, ...]
    codes: NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval; `None` at both ends where fewer than two items can be resampled."""

    low: float | None
    high: float | None


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
    """Agreement of all raters; alpha is `None` when no item has two ratings or only one label occurs."""

    items: int
    agreement: float | None
    alpha: float | None
    alpha_interval: Interval
    pairs: tuple[PairAgreement, ...]


def collect(frame: pd.DataFrame) -> Ratings:
    """Arrange ratings from columns `item`, `rater`, `label`; rows without a label are left out.

    The same rating given twice counts once.

    Raises:
        BadInput: a column is missing, or one rater gave one item two labels.
    """
    absent = {"item", "rater", "label"} - set(frame.columns)
    if absent:
        raise BadInput(f"The ratings lack {', '.join(sorted(absent))}. Name the columns item, rater, label.")
    given = frame[["item", "rater", "label"]].dropna().astype(str).drop_duplicates()
    twice = given.duplicated(["item", "rater"])
    if twice.any():
        item, rater = given.loc[twice, ["item", "rater"]].iloc[0]
        raise BadInput(f"Rater {rater} gave item {item} two labels. Keep one rating for each rater and item.")
    (rows, items), (columns, raters), (codes, labels) = (
        pd.factorize(given[column], sort=True) for column in ("item", "rater", "label")
    )
    table = np.full((len(items), len(raters)), -1, dtype=np.int64)
    table[rows, columns] = codes
    return Ratings(tuple(items), tuple(raters), tuple(labels), table)


def measure(ratings: Ratings, rng: np.random.Generator, *, draws: int = 1000, level: float = 0.95) -> Agreement:
    """Measure percent agreement, Krippendorff's alpha (nominal) and Cohen's kappa of every pair.

    Intervals are percentile bootstraps over items with `draws` resamples at confidence `level`.
    Without ratings every figure is `None`.
    """
    counts = _label_counts(ratings)
    weights = _resamples(len(counts), rng, draws)
    alphas = _alpha_of(counts, weights) if len(weights) else np.array([])
    return Agreement(
        items=len(ratings.items),
        agreement=percent_agreement(ratings),
        alpha=krippendorff_alpha(ratings),
        alpha_interval=_percentiles(alphas, level),
        pairs=tuple(_pair(ratings, a, b, rng, draws, level) for a, b in combinations(range(len(ratings.raters)), 2)),
    )


def percent_agreement(ratings: Ratings) -> float | None:
    """Share of agreeing pairs among all pairs of ratings of one item, 0 to 1; `None` without pairs."""
    counts = _label_counts(ratings)
    raters = counts.sum(axis=1)
    pairs = (raters * (raters - 1)).sum()
    return float((counts * (counts - 1)).sum() / pairs) if pairs else None


def krippendorff_alpha(ratings: Ratings) -> float | None:
    """Krippendorff's alpha, nominal: 1 is full agreement, 0 is chance, below 0 is worse than chance.

    Items with a single rating say nothing and are left out. `None` when no item has two ratings or all
    ratings are one label: chance alone would then agree fully.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C.
    """
    counts = _label_counts(ratings)
    if not len(counts):
        return None
    alpha = _alpha_of(counts, np.ones((1, len(counts))))[0]
    return None if np.isnan(alpha) else float(alpha)


def cohen_kappa(ratings: Ratings, rater_a: str, rater_b: str) -> float | None:
    """Cohen's kappa of two raters over the items both rated; `None` when chance alone agrees fully.

    Raises:
        BadInput: an unknown rater.
    """
    for rater in (rater_a, rater_b):
        if rater not in ratings.raters:
            raise BadInput(f"Nobody called {rater!r} rated anything. Use one of {', '.join(ratings.raters)}.")
    codes = _shared(ratings, ratings.raters.index(rater_a), ratings.raters.index(rater_b))
    if not len(codes):
        return None
    kappa = _kappa_of(codes, len(ratings.labels), np.ones((1, len(codes))))[0]
    return None if np.isnan(kappa) else float(kappa)


def _pair(ratings: Ratings, a: int, b: int, rng: np.random.Generator, draws: int, level: float) -> PairAgreement:
    codes = _shared(ratings, a, b)
    weights = _resamples(len(codes), rng, draws)
    kappas = _kappa_of(codes, len(ratings.labels), weights) if len(weights) else np.array([])
    names = ratings.raters[a], ratings.raters[b]
    agreement = float((codes[:, 0] == codes[:, 1]).mean()) if len(codes) else None
    return PairAgreement(*names, len(codes), agreement, cohen_kappa(ratings, *names), _percentiles(kappas, level))


def _shared(ratings: Ratings, a: int, b: int) -> NDArray[np.int64]:
    codes = ratings.codes[:, [a, b]]
    return codes[(codes >= 0).all(axis=1)]


def _label_counts(ratings: Ratings) -> Floats:
    """Ratings of each label per item, over the items with at least two ratings."""
    said = ratings.codes[:, :, np.newaxis] == np.arange(len(ratings.labels))
    counts: Floats = said.sum(axis=1).astype(np.float64)
    pairable: Floats = counts[counts.sum(axis=1) > 1]
    return pairable


def _alpha_of(counts: Floats, weights: Floats) -> Floats:
    """Alpha for every row of item weights; nan where it is not defined."""
    raters = counts.sum(axis=1)
    disagreement = weights @ ((raters**2 - (counts**2).sum(axis=1)) / (raters - 1))
    totals = weights @ counts
    ratings = totals.sum(axis=1)
    expected = ratings**2 - (totals**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha: Floats = np.where(expected > 0, 1 - (ratings - 1) * disagreement / expected, np.nan)
    return alpha


def _kappa_of(codes: NDArray[np.int64], labels: int, weights: Floats) -> Floats:
    """Kappa for every row of item weights; nan where it is not defined."""
    size = weights.sum(axis=1)
    observed = weights @ (codes[:, 0] == codes[:, 1]) / size
    margins = [weights @ np.eye(labels)[codes[:, side]] / size[:, None] for side in (0, 1)]
    expected = (margins[0] * margins[1]).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa: Floats = np.where(expected < 1 - 1e-12, (observed - expected) / (1 - expected), np.nan)
    return kappa


def _resamples(items: int, rng: np.random.Generator, draws: int) -> Floats:
    """How often each item occurs in each bootstrap resample: `draws` rows; none below two items."""
    if items < 2:  # noqa: PLR2004
        return np.empty((0, items))
    return rng.multinomial(items, np.full(items, 1 / items), size=draws).astype(np.float64)


def _percentiles(values: Floats, level: float) -> Interval:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return Interval(None, None)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))

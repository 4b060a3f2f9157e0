"""Krippendorff's alpha: nominal, ordinal, interval; any number of raters, ratings may be missing."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handrail.agreement.ratings import Codes, Ratings, coded, paired, summed
from handrail.agreement.units import Units

Floats = NDArray[np.float64]

_FEW_CELLS: Final = 2_000_000  # counted in a table; more are sorted instead


class Level(StrEnum):
    """What a difference of labels means: any is alike, so many ranks lie between, or so much."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"


def krippendorff_alpha(ratings: Ratings, level: Level | str = Level.NOMINAL) -> float | None:
    """Krippendorff's alpha: 1 is full agreement, 0 is chance, below 0 is worse than chance.

    Items with a single rating tell nothing and are left out. Time and memory are proportional to the number of ratings.

    Args:
        ratings: who gave which label to which item.
        level: what a difference of labels means: nominal, ordinal or interval.

    Returns:
        Alpha; None when no item has two ratings or all ratings are one label: chance alone would then agree fully.

    Raises:
        BadInput: at the interval level, a label that is no number.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011). Oracle: krippendorff 0.9.

    >>> table = [[1, 1], [1, 1], [2, 2], [1, 2]]
    >>> round(krippendorff_alpha(Ratings.of_table(table)), 4)
    0.5333
    """
    level = Level(level)
    item, label = ratings.pairable()
    return _metric(item, ratings.numbers[label]) if level is Level.INTERVAL else _coded(item, label, level)


def krippendorff_alpha_of(table: ArrayLike, level: Level | str = Level.NOMINAL) -> float | None:
    """Krippendorff's alpha of a table; the same table turned over is what the package krippendorff takes.

    Args:
        table: items × raters of finite numbers, NaN where there is no rating.
        level: what a difference of labels means: nominal, ordinal or interval.

    Returns:
        As `krippendorff_alpha`.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011). Oracle: krippendorff 0.9.

    >>> round(krippendorff_alpha_of([[1, 1], [1, 1], [2, 2], [1, 2]]), 4)
    0.5333
    >>> krippendorff_alpha_of([[1, np.nan], [2, np.nan]]) is None
    True
    """
    level, values = Level(level), np.asarray(table, dtype=np.float64)
    rated = ~np.isnan(values)
    if rated.all():
        item, given = np.repeat(np.arange(len(values)), values.shape[1]), values.reshape(-1)
    else:
        item, given = np.nonzero(rated)[0], values[rated]
    item, chosen = paired(item)
    given = given[chosen]
    return _metric(item, given) if level is Level.INTERVAL else _coded(item, coded(given)[1], level)


def _coded(item: Codes, label: Codes, level: Level) -> float | None:
    if not len(item):
        return None
    totals = np.bincount(label)
    if level is Level.NOMINAL:
        return _nominal(item, label, totals)
    return _metric(item, ranks(totals.astype(np.float64))[label])


def _metric(item: Codes, values: Floats) -> float | None:
    """Alpha by the squares of differences, of values with any centre and scale."""
    if not len(item) or (low := values.min()) == (high := values.max()):
        return None
    sizes, n = np.bincount(item), len(item)
    # Around 0 and within ±1 nothing overflows, and sums of squares do not cancel.
    around = (values / 2 - (low / 4 + high / 4)) / (high / 2 - low / 2)
    squared, of_item = around * around, np.bincount(item, weights=around)
    observed = ((sizes * np.bincount(item, weights=squared) - of_item**2) / (sizes - 1)).sum()
    return float(1 - (n - 1) * observed / (n * squared.sum() - around.sum() ** 2))


def _nominal(item: Codes, label: Codes, totals: Codes) -> float | None:
    sizes, labels, n = np.bincount(item), len(totals), len(label)
    cells = item * labels + label
    if len(sizes) * labels <= _FEW_CELLS:
        counts = np.bincount(cells, minlength=len(sizes) * labels).reshape(-1, labels)
        agreeing = ((np.einsum("ij,ij->i", counts, counts) - sizes) / (sizes - 1)).sum()
    else:
        occupied, counts = np.unique(cells, return_counts=True)
        agreeing = (counts * (counts - 1) / (sizes[occupied // labels] - 1)).sum()
    by_chance = (totals * (totals - 1)).sum() / (n - 1)
    return float((agreeing - by_chance) / (n - by_chance)) if by_chance < n else None


def ranks(totals: Floats) -> Floats:
    """The middle rank of each label, from the centre; the ordinal difference of two labels is that of their ranks.

    Args:
        totals: ratings of each label in their order; or rows of them.

    Returns:
        One rank a label, in the shape of `totals`.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), the ordinal metric.

    >>> ranks(np.array([2.0, 2.0])).tolist()
    [-1.0, 1.0]
    """
    middle: Floats = np.cumsum(totals, axis=-1) - totals / 2 - totals.sum(axis=-1, keepdims=True) / 2
    return middle


def centred(numbers: Floats, totals: Floats) -> Floats:
    """The numbers around their mean and within ±1: alpha stays the same, and neither overflows nor cancels.

    Args:
        numbers: the labels as numbers.
        totals: ratings of each label, at least one above 0.

    Returns:
        One number a label.

    Source: own definition; interval alpha does not depend on centre and scale (Krippendorff 2011).

    >>> centred(np.array([10.0, 30.0]), np.array([1.0, 1.0])).tolist()
    [-0.5, 0.5]
    """
    used = numbers[totals > 0]
    half = used.max() / 2 - used.min() / 2
    around = (numbers - (used.max() / 2 + used.min() / 2)) / (2 * half if half > 0 else 1.0)
    shifted: Floats = around - (totals @ around) / totals.sum()
    return shifted


@dataclass(frozen=True, eq=False)
class NominalAlpha:
    """Alpha of labels that are alike or not."""

    units: Units

    @property
    def times(self) -> Floats:
        """How many items there are of each kind."""
        return self.units.times

    @cached_property
    def differing(self) -> Floats:
        """Disagreement of one item of each kind."""
        sizes = self.units.sizes
        return (sizes**2 - self.units.squares) / (sizes - 1)

    def value(self) -> float | None:
        """Alpha, or None without two labels."""
        alpha = float(self.resampled(self.times[None])[0]) if len(self.times) else np.nan
        return None if np.isnan(alpha) else alpha

    def influence(self) -> Floats:
        """Derivative of log(1 - alpha) by the number of items of each kind."""
        units, totals = self.units, self.units.totals
        n = totals.sum()
        by_chance = 2 * (n * units.sizes - units.sums(totals)) / (n**2 - (totals**2).sum())
        gradient: Floats = self.differing / (self.times @ self.differing) + units.sizes / (n - 1) - by_chance
        return gradient

    def resampled(self, weights: Floats) -> Floats:
        """Alpha for each row of numbers of items of each kind."""
        totals = weights @ self.units.counts
        n = totals.sum(axis=1)
        expected = n**2 - (totals**2).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(expected > 0, 1 - (n - 1) * (weights @ self.differing) / expected, np.nan)


@dataclass(frozen=True, eq=False)
class MetricAlpha:
    """Alpha of labels with a place on a line: `numbers` at the interval level, None for their ranks."""

    units: Units
    numbers: Floats | None

    @property
    def times(self) -> Floats:
        """How many items there are of each kind."""
        return self.units.times

    def value(self) -> float | None:
        """Alpha, or None without two labels."""
        alpha = float(self.resampled(self.times[None])[0]) if len(self.times) else np.nan
        return None if np.isnan(alpha) else alpha

    def influence(self) -> Floats:
        """Derivative of log(1 - alpha) by the number of items of each kind; one more item moves the ranks too."""
        units, totals = self.units, self.units.totals
        place = ranks(totals) if self.numbers is None else centred(self.numbers, totals)
        n, sizes = totals.sum(), units.sizes
        lone, squared = units.sums(place), units.sums(place**2)
        differing = (sizes * squared - lone**2) / (sizes - 1)
        observed, all_summed, all_squared = self.times @ differing, self.times @ lone, self.times @ squared
        expected = n * all_squared - all_summed**2
        by_chance = (sizes * all_squared + n * squared - 2 * all_summed * lone) / expected
        gradient: Floats = differing / observed + sizes / (n - 1) - by_chance
        if self.numbers is not None:
            return gradient
        pull = 2 * self.times[units.kind] * (sizes[units.kind] * place[units.label] - lone[units.kind])
        of_observed = summed(units.label, pull / (sizes[units.kind] - 1), units.labels)
        by_place = of_observed / observed - 2 * totals * (n * place - all_summed) / expected
        above = by_place[::-1].cumsum()[::-1] - by_place / 2
        moved: Floats = gradient + units.sums(above - by_place.sum() / 2)
        return moved

    def resampled(self, weights: Floats) -> Floats:
        """Alpha for each row of numbers of items of each kind."""
        units, counts = self.units, self.units.counts
        totals = weights @ counts
        n = totals.sum(axis=1)
        if self.numbers is None:
            place = ranks(totals)
            lone, squared = place @ counts.T, place**2 @ counts.T
        else:
            fixed = centred(self.numbers, units.totals)[None]
            place, lone, squared = fixed, fixed @ counts.T, fixed**2 @ counts.T
        differing = (units.sizes * squared - lone**2) / (units.sizes - 1)
        expected = n * (totals * place**2).sum(axis=1) - (totals * place).sum(axis=1) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            alpha = 1 - (n - 1) * (weights * differing).sum(axis=1) / expected
        return np.where((totals > 0).sum(axis=1) > 1, alpha, np.nan)


def statistic(ratings: Ratings, level: Level) -> NominalAlpha | MetricAlpha:
    """Alpha as a coefficient that can be resampled.

    Args:
        ratings: who gave which label to which item.
        level: what a difference of labels means.

    Returns:
        The coefficient on the kinds of items that occur; `resampling.interval` takes it.

    Raises:
        BadInput: at the interval level, a label that is no number.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).

    >>> round(statistic(Ratings.of_table([[1, 1], [1, 1], [2, 2], [1, 2]]), Level.NOMINAL).value(), 4)
    0.5333
    """
    units = Units.of(ratings)
    if level is Level.NOMINAL:
        return NominalAlpha(units)
    return MetricAlpha(units, ratings.numbers if level is Level.INTERVAL else None)

"""Kappa: Cohen's of two raters, Fleiss' of any number."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handrail.agreement.ratings import Codes, Ratings, summed
from handrail.agreement.units import Units
from handrail.errors import BadInput

Floats = NDArray[np.float64]


def fleiss_kappa(ratings: Ratings) -> float | None:
    """Fleiss' kappa of any number of raters.

    Items with unequal numbers of ratings follow the generalisation of 1981, which for equal ones is Fleiss' own; items
    with a single rating are left out.

    Args:
        ratings: who gave which label to which item.

    Returns:
        Kappa; None when no item has two ratings or all ratings are one label.

    Source: J. L. Fleiss, Measuring nominal scale agreement (1971), and Statistical Methods for Rates and Proportions
    (1981), section 13.2. Oracle: statsmodels' `fleiss_kappa`.

    >>> round(fleiss_kappa(Ratings.of_table([[1, 1], [1, 1], [2, 2], [1, 2]])), 4)
    0.4667
    """
    item, label = ratings.pairable()
    if not len(item):
        return None
    labels = len(ratings.labels)
    sizes = np.bincount(item)
    occupied, counts = np.unique(item * labels + label, return_counts=True)
    return _fleiss(float((counts**2 / sizes[occupied // labels]).sum()), np.bincount(label), len(sizes))


def fleiss_kappa_of(counts: ArrayLike) -> float | None:
    """Fleiss' kappa of a table of counts.

    Args:
        counts: items × labels, how many ratings of each label an item has.

    Returns:
        As `fleiss_kappa`.

    Source: J. L. Fleiss, Measuring nominal scale agreement (1971). Oracle: statsmodels' `fleiss_kappa`.

    >>> round(fleiss_kappa_of([[2, 0], [2, 0], [0, 2], [1, 1]]), 4)
    0.4667
    """
    table = np.asarray(counts, dtype=np.float64)
    sizes = table.sum(axis=1)
    if sizes.size and sizes.min() < 2:  # noqa: PLR2004 - an item with one rating has no pair
        table, sizes = table[sizes > 1], sizes[sizes > 1]
    return _fleiss(float((np.einsum("ij,ij->i", table, table) / sizes).sum()), table.sum(axis=0), len(table))


def _fleiss(agreeing: float, totals: Floats | Codes, items: int) -> float | None:
    """`agreeing`: the sum over items of the squared counts, each over the item's ratings."""
    n = totals.sum()
    expected = n * n - (totals * totals).sum()
    return float(1 - (n - agreeing) / (n - items) * (n * n / expected)) if expected > 0 else None


def cohen_kappa(ratings: Ratings, rater_a: str, rater_b: str) -> float | None:
    """Cohen's kappa of two raters over the items that both rated.

    Args:
        ratings: who gave which label to which item.
        rater_a: one rater.
        rater_b: the other one.

    Returns:
        Kappa; None without a common item or when chance alone agrees fully.

    Raises:
        BadInput: an unknown rater.

    Source: J. Cohen, A Coefficient of Agreement for Nominal Scales (1960). Oracle: statsmodels' `cohens_kappa`.

    >>> cohen_kappa(Ratings.of_table([[1, 1], [1, 1], [2, 2], [1, 2]]), "0", "1")
    0.5
    """
    for rater in (rater_a, rater_b):
        if rater not in ratings.raters:
            raise BadInput(f"Nobody called {rater!r} rated anything. Use one of {', '.join(ratings.raters[:20])}.")
    a, b = shared(ratings, ratings.raters.index(rater_a), ratings.raters.index(rater_b))
    return CohenKappa.of(a, b).value()


def cohen_kappa_of(table: ArrayLike) -> float | None:
    """Cohen's kappa of a square table of counts.

    Args:
        table: items by the label of one rater (rows) and of the other (columns).

    Returns:
        Kappa; None when chance alone agrees fully.

    Source: J. Cohen, A Coefficient of Agreement for Nominal Scales (1960). Oracle: statsmodels' `cohens_kappa`.

    >>> cohen_kappa_of([[2, 1], [0, 1]])
    0.5
    """
    counts = np.asarray(table, dtype=np.float64)
    n = counts.sum()
    by_chance = counts.sum(axis=1) @ counts.sum(axis=0)
    return float(1 - (n - np.trace(counts)) * n / (n * n - by_chance)) if n * n > by_chance else None


def shared(ratings: Ratings, a: int, b: int) -> tuple[Codes, Codes]:
    """The labels that two raters gave to the items both rated.

    Args:
        ratings: who gave which label to which item.
        a: place of one rater among `ratings.raters`.
        b: place of the other.

    Returns:
        Codes of labels by the one and by the other, item by item.

    Source: own definition; the pairs that Cohen's kappa (1960) counts.

    >>> mine, theirs = shared(Ratings.of_table([[1, 2], [1, np.nan]]), 0, 1)
    >>> mine.tolist(), theirs.tolist()
    ([0], [1])
    """
    mine, theirs = ratings.rater == a, ratings.rater == b
    _, at, other = np.intersect1d(ratings.item[mine], ratings.item[theirs], assume_unique=True, return_indices=True)
    return ratings.label[mine][at], ratings.label[theirs][other]


@dataclass(frozen=True, eq=False)
class FleissKappa:
    """Fleiss' kappa as a coefficient that can be resampled."""

    units: Units

    @property
    def times(self) -> Floats:
        """How many items there are of each kind."""
        return self.units.times

    @cached_property
    def differing(self) -> Floats:
        """Disagreement of one item of each kind."""
        return self.units.sizes - self.units.squares / self.units.sizes

    def value(self) -> float | None:
        """Kappa, or None without two labels."""
        kappa = float(self.resampled(self.times[None])[0]) if len(self.times) else np.nan
        return None if np.isnan(kappa) else kappa

    def influence(self) -> Floats:
        """Derivative of log(1 - kappa) by the number of items of each kind."""
        units, totals = self.units, self.units.totals
        n = totals.sum()
        by_chance = 2 * (n * units.sizes - units.sums(totals)) / (n**2 - (totals**2).sum()) - 2 * units.sizes / n
        pairs = (units.sizes - 1) / (self.times @ (units.sizes - 1))
        gradient: Floats = self.differing / (self.times @ self.differing) - pairs - by_chance
        return gradient

    def resampled(self, weights: Floats) -> Floats:
        """Kappa for each row of numbers of items of each kind."""
        totals = weights @ self.units.counts
        n = totals.sum(axis=1)
        expected = (n**2 - (totals**2).sum(axis=1)) * (weights @ (self.units.sizes - 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(expected > 0, 1 - (weights @ self.differing) * n**2 / expected, np.nan)


@dataclass(frozen=True, eq=False)
class CohenKappa:
    """Cohen's kappa as a coefficient that can be resampled; a kind is a pair of labels, `a` by one and `b` by other."""

    times: Floats
    a: Codes
    b: Codes

    @classmethod
    def of(cls, a: Codes, b: Codes) -> "CohenKappa":
        """From what both said of the same items."""
        if len(a):  # only the labels that occur: a table of all would grow with their square
            occurring, places = np.unique(np.concatenate([a, b]), return_inverse=True)
            a, b, labels = places[: len(a)], places[len(a) :], len(occurring)
        else:
            labels = 1
        cells, times = np.unique(a * labels + b, return_counts=True)
        return cls(times.astype(np.float64), cells // labels, cells % labels)

    @property
    def differ(self) -> Floats:
        """1 where both labels differ."""
        differs: Floats = (self.a != self.b).astype(np.float64)
        return differs

    def _margins(self) -> tuple[Floats, Floats]:
        labels = int(max(self.a.max(), self.b.max())) + 1
        return summed(self.a, self.times, labels), summed(self.b, self.times, labels)

    def value(self) -> float | None:
        """Kappa, or None without items or where chance alone agrees fully."""
        if not len(self.times):
            return None
        of_a, of_b = self._margins()
        n = self.times.sum()
        left = n**2 - of_a @ of_b
        return float(1 - (self.times @ self.differ) * n / left) if left > 0 else None

    def influence(self) -> Floats:
        """Derivative of log(1 - kappa) by the number of items of each kind."""
        of_a, of_b = self._margins()
        n = self.times.sum()
        by_chance = (2 * n - of_b[self.a] - of_a[self.b]) / (n**2 - of_a @ of_b)
        gradient: Floats = self.differ / (self.times @ self.differ) + 1 / n - by_chance
        return gradient

    def resampled(self, weights: Floats) -> Floats:
        """Kappa for each row of numbers of items of each kind."""
        labels = np.arange(int(max(self.a.max(), self.b.max())) + 1)
        of_a, of_b = (weights @ (side[:, None] == labels) for side in (self.a, self.b))
        n = weights.sum(axis=1)
        left = n**2 - (of_a * of_b).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(left > 0, 1 - (weights @ self.differ) * n / left, np.nan)

"""Items as a coefficient sees them: how many ratings of each label; items with equal counts are one kind."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handrail.agreement.ratings import Codes, Ratings, summed

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Units:
    """Kinds of items with at least two ratings each; `kind[j]` and `said[j]` are the ratings of one item of a kind."""

    times: Floats
    kind: Codes
    label: Codes
    labels: int

    @classmethod
    def of(cls, ratings: Ratings) -> "Units":
        """The kinds in these ratings: what coefficients over items, whoever rated them, are measured on."""
        item, label = ratings.pairable()
        count = int(item.max()) + 1 if len(item) else 0
        order = np.argsort(item, kind="stable")
        item, label = item[order], label[order]
        starts = np.searchsorted(item, np.arange(count))
        if not count:
            return cls(np.zeros(0), item, label, len(ratings.labels))
        prints = np.add.reduceat(_print(label), starts)
        _, first, times = np.unique(prints, return_index=True, return_counts=True)
        kind = np.full(count, -1)
        kind[first] = np.arange(len(first))
        chosen = kind[item] >= 0
        return cls(times.astype(np.float64), kind[item[chosen]], label[chosen], len(ratings.labels))

    @cached_property
    def sizes(self) -> Floats:
        """Ratings of one item of each kind."""
        return np.bincount(self.kind, minlength=len(self.times)).astype(np.float64)

    @cached_property
    def counts(self) -> sparse.csr_array:
        """Ratings of each label, kinds × labels."""
        ones = np.ones(len(self.kind))
        return sparse.csr_array((ones, (self.kind, self.label)), shape=(len(self.times), self.labels))

    @cached_property
    def squares(self) -> Floats:
        """The sum over labels of the squared counts, of each kind."""
        return np.asarray(self.counts.multiply(self.counts).sum(axis=1), dtype=np.float64).reshape(-1)

    @cached_property
    def totals(self) -> Floats:
        """Ratings of each label over all items."""
        return summed(self.label, self.times[self.kind], self.labels)

    def sums(self, of_label: Floats) -> Floats:
        """The sum over an item's ratings of something that belongs to their labels, of each kind."""
        return summed(self.kind, of_label[self.label], len(self.times))


def _print(label: Codes) -> NDArray[np.uint64]:
    """A 64-bit fingerprint of each label; their sum (modulo 2^64) is one of the counts, in whatever order they came.

    Source: the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    """
    mixed = (label.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))

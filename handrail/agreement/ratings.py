"""Who said what of which item: one entry a rating, so that memory grows with the ratings and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from handrail.errors import BadInput

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ratings:
    """Rating number j is `labels[said[j]]`, given to `items[item[j]]` by `raters[rater[j]]`; one for rater and item.

    `labels` stand in their order: numbers by size, texts as ordered by whoever collected them, else by alphabet.
    """

    items: tuple[str, ...]
    raters: tuple[str, ...]
    labels: tuple[str, ...]
    item: Codes
    rater: Codes
    label: Codes

    @classmethod
    def of_codes(
        cls, items: Sequence[str], raters: Sequence[str], labels: Sequence[str], codes: ArrayLike
    ) -> "Ratings":
        """From a table items × raters of positions in `labels`; -1 is no rating."""
        table = np.asarray(codes, dtype=np.int64)
        item, rater = np.nonzero(table >= 0)
        return cls(tuple(items), tuple(raters), tuple(labels), item, rater, table[item, rater])

    @classmethod
    def of_table(cls, table: ArrayLike) -> "Ratings":
        """From a table items × raters of numbers; NaN is no rating. Items and raters are named by their places."""
        values = np.asarray(table, dtype=np.float64)
        item, rater = np.nonzero(~np.isnan(values))
        distinct, label = np.unique(values[item, rater], return_inverse=True)
        items, raters = (tuple(map(str, range(size))) for size in values.shape)
        return cls(items, raters, tuple(map(repr, distinct.tolist())), item, rater, label.reshape(-1))

    @cached_property
    def numbers(self) -> Floats:
        """The labels as numbers.

        Raises:
            BadInput: one is none, or infinite.
        """
        values = pd.to_numeric(pd.Series(self.labels, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
        wrong = ~np.isfinite(values)
        if wrong.any():
            raise BadInput(
                f"At the interval level labels are numbers, and {self.labels[int(wrong.argmax())]!r} is none that "
                "counts. Correct it, or measure at the nominal or ordinal level."
            )
        return values

    def pairable(self) -> tuple[Codes, Codes]:
        """Item (numbered afresh from 0) and label of each rating, of the items with at least two."""
        item, chosen = paired(self.item)
        return item, self.label[chosen]


def collect(frame: pd.DataFrame, *, order: Sequence[str] | None = None) -> Ratings:
    """The ratings of a frame; rows without item, rater or label are left out.

    The same rating given twice counts once.

    Args:
        frame: columns `item`, `rater`, `label`.
        order: all labels from the lowest to the highest; else numbers stand by size and texts by alphabet.

    Returns:
        One entry a rating.

    Raises:
        BadInput: a column is missing, one rater gave one item two labels, or `order` lacks a label or repeats one.

    Source: own definition.

    >>> frame = pd.DataFrame({"item": ["1", "1"], "rater": ["ada", "ben"], "label": ["refund", None]})
    >>> collect(frame).labels, len(collect(frame).item)
    (('refund',), 1)
    """
    absent = {"item", "rater", "label"} - set(frame.columns)
    if absent:
        raise BadInput(f"The ratings lack {', '.join(sorted(absent))}. Name the columns item, rater, label.")
    given = frame[["item", "rater", "label"]].dropna()
    (item, items), (rater, raters), (label, labels) = (
        pd.factorize(_texts(given[column]), sort=True) for column in ("item", "rater", "label")
    )
    places, ordered = _ordered([str(name) for name in labels], order)
    label = places[label]
    rated = item.astype(np.int64) * max(len(raters), 1) + rater
    _, first, again = np.unique(rated, return_index=True, return_inverse=True)
    differing = label != label[first][again.reshape(-1)]
    if differing.any():
        at = int(differing.argmax())
        cells = len(np.unique(rated[differing]))
        more = f" So did raters of {cells - 1} further ratings." if cells > 1 else ""
        raise BadInput(
            f"Rater {raters[rater[at]]} gave item {items[item[at]]} two labels.{more} "
            "Keep one rating for each rater and item."
        )
    return Ratings(tuple(items), tuple(raters), tuple(ordered), item[first], rater[first], label[first])


def paired(item: Codes) -> tuple[Codes, NDArray[np.bool_] | slice]:
    """The items of the ratings that are not alone on theirs, numbered afresh from 0.

    Args:
        item: number of the item of each rating.

    Returns:
        The new numbers, and which ratings they belong to.

    Source: own definition; the *pairable* values of Krippendorff 2011.

    >>> paired(np.array([0, 1, 1]))[0].tolist()
    [0, 0]
    """
    sizes = np.bincount(item)
    if sizes.size and sizes.min() > 1:
        return item, slice(None)
    kept = sizes > 1
    chosen = kept[item]
    return (np.cumsum(kept) - 1)[item[chosen]], chosen


def coded(values: Floats) -> tuple[Floats, Codes]:
    """Numbers in order, and the place of each value among them; whole ones close together are not sorted for it.

    Args:
        values: finite numbers.

    Returns:
        The distinct numbers (of close whole ones also those between them), and a place for each value.

    Source: own definition.

    >>> numbers, places = coded(np.array([2.5, 0.5, 2.5]))
    >>> numbers.tolist(), places.tolist()
    ([0.5, 2.5], [1, 0, 1])
    """
    if len(values):
        low = values.min()
        span = values.max() - low
        if span < len(values) + 100 and (values == np.rint(values)).all():
            return np.arange(low, low + span + 1), (values - low).astype(np.int64)
    distinct, places = np.unique(values, return_inverse=True)
    return distinct, places.reshape(-1)


def counts_of(table: ArrayLike) -> Codes:
    """How many ratings of each label an item has.

    Args:
        table: items × raters of numbers, NaN where there is no rating.

    Returns:
        Items × labels.

    Source: own definition; the table that Fleiss 1971 begins with.

    >>> counts_of([[1.0, 1.0], [1.0, 2.0]]).tolist()
    [[2, 0], [1, 1]]
    """
    values = np.asarray(table, dtype=np.float64)
    rated = ~np.isnan(values)
    distinct, label = coded(values[rated])
    cells = np.nonzero(rated)[0] * len(distinct) + label
    return np.bincount(cells, minlength=len(values) * len(distinct)).reshape(len(values), len(distinct))


def summed(places: Codes, weights: Floats, count: int) -> Floats:
    """The sum of weights at each place.

    Args:
        places: numbers from 0 to `count` - 1.
        weights: one for each of them.
        count: how many places there are.

    Returns:
        One sum a place.

    Source: own definition.

    >>> summed(np.array([0, 2, 2]), np.array([1.0, 2.0, 3.0]), 3).tolist()
    [1.0, 0.0, 5.0]
    """
    return np.bincount(places, weights=weights, minlength=count).astype(np.float64, copy=False)


def _texts(column: pd.Series) -> pd.Series:
    """As text; whole numbers without a point, whatever type a file reader gave them."""
    if pd.api.types.is_float_dtype(column.dtype) and np.isfinite(column).all() and (column % 1 == 0).all():
        return column.map("{:.0f}".format).astype(object)
    return column.astype(str).astype(object)


def _ordered(labels: list[str], order: Sequence[str] | None) -> tuple[Codes, list[str]]:
    """Where each label stands in the order, and the labels in it."""
    if order is not None:
        absent = sorted(set(labels) - set(order))
        if absent or len(set(order)) < len(order):
            wrong = f"does not name {', '.join(absent[:5])}" if absent else "names a label twice"
            raise BadInput(f"The order {wrong}. Name every label once, from the lowest to the highest.")
        ordered = [name for name in order if name in set(labels)]
    else:
        numbers = pd.to_numeric(pd.Series(labels, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
        ordered = labels if np.isnan(numbers).any() else [labels[at] for at in np.argsort(numbers, kind="stable")]
    place = {name: at for at, name in enumerate(ordered)}
    return np.array([place[name] for name in labels], dtype=np.int64), ordered

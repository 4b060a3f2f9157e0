"""A column as statistics need it: sorted numbers, or cases per category."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST = 1e150
"""Infinities stand here: beyond every real value, yet their squares are finite."""
_NUMBERS = frozenset({"integer", "floating", "mixed-integer-float", "decimal"})
_ALIKE = frozenset({"string", "boolean", "empty"})


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column's numbers, sorted; `missing` values are not there, `unreadable` ones are there and no numbers."""

    ordered: Floats
    missing: int
    unreadable: int
    integer: bool

    @property
    def finite(self) -> Floats:
        """The numbers without infinities."""
        return finite(self.ordered)


@dataclass(frozen=True)
class Categories:
    """Cases per category, most frequent first, and how many values are missing."""

    counts: dict[str, int]
    missing: int


def is_numeric(values: pd.Series) -> bool:
    """Whether a column holds numbers, times or durations; mixed columns and truth values are categories.

    Args:
        values: one column.

    Returns:
        True where it is compared as numbers.

    Source: docs/decisions/0018-drift-definitions.md.

    >>> is_numeric(pd.Series([1.5, None])), is_numeric(pd.Series([True, False]))
    (True, False)
    """
    kind = values.dtype
    if pd.api.types.is_object_dtype(kind):
        return pd.api.types.infer_dtype(values, skipna=True) in _NUMBERS
    is_number = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    return bool((is_number and not pd.api.types.is_complex_dtype(kind)) or _is_time(values))


def numbers(values: pd.Series) -> Numbers:
    """A column's numbers, sorted; times and durations become seconds, infinities the largest number of all.

    Args:
        values: one column.

    Returns:
        The numbers, and how many values are missing or unreadable.

    Source: docs/decisions/0018-drift-definitions.md.

    >>> column = numbers(pd.Series([3, 1, None]))
    >>> column.ordered.tolist(), column.missing
    ([1.0, 3.0], 1)
    """
    missing = int(values.isna().sum())
    integer = pd.api.types.is_integer_dtype(values.dtype) and not missing
    ordered = np.sort(_plain(values))
    ordered = ordered[: np.searchsorted(ordered, np.nan)]
    if len(ordered) and (ordered[0] < -LARGEST or ordered[-1] > LARGEST):
        ordered = np.clip(ordered, -LARGEST, LARGEST)
    return Numbers(ordered, missing, len(values) - missing - len(ordered), integer)


def categories(values: pd.Series) -> Categories:
    """Cases of each category; what differs only in type, such as 1 and "1", is one category.

    Args:
        values: one column.

    Returns:
        Counts, most frequent first, and how many values are missing.

    Source: docs/decisions/0018-drift-definitions.md.

    >>> categories(pd.Series(["a", "b", "b", None]))
    Categories(counts={'b': 2, 'a': 1}, missing=1)
    """
    if pd.api.types.is_object_dtype(values.dtype) and pd.api.types.infer_dtype(values, skipna=True) not in _ALIKE:
        values = values.map(_name, na_action="ignore").astype(object)
    codes, labels = pd.factorize(values)
    tally = np.bincount(codes + 1, minlength=len(labels) + 1)
    counts: dict[str, int] = {}
    for label, count in sorted(
        zip(map(_name, labels), tally[1:].tolist(), strict=True), key=lambda one: (-one[1], one[0])
    ):
        counts[label] = counts.get(label, 0) + count
    return Categories(counts, int(tally[0]))


def finite(ordered: Floats) -> Floats:
    """The part of sorted numbers that is no infinity.

    Args:
        ordered: sorted numbers, infinities as `LARGEST`.

    Returns:
        A part of the array.

    Source: own definition.

    >>> finite(np.array([-LARGEST, 1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    if len(ordered) and (ordered[0] <= -LARGEST or ordered[-1] >= LARGEST):
        low, high = np.searchsorted(ordered, -LARGEST, side="right"), np.searchsorted(ordered, LARGEST, side="left")
        return ordered[low:high]
    return ordered


def _is_time(values: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype)


def _plain(values: pd.Series) -> Floats:
    """One float a row, NaN where there is no number."""
    if _is_time(values):
        if not pd.api.types.is_timedelta64_dtype(values.dtype):
            values = pd.to_datetime(values, utc=True) - pd.Timestamp(0, tz="UTC")
        values = values.dt.total_seconds()
    if not pd.api.types.is_numeric_dtype(values.dtype):
        values = pd.to_numeric(values, errors="coerce")
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _name(value: object) -> str:
    """A missing value makes floats of whole numbers: 1 and 1.0 name one category."""
    return str(int(value)) if isinstance(value, float | np.floating) and float(value).is_integer() else str(value)

"""The reference that later windows are compared with: built once, kept as JSON, used again."""

import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from handrail.drift.columns import Floats, categories, finite, is_numeric, numbers
from handrail.drift.distances import Counts
from handrail.errors import BadInput

SAMPLE_CAP = 10_000
"""Order statistics kept of a numeric column: the KS statistic is exact to 1 / (2 cap)."""
CATEGORY_CAP = 1_000
"""Categories kept by name; rarer ones are pooled."""


@dataclass(frozen=True, eq=False)
class NumericReference:
    """A numeric column as it was: order statistics, decile edges and counts per cell.

    `sample` is every number, sorted, or `SAMPLE_CAP` evenly spaced ones of more; `missing` values were not there,
    `unreadable` ones no numbers; mean and std are of the finite numbers.
    """

    name: str
    sample: Floats
    edges: Floats
    counts: Counts
    missing: int
    unreadable: int
    mean: float
    std: float
    integer: bool = False
    kind: Literal["numeric"] = "numeric"

    def __eq__(self, other: object) -> bool:
        """Equal in every field."""
        return isinstance(other, NumericReference) and _plain(self) == _plain(other)

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    @property
    def size(self) -> int:
        """How many numbers the sample stands for."""
        return int(self.counts.sum())

    @property
    def complete(self) -> bool:
        """Does the sample hold every number?"""
        return len(self.sample) == self.size


@dataclass(frozen=True)
class CategoricalReference:
    """A categorical column as it was: cases per category, with the rarest pooled in `other`."""

    name: str
    counts: dict[str, int]
    other: int
    missing: int
    kind: Literal["categorical"] = "categorical"


Reference = NumericReference | CategoricalReference


@dataclass(frozen=True)
class ReferenceProfile:
    """What later windows are compared with; small, so it can be saved, versioned and used again."""

    rows: int
    columns: tuple[Reference, ...]

    def to_json(self) -> str:
        """Write the profile as one JSON document; `from_json` gives back an equal profile."""
        return json.dumps({"rows": self.rows, "columns": [_plain(column) for column in self.columns]}, allow_nan=False)

    @classmethod
    def from_json(cls, document: str) -> "ReferenceProfile":
        """Read a profile that `to_json` wrote.

        Raises:
            BadInput: the document is no reference profile.
        """
        try:
            content = json.loads(document)
            return cls(int(content["rows"]), tuple(_column(entry) for entry in content["columns"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"This is no reference profile ({error}). Build it again from a reference.") from error


def build(frame: pd.DataFrame, *, cap: int | None = SAMPLE_CAP) -> ReferenceProfile:
    """The profile of every column of a reference: numbers and times as numbers, all else as categories.

    Args:
        frame: the reference; missing and infinite values are allowed.
        cap: order statistics kept of a numeric column: 10,000 move KS by 1/20,000 at most; None keeps every number.

    Returns:
        What later windows are compared with; nothing drifts from the profile of an empty frame.

    Raises:
        BadInput: two columns have one name.

    Source: docs/decisions/0018-drift-definitions.md.

    >>> profile = build(pd.DataFrame({"amount": [1.0, 2.0, 3.0], "tier": ["gold", "gold", None]}))
    >>> [(column.name, column.kind, column.missing) for column in profile.columns]
    [('amount', 'numeric', 0), ('tier', 'categorical', 1)]
    """
    require_names(frame)
    return ReferenceProfile(len(frame), tuple(_profile(str(name), frame[name], cap) for name in frame.columns))


def require_names(frame: pd.DataFrame) -> None:
    """Make sure that every column can be told by its name.

    Args:
        frame: any frame.

    Raises:
        BadInput: two columns have one name.

    Source: own definition.

    >>> require_names(pd.DataFrame({"amount": [1.0]}))
    """
    twice = sorted({str(name) for name in frame.columns[frame.columns.astype(str).duplicated()]})
    if twice:
        raise BadInput(f"More than one column is called {', '.join(twice)}. Rename all but one.")


def cell_counts(ordered: Floats, edges: Floats) -> Counts:
    """How many of some sorted numbers lie in each cell; a cell holds its upper edge.

    Args:
        ordered: sorted numbers.
        edges: upper ends of all cells but the last, ascending.

    Returns:
        One count a cell, one cell more than edges.

    Source: docs/decisions/0018-drift-definitions.md.

    >>> cell_counts(np.array([1.0, 2.0, 3.0]), np.array([2.0])).tolist()
    [2, 1]
    """
    ends = np.searchsorted(ordered, edges, side="right")
    return np.diff(np.concatenate([[0], ends, [len(ordered)]])).astype(np.int64)


def _profile(name: str, values: pd.Series, cap: int | None) -> Reference:
    if is_numeric(values):
        observed = numbers(values)
        edges, inner = _edges(observed.ordered), observed.finite
        mean, std = (float(inner.mean()), float(inner.std())) if len(inner) else (0.0, 0.0)
        return NumericReference(
            name,
            _thinned(observed.ordered, cap),
            edges,
            cell_counts(observed.ordered, edges),
            observed.missing,
            observed.unreadable,
            mean,
            std,
            observed.integer,
        )
    counted = categories(values)
    kept = list(counted.counts.items())[:CATEGORY_CAP]
    other = sum(counted.counts.values()) - sum(count for _, count in kept)
    return CategoricalReference(name, dict(sorted(kept)), other, counted.missing)


def _plain(column: Reference) -> dict[str, Any]:
    """Every field as JSON can."""
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(column).items()}


def _column(entry: dict[str, Any]) -> Reference:
    if entry["kind"] != "numeric":
        return CategoricalReference(**entry)
    arrays = {name: np.array(entry[name], dtype=np.float64) for name in ("sample", "edges")}
    counts = np.array(entry["counts"], dtype=np.int64)
    # Profiles of an earlier release know no mean and no unreadable values.
    defaults = {
        "unreadable": 0,
        "mean": float(finite(arrays["sample"]).mean()) if len(finite(arrays["sample"])) else 0.0,
    }
    return NumericReference(**{**defaults, **entry, **arrays, "counts": counts})


def _thinned(ordered: Floats, cap: int | None) -> Floats:
    if cap is None or len(ordered) <= cap:
        return ordered
    return ordered[((np.arange(cap) + 0.5) * len(ordered) / cap).astype(np.int64)]


def _edges(ordered: Floats) -> Floats:
    """Upper ends of the cells: the deciles, and one below the smallest value where that is a decile too.

    A constant column thus has three cells: less, equal, more.
    """
    if not len(ordered):
        return ordered
    deciles = np.unique(ordered[np.ceil(np.arange(1, 10) * len(ordered) / 10).astype(np.int64) - 1])
    lowest = np.nextafter(ordered[0], -np.inf)
    return np.concatenate([[lowest], deciles]) if deciles[0] == ordered[0] else deciles

"""The confusion cube: cases counted once by group, truth and outcome; every rate by group is a sum over it."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.errors import BadInput

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

MISSING = "(missing)"
MOST_GROUPS = 1_000
MOST_CELLS = 20_000_000
"""Of a cube; more is a column of amounts or names, not of groups or labels."""
_WORDS = {"true": 1, "yes": 1, "1": 1, "1.0": 1, "false": 0, "no": 0, "0": 0, "0.0": 0}


@dataclass(frozen=True)
class Tally:
    """One metric by group: `k` of the `n` cases of each group.

    Where cases weigh unequally `n` are effective numbers, `k` the rate times them, and `cases` the counts.
    """

    metric: str
    groups: tuple[str, ...]
    k: Counts | Floats
    n: Counts | Floats
    cases: Counts | None = None


@dataclass(frozen=True)
class Cube:
    """`counts[group, truth, outcome]`; the last truth counts the cases whose truth is not known.

    `labels` name both other axes. Of a yes/no outcome they are ("0", "1").
    """

    grouping: str
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    counts: Counts

    @property
    def is_binary(self) -> bool:
        """Has the outcome a positive side, so that selection, false positives and false negatives have a meaning?"""
        return self.labels == ("0", "1")

    def against_rest(self, positive: str) -> "Cube":
        """The same cases as *this label* (1) against all others (0).

        Raises:
            BadInput: nothing has that label.
        """
        if positive not in self.labels:
            raise BadInput(f"No case has the label {positive!r}. Choose among {', '.join(self.labels[:20])}.")
        at = self.labels.index(positive)
        one = np.zeros((2, len(self.labels) + 1), dtype=np.int64)
        one[0], one[0, at], one[1, at] = 1, 0, 1
        both = np.einsum("gtp,bp->gtb", self.counts, one[:, :-1])
        with_truth = np.einsum("gtb,at->gab", both[:, :-1], one[:, :-1])
        counts = np.concatenate([with_truth, both[:, -1:]], axis=1)
        return Cube(self.grouping, self.groups, ("0", "1"), counts)

    def without_truth(self) -> "Cube":
        """The same cases, of none of which the truth is known."""
        counts = np.zeros_like(self.counts)
        counts[:, -1] = self.counts.sum(axis=1)
        return Cube(self.grouping, self.groups, self.labels, counts)

    def tallies(self) -> list[Tally]:
        """Every metric that the cases allow: selection, and where truths are known errors of both kinds."""
        metrics = [self.selection()] if self.is_binary else []
        if self.counts[:, :-1].any():
            metrics.append(self.error())
            metrics += [self.false_positive(), self.false_negative()] if self.is_binary else []
        return metrics

    def selection(self) -> Tally:
        """Share of positive outcomes among all cases."""
        return self._tally("selection", self.counts[:, :, 1].sum(axis=1), self.counts.sum(axis=(1, 2)))

    def error(self) -> Tally:
        """Share of outcomes that are not the truth, among the cases whose truth is known."""
        total = self.counts[:, :-1].sum(axis=(1, 2))
        return self._tally("error", total - np.trace(self.counts[:, :-1], axis1=1, axis2=2), total)

    def false_positive(self) -> Tally:
        """Share of positive outcomes among the truly negative."""
        return self._tally("false positive", self.counts[:, 0, 1], self.counts[:, 0].sum(axis=1))

    def false_negative(self) -> Tally:
        """Share of negative outcomes among the truly positive."""
        return self._tally("false negative", self.counts[:, 1, 0], self.counts[:, 1].sum(axis=1))

    def true_positive(self) -> Tally:
        """Share of positive outcomes among the truly positive."""
        return self._tally("true positive", self.counts[:, 1, 1], self.counts[:, 1].sum(axis=1))

    def _tally(self, metric: str, k: Counts, n: Counts) -> Tally:
        return Tally(metric, self.groups, k, n)


def cubes(frame: pd.DataFrame, groupings: Sequence[str], outcome: str, truth: str | None = None) -> list[Cube]:
    """The cases of a table, counted once for each grouping; the outcome and its truth are read only once.

    True, yes and 1 are positive, false, no and 0 negative. Other labels need a truth beside them: then each is one of a
    cube's labels.

    Args:
        frame: one row a case; rows without an outcome are left out.
        groupings: columns with groups.
        outcome: column with the outcomes.
        truth: column with the true outcomes or labels, if any is known.

    Returns:
        One cube for each grouping; groups are in the order of their names.

    Raises:
        BadInput: a column is missing, holds too many different values, or has labels and no truth beside them.

    Source: the confusion matrix by group, as fairlearn's `MetricFrame` (Weerts et al. 2023), counted once.

    >>> frame = pd.DataFrame({"group": ["a", "b", "b"], "truth": [1, 1, 0], "outcome": [1, 0, 0]})
    >>> (cube,) = cubes(frame, ["group"], "outcome", "truth")
    >>> cube.error().k.tolist(), cube.error().n.tolist()
    ([0, 1], [1, 2])
    """
    needed = [*groupings, outcome, *([truth] if truth is not None else [])]
    absent = [name for name in needed if name not in frame.columns]
    if absent:
        raise BadInput(f"There is no column {', '.join(absent)}. Choose among {', '.join(map(str, frame.columns))}.")
    cells, kept, labels = _cells(frame, outcome, truth)
    return [_cube(frame[name], name, cells, kept, labels) for name in groupings]


def _cube(column: pd.Series, name: str, cells: Counts, kept: NDArray[np.bool_] | None, labels: tuple[str, ...]) -> Cube:
    codes, groups = grouped(column if kept is None else column[kept])
    size = (len(labels) + 1) * len(labels)
    if len(groups) > MOST_GROUPS or len(groups) * size > MOST_CELLS:
        raise BadInput(f"{name} has {len(groups)} groups for {len(labels)} labels. Name a column with fewer groups.")
    counts = np.bincount(codes * size + cells, minlength=len(groups) * size).astype(np.int64)
    return Cube(name, groups, labels, counts.reshape(len(groups), len(labels) + 1, len(labels)))


def _cells(
    frame: pd.DataFrame, outcome: str, truth: str | None
) -> tuple[Counts, NDArray[np.bool_] | None, tuple[str, ...]]:
    """Where each row with an outcome lies on the two inner axes; which rows those are (None: all); and the labels."""
    predicted = binary(frame[outcome])
    actual = None if truth is None else binary(frame[truth])
    labels: tuple[str, ...] = ("0", "1")
    if predicted is None or (truth is not None and actual is None):
        if truth is None:
            shown = ", ".join(map(str, frame[outcome].dropna().unique()[:5]))
            raise BadInput(
                f"The outcome {outcome} must be true or false (or 1 and 0), and holds {shown}. Convert it first, or "
                "name the column with the truth: labels are compared by their errors."
            )
        predicted, actual, labels = _labelled(frame[outcome], frame[truth])
    kept = predicted >= 0
    everything = bool(kept.all())
    if actual is None:
        actual = np.full(len(predicted), len(labels), dtype=np.int64)
    else:
        actual = np.where(actual < 0, len(labels), actual)
    cells = actual * len(labels) + predicted
    return (cells, None, labels) if everything else (cells[kept], kept, labels)


def _labelled(outcome: pd.Series, truth: pd.Series) -> tuple[Counts, Counts, tuple[str, ...]]:
    """Codes of two columns of labels in one list of labels; -1 where there is none."""
    both = pd.concat([_texts(outcome), _texts(truth)], ignore_index=True)
    codes, names = pd.factorize(both, sort=True)
    if len(names) ** 2 > MOST_CELLS:
        raise BadInput(
            f"{outcome.name} and {truth.name} hold {len(names)} different values. Compare labels, or make it true or "
            "false by a limit first."
        )
    codes = np.asarray(codes, dtype=np.int64)
    return codes[: len(outcome)], codes[len(outcome) :], tuple(map(str, names))


def _texts(column: pd.Series) -> pd.Series:
    """Labels as texts, whatever they were; 1 and 1.0 are one label, a missing one stays missing."""
    numbers = column.dropna()
    if pd.api.types.is_float_dtype(column) and len(numbers) and (numbers % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype(object).where(column.notna(), None).map(str, na_action="ignore")


def binary(column: pd.Series) -> Counts | None:
    """A column as 1, 0 and -1.

    Args:
        column: booleans, numbers, or words such as *yes* and *no*.

    Returns:
        1 for true and yes, 0 for false and no, -1 for missing; None when the column holds anything else.

    Source: own definition; the words are those that the file reader accepts.

    >>> binary(pd.Series(["yes", "No", None])).tolist()
    [1, 0, -1]
    >>> binary(pd.Series([0, 2])) is None
    True
    """
    if pd.api.types.is_bool_dtype(column.dtype) and not column.hasnans:
        return column.to_numpy(dtype=np.int64)
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        present = ~np.isnan(numbers)
        whole = np.where(present, numbers, -1)
        return whole.astype(np.int64) if np.isin(whole, (-1, 0, 1)).all() and (numbers[present] >= 0).all() else None
    codes, values = _factorized(column)
    meant = [_WORDS.get(str(value).strip().lower()) for value in values]
    if any(one is None for one in meant):
        return None
    return np.array([*meant, -1], dtype=np.int64)[codes]


def grouped(column: pd.Series) -> tuple[Counts, tuple[str, ...]]:
    """The code of each row's group, and the groups' names.

    Args:
        column: names of groups, or what can be named; 1 and "1" are one group.

    Returns:
        A code a row, and the names in order; rows without a group are `(missing)`.

    Source: own definition.

    >>> codes, names = grouped(pd.Series(["b", None, "a"]))
    >>> codes.tolist(), names
    ([2, 0, 1], ('(missing)', 'a', 'b'))
    """
    codes, values = _factorized(column)
    names = [str(value) for value in values]
    if len(codes) and codes.min() < 0:
        codes = np.where(codes < 0, len(names), codes)
        names.append(MISSING)
    groups = sorted(set(names))  # 1 and "1" are one group
    place = {name: at for at, name in enumerate(groups)}
    return np.array([place[name] for name in names], dtype=np.int64)[codes], tuple(groups)


def _factorized(column: pd.Series) -> tuple[Counts, list[Hashable]]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, dtype=np.int64), list(column.cat.categories)
    try:
        codes, values = pd.factorize(column)
    except TypeError:  # lists and other values that are no keys
        codes, values = pd.factorize(column.where(column.isna(), column.astype(str)))
    return np.asarray(codes, dtype=np.int64), list(values)

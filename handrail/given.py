"""Given predictions: what somebody else's model said of the rows of a delivery, read from two of its columns."""

import difflib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handrail import cells
from handrail.errors import BadInput
from handrail.inbound_rows import Booleans, InboundRows
from handrail.mapping import GivenPrediction

COLUMNS = ("given_label", "given_confidence")
"""Of a frame of cases: None and NaN together where nothing usable was given."""
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Given:
    """One prediction a row: a category of the policy and a confidence in [0, 1], or what is wrong with it.

    `problems` is one of label_missing, label_unknown, confidence_missing, confidence_unreadable,
    confidence_out_of_range; None where the row has a label and a confidence.
    """

    labels: list[str | None]
    confidences: list[float]
    problems: list[str | None]

    @property
    def columns(self) -> dict[str, NDArray[np.object_] | NDArray[np.float64]]:
        """The values of COLUMNS."""
        return {"given_label": np.array(self.labels, dtype=object), "given_confidence": np.array(self.confidences)}

    def missing(self, rows: Booleans) -> dict[str, int]:
        """How many of these rows have no prediction, by what is wrong."""
        counts = Counter(problem for problem, counts in zip(self.problems, rows, strict=True) if counts and problem)
        return dict(sorted(counts.items()))


def read(delivery: InboundRows, categories: Mapping[str, str]) -> Given | None:
    """The given predictions of a delivery's rows; None where its mapping names none.

    `categories` are those of the policy, by each name that they have or had.

    Raises:
        BadInput: the mapping renames a label to a category that the policy does not have.
    """
    rule = delivery.fields.prediction
    if rule is None:
        return None
    return interpret(delivery.cells(rule.label), delivery.cells(rule.confidence), rule, categories)


def interpret(
    labels: Sequence[str], confidences: Sequence[str], rule: GivenPrediction, categories: Mapping[str, str]
) -> Given:
    """What cells of labels and of confidences say; a row has both or neither. Empty in, empty out.

    Raises:
        BadInput: `rule` renames a label to none of `categories`.
    """
    _check_names(rule, categories)
    rows = [
        _row(label.strip(), cell.strip(), rule, categories) for label, cell in zip(labels, confidences, strict=True)
    ]
    return Given([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def _row(
    label: str, cell: str, rule: GivenPrediction, categories: Mapping[str, str]
) -> tuple[str | None, float, str | None]:
    ours = rule.labels.get(label, label)
    confidence = _confidence(cell, rule)
    if not label:
        problem = "label_missing"
    elif ours not in categories:
        problem = "label_unknown"
    elif not cell:
        problem = "confidence_missing"
    elif math.isnan(confidence):
        problem = "confidence_unreadable"
    elif not 0 <= confidence <= 1:
        problem = "confidence_out_of_range"
    else:
        return categories[ours], confidence, None
    return None, math.nan, problem


def _confidence(cell: str, rule: GivenPrediction) -> float:
    if rule.confidence_scale == "share":
        return cells.number(cell)
    return cells.number(cell.removesuffix("%")) / _PERCENT


def _check_names(rule: GivenPrediction, categories: Mapping[str, str]) -> None:
    for theirs, ours in rule.labels.items():
        if ours not in categories:
            near = difflib.get_close_matches(ours, categories, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise BadInput(
                f"The mapping renames the given label {theirs!r} to {ours!r}, which is no category of the policy."
                f"{hint} Correct `fields.prediction.labels`."
            )

"""One chunk of a delivery as plain texts, and what is found wrong with its rows."""

import hashlib
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail import cells
from handrail.errors import BadInput
from handrail.mapping import Fields, Mapping

Booleans = NDArray[np.bool_]

BAD_COLUMNS = ("row_number", "external_id", "reason", "expectation", "row", "row_digest")
MAX_CODE_CHARACTERS = 200
"""Ids, labels and fields are codes; what is longer is a text in the wrong column."""
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class InboundRows:
    """Rows as texts by source column, and the first problem of each row that has one."""

    mapping: Mapping
    columns: dict[str, list[str]]
    count: int
    digests: list[str]
    problems: dict[int, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: pd.DataFrame, mapping: Mapping) -> Self:
        """Take the mapped columns of `rows`.

        Raises:
            BadInput: one of them is missing.
        """
        missing = [column for column in mapping.columns if column not in rows.columns]
        if missing:
            raise BadInput(f"The rows have no column {', '.join(map(repr, missing))}. Correct the mapping.")
        columns = {column: cells.texts(rows[column]) for column in mapping.columns}
        return cls(mapping, columns, len(rows), _digests(columns))

    @property
    def fields(self) -> Fields:
        """Which column holds which case field."""
        return self.mapping.fields

    def cells(self, column: str | None) -> list[str]:
        """The cells of a column; blanks for a field that has none."""
        return [""] * self.count if column is None else self.columns[column]

    def note(self, wrong: Iterable[bool], expectation: str, sentence: Callable[[int], str]) -> None:
        """Remember what is wrong with the rows of which nothing wrong is known yet."""
        for at, is_wrong in enumerate(wrong):
            if is_wrong:
                self.problems.setdefault(at, (expectation, sentence(at)))

    def is_bad(self) -> Booleans:
        """Which rows have a problem."""
        bad = np.zeros(self.count, dtype=bool)
        bad[list(self.problems)] = True
        return bad


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row to put aside: what is wrong with it and the remedy, the rule it broke, its mapped cells as delivered.

    Of a row that has become a case, `case_id` names the case, and neither number nor cells are kept.
    """

    row_digest: str
    external_id: str | None
    reason: str
    expectation: str
    row_number: int = 0
    row: dict[str, str] | None = None
    case_id: int | None = None


def _digests(columns: Dictionary[str, list[str]]) -> list[str]:
    """SHA-256 of each row's mapped cells and their columns' names; lengths keep neighbours apart."""
    named = [f"{len(name)}:{name}" for name in columns]
    start = hashlib.sha256("".join(named).encode())
    digests = []
    for row in zip(*columns.values(), strict=True):
        digest = start.copy()
        digest.update("".join([f"{len(cell)}:{cell}" for cell in map(str.strip, row)]).encode(errors="surrogatepass"))
        digests.append(digest.hexdigest())
    return digests


def shown(cell: str) -> str:
    """A cell in quotes for a sentence, cut where it is long."""
    return repr(cell if len(cell) <= _SHOWN_CHARACTERS else f"{cell[:_SHOWN_CHARACTERS]}…")


def put_aside(
    delivery: InboundRows, ids: list[str], row_numbers: NDArray[np.int64], max_characters: int
) -> pd.DataFrame:
    """The bad rows; a cell longer than the text limit is cut, the digest is of the whole."""
    rows = []
    for at, (expectation, reason) in sorted(delivery.problems.items()):
        row = {column: cells.storable(given[at][:max_characters]) for column, given in delivery.columns.items()}
        external_id = cells.storable(ids[at][:MAX_CODE_CHARACTERS]) or None
        rows.append((int(row_numbers[at]), external_id, reason, expectation, row, delivery.digests[at]))
    return pd.DataFrame(rows, columns=list(BAD_COLUMNS), dtype=object).astype({"row_number": np.int64})

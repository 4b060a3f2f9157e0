"""What a rule and a suite are: expectations with their sentences, and the columns that they look at."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from handrail.errors import BadInput

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation: its name in Great Expectations, its arguments, and the rule as a sentence."""

    expectation: str
    sentence: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Suite:
    """Rules for frames of one kind; moments are checked as ages before `now`, so the rules stay the same."""

    name: str
    rules: tuple[Rule, ...]
    now: datetime | None = None

    def view(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns that the rules name; moments become ages in days, texts a hash or a length."""
        columns = dict.fromkeys(
            ["case_id", *(str(rule.arguments["column"]) for rule in self.rules if "column" in rule.arguments)]
        )
        return pd.DataFrame({name: self._column(frame, name) for name in columns}).reset_index(drop=True)

    def _column(self, frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
        source = _SOURCES.get(name, name)
        if source not in frame:
            # Only history brings outcomes; any other column that is missing is a mistake of the program.
            if source != "label":
                raise BadInput(f"The frame for {self.name!r} has no column {source!r}. Add it before the check.")
            return pd.Series(None, index=frame.index, dtype=object)
        column = frame[source]
        if name in _AGES:
            age: pd.Series[Any] = (pd.Timestamp(self.now or _EPOCH) - pd.to_datetime(column, utc=True)) / DAY
            return age
        if name == "text_key":
            texts = column.fillna("").astype(str).to_numpy(dtype=object)
            return pd.Series(pd.util.hash_array(texts), index=frame.index)
        if name == "text_characters":
            return column.fillna("").astype(str).str.strip().str.len()
        if name in ("label_share", "label_count"):
            counts = column.map(column.value_counts()).astype("float64")  # of no label it would stay a text
            return counts / max(len(column), 1) if name == "label_share" else counts
        if name in _NUMBERS:
            # No bound holds a number that is infinite or none; as a missing one it fails the rule that asks for it.
            return pd.to_numeric(column, errors="coerce").replace([np.inf, -np.inf], np.nan)
        return column


_AGES = ("age_days", "label_age_days")
_SOURCES = {
    "age_days": "received_at",
    "label_age_days": "labelled_at",
    "text_key": "text",
    "text_characters": "text",
    "label_share": "label",
    "label_count": "label",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = ("amount", "text_length", "confidence", "novelty", "weight", "shift", "calibration_error", "agreement")


def identified(column: str) -> tuple[Rule, Rule]:
    """Each row has its own value in `column`."""
    return present(column, f"each row has a {column}: fill it in"), unique(
        column, f"each {column} stands once: remove the repeated rows"
    )


def present(column: str, sentence: str) -> Rule:
    """No value is missing."""
    return Rule("ExpectColumnValuesToNotBeNull", sentence, {"column": column})


def unique(column: str, sentence: str, mostly: float = 1.0) -> Rule:
    """At least a share of `mostly` of the rows has a value that no other row has."""
    return Rule("ExpectColumnValuesToBeUnique", sentence, {"column": column, **_share(mostly)})


def one_of(column: str, values: Iterable[object], sentence: str) -> Rule:
    """Every value that is there is one of `values`."""
    return Rule("ExpectColumnValuesToBeInSet", sentence, {"column": column, "value_set": list(values)})


def between(column: str, low: float | None, high: float | None, sentence: str, mostly: float = 1.0) -> Rule:
    """At least a share of `mostly` of the values that are there lies within the bounds, which count as inside."""
    return Rule("ExpectColumnValuesToBeBetween", sentence, {"column": column, "mostly": mostly, **_bounds(low, high)})


def positive(column: str, sentence: str) -> Rule:
    """Every value that is there is above 0."""
    return Rule("ExpectColumnValuesToBeBetween", sentence, {"column": column, "min_value": 0, "strict_min": True})


def whole(what: str, column: str | None, low: float | None, high: float | None, sentence: str) -> Rule:
    """A rule about a figure of the whole frame, so that no single row is to blame."""
    return Rule(f"Expect{what}ToBeBetween", sentence, {**({"column": column} if column else {}), **_bounds(low, high)})


def _share(mostly: float) -> dict[str, float]:
    return {} if mostly == 1 else {"mostly": mostly}


def _bounds(low: float | None, high: float | None) -> dict[str, float]:
    return {name: value for name, value in (("min_value", low), ("max_value", high)) if value is not None}

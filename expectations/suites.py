"""What a batch, a set of predictions and a training set have to look like, each rule with its remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from handrail.errors import BadInput
from handrail.policy import Policy

INTAKE = "intake"
PREDICTIONS = "predictions"
TRAINING_SET = "training_set"
PROVENANCES = ("imported", "history", "review", "audit", "second", "gold", "escalation")

_DAY = timedelta(days=1)
_WITH_TEXT = 0.95
_DISTINCT_TEXTS = 0.5


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
        """The columns that the rules name; moments become ages in days, texts become a hash."""
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
        if name in _AGES:
            age: pd.Series[Any] = (pd.Timestamp(self.now or _EPOCH) - pd.to_datetime(frame[source], utc=True)) / _DAY
            return age
        if name == "text_key":
            texts = frame[source].fillna("").astype(str).to_numpy(dtype=object)
            return pd.Series(pd.util.hash_array(texts), index=frame.index)
        return pd.to_numeric(frame[source], errors="coerce") if name in _NUMBERS else frame[source]


_AGES = ("age_days", "label_age_days")
_SOURCES = {"age_days": "received_at", "label_age_days": "labelled_at", "text_key": "text"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = ("amount", "text_length", "confidence", "novelty")


def intake(policy: Policy, *, now: datetime) -> Suite:
    """Rules for a delivery: `case_id, external_id, received_at, text_length, amount, consent, has_text`.

    A frame with known outcomes has them in `label`.
    """
    longest, oldest = policy.intake.max_text_characters, policy.intake.oldest
    future = f"a case is received by now and not over {oldest.days} days ago: correct the time"
    rules = (
        *_identified("case_id"),
        *_identified("external_id"),
        _present("age_days", "each case says when it was received: give the time with its zone"),
        _between("age_days", -1, oldest / _DAY, future),
        _between("amount", 0, None, "an amount is 0 or more: correct it, or leave it empty"),
        _between("text_length", None, longest, f"a text has at most {longest} characters: shorten it"),
        _present("consent", "consent is known: map the column, or set the policy's default"),
        _present("has_text", "it is known whether there is a text: run the delivery again"),
        _one_of("label", policy.categories, "an outcome is one of the policy's categories: correct it"),
    )
    return Suite(INTAKE, rules, now)


def predictions(labels: Iterable[str]) -> Suite:
    """Rules for what a model says: `case_id, label, confidence, novelty`, one row a case."""
    return Suite(
        PREDICTIONS,
        (
            *_identified("case_id"),
            _present("label", "each case has a predicted label"),
            _one_of("label", labels, "a predicted label is one of the model's categories"),
            _present("confidence", "each prediction has a confidence"),
            _between("confidence", 0, 1, "a confidence lies between 0 and 1"),
            _present("novelty", "each prediction has a novelty"),
            _between("novelty", 0, 1, "a novelty lies between 0 and 1"),
        ),
    )


def training_set(policy: Policy, *, now: datetime) -> Suite:
    """Rules for what a model learns from: `case_id, text, text_length, label, labelled_at, provenance`."""
    fewest, freshest = policy.model.min_labels, 2 * policy.retraining.every
    rules = (
        _whole("TableRowCount", None, fewest, None, f"there are at least {fewest} labels: label more cases"),
        _present("label", "each example has a label: leave out those that have none"),
        _one_of("label", policy.categories, "each label is one of the policy's categories: correct it"),
        _whole("ColumnUniqueValueCount", "label", 2, None, "there are two categories: label another"),
        _between("text_length", 1, None, "nearly all examples have a text: find out why", mostly=_WITH_TEXT),
        _whole("ColumnProportionOfUniqueValues", "text_key", _DISTINCT_TEXTS, None,
               "half of the texts differ or more: look for a delivery that was repeated"),
        _whole("ColumnMin", "label_age_days", None, freshest / _DAY,
               f"the newest label is at most {freshest.days} days old: label recent cases"),
        _one_of("provenance", PROVENANCES, "each label is from history or a review: find out whence"),
    )  # fmt: skip
    return Suite(TRAINING_SET, rules, now)


def _identified(column: str) -> tuple[Rule, Rule]:
    return (
        _present(column, f"each row has a {column}: fill it in"),
        Rule(
            "ExpectColumnValuesToBeUnique",
            f"each {column} stands once: remove the repeated rows",
            {"column": column},
        ),
    )


def _present(column: str, sentence: str) -> Rule:
    return Rule("ExpectColumnValuesToNotBeNull", sentence, {"column": column})


def _one_of(column: str, values: Iterable[str], sentence: str) -> Rule:
    return Rule("ExpectColumnValuesToBeInSet", sentence, {"column": column, "value_set": list(values)})


def _between(column: str, low: float | None, high: float | None, sentence: str, mostly: float = 1.0) -> Rule:
    return Rule("ExpectColumnValuesToBeBetween", sentence, {"column": column, "mostly": mostly, **_bounds(low, high)})


def _whole(what: str, column: str | None, low: float | None, high: float | None, sentence: str) -> Rule:
    """A rule about a figure of the whole frame, so that no single row is to blame."""
    return Rule(f"Expect{what}ToBeBetween", sentence, {**({"column": column} if column else {}), **_bounds(low, high)})


def _bounds(low: float | None, high: float | None) -> dict[str, float]:
    return {name: value for name, value in (("min_value", low), ("max_value", high)) if value is not None}

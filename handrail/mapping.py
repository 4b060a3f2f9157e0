"""The mapping: which source column holds which part of a case."""

import difflib
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictStr, model_validator

from handrail import typed_yaml
from handrail.errors import BadInput
from handrail.policy import Strict, TimeZone

Column = Annotated[str, Field(min_length=1)]

# Where no mapping file is given, a column that carries one of these names is taken for what it says.
_KNOWN_NAMES = {
    "external_id": ("external_id", "id"),
    "received_at": ("received_at",),
    "text": ("text",),
    "amount": ("amount",),
    "currency": ("currency",),
    "customer_id": ("customer_id",),
    "consent": ("consent",),
    "label": ("label",),
}
_KNOWN_EXTRAS = ("channel", "region", "tier")


def _as_texts(value: object) -> object:
    """YAML reads a bare yes, no, on, off as a boolean, and a bare 1 as a number."""
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise ValueError("write each value in quotes, such as ['yes', '1']")
    return value


Answers = Annotated[tuple[str, ...], BeforeValidator(_as_texts), Field(min_length=1)]


class Consent(Strict):
    """Which answers count as consent; upper and lower case alike. A blank cell is no consent."""

    column: Column
    given: Answers = ("yes", "true", "y", "1")
    refused: Answers = ("no", "false", "n", "0")

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        both = {answer.casefold() for answer in self.given} & {answer.casefold() for answer in self.refused}
        if both:
            raise ValueError(f"{sorted(both)} cannot mean both given and refused")
        return self

    def is_given(self, cell: str) -> bool | None:
        """Whether a cell says so, outer blanks aside; None where it says something that is neither answer."""
        answer = cell.strip().casefold()
        if not answer or answer in {one.casefold() for one in self.refused}:
            return False
        return True if answer in {one.casefold() for one in self.given} else None


def _as_consent(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


class GivenPrediction(Strict):
    """What somebody else's model said of each case: its label and how sure it was.

    A row whose label the policy does not know, or whose confidence is blank, no number or out of range, is
    accepted without a prediction: the customer's case is sound and waits for no data curator. People decide it,
    and it is counted.
    """

    label: Column = Field(description="column of the label it gave")
    confidence: Column = Field(description="column of its own confidence in that label, uncalibrated")
    confidence_scale: Literal["share", "percent"] = Field("share", description="share: 0 to 1; percent: 0 to 100")
    labels: dict[str, Column] = Field({}, description="its name of a category → the policy's; others are taken as is")

    @model_validator(mode="after")
    def _differs(self) -> Self:
        if self.label == self.confidence:
            raise ValueError(f"{self.label} cannot hold both the label and the confidence")
        return self


class Fields(Strict):
    """Case field → source column."""

    external_id: Column
    received_at: Column | None = None
    text: Column | None = None
    amount: Column | None = None
    currency: Column | None = Field(None, description="of the amount: an ISO code or sign; blank: the policy's")
    customer_id: Column | None = None
    consent: Annotated[Consent | None, BeforeValidator(_as_consent)] = None
    label: Column | None = Field(None, description="known category; read from history rows only")
    extra: dict[str, Column] = Field({}, description="name → column of permitted model fields and groups")
    prediction: GivenPrediction | None = Field(None, description="of somebody else's model; see `model.source`")

    @model_validator(mode="after")
    def _judged_by_another(self) -> Self:
        if self.prediction and self.prediction.label == self.label:
            raise ValueError(f"{self.label} cannot be both the known category and the prediction that it judges")
        return self


class HistoryTest(Strict):
    """One condition on one column. A cell that is blank or cannot be compared does not fulfil a bound."""

    column: Column
    at_most: date | float | None = None
    at_least: date | float | None = None
    equals: StrictStr | None = None
    present: StrictBool | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if all(bound is None for bound in (self.at_most, self.at_least, self.equals, self.present)):
            raise ValueError("a test needs one of at_most, at_least, equals, present")
        return self


class History(Strict):
    """Rows with known outcomes: those that fulfil every test."""

    all: tuple[HistoryTest, ...] = Field(min_length=1)


class Mapping(Strict):
    """How to read one source. A column that is neither mapped nor ignored is refused by default."""

    source: str = Field(min_length=1, max_length=100, description="with external_id it identifies a case")
    fields: Fields
    history: History | None = None
    ignored: tuple[str, ...] = ()
    unmapped: Literal["refuse", "ignore"] = "refuse"
    timezone: TimeZone = Field("UTC", description="of dates that carry none")
    date_format: str | None = Field(None, description="strptime format of received_at; None: ISO 8601")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.history and not self.fields.label:
            raise ValueError("history needs fields.label, the column of the known category")
        both = sorted(set(self.columns) & set(self.ignored))
        if both:
            raise ValueError(f"{', '.join(both)} cannot be both mapped and ignored")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The source columns that are read, each once, in the order of the fields."""
        of = self.fields
        named = (
            of.external_id,
            of.received_at,
            of.text,
            of.amount,
            of.customer_id,
            of.label,
            *of.extra.values(),
            of.currency,
        )
        consent = (of.consent.column,) if of.consent else ()
        tested = (test.column for test in self.history.all) if self.history else ()
        given = (of.prediction.label, of.prediction.confidence) if of.prediction else ()
        return tuple(dict.fromkeys(column for column in (*named, *consent, *tested, *given) if column))

    def check(self, columns: Sequence[str]) -> list[str]:
        """Compare with a file's columns; return those that are not read, in the file's order.

        Raises:
            BadInput: a mapped column is missing, or a column is neither mapped nor ignored and
                `unmapped` is `refuse`; the sentence names it.
        """
        missing = [column for column in self.columns if column not in set(columns)]
        if missing:
            raise BadInput(" ".join(_missing(column, columns) for column in missing))
        unread = [column for column in columns if column not in set(self.columns)]
        unlisted = [column for column in unread if column not in set(self.ignored)]
        if unlisted and self.unmapped == "refuse":
            names = ", ".join(map(repr, unlisted))
            raise BadInput(
                f"The mapping does not say what to do with {names}. "
                f"Map it under `fields`, list it under `ignored`, or write `unmapped: ignore`."
            )
        return unread


def _missing(column: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(column, columns, n=2, cutoff=0.6)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"It has {', '.join(columns) or 'none'}."
    return f"The file has no column {column!r}. {hint} Correct the mapping."


def read(path: Path) -> Mapping:
    """Read a mapping file.

    Raises:
        BadPolicy: names the line and the remedy.
    """
    return typed_yaml.load(path, Mapping)


def from_columns(columns: Iterable[str], *, source: str = "file") -> Mapping:
    """The mapping of a file whose columns carry the case fields' own names; its other columns are ignored.

    No row of it is history: known outcomes enter only where a mapping says which.

    Raises:
        BadInput: there is no column `external_id` or `id`.
    """
    present = list(columns)
    matched = {field: next((name for name in names if name in present), None) for field, names in _KNOWN_NAMES.items()}
    if matched["external_id"] is None:
        raise BadInput(
            f"The file has no column 'external_id' or 'id'; it has {', '.join(present) or 'none'}. "
            f"Give a mapping file with --mapping."
        )
    extra = {name: name for name in _KNOWN_EXTRAS if name in present}
    fields = Fields.model_validate({**matched, "extra": extra})
    rest = [column for column in present if column not in {*matched.values(), *extra}]
    return Mapping(source=source, fields=fields, ignored=tuple(rest), unmapped="ignore")

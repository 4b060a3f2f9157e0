"""Rows: delivered rows read into typed ones; what cannot be read is put aside with its reason."""

import difflib
import math
import operator
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail import cells, currencies, given
from handrail.inbound_rows import MAX_CODE_CHARACTERS, InboundRows, put_aside, shown
from handrail.mapping import HistoryTest, Mapping
from handrail.policy import Policy
from handrail.revisions import CURRENCY_MARK, STATED

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]
Seen = dict[str, tuple[int, str]]
"""External id → row number and row digest of the good row it came with."""

GOOD_COLUMNS = (
    "row_number",
    "external_id",
    "received_at",
    "text",
    "amount",
    "customer_id",
    "consent",
    "label",
    "history",
    "fields",
    "row_digest",
)

MAX_AMOUNT = 1e12
"""In units of the currency; what is larger is a number in the wrong column."""
_FIELDS = ("external_id", "received_at", "text", "amount", "currency", "customer_id", "consent", "label")
_NO_NAMES: Dictionary[str, str] = MappingProxyType({})
_SEEN_DIGITS = 16  # of the digest that `Seen` keeps: enough to tell two rows of one id apart


@dataclass(frozen=True, slots=True)
class GoodRow:
    """A row of `Parsed.good`: GOOD_COLUMNS but the row's number, and given.COLUMNS; what there is none of is None."""

    external_id: str
    received_at: datetime
    text: str
    amount: float | None
    customer_id: str | None
    consent: bool
    label: str | None
    history: bool
    fields: dict[str, str]
    row_digest: str
    marks: Sequence[str] = ()
    given_label: str | None = None
    given_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one chunk of a delivery holds.

    `good` has GOOD_COLUMNS: `received_at` in UTC, `text` empty where there is none, `amount` NaN where there
    is none, `customer_id` and `label` None where there is none, `fields` a dict of the extra fields; `marks` where an
    amount is in another currency; and given.COLUMNS where the mapping names a given prediction. `bad` has
    delivery.BAD_COLUMNS: `row` holds the mapped cells as delivered. `repeats` counts the identical rows that were left
    out; `unpredicted`, by what is wrong, the good rows without a given prediction.
    """

    good: pd.DataFrame
    bad: pd.DataFrame
    repeats: int
    unpredicted: Dictionary[str, int] = field(default_factory=dict)


def parse(
    rows: pd.DataFrame,
    mapping: Mapping,
    policy: Policy,
    *,
    default_received_at: datetime,
    first_row: int,
    seen: Seen | None = None,
    current_names: Dictionary[str, str] = _NO_NAMES,
) -> Parsed:
    """Read delivered rows into typed ones.

    Args:
        rows: one chunk with the mapped columns, as texts or typed.
        mapping: which column holds what.
        policy: its intake limits, its categories (for history) and its rule for absent consent.
        default_received_at: the time of receipt where no column is mapped; aware.
        first_row: number of the chunk's first row in the delivery, from 1.
        seen: what came before in the same delivery; good rows are added to it.
        current_names: what categories of earlier policies are called now; labels under an old name follow.

    Raises:
        BadInput: a mapped column is missing, or the mapping renames a given label to no category of the policy.
    """
    delivery = InboundRows.of(rows, mapping)
    names = policy.names_now(current_names)
    given_columns = given.read(delivery, names)
    row_numbers = np.arange(first_row, first_row + delivery.count)
    ids = _read_ids(delivery)
    received_at = _read_times(delivery, default_received_at)
    amount, foreign = _read_amounts(delivery, policy.costs.currency)
    consent = _read_consent(delivery, absent=policy.privacy.consent_when_absent)
    history = _find_history(delivery)
    labels = _read_labels(delivery, history, names, list(policy.categories))
    texts = _read_texts(delivery, policy.intake.max_text_characters)
    customer_ids = [code or None for code in _read_codes(delivery, delivery.fields.customer_id, "customer_id")]
    extra = _read_extra(delivery)
    for at, stated in foreign.items():
        extra[at][STATED] = stated
    marks = [(CURRENCY_MARK,) if at in foreign else () for at in range(delivery.count)]
    repeated = _find_repeats(delivery, ids, row_numbers, {} if seen is None else seen)
    columns = (
        row_numbers,
        _objects(ids),
        received_at,
        _objects(texts),
        amount,
        _objects(customer_ids),
        consent,
        _objects(labels),
        history,
        _objects(extra),
        _objects(delivery.digests),
    )
    kept = ~(delivery.is_bad() | repeated)
    good = pd.DataFrame(
        dict(zip(GOOD_COLUMNS, columns, strict=True))
        | ({"marks": _objects(marks)} if foreign else {})
        | (given_columns.columns if given_columns else {})
    )[kept]
    bad = put_aside(delivery, ids, row_numbers, policy.intake.max_text_characters)
    return Parsed(
        good.reset_index(drop=True), bad, int(repeated.sum()), given_columns.missing(kept) if given_columns else {}
    )


def _objects(values: Sequence[object]) -> pd.Series:
    return pd.Series(list(values), dtype=object)


def _read_ids(delivery: InboundRows) -> list[str]:
    column = delivery.fields.external_id
    ids = [cells.identifier(cell) for cell in delivery.cells(column)]
    delivery.note(
        (not code for code in ids), "external_id_present", lambda _: f"The id ({column}) is blank. Give each row an id."
    )
    return _check_codes(delivery, ids, "external_id")


def _read_codes(delivery: InboundRows, column: str | None, name: str) -> list[str]:
    return _check_codes(delivery, [cells.identifier(cell) for cell in delivery.cells(column)], name)


def _check_codes(delivery: InboundRows, codes: list[str], name: str) -> list[str]:
    delivery.note(
        map(cells.has_unseen, codes),
        f"{name}_printable",
        lambda at: f"{name} {shown(codes[at])} holds an invisible or lost character. Correct it at the source.",
    )
    delivery.note(
        (len(code) > MAX_CODE_CHARACTERS for code in codes),
        f"{name}_length",
        lambda at: f"{name} has {len(codes[at])} characters, {MAX_CODE_CHARACTERS} are allowed. Correct the mapping.",
    )
    return codes


def _read_times(delivery: InboundRows, default: datetime) -> pd.Series:
    column, mapping = delivery.fields.received_at, delivery.mapping
    if column is None:
        return pd.Series([pd.Timestamp(default)] * delivery.count, dtype="datetime64[us, UTC]")
    given = delivery.cells(column)
    times = cells.times(given, mapping.timezone, mapping.date_format)
    expected = mapping.date_format or "ISO 8601 such as 2026-03-31 or 2026-03-31T09:30:00+02:00"
    delivery.note(
        times.isna(),
        "received_at_parses",
        lambda at: (
            f"The date {shown(given[at])} ({column}) cannot be read as {expected}. Write it so, or set "
            "`date_format` in the mapping."
        ),
    )
    return times


def _read_amounts(delivery: InboundRows, own: str) -> tuple[Floats, dict[int, str]]:
    """Amounts in the business's currency `own`, NaN where none is; and by row, amounts stated in another one."""
    column = delivery.fields.amount
    given = delivery.cells(column)
    stated = [currencies.read(cell, own) for cell in given]
    amounts = np.array([one.value for one in stated], dtype=float)
    delivery.note(
        [bool(cell.strip()) and not math.isfinite(amount) for cell, amount in zip(given, amounts, strict=True)],
        "amount_parses",
        lambda at: (
            f"The amount {shown(given[at])} ({column}) is not a finite number that reads in one way only. Write it as "
            "1234.50, $1,234.50 or 1,234.50 EUR: the point is the decimal sign, commas group three digits."
        ),
    )
    delivery.note(
        amounts < 0,
        "amount_not_negative",
        lambda at: f"The amount {shown(given[at])} ({column}) is negative. Give it without the sign.",
    )
    delivery.note(
        amounts > MAX_AMOUNT,
        "amount_plausible",
        lambda at: f"The amount {shown(given[at])} ({column}) is above {MAX_AMOUNT:.0e}. Map the right column.",
    )
    named = _read_currencies(delivery, [one.currency for one in stated], own)
    foreign = {
        at: f"{one.value:.2f} {currency}"
        for at, (one, currency) in enumerate(zip(stated, named, strict=True))
        if math.isfinite(one.value) and currency not in (None, own)
    }
    amounts[list(foreign)] = np.nan
    return amounts, foreign


def _read_currencies(delivery: InboundRows, beside: Sequence[str | None], own: str) -> list[str | None]:
    """The currency of each amount: of its column, or what stands beside it; the two must not contradict."""
    column = delivery.fields.currency
    if column is None:
        return list(beside)
    given = [cell.strip() for cell in delivery.cells(column)]
    codes = [currencies.code(cell, own) if cell else None for cell in given]
    delivery.note(
        (bool(cell) and code is None for cell, code in zip(given, codes, strict=True)),
        "currency_readable",
        lambda at: f"The currency {shown(given[at])} ({column}) is none. Write its ISO code, such as EUR.",
    )
    delivery.note(
        (None not in (code, one) and code != one for code, one in zip(codes, beside, strict=True)),
        "currency_readable",
        lambda at: (
            f"The amount names {beside[at]} and the column {column} names {codes[at]}. Give each amount one currency."
        ),
    )
    return [code or one for code, one in zip(codes, beside, strict=True)]


def _read_consent(delivery: InboundRows, *, absent: bool) -> Booleans:
    consent = delivery.fields.consent
    if consent is None:
        return np.full(delivery.count, absent)
    cells_given = delivery.cells(consent.column)
    meanings = {cell: consent.is_given(cell) for cell in set(cells_given)}  # a column has few different answers
    answers = [meanings[cell] for cell in cells_given]
    delivery.note(
        (answer is None for answer in answers),
        "consent_readable",
        lambda at: (
            f"The consent {shown(cells_given[at].strip())} ({consent.column}) is neither of "
            f"{', '.join((*consent.given, *consent.refused))}. List the answer in the mapping."
        ),
    )
    return np.array([answer is True for answer in answers], dtype=bool)


def _find_history(delivery: InboundRows) -> Booleans:
    tests = delivery.mapping.history.all if delivery.mapping.history else ()
    fulfilled = [_fulfils(delivery, test) for test in tests]
    return np.logical_and.reduce(fulfilled) if fulfilled else np.zeros(delivery.count, dtype=bool)


def _fulfils(delivery: InboundRows, test: HistoryTest) -> Booleans:
    given = delivery.cells(test.column)
    passed = np.ones(delivery.count, dtype=bool)
    if test.present is not None:
        passed &= np.array([bool(cell.strip()) == test.present for cell in given], dtype=bool)
    if test.equals is not None:
        passed &= np.array([cell.strip() == test.equals for cell in given], dtype=bool)
    for bound, is_within in ((test.at_most, operator.le), (test.at_least, operator.ge)):
        if bound is not None:
            passed &= np.array(is_within(*_comparable(delivery, test.column, bound)), dtype=bool)
    return passed


def _comparable(delivery: InboundRows, column: str, bound: date | float) -> tuple[Any, Any]:
    """A column and a bound that can be compared: local days with a day, numbers with a number."""
    given, mapping = delivery.cells(column), delivery.mapping
    if not isinstance(bound, date):
        return cells.numbers(given), bound
    date_format = mapping.date_format if column == mapping.fields.received_at else None
    local = cells.times(given, mapping.timezone, date_format).dt.tz_convert(mapping.timezone)
    return local.dt.tz_localize(None).dt.normalize(), pd.Timestamp(bound)


def _read_labels(
    delivery: InboundRows, history: Booleans, names: Dictionary[str, str], categories: Sequence[str]
) -> list[str | None]:
    """Known categories of history rows; the column of all other rows is not looked at."""
    column = delivery.fields.label
    given = [cell.strip() if is_past else "" for cell, is_past in zip(delivery.cells(column), history, strict=True)]
    delivery.note(
        (is_past and not label for label, is_past in zip(given, history, strict=True)),
        "label_present",
        lambda _: f"A history row has no label ({column}). Give its category, or narrow the mapping's `history`.",
    )
    _check_codes(delivery, given, "label")
    delivery.note(
        (bool(label) and label not in names for label in given),
        "label_known",
        lambda at: (
            f"The policy has no category {shown(given[at])} ({column}).{_near(given[at], categories)} "
            "Correct the label, or add the category to the policy."
        ),
    )
    return [names.get(label, label) or None for label in given]


def _near(label: str, categories: Sequence[str]) -> str:
    near = difflib.get_close_matches(label, categories, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _read_texts(delivery: InboundRows, limit: int) -> list[str]:
    column = delivery.fields.text
    texts = ["" if text.isspace() else cells.storable(text) for text in delivery.cells(column)]
    delivery.note(
        (len(text) > limit for text in texts),
        "text_length",
        lambda at: (
            f"The text ({column}) has {len(texts[at])} characters, {limit} are allowed. Shorten it, or raise "
            "`intake.max_text_characters` in the policy."
        ),
    )
    return texts


def _read_extra(delivery: InboundRows) -> list[dict[str, str]]:
    extra = {name: _read_codes(delivery, column, name) for name, column in delivery.fields.extra.items()}
    if not extra:
        return [{} for _ in range(delivery.count)]
    return [dict(zip(extra, row, strict=True)) for row in zip(*extra.values(), strict=True)]


def _find_repeats(delivery: InboundRows, ids: list[str], row_numbers: NDArray[np.int64], seen: Seen) -> Booleans:
    """Which good rows came before, word for word; one that differs from the earlier row of its id is bad."""
    repeated = np.zeros(delivery.count, dtype=bool)
    for at in map(int, np.flatnonzero(~delivery.is_bad())):
        digest = delivery.digests[at][:_SEEN_DIGITS]
        row, before = seen.setdefault(ids[at], (int(row_numbers[at]), digest))
        if before != digest:
            delivery.problems[at] = (
                "external_id_unique",
                f"The id {shown(ids[at])} came in row {row} already with other content. Keep one of them.",
            )
        else:
            repeated[at] = row != row_numbers[at]
    return repeated


def field_of(expectation: str, mapping: Mapping) -> str | None:
    """The case field that an expectation of `parse` is about; None for one that is about no single field."""
    names = (*_FIELDS, *mapping.fields.extra)
    matching = [name for name in names if expectation.startswith(f"{name}_")]
    return max(matching, key=len, default=None)

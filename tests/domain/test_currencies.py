"""An amount says one number and at most one currency."""

import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from handrail import currencies, rows, typed_yaml
from handrail.mapping import Mapping
from handrail.policy import for_labels

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
POLICY = for_labels(["refund", "billing"])
"""Its currency is the dollar of the United States."""
MAPPING = typed_yaml.parse("source: desk\nfields: {external_id: id, text: body, amount: worth}", Mapping)


def delivered(worth: str) -> pd.DataFrame:
    return pd.DataFrame([{"id": "1", "body": "Hello", "worth": worth}])


def parse(frame: pd.DataFrame, mapping: Mapping = MAPPING) -> rows.Parsed:
    return rows.parse(frame, mapping, POLICY, default_received_at=NOW, first_row=1)


@pytest.mark.parametrize(
    ("cell", "own", "value", "currency"),
    [
        ("20", "EUR", 20.0, None),
        ("20 €", "EUR", 20.0, "EUR"),
        ("€20", "USD", 20.0, "EUR"),
        ("USD 20", "EUR", 20.0, "USD"),
        ("20usd", "EUR", 20.0, "USD"),
        ("1,200", "EUR", 1200.0, None),
        ("1,200.50 GBP", "EUR", 1200.5, "GBP"),
        ("$20", "USD", 20.0, "USD"),
        ("$20", "CAD", 20.0, "CAD"),
        ("$20", "EUR", 20.0, "$"),
        ("-$5", "USD", -5.0, "USD"),
        ("0.125 €", "EUR", 0.125, "EUR"),
    ],
)
def test_what_can_be_read_in_one_way_is_read(cell: str, own: str, value: float, currency: str | None) -> None:
    stated = currencies.read(cell, own)
    assert (stated.value, stated.currency) == (value, currency)


@pytest.mark.parametrize(
    "cell", ["1.200 €", "1,20", "EUR 20 USD", "20 crowns", "XXX 20", "twenty", "--5", "1.234.567", "€", ""]
)
def test_what_can_be_read_in_two_ways_or_none_is_no_amount(cell: str) -> None:
    assert math.isnan(currencies.read(cell, "EUR").value)


@pytest.mark.parametrize(
    ("written", "stated"), [("€ 5", "5.00 EUR"), ("20 EUR", "20.00 EUR"), ("CAD 1,200", "1200.00 CAD")]
)
def test_an_amount_in_another_currency_is_no_amount_of_the_policys(written: str, stated: str) -> None:
    (row,) = parse(delivered(written)).good.to_dict("records")
    assert np.isnan(row["amount"])
    assert (row["fields"]["stated_amount"], row["marks"]) == (stated, ("currency",))


@pytest.mark.parametrize(
    ("worth", "currency", "expectation"),
    [
        ("10", "USD", None),
        ("10", "", None),
        ("$10", "usd", None),
        ("10", "dollars", "currency_readable"),
        ("€10", "USD", "currency_readable"),
        ("10", "1001", "currency_readable"),
    ],
)
def test_a_column_names_the_currency_and_never_contradicts_the_amount(
    worth: str, currency: str, expectation: str | None
) -> None:
    mapping = MAPPING.model_copy(update={"fields": MAPPING.fields.model_copy(update={"currency": "coin"})})
    frame = delivered(worth).assign(coin=currency)
    parsed = parse(frame, mapping)
    assert parsed.bad["expectation"].tolist() == ([] if expectation is None else [expectation])
    assert [rows.field_of(name, mapping) for name in parsed.bad["expectation"]] == (["currency"] if expectation else [])

"""An amount says one number and at most one currency."""

import math

import pytest

from handrail import currencies


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

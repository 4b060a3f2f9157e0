from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail import cells


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT])
def test_every_kind_of_missing_value_is_an_empty_text(missing: object) -> None:
    assert cells.texts(pd.Series([missing], dtype=object)) == [""]


def test_a_text_column_with_gaps_keeps_its_texts() -> None:
    assert cells.texts(pd.Series(["a", None, "NA"], dtype="str")) == ["a", "", "NA"]


@given(st.integers(-(2**50), 2**50))
def test_a_whole_float_reads_as_the_integer(value: int) -> None:
    assert cells.text(float(value)) == str(value) == cells.text(value)


@given(st.text(alphabet=st.characters(codec=None), max_size=20))
def test_what_is_storable_can_be_encoded_and_good_text_is_untouched(text: str) -> None:
    stored = cells.storable(text)
    stored.encode()
    assert "\x00" not in stored
    if "\x00" not in text and text.isprintable():
        assert stored == text


@pytest.mark.parametrize(
    ("text", "unseen"),
    [
        ("A-17/é_日本", False),
        ("a b", False),
        ("a\tb", True),
        ("a\u202eb", True),
        ("a\ufffdb", True),
        ("", False),
    ],
)
def test_marks_that_nobody_sees_are_noticed(text: str, unseen: bool) -> None:
    assert cells.has_unseen(text) is unseen


@given(st.floats(0, 1e15, allow_nan=False))
def test_a_plain_number_reads_as_itself(value: float) -> None:
    assert cells.number(repr(value)) == value


@given(st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30)))  # noqa: DTZ001 - made aware below
def test_an_iso_time_reads_as_its_instant(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    found = cells.times([aware.isoformat(), aware.isoformat().replace("+00:00", "")], "UTC")
    assert found.tolist() == [aware, aware]


@pytest.mark.parametrize(
    ("written", "is_understood"),
    [
        ("1899-12-31", False),
        ("1900-01-01", True),
        ("2199-12-31", True),
        ("2200-01-01", False),
        ("2019", False),
    ],
)
def test_a_date_is_whole_and_of_a_plausible_century(written: str, is_understood: bool) -> None:
    assert cells.times([written], "UTC").notna().tolist() == [is_understood]

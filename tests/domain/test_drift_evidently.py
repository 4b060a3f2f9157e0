"""Values equal to evidently's, and answers where evidently has none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.drift import ReferenceProfile, build, evidently
from handrail.drift.report import ColumnDrift
from handrail.errors import BadInput

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "drift.json").read_text())
FIGURES = ("psi", "js", "ks_p", "wasserstein", "chi2_p")


def series(entry: dict[str, Any], side: str) -> pd.Series:
    if entry["kind"] == "cat":
        return pd.Series(entry[side])
    values = pd.Series([np.inf if value == "inf" else value for value in entry[side]])
    return values if values.dtype.kind == "i" else values.astype(float)


def only(reference: pd.Series, current: pd.Series) -> ColumnDrift:
    return evidently.compare(build(reference.to_frame("x"), cap=None), current.to_frame("x")).columns[0]


@pytest.mark.parametrize("entry", GOLDEN["columns"], ids=lambda entry: entry["name"])
def test_figures_and_verdict_equal_evidently(entry: dict[str, Any]) -> None:
    column = only(series(entry, "reference"), series(entry, "current"))
    for name, expected in entry["scores"].items():
        # Of a single value evidently's chi-squared is no number; that nothing differs is certain.
        assert getattr(column, name) == pytest.approx(1.0 if expected is None else expected, rel=1e-9, abs=1e-9), name
    assert {name for name in FIGURES if getattr(column, name) is not None} == set(entry["scores"])
    assert column.drifted is entry["drifted"]


def test_every_test_that_evidently_chooses_by_itself_is_among_the_golden_columns() -> None:
    assert {entry["chosen"] for entry in GOLDEN["columns"]} == {"ks", "wasserstein", "jensenshannon", "chisquare", "z"}


def test_the_whole_drifted_where_half_of_its_columns_did() -> None:
    reference = pd.DataFrame({"a": np.arange(100.0), "b": np.arange(100.0), "c": np.arange(100.0)})
    profile = build(reference, cap=None)
    assert not evidently.compare(profile, reference.assign(a=reference["a"] + 50)).drifted
    assert evidently.compare(profile, reference.assign(a=reference["a"] + 50, b=reference["b"] + 50)).drifted


def test_a_profile_that_kept_a_sample_only_is_refused_and_a_complete_one_read_again_is_not() -> None:
    reference = pd.DataFrame({"x": np.arange(50)})
    with pytest.raises(BadInput, match="only a sample of x"):
        evidently.compare(build(reference, cap=49), reference)
    again = ReferenceProfile.from_json(build(reference, cap=50).to_json())
    assert evidently.compare(again, reference) == evidently.compare(build(reference, cap=None), reference)
    many = pd.DataFrame({"x": [f"id{i}" for i in range(2_000)]})
    with pytest.raises(BadInput, match="only a sample of x"):
        evidently.compare(build(many), many)


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=30),
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=30),
)
def test_no_figure_is_ever_nan(before: list[float], now: list[float]) -> None:
    column = only(pd.Series(before, dtype=float), pd.Series(now, dtype=float))
    figures = [value for value in vars(column).values() if isinstance(value, float)]
    assert np.isfinite(figures).all()
    assert (column.psi is None) == (column.note != "")

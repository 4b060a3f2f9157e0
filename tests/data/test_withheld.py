"""What chance explains is taken off; what is left is a shift, or a confidence that cannot be believed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import calibration, withheld

LABELS = ["a", "b", "c", "d"]
SHARES = np.array([0.4, 0.3, 0.2, 0.1])


def drawn(rng: np.random.Generator, cases: int, shares: np.ndarray = SHARES) -> pd.Series:
    return pd.Series(rng.choice(LABELS, cases, p=shares))


class TestShift:
    def test_a_fair_sample_shows_almost_none_however_small(self) -> None:
        rng = np.random.default_rng(1)
        production = drawn(rng, 4000)
        for cases in (20, 200, 2000):
            found = [withheld.shift(drawn(rng, cases), np.ones(cases), production, rng) for _ in range(40)]
            assert np.quantile(found, 0.95) < 0.25
            assert min(found) >= 0

    def test_a_category_that_is_missing_shows(self) -> None:
        rng = np.random.default_rng(2)
        sample = drawn(rng, 300, np.array([0.0, 0.5, 0.33, 0.17]))
        assert withheld.shift(sample, np.ones(300), drawn(rng, 4000), rng) > 0.25

    def test_weights_undo_a_design_that_draws_one_category_more_often(self) -> None:
        rng = np.random.default_rng(3)
        production = drawn(rng, 8000)
        often = production.isin(["c", "d"]).to_numpy()
        taken = rng.random(8000) < np.where(often, 0.5, 0.05)
        sample, weights = production[taken], np.where(often, 2.0, 20.0)[taken]
        assert withheld.shift(sample, weights, production, rng) < 0.05
        assert withheld.shift(sample, np.ones(len(sample)), production, rng) > 0.25

    def test_without_production_or_without_cases_nothing_shows_that_they_are_alike(self) -> None:
        rng = np.random.default_rng(4)
        none = pd.Series([], dtype=object)
        assert withheld.shift(drawn(rng, 50), np.ones(50), none, rng) == np.inf
        assert withheld.shift(none, np.ones(0), drawn(rng, 50), rng) == np.inf


class TestCalibrationError:
    @pytest.mark.parametrize("cases", [30, 200, 2000])
    def test_a_perfect_model_shows_none_nineteen_times_in_twenty(self, cases: int) -> None:
        rng = np.random.default_rng(5)
        found = []
        for _ in range(100):
            confidence = rng.beta(6, 1.5, cases)
            found.append(withheld.calibration_error(confidence, rng.random(cases) < confidence, rng))
        assert np.mean(np.array(found) > 0) <= 0.05 + 2.5 * 0.022
        assert max(found) < 0.05

    def test_an_overconfident_model_shows_by_how_much(self) -> None:
        rng = np.random.default_rng(6)
        confidence = rng.uniform(0.7, 1.0, 2000)
        right = rng.random(2000) < confidence - 0.2
        assert withheld.calibration_error(confidence, right, rng) == pytest.approx(0.2, abs=0.04)

    def test_what_is_no_confidence_is_left_out(self) -> None:
        rng = np.random.default_rng(7)
        assert withheld.calibration_error(np.array([np.nan, 1.5, -0.1]), np.array([True, True, True]), rng) == 0
        assert withheld.calibration_error(np.array([]), np.array([], dtype=bool), rng) == 0

    @given(st.integers(1, 80), st.integers(0, 99))
    def test_the_fast_errors_are_those_of_the_table(self, cases: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        said, right = rng.random(cases), rng.random((3, cases)) < 0.7
        assert withheld._errors(said, right) == pytest.approx([calibration.ece(said, row) for row in right])


def test_a_common_category_that_is_never_predicted_leaves_its_cases_uncovered() -> None:
    truth = pd.Series(["a"] * 95 + ["b"] * 3 + ["c"] * 2)
    said = pd.Series(["a"] * 100)
    assert withheld.covered(truth, said, 0.03).tolist() == [True] * 95 + [False] * 3 + [True] * 2
    assert withheld.covered(truth, pd.Series(["a"] * 99 + ["b"]), 0.03).all()


def test_a_category_is_common_by_the_cases_that_its_labels_stand_for() -> None:
    truth, said = pd.Series(["a"] * 60 + ["b"] * 40), pd.Series(["a"] * 100)
    weights = np.r_[np.full(60, 50.0), np.ones(40)]
    assert not withheld.covered(truth, said, 0.03)[60:].any()
    assert withheld.covered(truth, said, 0.03, weights).all(), "40 of 3,040 cases are rarer than 3 %"

"""Calibrators against scikit-learn's and a plain search, and the choice between them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.calibration import _TemperatureScaling
from sklearn.isotonic import IsotonicRegression

from models import calibrators
from models.calibrators import Calibrator


def scored(
    cases: int, labels: int, seed: int, temperature: float = 2.0, wrong: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Raw scores, and true labels drawn at `temperature`; a share of `wrong` ones is drawn blindly."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(scale=4, size=(cases, labels))
    truth = np.array([rng.choice(labels, p=share) for share in softmax(raw / temperature, axis=1)])
    blind = rng.random(cases) < wrong
    return raw, np.where(blind, rng.integers(labels, size=cases), truth)


def stepped(cases: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Scores of two labels that say nothing until they are high: no temperature fits both ends."""
    rng = np.random.default_rng(seed)
    raw = np.column_stack([np.zeros(cases), rng.uniform(0, 5, cases)])
    chance = np.where(raw[:, 1] < 3, 0.5, 0.97)
    return raw, (rng.random(cases) < chance).astype(np.intp)


def test_on_many_clean_labels_the_temperature_is_the_one_of_scikit_learn() -> None:
    raw, truth = scored(4_000, 5, seed=1)
    fitted = calibrators.fit(raw, truth, "temperature")
    assert fitted.temperature == pytest.approx(1 / _TemperatureScaling().fit(raw, truth).beta_, rel=0.03)
    assert fitted.lapse < 0.01


def test_temperature_and_lapse_have_the_lowest_loss_of_a_grid_an_error_more_included() -> None:
    raw, truth = scored(150, 4, seed=2, wrong=0.05)

    def loss(temperature: float, lapse: float) -> float:
        said = Calibrator(temperature, lapse).probabilities(raw)[np.arange(150), truth]
        return float(-np.log(said).sum() - np.log(lapse))

    fitted = calibrators.fit(raw, truth, "temperature")
    grid = min(loss(at, share) for at in np.geomspace(0.5, 6, 60) for share in np.geomspace(1e-3, 0.4, 60))
    assert loss(fitted.temperature, fitted.lapse) <= grid + 1e-6


def test_wrong_labels_widen_the_lapse_and_leave_the_temperature() -> None:
    clean, noisy = (calibrators.fit(*scored(3_000, 5, 3, wrong=wrong), "temperature") for wrong in (0.0, 0.1))
    assert noisy.temperature == pytest.approx(clean.temperature, rel=0.1)
    assert noisy.lapse == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
@pytest.mark.parametrize("cases", [2, 30, 300])
def test_a_set_without_errors_claims_no_more_than_one_error_more(cases: int, method: calibrators.Method) -> None:
    raw = np.tile([0.0, 0.0, 9.0], (cases, 1))
    fitted = calibrators.fit(raw, np.full(cases, 2), method)
    assert fitted.probabilities(raw).max() <= 1 - 0.6 / (cases + 1)


def test_the_steps_are_one_isotonic_curve_through_the_tempered_probabilities() -> None:
    raw, truth = stepped(1_000, seed=4)
    fitted = calibrators.fit(raw, truth, "isotonic")
    even = Calibrator(fitted.temperature, fitted.lapse).probabilities(raw)
    target = np.eye(2)[truth] + np.eye(2)[raw.argsort(axis=1)[:, 0]] / 1_000
    oracle = IsotonicRegression().fit(even.ravel(), target.ravel() / (1 + 1 / 1_000)).predict(even.ravel())
    bent = (oracle * (1 - 1 / 1_001) + even.ravel() / 1_001).reshape(-1, 2)
    np.testing.assert_allclose(fitted.probabilities(raw), bent / bent.sum(axis=1, keepdims=True), atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.integers(2, 6), st.integers(0, 1_000), st.sampled_from(["temperature", "isotonic"]))
def test_probabilities_sum_to_one_and_keep_the_ranking(
    cases: int, labels: int, seed: int, method: calibrators.Method
) -> None:
    raw, truth = scored(cases, labels, seed)
    said = calibrators.fit(raw, truth, method).probabilities(raw)
    assert np.isfinite(said).all()
    assert said.min() > 0
    np.testing.assert_allclose(said.sum(axis=1), 1)
    row = np.arange(cases)
    np.testing.assert_array_equal(said.max(axis=1), said[row, raw.argmax(axis=1)])


def test_the_method_with_the_lower_held_out_loss_is_chosen() -> None:
    bent, losses = calibrators.choose(*stepped(1_500, seed=5))
    assert losses["isotonic"] < losses["temperature"]
    assert bent.steps is not None
    even, losses = calibrators.choose(*scored(1_500, 5, seed=5))
    assert losses["temperature"] < losses["isotonic"]
    assert even.steps is None


@pytest.mark.parametrize(("cases", "steps"), [(199, False), (200, True)])
def test_few_cases_get_a_temperature_even_where_steps_would_win(cases: int, steps: bool) -> None:
    raw, truth = stepped(1_500, seed=6)
    fitted, losses = calibrators.choose(raw[:cases], truth[:cases])
    assert losses["isotonic"] < losses["temperature"]
    assert (fitted.steps is not None) == steps


def test_a_case_does_not_help_to_judge_itself() -> None:
    """Labels drawn blindly: a curve fits those that it has seen, and no others."""
    rng = np.random.default_rng(7)
    raw, truth = rng.normal(size=(60, 3)), rng.integers(3, size=60)
    _, losses = calibrators.choose(raw, truth)
    seen = calibrators.fit(raw, truth, "isotonic").probabilities(raw)[np.arange(60), truth]
    assert losses["isotonic"] > -np.log(seen).mean() + 0.01
    assert losses["temperature"] > np.log(3) - 0.01

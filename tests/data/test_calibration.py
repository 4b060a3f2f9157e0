"""Calibration error against a direct loop over the bins, and the plots."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import calibration


def direct_ece(confidence: list[float], correct: list[bool], bins: int) -> float:
    """The definition, written as a loop: cases in order of confidence, dealt into runs of near-equal length."""
    pairs = sorted(zip(confidence, correct, strict=True), key=lambda pair: pair[0])
    size, longer = divmod(len(pairs), bins)
    start, total = 0, 0.0
    for number in range(bins):
        end = start + size + (number < longer)
        if part := pairs[start:end]:
            gap = sum(c for c, _ in part) / len(part) - sum(k for _, k in part) / len(part)
            total += abs(gap) * len(part) / len(pairs)
        start = end
    return total


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=60, unique_by=lambda pair: pair[0]
    ),
    st.integers(1, 20),
)
def test_calibration_error_equals_its_definition(cases: list[tuple[float, bool]], bins: int) -> None:
    confidence, correct = [c for c, _ in cases], [k for _, k in cases]
    assert calibration.ece(confidence, correct, bins) == pytest.approx(direct_ece(confidence, correct, bins), abs=1e-9)


def test_a_perfectly_calibrated_model_shows_a_small_error_and_an_overconfident_one_a_large() -> None:
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0.5, 1, 20_000)
    right = rng.random(20_000) < confidence
    assert calibration.ece(confidence, right) < 0.02
    assert calibration.ece(np.minimum(confidence + 0.2, 1), right) > 0.1


def test_nothing_measured_has_no_error_and_an_empty_table() -> None:
    assert calibration.ece([], []) == 0.0
    assert calibration.reliability([], []).empty


def test_figures_of_the_measure_follow_from_the_probabilities() -> None:
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    measured = calibration.measure(["a", "a"], probabilities, ("a", "b"))
    assert measured["accuracy"] == 0.5
    assert measured["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)


def test_the_plots_name_every_category_that_occurs() -> None:
    withheld = pd.DataFrame({"truth": ["a", "b"], "label": ["a", "c"], "confidence": [0.9, 0.4]})
    assert calibration.confusion(withheld).to_numpy().sum() == 2
    figure = calibration.confusion_figure(withheld)
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["a", "b", "c"]
    assert calibration.reliability_figure(withheld).axes[0].get_xlabel() == "confidence"


@pytest.mark.parametrize(("categories", "numbers"), [(40, 40), (41, 0)])
def test_numbers_stand_in_the_cells_that_have_cases_as_long_as_they_can_be_read(categories: int, numbers: int) -> None:
    names = [f"{number:02d}" for number in range(categories)]
    withheld = pd.DataFrame({"truth": names, "label": names, "confidence": 0.9})
    assert len(calibration.confusion_figure(withheld).axes[0].texts) == numbers


def test_names_are_drawn_as_they_are_written_and_long_ones_cut(tmp_path: Path) -> None:
    names = ["$\\frac$", "from $5 to $10_", "x" * 41, "y" * 40]
    withheld = pd.DataFrame({"truth": names, "label": names, "confidence": 0.9})
    figure = calibration.confusion_figure(withheld)
    figure.savefig(tmp_path / "confusion.png")  # a formula would be refused here
    shown = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert sorted(shown) == sorted(["$\\frac$", "from $5 to $10_", "x" * 40 + "…", "y" * 40])

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail.certify import Certification, certify, labels_without_error, sequence
from handrail.errors import BadInput


def test_so_many_labels_without_error_are_needed_as_the_binomial_says() -> None:
    assert labels_without_error(0.02, 0.05) == 149
    assert labels_without_error(0.01, 0.05) == 299


@given(st.floats(0.005, 0.5), st.floats(0.01, 0.5), st.integers(0, 20))
def test_needed_labels_are_the_first_number_that_passes(max_error: float, delta: float, errors: int) -> None:
    n = labels_without_error(max_error, delta, errors)
    assert stats.binom.cdf(errors, n, max_error) <= delta
    assert n == errors + 1 or stats.binom.cdf(errors, n - 1, max_error) > delta


def test_149_labels_without_error_certify_two_percent_and_148_need_one_more() -> None:
    confidence = np.linspace(0.9, 1, 149)
    passed = certify(confidence, np.ones(149), max_error=0.02, delta=0.05)
    assert passed == Certification(0.9, 1.0, 0, 149, 0)
    missed = certify(confidence[:148], np.ones(148), max_error=0.02, delta=0.05)
    assert missed == Certification(None, 0.0, 0, 148, 1)


def test_without_labels_all_of_them_are_needed() -> None:
    assert certify([], [], max_error=0.01, delta=0.05) == Certification(None, 0.0, 0, 0, 299)


def test_226_labels_of_a_plain_model_certify_nothing_and_say_what_is_missing() -> None:
    chance = np.random.default_rng(2)
    confidence = chance.uniform(0.5, 1, 226)
    correct = chance.random(226) < 0.8
    found = certify(confidence, correct, max_error=0.02, delta=0.05)
    assert found.threshold is None
    assert (found.coverage, found.n) == (0.0, 226)
    assert found.needed > 149


def test_the_threshold_is_the_last_that_passes_the_exact_test_in_sequence() -> None:
    chance = np.random.default_rng(5)
    confidence = np.round(chance.beta(8, 1, 3_000), 3)
    correct = chance.random(3_000) < confidence**0.3
    found = certify(confidence, correct, max_error=0.05, delta=0.1)
    passed = None
    for threshold in sequence(confidence, 3_000, 0.05, 0.1):
        above = confidence >= threshold
        if not above.any() or stats.binom.cdf((~correct[above]).sum(), above.sum(), 0.05) > 0.1:
            break
        passed = threshold
    assert passed is not None
    above = confidence >= passed
    assert found == Certification(passed, above.mean(), int((~correct[above]).sum()), int(above.sum()), 0)


def test_the_sequence_starts_where_enough_labels_are_expected() -> None:
    scores = np.arange(10_000) / 10_000
    thresholds = sequence(scores, 1_000, 0.02, 0.1)  # 3 ln(10) / 0.02 is 346 of 1,000 labels
    assert thresholds[0] == pytest.approx(1 - 0.346)
    assert (np.diff(thresholds) < 0).all()
    assert thresholds[-1] == 0
    assert len(sequence([], 1_000, 0.02, 0.1)) == 0


@pytest.mark.parametrize("guide", ["ranks", "scores", "split"])
@pytest.mark.parametrize("power", [1.0, 0.4, 2.5])
def test_the_certified_error_is_exceeded_no_more_often_than_delta(guide: str, power: float) -> None:
    # Known truth: a case of score s is wrong with probability 0.3 (1 - s^power), whatever s claims.
    chance, runs, delta, bound = np.random.default_rng(9), 150, 0.1, 0.02
    scores = chance.beta(6, 1, 20_000)
    risk = 0.3 * (1 - scores**power)
    violations, certified = 0, 0
    for _ in range(runs):
        seen = chance.choice(20_000, 3_000)
        correct = chance.random(3_000) >= risk[seen]
        found = certify(
            scores[seen],
            correct,
            max_error=bound,
            delta=delta,
            scores=scores if guide == "scores" else None,
            rng=chance if guide == "split" else None,
        )
        if found.threshold is not None:
            certified += 1
            violations += risk[scores >= found.threshold].mean() > bound
    assert violations / runs <= delta + 2 * np.sqrt(delta * (1 - delta) / runs)
    assert certified > 0


def test_a_good_model_is_automated_nearly_as_far_as_an_oracle_would() -> None:
    chance = np.random.default_rng(10)
    scores = chance.beta(5, 1, 50_000)
    risk = np.clip(1.1 * (0.75 - scores), 0.001, None)
    ranked = np.sort(risk)
    oracle = (np.cumsum(ranked) / np.arange(1, 50_001) <= 0.02).mean()
    coverage = []
    for _ in range(40):
        seen = chance.choice(50_000, 5_000)
        correct = chance.random(5_000) >= risk[seen]
        coverage.append(certify(scores[seen], correct, max_error=0.02, delta=0.1, scores=scores).coverage)
    assert np.mean(coverage) >= 0.85 * oracle


@pytest.mark.parametrize(
    ("confidence", "correct", "max_error", "delta"),
    [
        ([1.2], [1], 0.02, 0.05),
        ([np.nan], [1], 0.02, 0.05),
        ([0.9], [2], 0.02, 0.05),
        ([0.9], [np.nan], 0.02, 0.05),
        ([0.9, 0.8], [1], 0.02, 0.05),
        ([0.9], [1], 0.0, 0.05),
        ([0.9], [1], 0.02, 1.0),
    ],
)
def test_impossible_input_is_refused(
    confidence: list[float], correct: list[float], max_error: float, delta: float
) -> None:
    with pytest.raises(BadInput):
        certify(confidence, correct, max_error=max_error, delta=delta)

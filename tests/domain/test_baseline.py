"""What a model has to beat before it may serve by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail.baseline import against_commonest, is_beaten, shortfall
from handrail.proportions import sign_p

FIGURES = {"only_model_right": 5.0, "only_commonest_right": 0.0}


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_sign_test_is_scipys(better: int, worse: int) -> None:
    together = better + worse
    expected = stats.binomtest(better, together, 0.5, alternative="greater").pvalue if together else 1.0
    assert sign_p(better, worse) == pytest.approx(expected)


def test_a_model_beats_the_commonest_category_from_the_confidence_on_that_the_policy_asks() -> None:
    assert is_beaten(FIGURES, 1 - 0.03125)
    assert not is_beaten(FIGURES, 0.97)
    assert not is_beaten({"only_model_right": 4.0, "only_commonest_right": 0.0}, 0.95)
    assert is_beaten({"only_model_right": 60.0, "only_commonest_right": 40.0}, 0.95)
    assert not is_beaten({"only_model_right": 58.0, "only_commonest_right": 42.0}, 0.95)


@pytest.mark.parametrize("figures", [{}, {"accuracy": 0.99}, {"only_model_right": 0.0, "only_commonest_right": 0.0}])
def test_what_was_never_measured_beats_nothing(figures: dict[str, float]) -> None:
    assert not is_beaten(figures, 0.51)


def test_a_model_that_always_says_the_commonest_category_is_no_better() -> None:
    figures = against_commonest(["a"] * 9 + ["b"], ["a"] * 90 + ["b"] * 10, ["a"] * 100)
    assert figures == {"commonest_accuracy": 0.9, "only_model_right": 0.0, "only_commonest_right": 0.0}


def test_the_commonest_category_is_the_one_that_was_learnt_not_the_tests_own() -> None:
    figures = against_commonest(["b", "a"] * 3, ["b", "b", "b", "a"], ["b", "b", "a", "a"])
    assert figures == {"commonest_accuracy": 0.25, "only_model_right": 2.0, "only_commonest_right": 0.0}


def test_no_cases_show_nothing() -> None:
    empty = against_commonest([], [], [])
    assert set(empty.values()) == {0.0}
    assert not is_beaten(empty, 0.51)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1),
    st.lists(st.sampled_from("abc"), min_size=1),
)
def test_the_difference_of_the_counts_is_the_difference_of_the_accuracies(
    pairs: list[tuple[str, str]], learnt: list[str]
) -> None:
    truth, said = zip(*pairs, strict=True)
    figures = against_commonest(learnt, truth, said)
    right = sum(one == other for one, other in pairs)
    gained = figures["only_model_right"] - figures["only_commonest_right"]
    assert gained == pytest.approx(right - figures["commonest_accuracy"] * len(pairs))


def test_a_refusal_names_both_accuracies_and_the_cases() -> None:
    figures = {"n_test": 40.0, "accuracy": 0.62, "commonest_accuracy": 0.6, **FIGURES}
    assert "on 40 cases" in shortfall("3", figures)
    assert "right in 62.0% and always saying the commonest category in 60.0%" in shortfall("3", figures)
    assert "nobody has measured" in shortfall("3", {})

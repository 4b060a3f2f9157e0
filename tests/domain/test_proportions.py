"""Intervals, tests and sample sizes of shares equal independent implementations and keep what they promise."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from handrail.proportions import difference_p, holm, newcombe, times_as_many, wilson

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "fairness.json").read_text())


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(1, 50), st.sampled_from([0.8, 0.95, 0.999]))
def test_the_interval_is_wilsons_as_scipy_computes_it(k: int, n: int, level: float) -> None:
    k = min(k, n)
    low, high = wilson([k], [n], level)
    expected = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert (low[0], high[0]) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9))


def test_a_share_without_cases_may_be_anything() -> None:
    low, high = wilson([0, 1], [0, 1])
    assert (low[0], high[0]) == (0, 1)
    assert 0 < low[1] < high[1] == 1


@pytest.mark.parametrize("case", GOLDEN["newcombe"], ids=lambda case: "-".join(map(str, case["counts"])))
def test_the_interval_of_a_difference_is_newcombes_as_statsmodels_computes_it(case: dict[str, list[float]]) -> None:
    k, n, other, rest = case["counts"]
    low, high = newcombe([k], [n], [other], [rest])
    assert [low[0], high[0]] == pytest.approx(case["interval"], abs=1e-9)


@settings(deadline=None)
@given(*[st.integers(0, 30)] * 4)
def test_the_interval_of_a_difference_holds_it_and_turns_with_the_sides(k: int, n: int, other: int, rest: int) -> None:
    k, other = min(k, n), min(other, rest)
    low, high = newcombe([k], [n], [other], [rest])
    turned_low, turned_high = newcombe([other], [rest], [k], [n])
    assert -1 <= low[0] <= high[0] <= 1
    assert (low[0], high[0]) == (pytest.approx(-turned_high[0]), pytest.approx(-turned_low[0]))
    if n and rest:
        assert low[0] - 1e-12 <= k / n - other / rest <= high[0] + 1e-12


def test_simultaneous_intervals_hold_the_true_difference_as_often_as_they_say() -> None:
    chance, runs = np.random.default_rng(5), 20_000
    for n, share in ((40, 0.9), (200, 0.5), (30, 0.03)):
        k, other = chance.binomial(n, share, runs), chance.binomial(5 * n, share, runs)
        for level in (0.95, 0.995):
            low, high = newcombe(k, np.full(runs, n), other, np.full(runs, 5 * n), level)
            assert ((low <= 0) & (high >= 0)).mean() >= level - 0.006


def test_the_test_of_two_rates_is_chi_squared_or_fishers_for_few_cases() -> None:
    many, few = np.array([[30, 70], [45, 55]]), np.array([[1, 5], [5, 2]])
    found = difference_p([30, 1, 0, 3], [100, 6, 10, 5], [45, 5, 0, 0], [100, 7, 10, 0])
    assert found[0] == pytest.approx(stats.chi2_contingency(many, correction=False).pvalue)
    assert found[1] == pytest.approx(stats.fisher_exact(few).pvalue)
    assert found[2:].tolist() == [1, 1], "the same everywhere, and nobody to compare with"


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_its_definition(p: list[float]) -> None:
    ordered = sorted(range(len(p)), key=lambda i: p[i])
    expected = [0.0] * len(p)
    for rank, i in enumerate(ordered):
        expected[i] = min(1.0, max((len(p) - r) * p[ordered[r]] for r in range(rank + 1)))
    assert holm(p).tolist() == pytest.approx(expected)


def test_holm_is_statsmodels() -> None:
    assert holm(GOLDEN["holm"]["p"]).tolist() == pytest.approx(GOLDEN["holm"]["adjusted"], abs=1e-12)


@pytest.mark.parametrize(("n", "rest", "base"), [(300, 3_000, 0.9), (400, 400, 0.5), (200, 900, 0.1)])
def test_with_as_many_cases_as_are_needed_four_gaps_in_five_are_found(n: int, rest: int, base: float) -> None:
    factor = times_as_many([n], [rest], [base], 0.06, 0.01)[0]
    n, rest, chance = round(n * factor), round(rest * factor), np.random.default_rng(3)
    shifted = base + 0.06 if base <= 0.5 else base - 0.06
    k, other = chance.binomial(n, shifted, 4_000), chance.binomial(rest, base, 4_000)
    found = difference_p(k, np.full(4_000, n), other, np.full(4_000, rest)) <= 0.01
    assert 0.77 <= found.mean() <= 0.83


def test_no_number_of_cases_finds_what_cannot_be_found() -> None:
    assert np.isinf(times_as_many([5, 0, 5], [0, 5, 5], [0.5, 0.5, 0.5], 0.1, 0.05)).tolist() == [True, True, False]
    assert np.isinf(times_as_many([5], [5], [0.5], 0.0, 0.05)[0])

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail.errors import BadInput
from handrail.fairness import MISSING, Verdict, gaps, holm, two_proportions_p, wilson


def frame(**groups: tuple[int, int]) -> pd.DataFrame:
    rows = [(name, i < k) for name, (k, n) in groups.items() for i in range(n)]
    return pd.DataFrame(rows, columns=["region", "approved"])


def test_a_treated_differently_group_is_named_with_its_size_and_interval() -> None:
    found = {
        gap.group: gap
        for gap in gaps(frame(north=(900, 1000), south=(700, 1000), east=(900, 1000)), "region", "approved")
    }
    south = found["south"]
    assert south.verdict is Verdict.GAP
    assert (south.n, south.rate) == (1000, 0.7)
    assert south.gap == pytest.approx(0.7 - 0.9)
    assert south.low < 0.7 < south.high


def test_equal_rates_show_no_gap_in_large_groups_and_are_underpowered_in_small_ones() -> None:
    large = gaps(frame(north=(5_000, 10_000), south=(5_000, 10_000)), "region", "approved")
    small = gaps(frame(north=(10, 20), south=(5_000, 10_000)), "region", "approved")
    assert {gap.verdict for gap in large} == {Verdict.NONE_SHOWN}
    assert {gap.group: gap.verdict for gap in small}["north"] is Verdict.UNDERPOWERED


def test_a_smaller_gap_that_matters_needs_more_cases() -> None:
    cases = frame(north=(500, 1_000), south=(500, 1_000))
    assert {g.verdict for g in gaps(cases, "region", "approved", bound=0.1)} == {Verdict.NONE_SHOWN}
    assert {g.verdict for g in gaps(cases, "region", "approved", bound=0.02)} == {Verdict.UNDERPOWERED}


def test_the_power_behind_underpowered_is_what_simulation_finds() -> None:
    def found(n: int) -> float:
        chance = np.random.default_rng(3)
        pairs = zip(chance.binomial(n, 0.55, 2_000), chance.binomial(n, 0.5, 2_000), strict=True)
        return float(np.mean([two_proportions_p(int(a), n, int(b), n) <= 0.025 for a, b in pairs]))

    assert found(1_700) < 0.8 <= found(2_100)
    for n in (1_700, 2_100):
        verdict = gaps(frame(north=(n // 2, n), south=(n // 2, n)), "region", "approved", bound=0.05)[0].verdict
        assert (verdict is Verdict.NONE_SHOWN) == (found(n) >= 0.8)


@given(st.integers(0, 50), st.integers(1, 50))
def test_the_interval_is_wilsons_as_scipy_computes_it(k: int, n: int) -> None:
    k = min(k, n)
    expected = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson(k, n) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9))


def test_the_test_of_two_rates_is_chi_squared_or_fishers_for_few_cases() -> None:
    table = np.array([[30, 70], [45, 55]])
    assert two_proportions_p(30, 100, 45, 100) == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    assert two_proportions_p(1, 6, 5, 7) == pytest.approx(stats.fisher_exact(np.array([[1, 5], [5, 2]])).pvalue)
    assert two_proportions_p(0, 10, 0, 10) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_its_definition(p: list[float]) -> None:
    ordered = sorted(range(len(p)), key=lambda i: p[i])
    expected = [0.0] * len(p)
    for rank, i in enumerate(ordered):
        expected[i] = min(1.0, max((len(p) - r) * p[ordered[r]] for r in range(rank + 1)))
    assert holm(p) == pytest.approx(expected)


def test_false_gaps_among_equal_groups_stay_within_five_percent_of_runs() -> None:
    chance, alarms = np.random.default_rng(12), 0
    for _ in range(200):
        groups = {name: (int(chance.binomial(400, 0.8)), 400) for name in "abcde"}
        alarms += any(gap.verdict is Verdict.GAP for gap in gaps(frame(**groups), "region", "approved"))
    assert alarms <= 17  # 5 % of 200 runs, plus two standard errors


def test_missing_groups_are_a_group_and_missing_outcomes_are_left_out() -> None:
    cases = pd.DataFrame({"region": ["north", None, "south", "south"], "approved": [1, 0, None, 1]})
    assert [(gap.group, gap.n) for gap in gaps(cases, "region", "approved")] == [
        (MISSING, 1),
        ("north", 1),
        ("south", 1),
    ]


def test_one_group_alone_is_underpowered_and_no_rows_give_nothing() -> None:
    (alone,) = gaps(frame(north=(5, 10)), "region", "approved")
    assert (alone.verdict, alone.gap, alone.p) == (Verdict.UNDERPOWERED, 0.0, 1.0)
    assert gaps(frame(), "region", "approved") == []


def test_a_wrong_column_or_outcome_is_refused() -> None:
    with pytest.raises(BadInput, match="Choose among"):
        gaps(frame(north=(1, 2)), "tier", "approved")
    with pytest.raises(BadInput, match="true or false"):
        gaps(pd.DataFrame({"region": ["a"], "approved": [2]}), "region", "approved")

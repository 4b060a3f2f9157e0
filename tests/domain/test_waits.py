"""Who waits longer than everybody else, and by how many hours."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from handrail.errors import BadInput
from handrail.fairness import GapVerdict
from handrail.waits import TRIM, wait_gaps

HOURS = st.lists(st.floats(0, 200, allow_subnormal=False), min_size=10, max_size=40)


def frame(**groups: object) -> pd.DataFrame:
    parts = [pd.DataFrame({"region": name, "hours": np.asarray(hours, dtype=float)}) for name, hours in groups.items()]
    return pd.concat(parts, ignore_index=True)


def waiting(chance: np.random.Generator, median: float, n: int) -> np.ndarray:
    return median * np.exp(chance.normal(0, 0.8, n))


@settings(deadline=None)
@given(HOURS, HOURS)
def test_two_groups_are_compared_as_scipys_trimmed_test_does(one: list[float], other: list[float]) -> None:
    a, b = wait_gaps(frame(a=one, b=other), "region", "hours")
    expected = stats.ttest_ind(one, other, trim=TRIM, equal_var=False)
    assert a.gap == pytest.approx(stats.trim_mean(one, TRIM) - stats.trim_mean(other, TRIM))
    if np.isfinite(expected.statistic) and np.isfinite(expected.df):
        interval = expected.confidence_interval(0.975)
        assert a.p == pytest.approx(min(1, 2 * expected.pvalue), abs=1e-9), "Holm over two groups"
        assert [a.gap_low, a.gap_high] == pytest.approx([interval.low, interval.high], rel=1e-9, abs=1e-6)
    assert a.gap == pytest.approx(-(b.gap or 0.0))
    assert a.verdict is b.verdict


def test_a_group_that_waits_is_named_and_a_long_tail_of_another_is_not() -> None:
    chance = np.random.default_rng(4)
    hours = {name: waiting(chance, 6, 400) for name in ("north", "east", "south")}
    hours["east"][:20] = 2_000  # forgotten cases: a matter for the SLA, not of the typical wait
    found = {one.group: one for one in wait_gaps(frame(**hours, coast=waiting(chance, 14, 400)), "region", "hours")}
    assert {name for name, one in found.items() if one.verdict is GapVerdict.BEYOND} == {"coast"}
    coast = found["coast"]
    assert coast.gap_low is not None
    assert coast.gap_low > 4
    assert coast.slow > coast.typical


def test_a_shorter_wait_beyond_the_bound_is_a_gap_as_well() -> None:
    chance = np.random.default_rng(4)
    found = wait_gaps(frame(premium=waiting(chance, 2, 400), basic=waiting(chance, 14, 400)), "region", "hours")
    assert {one.group: one.verdict for one in found}["premium"] is GapVerdict.BEYOND


def test_the_bound_decides_what_is_an_alarm() -> None:
    chance = np.random.default_rng(9)
    cases = frame(a=waiting(chance, 9, 3_000), b=waiting(chance, 6, 3_000))
    verdicts = [wait_gaps(cases, "region", "hours", bound=bound)[0].verdict for bound in (2.0, 4.0, 10.0)]
    assert verdicts == [GapVerdict.BEYOND, GapVerdict.GAP, GapVerdict.WITHIN]


def test_too_few_cases_are_underpowered_and_tell_how_many_would_do() -> None:
    chance = np.random.default_rng(2)
    hours = waiting(chance, 20, 40)
    cases = frame(a=hours, b=hours)
    (a, _) = wait_gaps(cases, "region", "hours", bound=2.0)
    assert a.verdict is GapVerdict.UNDERPOWERED
    assert a.needed is not None
    assert a.needed > 40
    (finer, _) = wait_gaps(cases, "region", "hours", bound=1.0)
    assert finer.needed == pytest.approx(4 * a.needed, abs=4), "half the gap takes four times the cases"
    more = pd.concat([cases] * (a.needed // 40 + 1))
    fewer = pd.concat([cases] * (a.needed // 80))
    assert wait_gaps(fewer, "region", "hours", bound=2.0)[0].verdict is GapVerdict.UNDERPOWERED
    assert wait_gaps(more, "region", "hours", bound=2.0)[0].verdict is GapVerdict.NONE_SHOWN


def test_false_findings_among_equal_groups_stay_within_five_percent_of_looks() -> None:
    chance, shown, alarms = np.random.default_rng(21), 0, 0
    for _ in range(300):
        groups = {name: waiting(chance, 6, n) for name, n in zip("abcd", (300, 120, 40, 15), strict=True)}
        found = wait_gaps(frame(**groups), "region", "hours")
        shown += any(one.verdict.shows_gap for one in found)
        alarms += any(one.verdict is GapVerdict.BEYOND for one in found)
    assert shown <= 25  # 5 % of 300 looks, plus two and a half standard errors
    assert alarms <= 3


def test_ten_cases_on_either_side_are_compared_and_nine_are_not() -> None:
    spread_out = list(range(40))
    few, enough = (wait_gaps(frame(a=range(n), b=spread_out), "region", "hours")[0] for n in (9, 10))
    assert (few.verdict, few.gap_low, few.needed) == (GapVerdict.UNDERPOWERED, None, 10)
    assert enough.gap_low is not None
    (alone,) = wait_gaps(frame(a=spread_out), "region", "hours")
    assert (alone.verdict, alone.gap, alone.needed) == (GapVerdict.UNDERPOWERED, None, None)


def test_constant_waits_differ_surely_or_not_at_all() -> None:
    same = wait_gaps(frame(a=[3] * 20, b=[3] * 20), "region", "hours")
    apart = wait_gaps(frame(a=[3] * 20, b=[30] * 20), "region", "hours")
    assert {(one.verdict, one.gap, one.p) for one in same} == {(GapVerdict.NONE_SHOWN, 0, 1)}
    assert {one.verdict for one in apart} == {GapVerdict.BEYOND}


def test_a_clock_that_went_back_counts_as_no_wait_and_what_is_no_number_of_hours_is_left_out() -> None:
    cases = frame(a=[-5, 0, 4, np.nan, np.inf], b=[1])
    a, _ = wait_gaps(cases, "region", "hours")
    assert a.n == 3
    assert a.typical == pytest.approx(4 / 3)
    times = cases.assign(hours=pd.to_timedelta(cases["hours"].replace(np.inf, np.nan), unit="h"))
    assert wait_gaps(times, "region", "hours") == wait_gaps(cases, "region", "hours")


def test_no_rows_give_nothing_and_what_is_no_wait_is_refused() -> None:
    assert wait_gaps(frame(a=[]), "region", "hours") == []
    with pytest.raises(BadInput, match="Choose among region, hours"):
        wait_gaps(frame(a=[1]), "tier", "hours")
    with pytest.raises(BadInput, match="holds 1 values that are no numbers"):
        wait_gaps(pd.DataFrame({"region": ["a", "b"], "hours": ["soon", 3]}), "region", "hours")
    with pytest.raises(BadInput, match="above 0"):
        wait_gaps(frame(a=[1]), "region", "hours", bound=0)

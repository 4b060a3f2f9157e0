import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail.breaker.blind_share import compare
from handrail.errors import BadInput

counts = st.integers(0, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(counts, counts)
def test_the_chance_is_that_of_fishers_exact_test(recent: tuple[int, int], before: tuple[int, int]) -> None:
    found = compare(recent, before, budget=0.05, windows=4)
    table = [[recent[1], recent[0] - recent[1]], [before[1], before[0] - before[1]]]
    assert found.p == pytest.approx(float(stats.fisher_exact(table, alternative="greater").pvalue), rel=1e-9)
    assert 0 <= found.p <= 1


@given(counts, counts)
def test_a_lower_rate_than_before_never_warns(recent: tuple[int, int], before: tuple[int, int]) -> None:
    if recent[1] * before[0] <= before[1] * recent[0]:
        assert not compare(recent, before, budget=0.5, windows=1).alarm


def test_a_clear_rise_warns_and_the_same_rate_does_not() -> None:
    assert compare((40, 20), (160, 16), budget=0.05, windows=4).alarm
    assert not compare((40, 4), (160, 16), budget=0.05, windows=4).alarm


def test_below_ten_decisions_on_either_side_nothing_is_said() -> None:
    for recent, before in (((9, 9), (100, 0)), ((100, 100), (9, 0)), ((0, 0), (0, 0))):
        found = compare(recent, before, budget=0.05, windows=4)
        assert (found.is_measurable, found.alarm) == (False, False)
    assert compare((10, 10), (100, 0), budget=0.05, windows=4).alarm


@pytest.mark.parametrize(("recent", "before"), [((1, 2), (3, 0)), ((3, 0), (1, 2)), ((1, -1), (1, 0))])
def test_impossible_counts_are_refused(recent: tuple[int, int], before: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match="outnumber"):
        compare(recent, before, budget=0.05, windows=4)

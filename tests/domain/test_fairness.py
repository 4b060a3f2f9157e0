"""Each group beside everybody else: gaps, intervals, verdicts, and fairlearn's figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail import fairness
from handrail.cube import MISSING, Cube, Tally, cubes
from handrail.errors import BadInput
from handrail.fairness import GapVerdict, compare, gaps, spread
from handrail.proportions import difference_p

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "fairness.json").read_text())
FIGURES = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "equalized_odds_ratio",
)


def frame(**groups: tuple[int, int]) -> pd.DataFrame:
    rows = [(name, i < k) for name, (k, n) in groups.items() for i in range(n)]
    return pd.DataFrame(rows, columns=["region", "approved"])


def rows_of(counts: Any) -> pd.DataFrame:  # noqa: ANN401 - nested lists by group, truth, prediction
    table = np.array(counts)
    group, truth, said = (np.repeat(axis.ravel(), table.ravel()) for axis in np.indices(table.shape))
    return pd.DataFrame({"group": [f"g{one}" for one in group], "truth": truth, "said": said})


@pytest.mark.parametrize("golden", GOLDEN["frames"], ids=lambda one: f"{len(one['counts'])} groups")
def test_every_figure_is_fairlearns(golden: dict[str, Any]) -> None:
    (cube,) = cubes(rows_of(golden["counts"]), ["group"], "said", "truth")
    tallies = {one.metric: one for one in cube.tallies()}
    assert set(tallies) == set(golden["by_group"])
    for metric, tally in tallies.items():
        assert (tally.k / tally.n).tolist() == pytest.approx(golden["by_group"][metric], abs=1e-9)
        assert spread(tally).difference == pytest.approx(golden["difference"][metric], abs=1e-9)
        assert spread(tally).ratio == pytest.approx(golden["ratio"][metric], abs=1e-9)
    for name in FIGURES:
        assert getattr(fairness, name)(cube) == pytest.approx(golden[name], abs=1e-9), name


def test_the_errors_of_several_labels_are_fairlearns_too() -> None:
    golden = GOLDEN["labels"]
    cases = pd.DataFrame({name: list(golden[name]) for name in ("truth", "said", "groups")})
    found = gaps(cases, "groups", "said", truth="truth")
    assert {gap.metric for gap in found} == {"error"}
    assert [gap.rate for gap in found] == pytest.approx(golden["error"], abs=1e-9)


def test_a_rate_without_cases_takes_no_part_in_the_difference() -> None:
    cube = Cube("g", ("a", "b"), ("0", "1"), np.array([[[5, 5], [0, 0], [0, 0]], [[5, 5], [5, 5], [0, 0]]]))
    assert fairness.equal_opportunity_difference(cube) is None
    assert fairness.equalized_odds_difference(cube) == 0
    assert fairness.equalized_odds_ratio(cube) == 1
    assert spread(Tally("m", ("a", "b"), np.array([0, 0]), np.array([5, 5]))) == fairness.Spread("m", 0.0, None)


def test_a_treated_differently_group_is_named_with_its_size_and_interval() -> None:
    cases = frame(north=(900, 1000), south=(700, 1000), east=(900, 1000))
    south = {gap.group: gap for gap in gaps(cases, "region", "approved")}["south"]
    assert south.verdict is GapVerdict.BEYOND
    assert (south.n, south.rate) == (1000, 0.7)
    assert south.gap == pytest.approx(0.7 - 0.9)
    assert south.low < 0.7 < south.high
    assert south.gap_low < south.gap < south.gap_high < -0.05


def test_a_gap_alarms_only_when_its_whole_interval_lies_beyond_the_bound() -> None:
    cases = frame(north=(8_000, 10_000), south=(9_000, 10_000))
    by_bound = {bound: gaps(cases, "region", "approved", bound=bound)[0] for bound in (0.05, 0.1, 0.2)}
    assert [gap.verdict for gap in by_bound.values()] == [GapVerdict.BEYOND, GapVerdict.GAP, GapVerdict.WITHIN]
    edge = -by_bound[0.05].gap_high
    assert gaps(cases, "region", "approved", bound=edge)[0].verdict is GapVerdict.GAP
    assert gaps(cases, "region", "approved", bound=edge - 1e-9)[0].verdict is GapVerdict.BEYOND
    edge = -by_bound[0.05].gap_low
    assert gaps(cases, "region", "approved", bound=edge)[0].verdict is GapVerdict.WITHIN
    assert gaps(cases, "region", "approved", bound=edge - 1e-9)[0].verdict is GapVerdict.GAP


def test_a_group_that_only_mirrors_the_odd_one_is_no_alarm() -> None:
    cases = frame(north=(920, 1000), south=(920, 1000), east=(920, 1000), coast=(500, 1000))
    found = {gap.group: gap for gap in gaps(cases, "region", "approved")}
    assert found["north"].gap_low > 0.05
    assert {name: gap.verdict for name, gap in found.items() if name != "coast"} == dict.fromkeys(
        ("north", "south", "east"), GapVerdict.GAP
    )
    assert found["coast"].verdict is GapVerdict.BEYOND
    favoured = gaps(
        frame(north=(990, 1000), south=(800, 1000), east=(800, 1000), coast=(500, 1000)), "region", "approved"
    )
    assert [gap.group for gap in favoured if gap.verdict is GapVerdict.BEYOND] == ["coast", "north"]
    two = gaps(frame(north=(920, 1000), coast=(500, 1000)), "region", "approved")
    assert {gap.verdict for gap in two} == {GapVerdict.BEYOND}


def test_every_gap_that_is_shown_says_so() -> None:
    assert [verdict.shows_gap for verdict in GapVerdict] == [True, True, True, False, False]


def test_equal_rates_show_no_gap_in_large_groups_and_are_underpowered_in_small_ones() -> None:
    large = gaps(frame(north=(5_000, 10_000), south=(5_000, 10_000)), "region", "approved")
    small = gaps(frame(north=(10, 20), south=(5_000, 10_000)), "region", "approved")
    assert {(gap.verdict, gap.needed) for gap in large} == {(GapVerdict.NONE_SHOWN, None)}
    assert {gap.group: gap.verdict for gap in small}["north"] is GapVerdict.UNDERPOWERED


def test_a_smaller_gap_that_matters_needs_more_cases() -> None:
    cases = frame(north=(500, 1_000), south=(500, 1_000))
    assert {g.verdict for g in gaps(cases, "region", "approved", bound=0.1)} == {GapVerdict.NONE_SHOWN}
    assert {g.verdict for g in gaps(cases, "region", "approved", bound=0.02)} == {GapVerdict.UNDERPOWERED}


def test_with_as_many_cases_as_it_asks_for_the_watch_says_no_gap_is_shown() -> None:
    (north, _) = gaps(frame(north=(50, 100), south=(50, 100)), "region", "approved")
    needed = north.needed
    assert needed is not None
    assert needed > 100
    enough, fewer = (needed + needed % 2, needed - 2 - needed % 2)
    for n, verdict in ((enough, GapVerdict.NONE_SHOWN), (fewer, GapVerdict.UNDERPOWERED)):
        assert gaps(frame(north=(n // 2, n), south=(n // 2, n)), "region", "approved")[0].verdict is verdict


def test_without_a_tolerated_gap_no_number_of_cases_is_enough() -> None:
    found = gaps(frame(north=(50, 100), south=(50, 100)), "region", "approved", bound=0.0)
    assert {(gap.verdict, gap.needed) for gap in found} == {(GapVerdict.UNDERPOWERED, None)}


def test_the_power_behind_underpowered_is_what_simulation_finds() -> None:
    def found(n: int) -> float:
        chance = np.random.default_rng(3)
        pairs = [(chance.binomial(n, 0.55, 2_000), 2_000), (chance.binomial(n, 0.5, 2_000), 2_000)]
        sizes = np.full(2_000, n)
        return float((difference_p(pairs[0][0], sizes, pairs[1][0], sizes) <= 0.025).mean())

    assert found(1_700) < 0.8 <= found(2_100)
    for n in (1_700, 2_100):
        verdict = gaps(frame(north=(n // 2, n), south=(n // 2, n)), "region", "approved", bound=0.05)[0].verdict
        assert (verdict is GapVerdict.NONE_SHOWN) == (found(n) >= 0.8)


def test_false_gaps_among_equal_groups_stay_within_five_percent_of_looks() -> None:
    chance, shown, alarms = np.random.default_rng(12), 0, 0
    for _ in range(400):
        tallies = [
            Tally(metric, tuple("abcde"), chance.binomial(n, share), np.array(n))
            for metric, n, share in (("m", [400] * 5, 0.8), ("few", [9, 15, 30, 60, 700], 0.9))
        ]
        found = compare(tallies)
        shown += any(gap.verdict.shows_gap for gap in found)
        alarms += any(gap.verdict is GapVerdict.BEYOND for gap in found)
    assert shown <= 29  # 5 % of 400 looks, plus two standard errors
    assert alarms <= 4


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6), st.sampled_from([0.0, 0.05, 0.5]))
def test_every_look_gives_figures_in_range_and_a_verdict(pairs: list[tuple[int, int]], bound: float) -> None:
    n = np.array([max(pair) for pair in pairs], dtype=np.int64)
    k = np.array([min(pair) for pair in pairs], dtype=np.int64)
    found = compare([Tally("m", tuple(map(str, range(len(pairs)))), k, n)], bound=bound)
    assert [gap.n for gap in found] == n[n > 0].tolist()
    for gap in found:
        assert 0 <= gap.low <= gap.rate <= gap.high <= 1
        assert -1 <= gap.gap_low <= gap.gap <= gap.gap_high <= 1
        assert 0 <= gap.p <= 1
        assert gap.needed is None or gap.needed > gap.n
        lies_beyond = gap.gap_low > bound or gap.gap_high < -bound
        assert lies_beyond if gap.verdict is GapVerdict.BEYOND else not lies_beyond or gap.verdict is GapVerdict.GAP


def test_more_metrics_in_one_look_ask_for_stronger_evidence() -> None:
    tally = Tally("m", ("a", "b"), np.array([40, 60]), np.array([100, 100]))
    other = Tally("n", ("a", "b"), np.array([50, 50]), np.array([100, 100]))
    (alone, *_), (among, *_) = compare([tally]), compare([tally, other])
    assert among.p > alone.p
    assert among.gap_low < alone.gap_low
    assert (among.low, among.high) == (alone.low, alone.high), "a rate's own interval is its own"


def test_missing_groups_are_a_group_and_missing_outcomes_are_left_out() -> None:
    cases = pd.DataFrame({"region": ["north", None, "south", "south"], "approved": [1, 0, None, 1]})
    found = [(gap.group, gap.n) for gap in gaps(cases, "region", "approved")]
    assert found == [(MISSING, 1), ("north", 1), ("south", 1)]


def test_one_group_alone_is_underpowered_and_no_rows_give_nothing() -> None:
    (alone,) = gaps(frame(north=(5, 10)), "region", "approved")
    assert (alone.verdict, alone.gap, alone.p, alone.needed) == (GapVerdict.UNDERPOWERED, 0.0, 1.0, None)
    assert (alone.gap_low, alone.gap_high) == (-1, 1)
    assert gaps(frame(), "region", "approved") == []


def test_a_constant_outcome_shows_no_gap() -> None:
    found = gaps(frame(north=(900, 900), south=(900, 900)), "region", "approved")
    assert {(gap.verdict, gap.gap, gap.p) for gap in found} == {(GapVerdict.NONE_SHOWN, 0.0, 1.0)}


@pytest.mark.parametrize("bound", [-0.1, 1.0, float("nan")])
def test_a_bound_that_no_share_can_reach_is_refused(bound: float) -> None:
    with pytest.raises(BadInput, match="has no meaning"):
        gaps(frame(north=(1, 2)), "region", "approved", bound=bound)


def test_a_wrong_column_or_outcome_is_refused() -> None:
    with pytest.raises(BadInput, match="Choose among"):
        gaps(frame(north=(1, 2)), "tier", "approved")
    with pytest.raises(BadInput, match="true or false"):
        gaps(pd.DataFrame({"region": ["a"], "approved": [2]}), "region", "approved")

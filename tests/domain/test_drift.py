import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats
from scipy.spatial.distance import jensenshannon

from handrail.drift import (
    ColumnDrift,
    ReferenceProfile,
    benjamini_hochberg,
    build,
    compare,
    homogeneity_p,
    js_distance,
    psi,
)
from handrail.drift.chance import ks_tail
from handrail.drift.distances import ks_and_wasserstein
from handrail.errors import BadInput


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def only(reference: pd.Series, current: pd.Series) -> ColumnDrift:
    return compare(build(reference.to_frame("x")), current.to_frame("x")).columns[0]


def test_numeric_scores_equal_scipy() -> None:
    reference, current = rng().normal(size=800), rng().normal(0.4, 1.3, size=300)
    column = only(pd.Series(reference), pd.Series(current))
    expected = stats.ks_2samp(reference, current)
    assert column.ks == pytest.approx(expected.statistic, abs=1e-12)
    assert column.ks_p == pytest.approx(expected.pvalue, rel=1e-9)
    assert column.wasserstein == pytest.approx(stats.wasserstein_distance(reference, current), rel=1e-9)


def test_large_windows_use_the_asymptotic_ks_of_scipy() -> None:
    reference, current = rng().normal(size=9_000), np.random.default_rng(5).normal(0.02, size=12_000)
    column = only(pd.Series(reference), pd.Series(current))
    assert column.ks_p == pytest.approx(stats.ks_2samp(reference, current, method="asymp").pvalue, rel=1e-9)


def test_a_thinned_reference_keeps_the_ks_statistic_to_one_in_twenty_thousand() -> None:
    reference, current = rng().normal(size=50_000), rng().normal(0.1, size=2_000)
    column = only(pd.Series(reference), pd.Series(current))
    assert column.ks == pytest.approx(stats.ks_2samp(reference, current).statistic, abs=1.5e-4)


SORTED = (
    st.lists(st.floats(-1e6, 1e6) | st.integers(0, 4).map(float), min_size=1, max_size=80).map(sorted).map(np.array)
)


@given(SORTED, SORTED, st.integers(1, 9))
def test_ks_and_wasserstein_equal_scipy_on_a_grid_of_any_width(
    first: np.ndarray, second: np.ndarray, block: int
) -> None:
    ks, distance = ks_and_wasserstein(first, second, block=block)
    assert ks == pytest.approx(stats.ks_2samp(first, second).statistic, abs=1e-12)
    expected = stats.wasserstein_distance(first, second)
    assert distance == pytest.approx(expected, rel=1e-9, abs=1e-12 * max(np.abs([*first, *second]).max(), 1))


@pytest.mark.parametrize("shift", [0.0, 0.01, 0.5, 50.0])
@pytest.mark.parametrize("sizes", [(30_000, 20_000), (5, 40_000), (40_000, 1)])
def test_ks_and_wasserstein_equal_scipy_on_many_numbers(shift: float, sizes: tuple[int, int]) -> None:
    chance = np.random.default_rng(sizes)
    first, second = np.sort(chance.lognormal(size=sizes[0])), np.sort(chance.lognormal(shift, size=sizes[1]))
    ks, distance = ks_and_wasserstein(first, second)
    assert ks == pytest.approx(stats.ks_2samp(first, second, method="asymp").statistic, abs=1e-12)
    assert distance == pytest.approx(stats.wasserstein_distance(first, second), rel=1e-9)


def test_seconds_since_long_ago_lose_no_precision() -> None:
    first = np.sort(1.77e9 + rng().exponential(3_600, size=9_000))
    second = first + 0.25
    assert ks_and_wasserstein(first, second)[1] == pytest.approx(0.25, rel=1e-9)


@pytest.mark.parametrize("effective", [10, 5_000, 5_001, 20_000, 400_000])
@pytest.mark.parametrize("squared", [0.0, 0.3, 2.19, 2.2, 2.21, 3.0, 8.0, 17.99, 18.0, 30.0])
def test_the_quick_tail_of_the_ks_statistic_equals_scipys(effective: float, squared: float) -> None:
    statistic = float(min(np.sqrt(squared / effective), 1.0))
    assert ks_tail(statistic, effective) == pytest.approx(stats.kstwo.sf(statistic, effective), abs=1e-9)


def test_one_case_of_a_rare_category_counts_for_no_more_than_its_chance() -> None:
    # Of 20,000 cases one is odd, and it may well fall into the small window: as a cell of its own it had p = 1e-44.
    assert homogeneity_p(np.array([12_000, 7_900, 0]), np.array([60, 39, 1])) > 0.005
    assert homogeneity_p(np.array([12_000, 7_900, 0]), np.array([60, 20, 20])) < 1e-6
    exact = stats.fisher_exact([[0, 19_900], [1, 99]]).pvalue
    assert homogeneity_p(np.array([19_900, 0]), np.array([99, 1])) == pytest.approx(exact, rel=1e-9)
    assert homogeneity_p(np.array([50, 0]), np.array([0, 0])) == 1


def test_psi_counts_reference_deciles_with_one_case_added_to_each() -> None:
    reference, current = np.arange(1000.0), np.repeat([50.0, 950.0], [30, 70])
    now = np.array([30, 0, 0, 0, 0, 0, 0, 0, 0, 70])
    before_share, now_share = np.full(10, 101 / 1010), (now + 1) / 110
    expected = sum((n - b) * np.log(n / b) for b, n in zip(before_share, now_share, strict=True))
    assert only(pd.Series(reference), pd.Series(current)).psi == pytest.approx(expected, rel=1e-12)


def test_categorical_scores_equal_scipy() -> None:
    reference = pd.Series(["a"] * 500 + ["b"] * 300 + ["c"] * 200)
    current = pd.Series(["a"] * 100 + ["b"] * 120 + ["d"] * 30)
    column = only(reference, current)
    table = np.array([[500, 300, 200, 0], [100, 120, 0, 30]])
    assert column.chi2_p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-9)
    assert column.js == pytest.approx(jensenshannon(table[0], table[1]), abs=1e-12)
    assert (column.new_categories, column.vanished_categories) == (("d",), ("c",))
    assert column.drifted


def test_a_verdict_needs_both_a_large_effect_and_more_than_chance() -> None:
    many = pd.Series(rng().normal(size=60_000))
    small_shift = only(many, pd.Series(np.random.default_rng(3).normal(0.05, size=60_000)))
    assert small_shift.p < 1e-6
    assert not small_shift.drifted
    few = only(pd.Series(np.arange(200.0)), pd.Series([10.0, 20.0, 199.0]))
    assert few.psi is not None
    assert few.psi >= 0.1
    assert not few.drifted


def test_nothing_changed_rarely_alarms() -> None:
    chance = rng()
    alarms = 0
    for _ in range(60):
        frames = [
            pd.DataFrame(
                {f"n{i}": chance.normal(size=n) for i in range(4)}
                | {f"c{i}": chance.choice(list("abcdef"), n, p=[0.5, 0.2, 0.1, 0.1, 0.08, 0.02]) for i in range(3)}
            )
            for n in (2_000, 150)
        ]
        alarms += compare(build(frames[0]), frames[1]).drifted
    assert alarms <= 7  # 5 % of 60 runs, plus two standard errors


@pytest.mark.parametrize(
    ("reference", "current", "note"),
    [
        ([], [], "the reference is empty"),
        ([], [1.0], "the reference is empty"),
        ([1.0], [], "the window is empty"),
        ([np.nan] * 3, [1.0], "no values in the reference"),
        ([1.0], [np.nan] * 3, "no values in the window"),
        ([1.0], [2.0], ""),
    ],
)
def test_what_could_not_be_measured_is_said(reference: list[float], current: list[float], note: str) -> None:
    assert only(pd.Series(reference, dtype=float), pd.Series(current, dtype=float)).note == note


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (pd.Series([1, "1", "a", True] * 30, dtype=object), pd.Series(["1", "1", "a", "True"] * 30)),
        (pd.Series(["1", "2"] * 50), pd.Series([1.0, 2.0] * 50)),
        (pd.Series([1, 2.5, None] * 30, dtype=object), pd.Series([1, 2.5, np.nan] * 30)),
        (pd.Series([["a"], {"b": 1}] * 30, dtype=object), pd.Series(["['a']", "{'b': 1}"] * 30)),
        (pd.Series(["x", "y"] * 30, dtype="category"), pd.Series(["x", "y"] * 30)),
    ],
    ids=["mixed", "numbers for words", "numbers as objects", "lists", "categories"],
)
def test_values_that_differ_in_type_alone_are_no_drift(reference: pd.Series, current: pd.Series) -> None:
    column = only(reference, current)
    assert (column.psi, column.new_categories) == (0, ())


def test_columns_of_one_name_are_refused_and_a_number_may_be_a_name() -> None:
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(BadInput, match="called a"):
        build(twice)
    with pytest.raises(BadInput, match="called a"):
        compare(build(pd.DataFrame({"a": [1]})), twice)
    assert compare(build(pd.DataFrame({0: [1, 2]})), pd.DataFrame({0: [1, 2]})).columns[0].name == "0"


def test_the_direction_names_means_new_and_grown_categories_and_holes() -> None:
    assert only(pd.Series([1.0, 3.0]), pd.Series([5.0, 5.0])).direction == "mean 2.00 → 5.00"
    column = only(pd.Series(["a"] * 8 + ["b"] * 2), pd.Series(["a"] * 2 + ["b"] * 5 + ["z"] * 2 + [None]))
    assert column.direction == "new: z; a 80% → 20%; b 20% → 50%; without a value 0% → 10%"


@given(
    npst.arrays(np.float64, st.integers(0, 40), elements=st.floats(allow_nan=True, allow_infinity=True)),
    npst.arrays(np.float64, st.integers(0, 40), elements=st.floats(allow_nan=True, allow_infinity=True)),
)
def test_no_numbers_whatever_make_a_figure_that_is_none(before: np.ndarray, now: np.ndarray) -> None:
    column = only(pd.Series(before), pd.Series(now))
    figures = [value for value in vars(column).values() if isinstance(value, float)]
    assert np.isfinite(figures).all()
    assert 0 <= column.p <= 1


@pytest.mark.parametrize(
    ("reference", "current", "drifted"),
    [
        ([], [], False),
        ([1.0, 2.0], [], False),
        ([], [1.0, 2.0], False),
        ([5.0] * 100, [5.0] * 100, False),
        ([5.0] * 100, [4.0] * 100, True),
        ([5.0] * 100, [6.0] * 100, True),
        ([1.0, 2.0] * 50, [np.nan] * 100, True),
        ([np.nan] * 100, [np.nan] * 50, False),
        ([np.nan] * 100, [1.0, 2.0] * 50, True),
        ([0.0, 1.0] * 50, [np.inf] * 100, True),
        ([np.inf, -np.inf] * 50, [np.inf, -np.inf] * 20, False),
        ([1.0], [1.0], False),
        ([1e300, -1e300] * 50, [1e300, -1e300] * 50, False),
    ],
)
def test_odd_windows_get_a_defined_answer(reference: list[float], current: list[float], *, drifted: bool) -> None:
    column = only(pd.Series(reference, dtype=float), pd.Series(current, dtype=float))
    assert column.drifted is drifted
    figures = [value for value in vars(column).values() if isinstance(value, float)]
    assert np.isfinite(figures).all()


def test_a_jump_in_missing_values_is_drift_even_where_the_rest_stays() -> None:
    values = rng().normal(size=1000)
    holed = np.where(np.arange(1000) % 3 == 0, np.nan, values)
    assert only(pd.Series(values), pd.Series(holed)).drifted


def test_a_missing_column_is_an_error_and_a_new_one_is_named() -> None:
    profile = build(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    with pytest.raises(BadInput, match="lacks b"):
        compare(profile, pd.DataFrame({"a": [1]}))
    assert compare(profile, pd.DataFrame({"a": [1], "b": ["x"], "c": [0]})).unwatched == ("c",)


def test_words_in_a_numeric_column_count_as_missing() -> None:
    column = only(pd.Series(np.arange(200.0)), pd.Series(["oops"] * 150 + [3] * 50, dtype=object))
    assert column.drifted


def test_times_and_booleans_are_watched_too() -> None:
    reference = pd.DataFrame({"t": pd.date_range("2026-01-01", periods=200, tz="UTC"), "b": [True, False] * 100})
    report = compare(build(reference), reference.assign(b=True))
    assert [(c.name, c.kind, c.drifted) for c in report.columns] == [
        ("t", "numeric", False),
        ("b", "categorical", True),
    ]


def test_a_profile_survives_json_and_judges_the_same() -> None:
    frame = pd.DataFrame({"n": [1.0, np.inf, np.nan, 2.5], "c": ["x", None, "y", "é"], "e": [None] * 4})
    profile = build(frame)
    again = ReferenceProfile.from_json(profile.to_json())
    assert again == profile
    assert compare(again, frame) == compare(profile, frame)
    with pytest.raises(BadInput, match="Build it again"):
        ReferenceProfile.from_json('{"rows": 1}')


def test_rare_categories_beyond_the_cap_are_pooled_not_called_new() -> None:
    reference = pd.Series([f"id{i}" for i in range(3_000)])
    column = only(reference, reference.iloc[::2])
    assert column.new_categories == ()
    assert not column.drifted


COUNTS = npst.arrays(np.int64, 5, elements=st.integers(0, 1000)).filter(np.any)


@given(COUNTS, COUNTS)
def test_scores_stay_in_their_ranges_and_are_zero_for_equal_windows(before: np.ndarray, now: np.ndarray) -> None:
    assert psi(before, now) >= 0
    assert 0 <= js_distance(before, now) <= np.sqrt(np.log(2)) + 1e-12
    assert 0 <= homogeneity_p(before, now) <= 1
    assert psi(before, before) == 0
    assert js_distance(before, before) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_benjamini_hochberg_equals_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), atol=1e-12)

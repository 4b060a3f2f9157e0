import json
from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from handrail import agreement
from handrail.agreement import (
    Ratings,
    cohen_kappa,
    collect,
    fleiss_kappa,
    krippendorff_alpha,
    krippendorff_alpha_of,
    measure,
    percent_agreement,
)
from handrail.agreement.alpha import Level, statistic
from handrail.agreement.kappa import CohenKappa, FleissKappa, shared
from handrail.agreement.resampling import Statistic, interval
from handrail.agreement.units import Units
from handrail.errors import BadInput

# Krippendorff's worked example with missing data: three coders, fifteen units, * is no rating.
WORKED = {"A": "*****34121133*3", "B": "1*213343*******", "C": "**21344*21133*4"}


def frame(coders: dict[str, str]) -> pd.DataFrame:
    rows = [
        (unit, coder, None if label == "*" else label)
        for coder, labels in coders.items()
        for unit, label in enumerate(labels)
    ]
    return pd.DataFrame(rows, columns=["item", "rater", "label"])


def alpha_by_pairs(ratings: pd.DataFrame) -> float | None:
    """Alpha from the coincidences of every ordered pair, counted one by one."""
    coincidences: Counter[tuple[str, str]] = Counter()
    for _, unit in ratings.dropna().groupby("item"):
        for a, b in permutations(list(unit["label"]), 2):
            coincidences[a, b] += 1 / (len(unit) - 1)
    totals: Counter[str] = Counter()
    for (a, _), weight in coincidences.items():
        totals[a] += weight
    n = sum(totals.values())
    expected = sum(totals[a] * totals[b] for a, b in permutations(totals, 2)) / (n - 1) if n else 0
    return 1 - sum(w for (a, b), w in coincidences.items() if a != b) / expected if expected else None


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.691), ("ordinal", 0.807), ("interval", 0.811)])
def test_krippendorffs_worked_example(level: str, alpha: float) -> None:
    assert krippendorff_alpha(collect(frame(WORKED)), level) == pytest.approx(alpha, abs=5e-4)


GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "agreement.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_values_equal_those_of_krippendorff_and_statsmodels(case: dict[str, Any]) -> None:
    table = np.array([[np.nan if value is None else value for value in row] for row in case["table"]])
    ratings = Ratings.of_table(table)
    for level, alpha in case["alpha"].items():
        assert krippendorff_alpha(ratings, level) == pytest.approx(alpha, abs=1e-9)
        assert krippendorff_alpha_of(table, level) == pytest.approx(alpha, abs=1e-9)
        assert statistic(ratings, Level(level)).value() == pytest.approx(alpha, abs=1e-9)
    if "fleiss" in case:
        assert fleiss_kappa(ratings) == pytest.approx(case["fleiss"], abs=1e-9)
        assert agreement.fleiss_kappa_of(agreement.counts_of(table)) == pytest.approx(case["fleiss"], abs=1e-9)
    if "cohen" in case:
        assert cohen_kappa(ratings, "0", "1") == pytest.approx(case["cohen"], abs=1e-9)


def squared_by_pairs(table: np.ndarray, *, ordinal: bool) -> float | None:
    """Alpha of numbers from the difference of every ordered pair, as its definition says."""
    units = [row[~np.isnan(row)] for row in table if (~np.isnan(row)).sum() > 1]
    values = np.concatenate(units) if units else np.zeros(0)
    if len(set(values)) < 2:
        return None

    def distance(a: float, b: float) -> float:
        if not ordinal:
            return float((a - b) ** 2)
        low, high = min(a, b), max(a, b)
        between = ((values >= low) & (values <= high)).sum()
        return float(between - ((values == low).sum() + (values == high).sum()) / 2) ** 2

    observed = sum(distance(a, b) / (len(unit) - 1) for unit in units for a, b in permutations(unit, 2))
    expected = sum(distance(a, b) for a, b in permutations(values, 2)) / (len(values) - 1)
    return 1 - observed / expected


NUMBERS = st.lists(
    st.lists(st.sampled_from([np.nan, -2.0, 0.0, 0.5, 3.0, 4.0]), min_size=3, max_size=3), min_size=1, max_size=8
)


@given(NUMBERS, st.booleans())
def test_alpha_of_numbers_equals_the_difference_of_every_pair(rows: list[list[float]], ordinal: bool) -> None:
    expected = squared_by_pairs(np.array(rows), ordinal=ordinal)
    found = krippendorff_alpha_of(rows, "ordinal" if ordinal else "interval")
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


@given(NUMBERS, st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_alpha_of_an_interval_scale_knows_neither_its_zero_nor_its_unit(
    rows: list[list[float]], unit: float, zero: float
) -> None:
    first, other = (krippendorff_alpha_of(table, "interval") for table in (rows, np.array(rows) * unit + zero))
    assert other == (None if first is None else pytest.approx(first, abs=1e-6))


def fleiss_by_labels(table: np.ndarray) -> float | None:
    """The generalisation of 1981, label by label: a weighted mean of the kappas of each label against the rest."""
    counts = agreement.counts_of(table)
    counts = counts[counts.sum(axis=1) > 1]
    if not len(counts):
        return None
    sizes = counts.sum(axis=1)
    shares = counts.sum(axis=0) / sizes.sum()
    weights = shares * (1 - shares)
    if weights.sum() < 1e-12:
        return None
    mean = sizes.mean()
    kappas = [
        1 - (counts[:, k] * (sizes - counts[:, k]) / sizes).sum() / (len(counts) * (mean - 1) * weights[k])
        for k in range(counts.shape[1])
        if weights[k] > 0
    ]
    return float((np.array(kappas) * weights[weights > 0]).sum() / weights.sum())


@given(NUMBERS)
def test_fleiss_kappa_of_unequal_numbers_of_ratings_is_the_generalisation_of_1981(rows: list[list[float]]) -> None:
    table = np.array(rows)
    expected = fleiss_by_labels(table)
    for found in (fleiss_kappa(Ratings.of_table(table)), agreement.fleiss_kappa_of(agreement.counts_of(table))):
        assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


@pytest.mark.parametrize("kind", ["nominal", "ordinal", "interval", "fleiss", "cohen"])
def test_the_influence_of_an_item_is_what_a_little_more_of_it_does(kind: str) -> None:
    ratings = collect(frame(WORKED))
    found: Statistic
    if kind == "fleiss":
        found = FleissKappa(Units.of(ratings))
    elif kind == "cohen":
        found = CohenKappa.of(*shared(ratings, 0, 2))
    else:
        found = statistic(ratings, Level(kind))
    little = 1e-6 * np.eye(len(found.times))
    more, less = (np.log(1 - found.resampled(found.times + sign * little)) for sign in (1, -1))
    assert found.influence() == pytest.approx((more - less) / 2e-6, abs=1e-6)


def test_items_alike_are_one_kind_and_every_item_counts() -> None:
    ratings = collect(frame({"A": "xxyx*", "B": "xyyy*", "C": "*xyxz"}))
    units = Units.of(ratings)
    kinds = {tuple(row) for row in units.counts.toarray().tolist()}
    assert dict(zip(map(tuple, units.counts.toarray().tolist()), units.times.tolist(), strict=True)) == {
        (2, 0, 0): 1,
        (2, 1, 0): 2,
        (0, 3, 0): 1,
    }
    assert len(kinds) == 3


def test_full_agreement_of_few_items_is_no_certainty() -> None:
    found = measure(collect(frame({"A": "xyxyxyxyxy", "B": "xyxyxyxyxy"})), np.random.default_rng(1))
    assert (found.alpha, found.alpha_interval.high) == (1.0, 1.0)
    assert found.alpha_interval.low == pytest.approx(0.025 ** (1 / 10))


def test_many_different_items_need_no_resamples_and_give_the_same_interval() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(0, 1, (1499, 1))
    alphas = statistic(Ratings.of_table(truth + rng.normal(0, 0.7, (1499, 2))), Level.INTERVAL)
    more = statistic(Ratings.of_table(np.vstack([truth, truth[:2]]) + rng.normal(0, 0.7, (1501, 2))), Level.INTERVAL)
    by_draws, by_influence = (interval(one, rng, draws=2000, level=0.95) for one in (alphas, more))
    assert by_draws.low is not None
    assert by_draws.high is not None
    assert by_influence.low == pytest.approx(by_draws.low, abs=0.03)
    assert by_influence.high == pytest.approx(by_draws.high, abs=0.03)


class TestOrder:
    def test_numbers_stand_by_size_and_texts_as_told_else_by_alphabet(self) -> None:
        assert collect(frame({"A": "9813", "B": "1111"})).labels == ("1", "3", "8", "9")
        ten = pd.DataFrame({"item": [1, 1, 2], "rater": ["a", "b", "a"], "label": [10, 9, 2.0]})
        assert collect(ten).labels == ("2", "9", "10")
        words = pd.DataFrame({"item": [1, 1, 2], "rater": ["a", "b", "a"], "label": ["low", "high", "mid"]})
        assert collect(words).labels == ("high", "low", "mid")
        assert collect(words, order=["low", "mid", "high", "top"]).labels == ("low", "mid", "high")

    @pytest.mark.parametrize("order", [["low"], ["low", "high", "low"]])
    def test_an_order_that_lacks_or_repeats_a_label_is_refused(self, order: list[str]) -> None:
        words = pd.DataFrame({"item": [1, 1], "rater": ["a", "b"], "label": ["low", "high"]})
        with pytest.raises(BadInput, match="Name every label once"):
            collect(words, order=order)

    @pytest.mark.parametrize("label", ["many", "inf"])
    def test_at_the_interval_level_every_label_is_a_finite_number(self, label: str) -> None:
        rows = pd.DataFrame({"item": [1, 1], "rater": ["a", "b"], "label": ["1", label]})
        with pytest.raises(BadInput, match="nominal or ordinal"):
            krippendorff_alpha(collect(rows), "interval")


def test_a_hundred_thousand_ratings_by_many_raters_take_memory_for_the_ratings_alone() -> None:
    rng = np.random.default_rng(2)
    rows = pd.DataFrame(
        {
            "item": np.repeat(np.arange(50_000), 2),
            "rater": rng.permuted(np.tile([0, 1], (50_000, 1)), axis=1).ravel()
            + 2 * np.repeat(rng.integers(0, 5000, 50_000), 2),
            "label": rng.integers(0, 40_000, 100_000),
        }
    )
    found = measure(collect(rows), rng)
    assert found.items == 50_000
    assert len(found.pairs) == agreement.measured.MOST_PAIRS
    assert found.pairs_left_out == rows.groupby("item")["rater"].agg(frozenset).nunique() - len(found.pairs)
    assert found.alpha == pytest.approx(0, abs=0.01)


LABELS = st.lists(st.sampled_from("abc*"), min_size=6, max_size=6).map("".join)


@given(st.fixed_dictionaries({"A": LABELS, "B": LABELS, "C": LABELS}))
def test_alpha_equals_a_count_of_every_pair(coders: dict[str, str]) -> None:
    expected = alpha_by_pairs(frame(coders))
    found = krippendorff_alpha(collect(frame(coders)))
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=30))
def test_kappa_equals_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    a, b = ("".join(side) for side in zip(*pairs, strict=True))
    found = cohen_kappa(collect(frame({"A": a, "B": b})), "A", "B")
    if len({*a, *b}) == 1:
        assert found is None
    else:
        assert found == pytest.approx(cohen_kappa_score(list(a), list(b)), abs=1e-9)


def test_percent_agreement_counts_pairs_of_ratings() -> None:
    # Item 0: all three agree (3 of 3 pairs); item 1: one pair of three; item 2: a single rating.
    assert percent_agreement(collect(frame({"A": "xxz", "B": "xx*", "C": "xy*"}))) == pytest.approx(4 / 6)


def test_the_interval_over_items_holds_the_estimate_and_repeats_with_its_seed() -> None:
    ratings = collect(frame(WORKED))
    first, second = (measure(ratings, np.random.default_rng(4)) for _ in range(2))
    assert first == second
    low, high = first.alpha_interval.low, first.alpha_interval.high
    assert first.alpha is not None
    assert low is not None
    assert high is not None
    assert low < first.alpha < high
    assert [(pair.rater_a, pair.rater_b, pair.items) for pair in first.pairs] == [
        ("A", "B", 3),
        ("A", "C", 8),
        ("B", "C", 5),
    ]


def test_the_bootstrap_interval_covers_the_true_alpha() -> None:
    # Two raters copy a fair three-way truth with probability 0.7, else guess: alpha is 0.49 by design.
    chance, covered = np.random.default_rng(8), 0
    for _ in range(100):
        truth = chance.integers(0, 3, 200)
        views = [np.where(chance.random(200) < 0.7, truth, chance.integers(0, 3, 200)) for _ in range(2)]
        coders = {name: "".join(map(str, view)) for name, view in zip("AB", views, strict=True)}
        interval = measure(collect(frame(coders)), chance, draws=300).alpha_interval
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= 0.49 <= interval.high
    assert 88 <= covered <= 100


def test_one_label_or_no_pairs_leave_chance_corrected_figures_undefined() -> None:
    same = measure(collect(frame({"A": "xx", "B": "xx"})), np.random.default_rng(1))
    assert (same.agreement, same.alpha, same.pairs[0].kappa) == (1.0, None, None)
    assert (same.alpha_interval.low, same.alpha_interval.high) == (None, None)
    alone = measure(collect(frame({"A": "xyx"})), np.random.default_rng(1))
    assert (alone.items, alone.agreement, alone.alpha, alone.pairs) == (3, None, None, ())
    nothing = measure(collect(frame({"A": "*"})), np.random.default_rng(1))
    assert (nothing.items, nothing.alpha) == (0, None)


def test_a_repeated_rating_counts_once_and_a_contradiction_is_refused() -> None:
    ratings = frame({"A": "xy", "B": "xx"})
    assert krippendorff_alpha(collect(pd.concat([ratings, ratings]))) == krippendorff_alpha(collect(ratings))
    contradiction = pd.concat([ratings, pd.DataFrame([(0, "A", "y")], columns=ratings.columns)])
    with pytest.raises(BadInput, match="Keep one rating"):
        collect(contradiction)
    with pytest.raises(BadInput, match="rater"):
        collect(ratings.drop(columns="rater"))


def test_an_unknown_rater_is_refused() -> None:
    with pytest.raises(BadInput, match="Use one of"):
        cohen_kappa(collect(frame({"A": "xy", "B": "xx"})), "A", "Z")

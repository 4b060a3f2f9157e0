from collections import Counter
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from handrail.agreement import cohen_kappa, collect, krippendorff_alpha, measure, percent_agreement
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


def test_krippendorffs_worked_example_gives_0_691() -> None:
    assert krippendorff_alpha(collect(frame(WORKED))) == pytest.approx(0.691, abs=5e-4)


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

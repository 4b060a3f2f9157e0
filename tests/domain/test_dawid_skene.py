"""Consensus: the simulated truth is the oracle, the majority vote the rival."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail import dawid_skene
from handrail.agreement import Ratings, collect

CONFUSION = np.array(
    [
        [[0.95, 0.03, 0.02], [0.02, 0.96, 0.02], [0.03, 0.02, 0.95]],
        [[0.90, 0.05, 0.05], [0.10, 0.80, 0.10], [0.05, 0.05, 0.90]],
        [[0.60, 0.30, 0.10], [0.05, 0.90, 0.05], [0.40, 0.10, 0.50]],
        [[0.50, 0.25, 0.25], [0.25, 0.50, 0.25], [0.25, 0.25, 0.50]],
        [[0.50, 0.45, 0.05], [0.05, 0.50, 0.45], [0.45, 0.05, 0.50]],
    ]
)
LABELS = ("a", "b", "c")


def simulate(items: int, seed: int, missing: float = 0.0) -> tuple[Ratings, np.ndarray]:
    """Ratings drawn from known confusion matrices, and the truth behind them."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, items, p=[0.5, 0.3, 0.2])
    draws = rng.random((items, len(CONFUSION)))
    codes = np.stack(
        [(draws[:, r, None] > CONFUSION[r, truth].cumsum(axis=1)).sum(axis=1) for r in range(len(CONFUSION))], axis=1
    )
    codes = np.where(rng.random(codes.shape) < missing, -1, np.minimum(codes, 2))
    kept = (codes >= 0).any(axis=1)
    names = tuple(f"i{number}" for number in range(int(kept.sum())))
    reviewers = tuple(f"r{number}" for number in range(len(CONFUSION)))
    return Ratings.of_codes(names, reviewers, LABELS, codes[kept]), truth[kept]


def table(rows: list[tuple[str, str, str]]) -> Ratings:
    return collect(pd.DataFrame(rows, columns=["item", "rater", "label"]))


def naive(ratings: Ratings, rounds: int) -> np.ndarray:
    """The same algorithm in plain loops, as the paper writes it."""
    items, reviewers, labels = len(ratings.items), len(ratings.raters), len(ratings.labels)
    codes = np.full((items, reviewers), -1)
    codes[ratings.item, ratings.rater] = ratings.label
    posterior = np.array([[sum(c == k for c in row) for k in range(labels)] for row in codes], dtype=float)
    posterior /= posterior.sum(axis=1, keepdims=True)
    for _ in range(rounds):
        share = posterior.sum(axis=0) + 1 / labels
        share /= share.sum()
        matrices = np.full((reviewers, labels, labels), 1 / labels) + np.eye(labels)
        for i in range(items):
            for r in range(reviewers):
                if codes[i, r] >= 0:
                    matrices[r, :, codes[i, r]] += posterior[i]
        matrices /= matrices.sum(axis=2, keepdims=True)
        for i in range(items):
            posterior[i] = share
            for r in range(reviewers):
                if codes[i, r] >= 0:
                    posterior[i] *= matrices[r, :, codes[i, r]]
            posterior[i] /= posterior[i].sum()
    return posterior


def test_the_confusion_matrices_of_simulated_reviewers_are_recovered() -> None:
    ratings, _ = simulate(4000, seed=1)
    found = dawid_skene.estimate(ratings)
    assert found.converged
    assert np.abs(found.confusion - CONFUSION).max() < 0.06
    assert np.abs(found.prevalence - [0.5, 0.3, 0.2]).max() < 0.03
    right = np.einsum("k,rkk->r", np.array([0.5, 0.3, 0.2]), CONFUSION)
    assert list(found.accuracy().values()) == pytest.approx(right, abs=0.03)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_the_consensus_is_right_more_often_than_the_majority(seed: int, missing: float) -> None:
    ratings, truth = simulate(1500, seed, missing)
    believed = dawid_skene.estimate(ratings).posterior.argmax(axis=1)
    voted = dawid_skene.majority(ratings).argmax(axis=1)
    assert (believed == truth).mean() > (voted == truth).mean() + 0.01


def test_a_posterior_of_nine_tenths_is_right_nine_times_in_ten() -> None:
    ratings, truth = simulate(6000, seed=4, missing=0.5)
    posterior = dawid_skene.estimate(ratings).posterior
    sure = (posterior.max(axis=1) > 0.85) & (posterior.max(axis=1) < 0.95)
    assert (posterior.argmax(axis=1) == truth)[sure].mean() == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_every_round_is_that_of_the_paper(rounds: int) -> None:
    ratings, _ = simulate(60, seed=5, missing=0.3)
    assert dawid_skene.estimate(ratings, most_rounds=rounds).posterior == pytest.approx(naive(ratings, rounds))


@settings(max_examples=60, deadline=None)
@given(
    codes=st.integers(1, 4).flatmap(
        lambda labels: st.lists(
            st.lists(st.integers(-1, labels - 1), min_size=3, max_size=3), min_size=1, max_size=25
        ).map(lambda rows: (labels, np.array(rows)))
    ),
    smoothing=st.floats(0.01, 5),
)
def test_no_round_is_worse_than_the_one_before(codes: tuple[int, np.ndarray], smoothing: float) -> None:
    labels, table_of_codes = codes
    names = tuple(str(number) for number in range(len(table_of_codes)))
    ratings = Ratings.of_codes(names, ("x", "y", "z"), tuple("abcd"[:labels]), table_of_codes)
    found = dawid_skene.estimate(ratings, smoothing=smoothing)
    steps = np.diff(found.objective)
    assert (steps >= -1e-8 * np.maximum(1, np.abs(found.objective[1:]))).all()
    if len(found.items):
        assert found.posterior.sum(axis=1) == pytest.approx(np.ones(len(found.items)))
        assert found.confusion.sum(axis=2) == pytest.approx(np.ones(found.confusion.shape[:2]))


def test_no_ratings_give_no_consensus() -> None:
    found = dawid_skene.estimate(table([]))
    assert (found.items, found.posterior.shape, found.converged) == ((), (0, 0), True)
    assert found.accuracy() == {}


def test_a_single_reviewer_is_taken_at_their_word() -> None:
    found = dawid_skene.estimate(table([("1", "ada", "x"), ("2", "ada", "y"), ("3", "ada", "y")]))
    assert [found.of(item)[0] for item in found.items] == ["x", "y", "y"]


def test_a_single_label_is_certain() -> None:
    found = dawid_skene.estimate(table([("1", "ada", "x"), ("1", "ben", "x"), ("2", "ben", "x")]))
    assert found.posterior.tolist() == [[1.0], [1.0]]


def test_two_reviewers_who_differ_everywhere_leave_it_open() -> None:
    rows = [(str(n), who, label) for n in range(8) for who, label in (("ada", "xy"[n % 2]), ("ben", "yx"[n % 2]))]
    assert dawid_skene.estimate(table(rows)).posterior == pytest.approx(np.full((8, 2), 0.5))


def test_equal_ratings_give_equal_answers_in_any_order() -> None:
    ratings, _ = simulate(50, seed=6, missing=0.3)
    rows = [
        (ratings.items[i], ratings.raters[r], LABELS[k])
        for i, r, k in zip(ratings.item, ratings.rater, ratings.label, strict=True)
    ]
    first, again = dawid_skene.estimate(table(rows)), dawid_skene.estimate(table(rows[::-1]))
    assert np.array_equal(first.posterior, again.posterior)


def test_rounds_that_run_out_are_admitted() -> None:
    ratings, _ = simulate(200, seed=7)
    assert not dawid_skene.estimate(ratings, most_rounds=1).converged

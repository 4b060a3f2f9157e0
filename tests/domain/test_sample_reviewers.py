"""The simulated reviewers err, follow and hurry as their habits say."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.sample import OUT_OF_SCOPE, Behaviour, Reviewer, categories, reviewers

N = 40_000
ALL = (*categories(8), OUT_OF_SCOPE)


def _answers(
    reviewer: Reviewer,
    truth: str,
    *,
    suggestion: str | None = None,
    visible: bool = False,
    region: str = "north",
    week: int = 10,
) -> tuple[np.ndarray, np.ndarray]:
    truths, offers, shown, regions = (np.full(N, value, dtype=object) for value in (truth, suggestion, visible, region))
    return reviewer.decide(truths, offers, shown, regions, week, np.random.default_rng(1))


def test_there_are_five_reviewers_with_the_promised_habits() -> None:
    habits = Counter(reviewer.behaviour for reviewer in reviewers())
    assert habits == {**dict.fromkeys(Behaviour, 1), Behaviour.ORDINARY: 2}
    assert len({reviewer.name for reviewer in reviewers()}) == 5
    assert [reviewer.behaviour for reviewer in reviewers() if not reviewer.trained] == [Behaviour.CARELESS]


@given(st.sampled_from(reviewers()), st.lists(st.sampled_from(ALL), min_size=1, max_size=11, unique=True))
def test_confusion_rows_are_probabilities_that_sum_to_one(reviewer: Reviewer, names: list[str]) -> None:
    matrix = reviewer.confusion(tuple(names))
    assert matrix.shape == (len(names), len(names))
    assert (matrix >= 0).all()
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)


@pytest.mark.parametrize("reviewer", reviewers(), ids=lambda reviewer: reviewer.name)
@pytest.mark.parametrize("truth", ["refund_request", OUT_OF_SCOPE])
def test_unaided_answers_follow_the_confusion_matrix(reviewer: Reviewer, truth: str) -> None:
    labels, _ = _answers(reviewer, truth)
    expected = reviewer.confusion(ALL)[ALL.index(truth)]
    observed = np.array([(labels == name).mean() for name in ALL])
    assert np.abs(observed - expected).max() < 4 * np.sqrt(0.25 / N)


def test_the_careless_one_errs_most_and_the_careful_one_least() -> None:
    by_accuracy = sorted(reviewers(), key=lambda reviewer: reviewer.accuracy)
    assert by_accuracy[0].behaviour is Behaviour.CARELESS
    assert by_accuracy[-1].behaviour is Behaviour.CAREFUL


def test_one_reviewer_accepts_nearly_every_visible_suggestion_at_a_glance() -> None:
    rubber_stamp = next(r for r in reviewers() if r.behaviour is Behaviour.APPROVES_EVERYTHING)
    shown, glance = _answers(rubber_stamp, "complaint", suggestion="refund_request", visible=True)
    hidden, reading = _answers(rubber_stamp, "complaint", suggestion="refund_request")
    assert (shown == "refund_request").mean() > 0.97
    assert (hidden == "complaint").mean() > 0.92
    assert np.median(glance) < 5
    assert np.median(reading) > 20


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_visible_nothing_is_no_suggestion(nothing: str | None) -> None:
    reviewer = reviewers()[-1]
    with_nothing = _answers(reviewer, "complaint", suggestion=nothing, visible=True)
    hidden = _answers(reviewer, "complaint", suggestion="refund_request")
    assert (with_nothing[0] == hidden[0]).all()
    assert (with_nothing[1] == hidden[1]).all()


@pytest.mark.parametrize(
    ("truth", "region", "week", "is_biased"),
    [
        ("refund_request", "coast", 20, True),
        ("refund_request", "coast", 19, False),
        ("refund_request", "north", 20, False),
        ("billing_question", "coast", 20, False),
    ],
)
def test_from_week_20_one_region_sees_its_refunds_filed_as_complaints(
    truth: str, region: str, week: int, is_biased: bool
) -> None:
    labels, _ = _answers(reviewers()[0], truth, region=region, week=week)
    share = (labels == "complaint").mean()
    assert share == pytest.approx(0.70, abs=0.02) if is_biased else share < 0.02


def test_a_category_that_does_not_exist_yet_is_called_out_of_scope() -> None:
    labels, _ = _answers(reviewers()[0], "subscription_upgrade", week=7)
    assert (labels == OUT_OF_SCOPE).mean() > 0.97
    assert "subscription_upgrade" not in set(labels)


def test_no_case_gives_no_answer() -> None:
    empty: list[str] = []
    labels, seconds = reviewers()[0].decide(empty, empty, empty, empty, 1, np.random.default_rng(1))
    assert len(labels) == len(seconds) == 0

"""What carried a prediction: the parts add up to the scores, and name what is in the text."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.policy import ModelRules
from models import artifact, classifier
from models.classifier import TrainedModel
from models.explanation import explain

Inbox = Callable[..., pd.DataFrame]
WORDS = [
    "Refund,",
    "parcel",
    "e-mail",
    "(login)",
    "late!!",
    "a",
    "--",
    "ÄRGER",
    "refund/parcel",
    "don't",
    "unheard",
    "7",
]


def gap(model: TrainedModel, frame: pd.DataFrame) -> np.ndarray:
    """Largest raw score minus the second, in double precision from the coefficients themselves."""
    vectors = model.estimator[0].transform(classifier.features(frame, model.fields)).astype(np.float64)
    linear = model.estimator[1].estimator_
    raw = vectors @ linear.coef_.T.astype(np.float64) + linear.intercept_
    ordered = np.sort(np.column_stack([np.zeros(len(raw)), raw]) if raw.shape[1] == 1 else raw, axis=1)
    return ordered[:, -1] - ordered[:, -2]


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(
        st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=30), min_size=1, max_size=5
    ),
    top=st.integers(0, 20),
)
def test_all_parts_add_up_to_the_difference_of_the_raw_scores(
    trained: TrainedModel, texts: list[str], top: int
) -> None:
    cases = pd.DataFrame({"text": texts, "amount": 10.0, "channel": "web"})
    explained = explain(trained, cases, top)
    np.testing.assert_allclose([one.log_odds for one in explained], gap(trained, cases), atol=1e-5)
    assert [one.label for one in explained] == trained.predict(cases)["label"].tolist()
    assert all(len(one.terms) <= top for one in explained)


def test_with_every_term_listed_nothing_is_left_as_rest(trained: TrainedModel, make_inbox: Inbox) -> None:
    for one in explain(trained, make_inbox(20, seed=3), top=10_000):
        assert one.rest == pytest.approx(0, abs=1e-9)


def test_the_words_of_the_subject_carry_it_and_another_subjects_words_speak_against(trained: TrainedModel) -> None:
    (one,) = explain(trained, pd.DataFrame({"text": ["Refund the voucher, my refund! Password, login"]}))
    assert (one.label, one.against) == ("refund", "login")
    weights = {part.term: part.weight for part in one.terms}
    assert one.terms[0].term == "refund"
    assert weights["voucher"] > 0 > weights["password"]


def test_terms_are_stretches_of_the_text_strongest_first_and_each_stands_once(
    trained: TrainedModel, make_inbox: Inbox
) -> None:
    cases = make_inbox(30, seed=4)
    for text, one in zip(cases["text"], explain(trained, cases, top=12), strict=True):
        names = [part.term for part in one.terms]
        assert all(name in text.lower() for name in names)
        assert len(set(names)) == len(names)
        sizes = [abs(part.weight) for part in one.terms]
        assert sizes == sorted(sizes, reverse=True)


def test_the_weight_of_a_term_is_what_the_score_loses_without_its_columns(trained: TrainedModel) -> None:
    """A text of one word: the word, its n-grams, and no pair."""
    cases = pd.DataFrame({"text": ["courier"], "amount": [np.nan], "channel": ["web"]})
    (one,) = explain(trained, cases)
    assert [part.term for part in one.terms] == ["courier"]
    fields = sum(part.weight for part in one.fields)
    assert one.terms[0].weight == pytest.approx(gap(trained, cases)[0] - fields - one.intercept, abs=1e-5)


def test_fields_are_named_with_their_own_part(make_inbox: Inbox) -> None:
    rows = make_inbox(400)
    model = classifier.train(rows.assign(channel=rows["label"]), ModelRules(), ("channel", "amount"))
    (one,) = explain(model, pd.DataFrame({"text": ["please"], "amount": [10.0], "channel": ["login"]}))
    assert one.label == "login"
    assert [part.term for part in one.fields] == ["channel", "amount"]
    assert one.fields[0].weight > 1


def test_an_unseen_value_of_a_field_says_nothing(trained: TrainedModel) -> None:
    (one,) = explain(trained, pd.DataFrame({"text": ["parcel"], "amount": [10.0], "channel": ["never seen"]}))
    assert {part.term: part.weight for part in one.fields}["channel"] == 0


def test_two_categories_are_explained_too(make_inbox: Inbox) -> None:
    rows = make_inbox(400)
    model = classifier.train(rows[rows["label"].isin(["parcel", "login"])], ModelRules())
    cases = pd.DataFrame({"text": ["password reset login", "courier at the depot"]})
    explained = explain(model, cases)
    assert [(one.label, one.against) for one in explained] == [("login", "parcel"), ("parcel", "login")]
    np.testing.assert_allclose([one.log_odds for one in explained], gap(model, cases), atol=1e-5)


def test_each_case_is_explained_as_if_it_stood_alone(trained: TrainedModel, make_inbox: Inbox) -> None:
    cases = make_inbox(12, seed=5)
    together = explain(trained, cases)
    alone = [explain(trained, cases.iloc[[row]])[0] for row in range(len(cases))]
    for one, other in zip(together, alone, strict=True):
        assert [part.term for part in one.terms] == [part.term for part in other.terms]
        assert one.log_odds == pytest.approx(other.log_odds)


def test_a_model_read_from_its_file_explains_the_same(trained: TrainedModel, make_inbox: Inbox, tmp_path: Path) -> None:
    skops.io.dump(trained.estimator, tmp_path / artifact.ESTIMATOR_FILE)
    (tmp_path / artifact.COMPANION_FILE).write_text(artifact.companion(trained), encoding="utf-8")
    again = artifact.read(tmp_path, artifact.digest(tmp_path))
    cases = make_inbox(10, seed=6)
    assert explain(again, cases) == explain(trained, cases)
    assert again.predictions_digest == trained.predictions_digest != ""


def test_no_case_has_no_explanation(trained: TrainedModel, make_inbox: Inbox) -> None:
    assert explain(trained, make_inbox(3).iloc[:0]) == []

"""The classifier on a small inbox whose categories are known."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from handrail.policy import ModelRules
from models import artifact, classifier
from models.classifier import TrainedModel

Inbox = Callable[..., pd.DataFrame]


def test_predictions_stand_in_row_order_within_their_ranges(trained: TrainedModel, make_inbox: Inbox) -> None:
    cases = make_inbox(200, seed=2).sample(frac=1, random_state=1)
    predicted = trained.predict(cases)
    assert predicted.columns.tolist() == ["label", "confidence", "novelty", "novel"]
    assert predicted.index.equals(cases.index)
    assert set(predicted["label"]) <= set(trained.labels)
    assert predicted["confidence"].between(1 / 4, 1).all()
    assert predicted["novelty"].between(0, 1).all()
    assert (predicted["label"] == cases["label"]).mean() > 0.9


def test_each_row_is_predicted_as_if_it_stood_alone(trained: TrainedModel, make_inbox: Inbox) -> None:
    cases = make_inbox(20, seed=2)
    together = trained.predict(cases)
    alone = pd.concat([trained.predict(cases.iloc[[row]]) for row in range(len(cases))])
    pd.testing.assert_frame_equal(together, alone, rtol=1e-5)


def test_an_empty_frame_gives_an_empty_one(trained: TrainedModel, make_inbox: Inbox) -> None:
    predicted = trained.predict(make_inbox(5).iloc[:0])
    assert len(predicted) == 0
    assert predicted.columns.tolist() == ["label", "confidence", "novelty", "novel"]


@pytest.mark.parametrize("text", ["", "   ", None, "€", "𝒳", "да нет", "x" * 50_000])
def test_odd_texts_get_a_prediction_without_gaps(trained: TrainedModel, text: str | None) -> None:
    predicted = trained.predict(pd.DataFrame({"text": [text], "amount": [None], "channel": ["never seen"]}))
    assert predicted.notna().all(axis=None)


@pytest.mark.parametrize("amount", [np.inf, -5.0, "abc", None])
def test_an_amount_that_is_no_number_counts_as_missing_or_nothing(trained: TrainedModel, amount: object) -> None:
    predicted = trained.predict(pd.DataFrame({"text": ["late parcel"], "amount": [amount], "channel": ["web"]}))
    assert predicted.notna().all(axis=None)


def test_columns_that_are_not_permitted_do_not_reach_the_model(trained: TrainedModel, make_inbox: Inbox) -> None:
    cases = make_inbox(30, seed=2)
    pd.testing.assert_frame_equal(trained.predict(cases), trained.predict(cases.assign(customer="secret", label="x")))


def test_equal_examples_and_rules_give_an_equal_model(make_inbox: Inbox) -> None:
    first, again = (classifier.train(make_inbox(200), ModelRules()) for _ in range(2))
    pd.testing.assert_frame_equal(first.predict(make_inbox(50, seed=2)), again.predict(make_inbox(50, seed=2)))


def test_two_categories_are_enough(make_inbox: Inbox) -> None:
    rows = make_inbox(400)
    model = classifier.train(rows[rows["label"].isin(["parcel", "login"])], ModelRules())
    assert model.labels == ("login", "parcel")
    assert model.predict(pd.DataFrame({"text": ["password reset login"]})).loc[0, "label"] == "login"
    assert model.predict(pd.DataFrame({"text": ["parcel courier depot"]})).loc[0, "label"] == "parcel"


def test_small_data_without_errors_never_claims_certainty(make_inbox: Inbox) -> None:
    model = classifier.train(make_inbox(120, noise=0.0), ModelRules())
    assert model.predict(make_inbox(50, seed=2))["confidence"].max() < 0.999


def test_accuracy_is_not_below_plain_tf_idf_and_logistic_regression(make_inbox: Inbox) -> None:
    rows, cases = make_inbox(500, noise=0.2), make_inbox(400, seed=2, noise=0.2)
    plain = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2),
        ),
        LogisticRegression(C=10, max_iter=1000),
    ).fit(rows["text"][:400], rows["label"][:400])
    ours = classifier.train(rows, ModelRules()).predict(cases)
    assert (ours["label"] == cases["label"]).mean() >= plain.score(cases["text"], cases["label"]) - 0.01


def test_metrics_come_from_cases_that_neither_trained_nor_calibrated(trained: TrainedModel) -> None:
    assert trained.metrics["n_test"] == len(trained.withheld)
    assert trained.metrics["n_train"] + trained.metrics["n_calibration"] + trained.metrics["n_test"] == 600
    right = trained.withheld["truth"] == trained.withheld["label"]
    assert trained.metrics["accuracy"] == pytest.approx(right.mean())


def test_the_file_names_only_types_that_are_trusted_and_holds_no_training_text(trained: TrainedModel) -> None:
    saved = skops.io.dumps(trained.estimator)
    assert set(skops.io.get_untrusted_types(data=saved)) <= set(artifact.TRUSTED_TYPES)
    assert b"courier" not in io.BytesIO(saved).getvalue()
    assert "courier" not in artifact.companion(trained)

"""The classifier on a small inbox whose categories are known."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from handrail.errors import BadInput
from handrail.policy import ModelRules
from models import artifact, classifier, rebuild
from models.classifier import TrainedModel

Inbox = Callable[..., pd.DataFrame]
NEXT = {"parcel": "refund", "refund": "login", "login": "invoice", "invoice": "parcel"}
TRAIN_ELSEWHERE = """
import sys
import pandas as pd
from handrail.policy import ModelRules
from models import classifier
rows = pd.read_json(sys.argv[1], lines=True)
print(classifier.train(rows, ModelRules(), ("channel", "amount")).predictions_digest)
"""


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


@pytest.mark.parametrize("amount", [np.inf, 1e300, -5.0, "abc", None])
def test_an_amount_that_is_no_number_counts_as_missing_or_nothing(trained: TrainedModel, amount: object) -> None:
    predicted = trained.predict(pd.DataFrame({"text": ["late parcel"], "amount": [amount], "channel": ["web"]}))
    assert predicted.notna().all(axis=None)


def test_columns_that_are_not_permitted_do_not_reach_the_model(trained: TrainedModel, make_inbox: Inbox) -> None:
    cases = make_inbox(30, seed=2)
    pd.testing.assert_frame_equal(trained.predict(cases), trained.predict(cases.assign(customer="secret", label="x")))


def test_equal_examples_and_rules_give_an_equal_model(make_inbox: Inbox) -> None:
    first, again = (classifier.train(make_inbox(200), ModelRules()) for _ in range(2))
    pd.testing.assert_frame_equal(first.predict(make_inbox(50, seed=2)), again.predict(make_inbox(50, seed=2)))


def test_another_order_of_rows_gives_the_same_digest_and_other_labels_another(make_inbox: Inbox) -> None:
    rows = make_inbox(200, noise=0.2)
    repeated = pd.concat([rows, rows.head(20).assign(case_id=range(900, 920), received_at=rows["received_at"].max())])
    first, again = (classifier.train(one, ModelRules()) for one in (repeated, repeated.sample(frac=1, random_state=3)))
    assert first.predictions_digest == again.predictions_digest
    pd.testing.assert_frame_equal(first.withheld.sort_index(), again.withheld.sort_index())
    assert classifier.train(rows.iloc[1:], ModelRules()).predictions_digest != first.predictions_digest


def test_another_process_with_its_own_hash_seed_and_row_order_gives_the_same_digest(
    make_inbox: Inbox, tmp_path: Path
) -> None:
    rows, file = make_inbox(160, noise=0.2), tmp_path / "rows.jsonl"
    rows.sample(frac=1, random_state=1).to_json(file, orient="records", lines=True, date_format="iso")
    other = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    environment = {**os.environ, "PYTHONHASHSEED": other, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TRAIN_ELSEWHERE, str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    here = classifier.train(rows, ModelRules(), ("channel", "amount")).predictions_digest
    assert done.stdout.strip() == here


def test_the_digest_of_predictions_counts_millionths_and_every_column() -> None:
    said = pd.DataFrame({"label": ["a", "b"], "confidence": [0.5, 0.75], "novelty": [0.1, 0.2], "novel": [False, True]})
    cases = pd.Series(["1", "2"])
    digest = rebuild.predictions_digest(said, cases)
    assert digest == rebuild.predictions_digest(said.iloc[::-1], cases.iloc[::-1])
    assert digest == rebuild.predictions_digest(said.assign(confidence=said["confidence"] + 1e-8), cases)
    for changed in (
        said.assign(confidence=said["confidence"] + 1e-6),
        said.assign(novelty=[0.1, 0.200001]),
        said.assign(label=["a", "c"]),
        said.assign(novel=False),
    ):
        assert rebuild.predictions_digest(changed, cases) != digest
    assert rebuild.predictions_digest(said, pd.Series(["1", "3"])) != digest


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


def test_the_newest_cases_measure_first_and_then_calibrate_what_serves(make_inbox: Inbox) -> None:
    clean = make_inbox(400)
    measured = clean.sort_values("received_at", kind="stable").groupby("label").tail(4).index
    spoiled = clean.assign(label=clean["label"].where(~clean.index.isin(measured), clean["label"].map(NEXT)))
    before, after = classifier.train(clean, ModelRules()), classifier.train(spoiled, ModelRules())
    assert after.metrics["accuracy"] < before.metrics["accuracy"] - 0.2
    said = [model.withheld["confidence"].mean() for model in (before, after)]
    assert said[1] == pytest.approx(said[0], abs=0.02), "what they measure does not know them yet"
    cases = make_inbox(50, seed=3)
    assert after.predict(cases)["confidence"].mean() < before.predict(cases)["confidence"].mean() - 0.02


def test_both_calibrators_are_measured_and_the_choice_is_noted(trained: TrainedModel) -> None:
    for name in ("accuracy", "log_loss", "ece", "log_loss_temperature", "log_loss_isotonic"):
        assert np.isfinite(trained.metrics[name])
    assert any(note.startswith("calibrated by temperature (held-out log loss") for note in trained.notes)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda rows: rows.head(99), "collect 1 more"),
        (lambda rows: rows.assign(text=""), "All texts are empty"),
        (lambda rows: rows.assign(text=None), "All texts are empty"),
        (lambda rows: rows.assign(text="same"), "check the text column"),
        (lambda rows: rows.assign(text=[f"{'-' * (i % 9)}{i}" for i in range(len(rows))]), None),
        (lambda rows: rows.assign(text=[chr(33 + i % 9) for i in range(len(rows))]), "check the text column|too few"),
        (lambda rows: rows.assign(label="one"), "second category"),
        (lambda rows: rows.assign(label=[f"only {i}" for i in range(len(rows))]), "0 usable labels"),
        (lambda rows: rows.assign(label=None), "0 usable labels"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_with_the_remedy(
    make_inbox: Inbox, spoil: Callable[[pd.DataFrame], pd.DataFrame], sentence: str | None
) -> None:
    rows = spoil(make_inbox(200))
    if sentence is None:
        assert classifier.train(rows, ModelRules()).predict(rows)["confidence"].between(0, 1).all()
    else:
        with pytest.raises(BadInput, match=sentence):
            classifier.train(rows, ModelRules())


def test_a_category_with_one_example_is_left_out_and_named(make_inbox: Inbox) -> None:
    rows = make_inbox(200)
    model = classifier.train(rows.assign(label=["alone", *rows["label"][1:]]), ModelRules())
    assert "alone" not in model.labels
    assert "category 'alone' left out: 1 labels, the policy asks for 5" in model.notes


def test_categories_of_two_labels_each_leave_nothing_to_measure(make_inbox: Inbox) -> None:
    rows = make_inbox(20).assign(label=[f"pair {i // 2}" for i in range(20)])
    with pytest.raises(BadInput, match="nothing is left to measure"):
        classifier.train(rows, ModelRules(min_labels=10, min_labels_per_category=2))


def test_fields_without_a_value_train_and_predict(make_inbox: Inbox) -> None:
    rows = make_inbox(200).assign(channel=None, amount=np.nan)
    model = classifier.train(rows, ModelRules(), ("channel", "amount"))
    assert model.predict(make_inbox(20, seed=2)).notna().all(axis=None)


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(max_size=60) | st.none(),
    amount=st.floats() | st.text(max_size=5) | st.none(),
    channel=st.text(max_size=5) | st.none() | st.just(float("nan")),
)
def test_whatever_arrives_no_prediction_has_a_gap_or_leaves_its_range(
    trained: TrainedModel, text: str | None, amount: object, channel: object
) -> None:
    said = trained.predict(pd.DataFrame({"text": [text], "amount": [amount], "channel": [channel]})).iloc[0]
    assert said["label"] in trained.labels
    assert 0 <= said["confidence"] <= 1
    assert 0 <= said["novelty"] <= 1


def test_the_file_names_only_types_that_are_trusted_and_holds_no_training_text(trained: TrainedModel) -> None:
    saved = skops.io.dumps(trained.estimator)
    assert set(skops.io.get_untrusted_types(data=saved)) <= set(artifact.TRUSTED_TYPES)
    assert b"courier" not in io.BytesIO(saved).getvalue()
    assert "courier" not in artifact.companion(trained)

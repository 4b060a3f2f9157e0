"""Somebody else's model: calibrated on labelled cases, measured on the newest, saved and governed like ours."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from handrail.errors import BadInput
from handrail.policy import ModelRules, NoveltyRules, for_labels
from handrail.workspace import Workspace
from models import artifact, calibration, confidences, external, rebuild, registry
from models.external import GivenModel
from tests.data.conftest import NOW, inbox

RULES = ModelRules(min_labels=100)
SHARPENED = 2.5


def judged(cases: int, seed: int = 11, *, sharpened: float = SHARPENED, **more: Any) -> pd.DataFrame:  # noqa: ANN401
    """Labelled cases that another model was right about as often as it truly knew, and surer of than it should be."""
    rng, frame = np.random.default_rng([seed, cases]), inbox(cases, seed)
    names = sorted(frame["label"].unique())
    chance = rng.beta(6, 2, cases)
    right = rng.random(cases) < chance
    other = [names[(names.index(label) + 1 + rng.integers(len(names) - 1)) % len(names)] for label in frame["label"]]
    claimed = expit(sharpened * logit(chance))
    return frame.assign(given_label=np.where(right, frame["label"], other), given_confidence=claimed, **more)


@pytest.fixture(scope="module")
def model() -> GivenModel:
    return external.train(judged(3000), RULES, NoveltyRules(max_in_scope_flagged=0.02))


def test_overconfidence_is_taken_off(model: GivenModel) -> None:
    metrics = model.metrics
    assert metrics["ece"] < 0.6 * metrics["ece_given"]
    assert metrics["log_loss"] < metrics["log_loss_given"] - 0.1
    fresh = judged(5000, seed=12)
    said = model.predict(fresh)
    right = (said["label"] == fresh["label"]).to_numpy()
    assert calibration.ece(said["confidence"], right) < 0.03
    assert calibration.ece(fresh["given_confidence"], right) > 0.1


def test_the_given_label_is_never_changed_and_the_ranking_of_confidences_stays(model: GivenModel) -> None:
    frame = judged(400, seed=13)
    said = model.predict(frame)
    assert said["label"].tolist() == frame["given_label"].tolist()
    one = frame[frame["given_label"] == model.labels[0]]
    order = one["given_confidence"].argsort()
    assert (np.diff(said.loc[one.index, "confidence"].to_numpy()[order]) >= 0).all()


@pytest.mark.parametrize(
    ("label", "confidence"),
    [
        ("parcel", None),
        ("parcel", np.nan),
        ("parcel", -0.01),
        ("parcel", 1.01),
        ("parcel", "sure"),
        ("fishing", 0.9),
        (None, 0.9),
    ],
)
def test_without_a_usable_prediction_there_is_none(model: GivenModel, label: str | None, confidence: object) -> None:
    frame = judged(2, seed=14).astype({"given_label": object, "given_confidence": object})
    frame.loc[0, "given_label"], frame.loc[0, "given_confidence"] = label, confidence
    said = model.predict(frame)
    assert pd.isna(said.loc[0, "label"])
    assert pd.isna(said.loc[0, "confidence"])
    assert said.loc[0, "novel"]
    assert said.loc[1, "label"] == frame.loc[1, "given_label"]


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_claim_of_certainty_is_usable_and_never_believed_fully(model: GivenModel, confidence: float) -> None:
    frame = judged(3, seed=14).assign(given_confidence=confidence)
    said = model.predict(frame)["confidence"]
    assert said.between(0, 1, inclusive="neither").all()


def test_an_empty_frame_and_one_without_the_columns_give_no_prediction(model: GivenModel) -> None:
    assert model.predict(judged(3)[:0]).empty
    bare = model.predict(judged(3)[["text"]])
    assert bare["label"].isna().all()
    assert bare["novel"].all()


def test_other_subjects_are_novel_however_sure_the_given_model_is(model: GivenModel) -> None:
    frame = judged(200, seed=15)
    strange = frame.assign(text="quantum chromodynamics lattice gluon propagator renormalisation")
    assert model.predict(strange)["novelty"].mean() > model.predict(frame)["novelty"].mean()
    assert model.predict(strange)["novel"].mean() > 0.9
    assert model.predict(frame)["novel"].mean() < 0.1


def test_equal_examples_in_another_order_give_an_equal_calibration() -> None:
    frame = judged(400)
    first, again = (external.train(rows, RULES) for rows in (frame, frame.sample(frac=1, random_state=3)))
    assert first.predictions_digest == again.predictions_digest
    assert artifact.companion(first) == artifact.companion(again)


def test_the_newest_cases_measure_and_calibrate_nothing() -> None:
    frame = judged(600)
    flipped = frame.copy()
    newest = frame["received_at"] > NOW - pd.Timedelta(hours=20)
    flipped.loc[newest, "given_confidence"] = 0.5
    before, after = external.train(frame, RULES), external.train(flipped, RULES)
    assert before.estimator.slopes.tolist() == after.estimator.slopes.tolist()
    assert before.metrics["ece"] != after.metrics["ece"]


def test_labelled_cases_without_a_prediction_are_left_out_and_told() -> None:
    frame = judged(400)
    frame.loc[:99, "given_label"] = None
    trained = external.train(frame, RULES)
    assert "100 labelled cases without a given prediction left out" in trained.notes
    assert sum(trained.metrics[name] for name in ("n_train", "n_calibration", "n_test")) == 300


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"given_label": None}, r"0 labelled cases carry a given prediction, 100 are needed.*fields\.prediction"),
        ({"given_confidence": np.nan}, "0 labelled cases carry"),
        ({"given_confidence": 0.8}, r"All \d+ given confidences are 0\.8.*fields\.prediction\.confidence"),
        ({"given_label": "parcel", "label": None}, "0 labelled cases carry"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_with_the_remedy(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        external.train(judged(400).assign(**change), RULES)


def test_labels_that_are_all_wrong_are_refused() -> None:
    frame = judged(400)
    names = sorted(frame["label"].unique())
    moved = frame["label"].map(dict(zip(names, names[1:] + names[:1], strict=True)))
    with pytest.raises(BadInput, match=r"None of the \d+ given labels is right.*fields\.prediction\.labels"):
        external.train(frame.assign(given_label=moved), RULES)


@pytest.mark.parametrize(("cases", "enough"), [(99, False), (100, True)])
def test_the_policys_number_of_labels_is_needed(cases: int, enough: bool) -> None:
    frame = judged(100).assign(given_confidence=lambda rows: rows["given_confidence"])
    frame.loc[cases:, "given_label"] = None
    if enough:
        assert external.train(frame, RULES).labels
    else:
        with pytest.raises(BadInput, match="99 labelled cases carry"):
            external.train(frame, RULES)


def test_labels_without_a_single_error_are_noted_and_leave_room_for_one() -> None:
    frame = judged(400)
    trained = external.train(frame.assign(given_label=frame["label"]), RULES)
    assert any("none of the" in note and "not copied" in note for note in trained.notes)
    assert trained.predict(frame.assign(given_label=frame["label"]))["confidence"].max() < 1


def test_a_model_is_saved_read_back_and_registered_as_given(workspace: Workspace, model: GivenModel) -> None:
    frame = judged(50, seed=16)
    recipe = rebuild.recipe(for_labels(model.labels), (), frame, model.predictions_digest)
    registered = registry.register(
        workspace,
        model,
        name="handrail-test",
        dataset_digest="d",
        policy_version="p",
        cause="by_hand",
        now=NOW,
        recipe=recipe,
        kind=model.kind,
    )
    assert registered.kind == "given"
    folder = workspace.model_cache / f"handrail-test-{registered.version}"
    back = artifact.read(folder, registered.artifact_digest)
    assert isinstance(back, GivenModel)
    pd.testing.assert_frame_equal(back.predict(frame), model.predict(frame))
    assert set(skops.io.get_untrusted_types(file=folder / artifact.ESTIMATOR_FILE)) <= set(artifact.TRUSTED_TYPES)


class TestCurves:
    @pytest.mark.parametrize(("cases", "methods"), [(199, 1), (200, 3)])
    def test_small_sets_get_a_temperature_only(self, cases: int, methods: int) -> None:
        frame = judged(cases)
        right = (frame["label"] == frame["given_label"]).to_numpy()
        claimed = frame["given_confidence"].to_numpy()
        _, method, losses = confidences.choose(claimed, np.zeros(cases, dtype=np.intp), right, 1)
        assert len(losses) == methods
        assert method == min(losses, key=losses.__getitem__)

    def test_a_line_is_the_one_that_logistic_regression_finds(self) -> None:
        frame = judged(5000, sharpened=1.7)
        right = (frame["label"] == frame["given_label"]).to_numpy()
        claimed = frame["given_confidence"].to_numpy()
        curves = confidences.fit(claimed, np.zeros(5000, dtype=np.intp), right, 1, "line")
        oracle = LogisticRegression(C=1e9, tol=1e-8).fit(confidences.strength(claimed)[:, None], right)
        assert curves.slopes[0] == pytest.approx(oracle.coef_[0, 0], abs=5e-3)
        assert curves.shifts[0] == pytest.approx(oracle.intercept_[0], abs=5e-3)

    def test_a_category_that_is_overrated_gets_a_line_of_its_own_and_a_rare_one_does_not(self) -> None:
        rng = np.random.default_rng(4)
        place = rng.choice(3, 2000, p=[0.6, 0.37, 0.03]).astype(np.intp)
        claimed = rng.beta(6, 2, 2000)
        right = rng.random(2000) < np.where(place == 0, claimed, 0.4 * claimed)
        curves, method, _ = confidences.choose(claimed, place, right, 3)
        assert method == "line_by_category"
        alone = confidences.fit(claimed, np.zeros(2000, dtype=np.intp), right, 1, "line")
        assert curves.slopes[2] == alone.slopes[0]
        same = np.array([0.9, 0.9])
        sound, overrated = curves.probabilities(same, np.array([0, 1], dtype=np.intp))
        assert sound == pytest.approx(0.9, abs=0.03)
        assert overrated == pytest.approx(0.36, abs=0.06)

    def test_a_bend_that_no_line_follows_gets_steps(self) -> None:
        rng = np.random.default_rng(5)
        claimed = rng.uniform(0.5, 1.0, 4000)
        right = rng.random(4000) < np.where(claimed > 0.8, 0.97, 0.55)
        curves, method, losses = confidences.choose(claimed, np.zeros(4000, dtype=np.intp), right, 1)
        assert method == "isotonic"
        assert losses["isotonic"] < losses["line"]
        said = curves.probabilities(np.array([0.6, 0.95]), np.zeros(2, dtype=np.intp))
        assert said == pytest.approx([0.55, 0.97], abs=0.03)

    @given(
        rows=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40),
        method=st.sampled_from(["temperature", "line", "isotonic"]),
    )
    def test_whatever_was_given_curves_never_fall_and_stay_inside(
        self, rows: list[tuple[float, bool]], method: confidences.Method
    ) -> None:
        claimed, right = (np.array(column) for column in zip(*rows, strict=True))
        curves = confidences.fit(claimed, np.zeros(len(rows), dtype=np.intp), right, 1, method)
        said = curves.probabilities(np.linspace(0, 1, 50), np.zeros(50, dtype=np.intp))
        assert np.isfinite(said).all()
        assert ((said >= 0) & (said <= 1)).all()
        assert (np.diff(said) >= -1e-12).all()

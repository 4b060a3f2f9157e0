"""The calibrated classifier as scikit-learn's own checks see it, and as files of earlier versions hold it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from models import artifact, classifier
from models.calibrators import CalibratedClassifier
from models.classifier import TrainedModel

EARLIER = Path(__file__).parents[1] / "golden" / "earlier_model"


@parametrize_with_checks([CalibratedClassifier(LogisticRegression())])
def test_it_is_an_estimator_by_every_check_of_scikit_learn(
    estimator: CalibratedClassifier, check: Callable[[CalibratedClassifier], None]
) -> None:
    check(estimator)


def cases(count: int, labels: int, seed: int = 1) -> tuple[sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(seed)
    names = np.array([f"label {number}" for number in range(labels)], dtype=object)
    place = rng.integers(labels, size=count)
    return sparse.csr_matrix(np.eye(labels)[place] + rng.normal(scale=0.6, size=(count, labels))), names[place]


@pytest.mark.parametrize("labels", [2, 4])
def test_a_frozen_classifier_is_calibrated_by_every_case_and_keeps_its_coefficients(labels: int) -> None:
    linear = LogisticRegression().fit(*cases(300, labels, seed=1))
    before = linear.coef_.copy()
    vectors, truth = cases(200, labels, seed=2)
    fitted = CalibratedClassifier(FrozenEstimator(linear)).fit(vectors, truth)
    assert fitted.estimator_ is linear
    np.testing.assert_array_equal(linear.coef_, before)
    np.testing.assert_array_equal(fitted.predict(vectors), linear.predict(vectors))
    assert sum(fitted.log_losses_.values()) > 0
    again = clone(fitted).fit(vectors, truth)
    np.testing.assert_array_equal(again.predict_proba(vectors), fitted.predict_proba(vectors))


def test_one_that_is_not_frozen_is_calibrated_by_cases_that_it_did_not_train_on() -> None:
    vectors, _ = cases(400, 3)
    blind = np.random.default_rng(3).choice(["a", "b", "c"], 400)
    wide = sparse.hstack([vectors, sparse.random(400, 500, density=0.2, random_state=4)], format="csr")
    fitted = CalibratedClassifier(LogisticRegression(C=1e4, max_iter=2_000)).fit(wide, blind)
    # It knows every case that it trained on by heart; calibrated by these it would be sure of itself.
    assert fitted.predict_proba(wide).max(axis=1).mean() < 0.6


def test_a_label_that_the_frozen_classifier_has_not_learnt_is_refused() -> None:
    linear = LogisticRegression().fit(*cases(300, 3))
    with pytest.raises(ValueError, match="label 3"):
        CalibratedClassifier(FrozenEstimator(linear)).fit(sparse.csr_matrix(np.eye(4)[:, :3]), cases(300, 4)[1][:4])


def test_the_last_step_of_a_pipeline_gives_probabilities_and_labels() -> None:
    vectors, truth = cases(300, 3)
    whole = make_pipeline(MaxAbsScaler(), CalibratedClassifier(LogisticRegression())).fit(vectors, truth)
    np.testing.assert_allclose(whole.predict_proba(vectors).sum(axis=1), 1)
    assert whole.score(vectors, truth) > 0.6


def test_the_pipeline_of_a_trained_model_predicts_what_the_model_does(
    trained: TrainedModel, make_inbox: Callable[..., pd.DataFrame]
) -> None:
    frame = make_inbox(40, seed=5)
    inputs = classifier.features(frame, trained.fields)
    said = trained.predict(frame)
    assert trained.estimator.predict(inputs).tolist() == said["label"].tolist()
    np.testing.assert_array_equal(trained.estimator.predict_proba(inputs).max(axis=1), said["confidence"])


def test_a_model_of_an_earlier_version_loads_and_gives_the_same_figures(
    make_inbox: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    model = artifact.read(EARLIER, artifact.digest(EARLIER))
    stored = pd.read_csv(EARLIER / "predictions.csv").astype({"label": "str"})
    frame = make_inbox(12, seed=9)
    # Twelve digits: processors differ in the last bits of an exponential.
    pd.testing.assert_frame_equal(model.predict(frame), stored, rtol=1e-12)
    skops.io.dump(model.estimator, tmp_path / artifact.ESTIMATOR_FILE)
    shutil.copy(EARLIER / artifact.COMPANION_FILE, tmp_path)
    again = artifact.read(tmp_path, artifact.digest(tmp_path))
    pd.testing.assert_frame_equal(again.predict(frame), model.predict(frame))

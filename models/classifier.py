"""The text classifier: one scikit-learn pipeline, calibrated on cases that it never trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder

from handrail import baseline
from handrail.errors import BadInput
from handrail.policy import ModelRules, NoveltyRules
from models import calibration, linear, novelty, rebuild, training_set, weighing
from models.calibrators import CalibratedClassifier
from models.novelty import NoveltyModel, Scored
from models.vectoriser import TermVectoriser

Floats = NDArray[np.float64]

AMOUNT = "amount"
_LARGEST_AMOUNT = float(np.finfo(np.float32).max)  # beyond it an amount would become infinite
_WORD_SHARE = 0.4  # of `max_features`; the rest goes to character n-grams, which carry misspellings
_ALL_TERMS_BELOW = 300  # texts; with fewer, a term seen once may be all there is


def _nothing_withheld() -> pd.DataFrame:
    return pd.DataFrame({"truth": pd.Series(dtype="str"), "label": pd.Series(dtype="str"), "confidence": []})


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A fitted classifier with everything that a prediction needs.

    `metrics` and `withheld` (truth, label, confidence) come from the newest examples, which trained nothing and
    calibrated it only when they had measured it; `withheld` is empty in a model read back from the registry.
    `predictions_digest` names what it predicts for them: who rebuilds the model compares it.
    """

    kind: ClassVar[Literal["trained"]] = "trained"
    estimator: Pipeline
    novelty: NoveltyModel
    fields: tuple[str, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    trained_until: datetime | None = None
    withheld: pd.DataFrame = field(default_factory=_nothing_withheld)
    predictions_digest: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The categories it can predict, sorted."""
        return tuple(str(label) for label in self.estimator.classes_)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns `label`, `confidence` [0, 1], `novelty` [0, 1] and `novel`; one row per row, same index.

        `frame` holds `text` and the model's `fields`; a missing column or value counts as empty. An
        empty frame gives an empty one. Texts are vectorised once.
        """
        if frame.empty:
            columns = {"label": "str", "confidence": "float64", "novelty": "float64", "novel": "bool"}
            return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
        inputs = features(frame, self.fields)
        probabilities, raw = _score(self.estimator, inputs)
        confidence = probabilities.max(axis=1)
        unlike = self.novelty.score(Scored(inputs["text"], raw))
        return pd.DataFrame(
            {
                "label": pd.array(np.asarray(self.labels, dtype=object)[probabilities.argmax(axis=1)], dtype="str"),
                "confidence": confidence,
                "novelty": unlike,
                "novel": unlike > self.novelty.threshold,
            },
            index=frame.index,
        )


def train(
    examples: pd.DataFrame,
    rules: ModelRules,
    fields: Sequence[str] = (),
    novelty_rules: NoveltyRules | None = None,
    *,
    near_duplicate_from: float = training_set.ALIKE_FROM,
) -> TrainedModel:
    """Fit, calibrate and measure a classifier; equal examples and rules give an equal one.

    `examples` holds `text` (redacted), `label`, each of `fields` (`amount` is a number, any other a
    category), `received_at` where it is known, and `chance` and `trust` where labels count differently: learning,
    calibration and figures are then those of the stream. What was left out stands in the model's `notes`.

    Raises:
        BadInput: too few labels, a single category, or texts in which nothing can be learnt.
    """
    split = training_set.prepare(examples, rules, near_duplicate_from=near_duplicate_from)
    names = tuple(fields)
    vectoriser = _vectoriser(rules, names, texts=len(split.train))
    try:
        vectors = vectoriser.fit_transform(features(split.train, names))
    except ValueError as error:
        raise BadInput(f"No words could be learnt from the texts ({error}): check the text column.") from error
    learnt = split.train["label"].to_numpy(dtype=object)
    classifier = linear.fit(vectors, learnt, rules.seed, _weights(split.train))
    fitted = _Fitted(vectoriser, classifier, split.train, names, (novelty_rules or NoveltyRules()).max_in_scope_flagged)
    measured = _measured(fitted.calibrated(split.calibrate, split), split)
    # What has measured it may calibrate it now: it trained nothing, and twice the cases make the temperature surer.
    served = fitted.calibrated(pd.concat([split.calibrate, split.measure]), split)
    digest = rebuild.predictions_digest(served.predict(split.measure), training_set.identity(split.measure))
    return replace(served, metrics=measured.metrics, withheld=measured.withheld, predictions_digest=digest)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Vectoriser and classifier, trained; what makes a model of them is calibration on other cases."""

    vectoriser: ColumnTransformer
    classifier: LogisticRegression
    trained_on: pd.DataFrame
    fields: tuple[str, ...]
    max_flagged: float

    def calibrated(self, cases: pd.DataFrame, split: training_set.Split) -> TrainedModel:
        """The model whose confidence and novelty are scaled by `cases`."""
        known = features(cases, self.fields)
        weights = _weights(cases)
        calibrated, losses = _calibrate(self.classifier, self.vectoriser.transform(known), cases["label"], weights)
        estimator = Pipeline([("vectoriser", self.vectoriser), ("classifier", calibrated)])
        places = np.searchsorted(self.classifier.classes_, self.trained_on["label"])
        in_scope = Scored(known["text"], _score(estimator, known)[1])
        familiar = novelty.fit(self.trained_on["text"], places, in_scope, self.max_flagged, weights)
        notes = (*split.notes, _choice(calibrated, losses))
        return TrainedModel(estimator, familiar, self.fields, losses, notes, split.newest)


def features(frame: pd.DataFrame, fields: Sequence[str]) -> pd.DataFrame:
    """The columns that the pipeline reads, in its types; nothing else of `frame` reaches it."""
    columns: dict[str, pd.Series[Any]] = {"text": _as_text(frame, "text")}
    for name in fields:
        columns[name] = _as_amount(frame) if name == AMOUNT else _as_text(frame, name)
    return pd.DataFrame(columns, index=frame.index)


def _as_text(frame: pd.DataFrame, name: str) -> "pd.Series[str]":
    if name not in frame:
        return pd.Series("", index=frame.index, dtype=object)
    return frame[name].astype(object).where(frame[name].notna(), "").map(str)


def _as_amount(frame: pd.DataFrame) -> "pd.Series[float]":
    """Amounts as numbers of at least 0; whatever is none counts as missing."""
    if AMOUNT not in frame:
        return pd.Series(np.nan, index=frame.index, dtype=np.float32)
    amount = pd.to_numeric(frame[AMOUNT], errors="coerce").replace([np.inf, -np.inf], np.nan)
    return amount.clip(lower=0.0, upper=_LARGEST_AMOUNT).astype(np.float32)


def _vectoriser(rules: ModelRules, fields: tuple[str, ...], *, texts: int) -> ColumnTransformer:
    words = int(rules.max_features * _WORD_SHARE)
    fewest = 1 if texts < _ALL_TERMS_BELOW else 2
    word = TermVectoriser("word", fewest, words)
    characters = TermVectoriser("character", fewest, rules.max_features - words)
    parts: list[tuple[str, Any, Any]] = [("words", word, "text"), ("characters", characters, "text")]
    categories = [name for name in fields if name != AMOUNT]
    if categories:
        parts.append(("fields", OneHotEncoder(handle_unknown="ignore", dtype=np.float32), categories))
    if AMOUNT in fields:
        log = FunctionTransformer(np.log1p, feature_names_out="one-to-one")
        missing = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        parts.append((AMOUNT, make_pipeline(log, missing, MaxAbsScaler()), [AMOUNT]))
    return ColumnTransformer(parts, sparse_threshold=1.0)


def _calibrate(
    classifier: LogisticRegression, vectors: sparse.csr_matrix, truth: "pd.Series[str]", weights: Floats
) -> tuple[CalibratedClassifier, dict[str, float]]:
    """The classifier with the better of two calibrators, and the log loss of each."""
    calibrated = CalibratedClassifier(FrozenEstimator(classifier)).fit(vectors, truth, weights)
    return calibrated, {f"log_loss_{name}": at for name, at in calibrated.log_losses_.items()}


def _score(estimator: Pipeline, inputs: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Calibrated probabilities and the raw scores that they come from, both cases × labels."""
    vectors = estimator[0].transform(inputs)
    calibrated = estimator[1]
    raw = calibrated.raw_scores(vectors)
    probabilities: NDArray[np.float64] = calibrated.calibrator.probabilities(raw)
    return probabilities, raw


def _choice(calibrated: CalibratedClassifier, losses: Mapping[str, float]) -> str:
    method = "temperature" if calibrated.steps_ is None else "isotonic"
    return (
        f"calibrated by {method} (held-out log loss {losses['log_loss_temperature']:.4f} by temperature, "
        f"{losses['log_loss_isotonic']:.4f} by isotonic steps)"
    )


def _measured(model: TrainedModel, split: training_set.Split) -> TrainedModel:
    """The same model with what it achieves on the newest examples, which have not calibrated it yet."""
    inputs = features(split.measure, model.fields)
    probabilities, _ = _score(model.estimator, inputs)
    predicted = model.predict(split.measure)
    truth, weights = split.measure["label"], _weights(split.measure)
    metrics = {
        **model.metrics,
        **calibration.measure(truth, probabilities, model.labels, weights),
        **baseline.against_commonest(split.train["label"], truth, predicted["label"], weights),
        "novel_share": float(np.average(predicted["novel"], weights=weights)),
        **weighing.figures(split.weight_cap, weights),
        "n_train": float(len(split.train)),
        "n_calibration": float(len(split.calibrate)),
        "n_test": float(len(split.measure)),
        "categories": float(len(model.labels)),
    }
    withheld = pd.DataFrame({"truth": truth, "label": predicted["label"], "confidence": predicted["confidence"]})
    return replace(model, metrics=metrics, withheld=withheld)


def _weights(cases: pd.DataFrame) -> Floats:
    return cases[weighing.WEIGHT].to_numpy(dtype=np.float64)

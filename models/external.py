"""Somebody else's model: its label and confidence arrive with the case, are calibrated here and governed like ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from handrail import baseline
from handrail.errors import BadInput
from handrail.policy import ModelRules, NoveltyRules
from models import calibration, confidences, novelty, rebuild, training_set, weighing
from models.classifier import TrainedModel
from models.confidences import Curves
from models.novelty import NoveltyModel, Scored

GIVEN_LABEL, GIVEN_CONFIDENCE = "given_label", "given_confidence"
_LEAST_STRENGTH = 1e-6  # of the given label against the others, however low its confidence


class GivenClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The categories of a given model and its calibration, in plain numbers and arrays that skops can save."""

    def __init__(
        self,
        labels: list[str],
        slopes: NDArray[Any],
        shifts: NDArray[Any],
        steps: NDArray[Any] | None = None,
        share_kept: float = 0.0,
    ) -> None:
        self.labels = labels
        self.slopes = slopes
        self.shifts = shifts
        self.steps = steps
        self.share_kept = share_kept

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted."""
        return np.array(self.labels, dtype=object)

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """The given labels; None where a row has none that was calibrated."""
        return given(frame, self.labels)[GIVEN_LABEL].to_numpy(dtype=object)

    def confidence(self, confidence: NDArray[np.float64], place: NDArray[np.intp]) -> NDArray[np.float64]:
        """The calibrated probability of each given label, by its place among `labels`."""
        return Curves(self.slopes, self.shifts, self.steps, self.share_kept).probabilities(confidence, place)


@dataclass(frozen=True, slots=True)
class GivenModel:
    """The calibration of somebody else's model, with the interface of `TrainedModel`.

    `metrics` and `withheld` (truth, label, confidence) come from the newest examples, which did not calibrate it;
    `ece_given` and `log_loss_given` say how far its own confidence could be believed there.
    """

    kind: ClassVar[Literal["given"]] = "given"
    estimator: GivenClassifier
    novelty: NoveltyModel
    fields: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    trained_until: datetime | None = None
    withheld: pd.DataFrame = field(default_factory=pd.DataFrame)
    predictions_digest: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The categories it can predict, sorted."""
        return tuple(self.estimator.labels)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns `label`, `confidence` [0, 1], `novelty` [0, 1] and `novel`; one row per row, same index.

        `frame` holds `text`, `given_label` and `given_confidence`. A row whose given label is none of `labels`, or
        whose given confidence is no number in [0, 1], has no label, confidence NaN, novelty 1, and is novel: it
        belongs to people. An empty frame gives an empty one.
        """
        said = given(frame, self.labels)
        known = said[GIVEN_LABEL].notna().to_numpy(dtype=bool)
        place, claimed = _places(said[known], self.labels)
        confidence, unlike = np.full(len(frame), np.nan), np.ones(len(frame))
        confidence[known] = self.estimator.confidence(claimed, place)
        if known.any():
            unlike[known] = self.novelty.score(Scored(_texts(frame[known]), _raw(claimed, place, len(self.labels))))
        return pd.DataFrame(
            {
                "label": said[GIVEN_LABEL].astype("str"),
                "confidence": confidence,
                "novelty": unlike,
                "novel": unlike > self.novelty.threshold,
            },
            index=frame.index,
        )


Model = TrainedModel | GivenModel
"""What may serve: a model trained here, or the calibration of one whose predictions arrive with the cases."""


def given(frame: pd.DataFrame, labels: tuple[str, ...] | list[str]) -> pd.DataFrame:
    """Given label and confidence of each row on its index; both missing where either cannot be used."""
    if GIVEN_LABEL not in frame or GIVEN_CONFIDENCE not in frame:
        return pd.DataFrame({GIVEN_LABEL: None, GIVEN_CONFIDENCE: np.nan}, index=frame.index, dtype=object)
    confidence = pd.to_numeric(frame[GIVEN_CONFIDENCE], errors="coerce").astype(float)
    usable = frame[GIVEN_LABEL].isin(list(labels)) & confidence.between(0.0, 1.0)
    label = frame[GIVEN_LABEL].astype(object).where(usable, None)
    return pd.DataFrame({GIVEN_LABEL: label, GIVEN_CONFIDENCE: confidence.where(usable)}, index=frame.index)


def train(
    examples: pd.DataFrame,
    rules: ModelRules,
    novelty_rules: NoveltyRules | None = None,
    *,
    near_duplicate_from: float = training_set.ALIKE_FROM,
) -> GivenModel:
    """Calibrate and measure a given model; equal examples and rules give an equal calibration.

    `examples` holds `text` (redacted), `label` (the truth), `given_label`, `given_confidence` and `received_at`
    where it is known. Nothing is trained on what is given, so all but the newest part calibrates. What was left out
    stands in the model's `notes`.

    Raises:
        BadInput: too few labelled cases carry a prediction, all of one confidence, or none of them right.
    """
    told = _told(examples, rules)
    split = training_set.prepare(told, rules, near_duplicate_from=near_duplicate_from)
    labels = tuple(sorted(split.train["label"].unique()))
    fitting = _usable(pd.concat([split.train, split.calibrate]), labels)
    place, claimed = _places(fitting, labels)
    right = (fitting[GIVEN_LABEL] == fitting["label"]).to_numpy(dtype=bool)
    _refuse_uninformative(claimed, right)
    weights = fitting[weighing.WEIGHT].to_numpy(dtype=np.float64)
    curves, method, losses = confidences.choose(claimed, place, right, len(labels), weights)
    estimator = GivenClassifier(list(labels), curves.slopes, curves.shifts, curves.steps, curves.share_kept)
    familiar = _familiar(split, labels, (novelty_rules or NoveltyRules()).max_in_scope_flagged)
    silent = len(examples) - len(told)
    notes = (
        *((f"{silent} labelled cases without a given prediction left out",) if silent else ()),
        *split.notes,
        _choice(method, losses, confidences.log_loss(claimed, right, weights)),
        *((_NEVER_WRONG.format(len(right)),) if right.all() else ()),
    )
    metrics = {f"log_loss_{name}": loss for name, loss in losses.items()}
    return _measured(GivenModel(estimator, familiar, (), metrics, notes, split.newest), split)


_NEVER_WRONG = (
    "none of the {} labels contradicts the given one: a single error is assumed. Make sure that the labels were "
    "not copied from the model that they judge"
)


def _told(examples: pd.DataFrame, rules: ModelRules) -> pd.DataFrame:
    names = tuple(examples["label"].dropna().unique())
    said = given(examples, names)
    told = examples.assign(**{name: said[name] for name in said.columns})[said[GIVEN_LABEL].notna()]
    if len(told) < rules.min_labels:
        raise BadInput(
            f"{len(told)} labelled cases carry a given prediction, {rules.min_labels} are needed to calibrate it: "
            "map `fields.prediction`, then import history with outcomes or let people review more cases."
        )
    return told


def _usable(rows: pd.DataFrame, labels: tuple[str, ...]) -> pd.DataFrame:
    return rows[rows[GIVEN_LABEL].isin(labels)]


def _refuse_uninformative(claimed: NDArray[np.float64], right: NDArray[np.bool_]) -> None:
    if len(claimed) and (claimed == claimed[0]).all():
        raise BadInput(
            f"All {len(claimed)} given confidences are {claimed[0]:g}, so nothing tells a sure case from an unsure "
            "one: map the column of the model's confidence under `fields.prediction.confidence`."
        )
    if not right.any():
        raise BadInput(
            f"None of the {len(right)} given labels is right: rename them to the policy's categories under "
            "`fields.prediction.labels`, or map another column."
        )


def _places(rows: pd.DataFrame, labels: tuple[str, ...]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The place of each given label among `labels`, and its given confidence."""
    place = pd.Index(labels).get_indexer(pd.Index(rows[GIVEN_LABEL], dtype=object))
    return place, rows[GIVEN_CONFIDENCE].to_numpy(dtype=np.float64)


def _raw(claimed: NDArray[np.float64], place: NDArray[np.intp], labels: int) -> NDArray[np.float64]:
    """Scores, cases × labels, as novelty wants them: the given label above all others, which are equal."""
    raw = np.zeros((len(claimed), labels))
    above = confidences.strength(claimed) + np.log(max(labels - 1, 1))
    raw[np.arange(len(claimed)), place] = np.maximum(above, _LEAST_STRENGTH)
    return raw


def _familiar(split: training_set.Split, labels: tuple[str, ...], max_flagged: float) -> NoveltyModel:
    known = _usable(split.calibrate, labels)
    place, claimed = _places(known, labels)
    truth = np.searchsorted(np.asarray(labels), split.train["label"].to_numpy(dtype=str))
    in_scope = Scored(_texts(known), _raw(claimed, place, len(labels)))
    weights = known[weighing.WEIGHT].to_numpy(dtype=np.float64)
    return novelty.fit(_texts(split.train), truth, in_scope, max_flagged, weights)


def _texts(frame: pd.DataFrame) -> "pd.Series[str]":
    return frame["text"].astype(object).where(frame["text"].notna(), "").map(str)


def _choice(method: str, losses: Mapping[confidences.Method, float], raw: float) -> str:
    each = ", ".join(f"{name.replace('_', ' ')} {loss:.4f}" for name, loss in losses.items())
    return f"calibrated by {method.replace('_', ' ')} (held-out log loss: {each}; as given {raw:.4f})"


def _measured(model: GivenModel, split: training_set.Split) -> GivenModel:
    """The same model with what it achieves on the newest examples."""
    rows = _usable(split.measure, model.labels)
    if rows.empty:
        raise BadInput("The newest labels leave nothing to measure the given model on: review more cases.")
    predicted = model.predict(rows)
    right = (predicted["label"] == rows["label"]).to_numpy(dtype=bool)
    _, claimed = _places(rows, model.labels)
    confidence = predicted["confidence"].to_numpy(dtype=np.float64)
    weights = rows[weighing.WEIGHT].to_numpy(dtype=np.float64)
    metrics = {
        **model.metrics,
        "accuracy": float(np.average(right, weights=weights)),
        **baseline.against_commonest(split.train["label"], rows["label"], predicted["label"], weights),
        "log_loss": confidences.log_loss(confidence, right, weights),
        "log_loss_given": confidences.log_loss(claimed, right, weights),
        "ece": calibration.ece(confidence, right, weights=weights),
        "ece_given": calibration.ece(claimed, right, weights=weights),
        "novel_share": float(np.average(predicted["novel"], weights=weights)),
        **weighing.figures(split.weight_cap, weights),
        "n_train": float(len(split.train)),
        "n_calibration": float(len(split.calibrate)),
        "n_test": float(len(rows)),
        "categories": float(len(model.labels)),
    }
    withheld = pd.DataFrame({"truth": rows["label"], "label": predicted["label"], "confidence": confidence})
    digest = rebuild.predictions_digest(predicted, training_set.identity(rows))
    return replace(model, metrics=metrics, withheld=withheld, predictions_digest=digest)

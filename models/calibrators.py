"""Raw scores become probabilities: by temperature or isotonic steps, as the held-out log loss prefers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import OptimizeResult, minimize_scalar
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression

from models import linear

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Method = Literal["temperature", "isotonic"]

_FOLDS = 5
_FEWEST_FOR_STEPS = 200  # cases; a curve learnt from fewer follows single errors
_LOG_TEMPERATURES = (-5.0, 5.0)
_LOG_LAPSES = (-14.0, -0.7)  # from one in a million to one half


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A map from raw scores to probabilities that changes no ranking.

    Softmax at `temperature`, of which a share `lapse` is spread over all labels: what is wrong however high the
    score, such as a wrong label. Where `steps` (2 × points) are given, each probability p then becomes
    (1 − ε)·s(p) + ε·p, with s the rising curve through them and ε the `share_kept`, and rows are scaled to sum to 1.
    """

    temperature: float
    lapse: float = 0.0
    steps: Floats | None = None
    share_kept: float = 0.0

    def probabilities(self, raw: Floats) -> Floats:
        """Cases × labels in [0, 1], rows summing to 1, from raw scores of the same shape."""
        even: Floats = (1 - self.lapse) * softmax(raw / self.temperature, axis=1) + self.lapse / raw.shape[1]
        if self.steps is None:
            return even
        bent = (1 - self.share_kept) * np.interp(even, *self.steps) + self.share_kept * even
        risen: Floats = bent / bent.sum(axis=1, keepdims=True)
        return risen


class CalibratedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted linear classifier and its calibrator, in plain numbers and arrays that skops can save."""

    def __init__(
        self,
        estimator: Any,  # noqa: ANN401 - scikit-learn has no types
        temperature: float = 1.0,
        lapse: float = 0.0,
        steps: Floats | None = None,
        share_kept: float = 0.0,
    ) -> None:
        self.estimator = estimator
        self.temperature = temperature
        self.lapse = lapse
        self.steps = steps
        self.share_kept = share_kept

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted."""
        classes: NDArray[Any] = self.estimator.classes_
        return classes

    @property
    def calibrator(self) -> Calibrator:
        """What turns its raw scores into probabilities."""
        return Calibrator(self.temperature, self.lapse, self.steps, self.share_kept)

    def decision_function(self, vectors: sparse.csr_matrix) -> Floats:
        """Raw scores, cases × labels, also where there are two labels; differences are log-odds."""
        return linear.raw_scores(self.estimator, vectors)

    def predict_proba(self, vectors: sparse.csr_matrix) -> Floats:
        """Calibrated probabilities, cases × labels."""
        return self.calibrator.probabilities(self.decision_function(vectors))

    def predict(self, vectors: sparse.csr_matrix) -> NDArray[Any]:
        """The most probable label of each case."""
        chosen: NDArray[Any] = self.classes_[self.decision_function(vectors).argmax(axis=1)]
        return chosen


def choose(raw: Floats, truth: ArrayLike) -> tuple[Calibrator, Mapping[Method, float]]:
    """The calibrator with the lower held-out log loss, fitted to all cases, and both losses in nats a case.

    `raw` (cases × labels) are scores of at least two cases that did not train; `truth` is the column of each
    one's label. The losses come from five-fold cross-fitting: no case helps to judge itself. Below 200 cases
    it is the temperature, whatever they say.
    """
    column = np.asarray(truth, dtype=np.intp)
    fold = np.arange(len(raw)) % min(_FOLDS, len(raw))
    losses: dict[Method, float] = {
        "temperature": _held_out_loss(raw, column, fold, "temperature"),
        "isotonic": _held_out_loss(raw, column, fold, "isotonic"),
    }
    enough = len(raw) >= _FEWEST_FOR_STEPS
    method: Method = "isotonic" if enough and losses["isotonic"] < losses["temperature"] else "temperature"
    return fit(raw, column, method), losses


def fit(raw: Floats, truth: Places, method: Method) -> Calibrator:
    """Fit one method to raw scores (cases × labels) and the true column of each case.

    Both count one error more than there was (Laplace's rule of succession), or a small set without errors would
    claim certainty: the temperature in its lapse, the steps by the runner-up of every case, which together weigh
    as one truth. The steps are one curve for all labels: alone, each label has too few cases to draw its own.
    Source: Zhang, Kailkhura, Han (2020), isotonic regression in the multi-class setting.
    """
    cases = np.arange(len(raw))
    temperature, lapse = _temperature(raw, truth)
    if method == "temperature":
        return Calibrator(temperature, lapse)
    target = np.zeros_like(raw)
    target[cases, truth] += 1.0
    target[cases, np.argsort(raw, axis=1)[:, -2]] += 1 / len(raw)
    even = Calibrator(temperature, lapse).probabilities(raw)
    curve = IsotonicRegression(y_min=0.0, y_max=1.0).fit(even.ravel(), target.ravel() / (1 + 1 / len(raw)))
    # A share of the even probability keeps the ranking strict and nothing impossible.
    return Calibrator(temperature, lapse, np.stack([curve.X_thresholds_, curve.y_thresholds_]), 1 / (len(raw) + 1))


def _temperature(raw: Floats, truth: Places) -> tuple[float, float]:
    """Temperature and lapse of the lowest log loss, an error more included."""

    def lapse(log_temperature: float) -> OptimizeResult:
        given = softmax(raw * np.exp(-log_temperature), axis=1)[np.arange(len(raw)), truth]

        def loss(log_lapse: float) -> float:
            share = np.exp(log_lapse)
            return float(-np.log((1 - share) * given + share / raw.shape[1]).sum() - log_lapse)

        return minimize_scalar(loss, bounds=_LOG_LAPSES, method="bounded")

    best = minimize_scalar(lambda at: lapse(at).fun, bounds=_LOG_TEMPERATURES, method="bounded").x
    return float(np.exp(best)), float(np.exp(lapse(best).x))


def _held_out_loss(raw: Floats, truth: Places, fold: Places, method: Method) -> float:
    """Mean −ln of what each case's true label got from a calibrator fitted without its fold."""
    given = np.empty(len(raw))
    for number in range(fold.max() + 1):
        out = fold == number
        fitted = fit(raw[~out], truth[~out], method)
        given[out] = fitted.probabilities(raw[out])[np.arange(out.sum()), truth[out]]
    return float(-np.log(np.maximum(given, np.finfo(np.float64).tiny)).mean())

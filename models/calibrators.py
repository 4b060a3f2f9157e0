"""Raw scores become probabilities: by temperature or isotonic steps, as the held-out log loss prefers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeResult, minimize_scalar
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from models import linear, weighing

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Method = Literal["temperature", "isotonic"]

_FOLDS = 5
_TWO = 2  # cases, without which cross-fitting judges nothing; labels, of which scikit-learn scores one
_LEARNT = frozenset({"temperature", "lapse", "steps", "share_kept"})
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
    """A linear classifier whose raw scores become probabilities; fitted, it is plain numbers that skops can save.

    A `FrozenEstimator` has trained on other cases, so all of these calibrate it. Any other `estimator` is cloned and
    trained on four cases in five of each class, and calibrated by the fifth ones. Fitted attributes: `estimator_` (the
    trained classifier), `classes_` (sorted), `n_features_in_`, `temperature_`, `lapse_`, `steps_` and `share_kept_`
    (those of `Calibrator`), and `log_losses_` (nats a case, by method).
    """

    def __init__(self, estimator: Any) -> None:  # noqa: ANN401 - scikit-learn has no types
        self.estimator = estimator

    def fit(self, X: Any, y: ArrayLike, stands_for: ArrayLike | None = None) -> Self:  # noqa: ANN401, N803 - scikit-learn's form
        """Calibrate by cases × features, dense or sparse, the label of each, and how many cases it stands for (1).

        It is no `sample_weight`: scikit-learn's counts repeats, and here weight adds no evidence.

        Raises:
            ValueError: a single class, fewer than two cases to calibrate by, or a label that was not learnt.
        """
        vectors, labels = validate_data(self, X, y, accept_sparse="csr", ensure_min_samples=2)
        check_classification_targets(labels)
        if isinstance(self.estimator, FrozenEstimator):
            self.estimator_, unseen = self.estimator.estimator, np.ones(len(labels), dtype=bool)
        else:
            unseen = _every_fifth(labels)
            self.estimator_ = clone(self.estimator).fit(vectors[~unseen], labels[~unseen])
        self.classes_ = self.estimator_.classes_
        raw = linear.raw_scores(self.estimator_, vectors[unseen])
        weights = None if stands_for is None else np.asarray(stands_for, dtype=np.float64)[unseen]
        chosen, losses = choose(raw, _columns(self.classes_, labels[unseen]), weights)
        self.temperature_, self.lapse_ = chosen.temperature, chosen.lapse
        self.steps_, self.share_kept_ = chosen.steps, chosen.share_kept
        self.log_losses_ = dict(losses)
        return self

    @property
    def calibrator(self) -> Calibrator:
        """What turns its raw scores into probabilities."""
        return Calibrator(self.temperature_, self.lapse_, self.steps_, self.share_kept_)

    def raw_scores(self, X: Any) -> Floats:  # noqa: ANN401, N803 - scikit-learn's form
        """Cases × labels, also where there are two labels; differences are log-odds."""
        check_is_fitted(self)
        return linear.raw_scores(self.estimator_, validate_data(self, X, accept_sparse="csr", reset=False))

    def decision_function(self, X: Any) -> Floats:  # noqa: ANN401, N803 - scikit-learn's form
        """Raw scores in scikit-learn's form: of two labels one column alone, the log-odds of the second."""
        raw = self.raw_scores(X)
        return raw[:, 1] if raw.shape[1] == _TWO else raw

    def predict_proba(self, X: Any) -> Floats:  # noqa: ANN401, N803 - scikit-learn's form
        """Calibrated probabilities, cases × labels."""
        raw = self.raw_scores(X)
        return self.calibrator.probabilities(raw)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: ANN401, N803 - scikit-learn's form
        """The most probable label of each case."""
        best = self.raw_scores(X).argmax(axis=1)
        chosen: NDArray[Any] = self.classes_[best]
        return chosen

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read what a file holds; earlier versions held what was learnt as parameters beside a fitted classifier."""
        if set(state) >= _LEARNT:
            trained = state["estimator"]
            state = {
                "estimator": FrozenEstimator(trained),
                "estimator_": trained,
                "classes_": trained.classes_,
                "n_features_in_": trained.n_features_in_,
                **{f"{name}_": state[name] for name in _LEARNT},
            }
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _every_fifth(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """The second of every five cases of each class: the first trains, however few there are."""
    _, place, size = np.unique(labels, return_inverse=True, return_counts=True)
    if len(size) < _TWO:
        raise ValueError("A classifier is calibrated by cases of two classes at least, and these are all of one class.")
    order = np.argsort(place, kind="stable")
    rank = np.empty(len(labels), dtype=np.intp)
    rank[order] = np.arange(len(labels)) - np.repeat(np.cumsum(size) - size, size)
    chosen: NDArray[np.bool_] = rank % _FOLDS == 1
    return chosen


def _columns(classes: NDArray[Any], labels: NDArray[Any]) -> Places:
    """The column of each label; cross-fitting needs two of them."""
    unknown = np.setdiff1d(labels, classes)
    if len(unknown):
        raise ValueError(f"The classifier has not learnt {', '.join(map(repr, unknown.tolist()))}: leave it out.")
    if len(labels) < _TWO:
        raise ValueError(f"Two cases are needed to calibrate by, and there are {len(labels)}: give more of each class.")
    return np.searchsorted(classes, labels)


def choose(raw: Floats, truth: ArrayLike, weights: Floats | None = None) -> tuple[Calibrator, Mapping[Method, float]]:
    """The calibrator with the lower held-out log loss, fitted to all cases, and both losses in nats a case.

    `raw` (cases × labels) are scores of at least two cases that did not train; `truth` is the column of each
    one's label, `weights` how many cases each stands for (None: one). The losses come from five-fold cross-fitting: no
    case helps to judge itself. Below what 200 equal cases are worth it is the temperature, whatever they say.
    """
    column = np.asarray(truth, dtype=np.intp)
    heavy = np.ones(len(raw)) if weights is None else weighing.scaled(weights)
    fold = np.arange(len(raw)) % min(_FOLDS, len(raw))
    losses: dict[Method, float] = {
        "temperature": _held_out_loss(raw, column, heavy, fold, "temperature"),
        "isotonic": _held_out_loss(raw, column, heavy, fold, "isotonic"),
    }
    enough = heavy.sum() >= _FEWEST_FOR_STEPS
    method: Method = "isotonic" if enough and losses["isotonic"] < losses["temperature"] else "temperature"
    return fit(raw, column, method, heavy), losses


def fit(raw: Floats, truth: Places, method: Method, weights: Floats | None = None) -> Calibrator:
    """Fit one method to raw scores (cases × labels), the true column of each case, and its weight (None: 1).

    Both count one error more than there was (Laplace's rule of succession), or a small set without errors would
    claim certainty: the temperature in its lapse, the steps by the runner-up of every case, which together weigh
    as one truth. The steps are one curve for all labels: alone, each label has too few cases to draw its own.
    Source: Zhang, Kailkhura, Han (2020), isotonic regression in the multi-class setting.
    """
    cases = np.arange(len(raw))
    heavy = np.ones(len(raw)) if weights is None else weighing.scaled(weights)
    size = heavy.sum()
    temperature, lapse = _temperature(raw, truth, heavy)
    if method == "temperature":
        return Calibrator(temperature, lapse)
    target = np.zeros_like(raw)
    target[cases, truth] += 1.0
    target[cases, np.argsort(raw, axis=1)[:, -2]] += 1 / size
    even = Calibrator(temperature, lapse).probabilities(raw)
    curve = IsotonicRegression(y_min=0.0, y_max=1.0).fit(
        even.ravel(), target.ravel() / (1 + 1 / size), sample_weight=np.repeat(heavy, raw.shape[1])
    )
    # A share of the even probability keeps the ranking strict and nothing impossible.
    return Calibrator(temperature, lapse, np.stack([curve.X_thresholds_, curve.y_thresholds_]), 1 / (size + 1))


def _temperature(raw: Floats, truth: Places, weights: Floats) -> tuple[float, float]:
    """Temperature and lapse of the lowest log loss, an error more included."""

    def lapse(log_temperature: float) -> OptimizeResult:
        given = softmax(raw * np.exp(-log_temperature), axis=1)[np.arange(len(raw)), truth]

        def loss(log_lapse: float) -> float:
            share = np.exp(log_lapse)
            return float(-(weights * np.log((1 - share) * given + share / raw.shape[1])).sum() - log_lapse)

        return minimize_scalar(loss, bounds=_LOG_LAPSES, method="bounded")

    best = minimize_scalar(lambda at: lapse(at).fun, bounds=_LOG_TEMPERATURES, method="bounded").x
    return float(np.exp(best)), float(np.exp(lapse(best).x))


def _held_out_loss(raw: Floats, truth: Places, weights: Floats, fold: Places, method: Method) -> float:
    """Mean −ln of what each case's true label got from a calibrator fitted without its fold."""
    given = np.empty(len(raw))
    for number in range(fold.max() + 1):
        out = fold == number
        fitted = fit(raw[~out], truth[~out], method, weights[~out])
        given[out] = fitted.probabilities(raw[out])[np.arange(out.sum()), truth[out]]
    return float(np.average(-np.log(np.maximum(given, np.finfo(np.float64).tiny)), weights=weights))

"""Somebody else's confidence becomes a probability of being right: the curves, and which of them fits best."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from models import weighing

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Method = Literal["temperature", "line", "isotonic", "line_by_category"]

_FOLDS = 5
_FEWEST_FOR_MORE = 200  # cases; a curve with more freedom than a temperature, learnt from fewer, follows single errors
_SURE = 1e-6  # a confidence of 0 or 1 claims no more than this distance from it
_SLOPES = (0.01, 100.0)  # never falling: who is surer must not be believed less
_SHIFTS = (-20.0, 20.0)


@dataclass(frozen=True, slots=True)
class Curves:
    """From a given confidence, by category, to the probability that the given label is right; never falling.

    p = expit(slope·logit + shift), one slope and shift a category. Where `steps` are given, the same for all
    categories, p then becomes (1 − ε)·s(p) + ε·p, with s the rising curve through the points `steps` (2 × points)
    and ε the `share_kept`.
    """

    slopes: Floats
    shifts: Floats
    steps: Floats | None = None
    share_kept: float = 0.0

    def probabilities(self, confidence: Floats, category: Places) -> Floats:
        """One probability a case, from its given confidence and the place of its given label. Empty gives empty."""
        even: Floats = expit(self.slopes[category] * strength(confidence) + self.shifts[category])
        if self.steps is None:
            return even
        risen: Floats = (1 - self.share_kept) * np.interp(even, *self.steps) + self.share_kept * even
        return risen


def strength(confidence: ArrayLike) -> Floats:
    """The log-odds that a confidence claims; 0 and 1 claim ±13.8."""
    claimed: Floats = logit(np.clip(np.asarray(confidence, dtype=np.float64), _SURE, 1 - _SURE))
    return claimed


def choose(
    confidence: Floats, category: Places, right: NDArray[np.bool_], categories: int, weights: Floats | None = None
) -> tuple[Curves, Method, Mapping[Method, float]]:
    """The curves with the lowest held-out log loss, fitted to all cases, their method, and every method's loss.

    Losses are in nats a case, by five-fold cross-fitting: no case helps to judge itself. Below 200 cases there is
    only the temperature, and a category below 200 shares the line of all. At least two cases. `weights` say how many
    cases each one stands for; None: one each.
    """
    heavy = _heavy(weights, right)
    methods: list[Method] = ["temperature"]
    if heavy.sum() >= _FEWEST_FOR_MORE:
        methods += ["line", "isotonic"]
        sizes = np.bincount(category, minlength=categories)
        if _FEWEST_FOR_MORE <= sizes.max() < len(right):
            methods.append("line_by_category")
    losses = {method: _held_out_loss(confidence, category, right, categories, method, heavy) for method in methods}
    best = min(losses, key=lambda method: losses[method])
    return fit(confidence, category, right, categories, best, heavy), best, losses


def fit(
    confidence: Floats,
    category: Places,
    right: NDArray[np.bool_],
    categories: int,
    method: Method,
    weights: Floats | None = None,
) -> Curves:
    """Fit one method.

    Each case counts a second time with the opposite outcome, all of them together as one: without it a small set
    without errors would claim certainty (Laplace's rule of succession). Source of the line: Platt (1999).
    """
    claimed, heavy = strength(confidence), _heavy(weights, right)
    slope, shift = _line(claimed, right, heavy, free_shift=method in ("line", "line_by_category"))
    slopes, shifts = np.full(categories, slope), np.full(categories, shift)
    if method == "line_by_category":
        for place in np.flatnonzero(np.bincount(category, minlength=categories) >= _FEWEST_FOR_MORE):
            own = category == place
            slopes[place], shifts[place] = _line(claimed[own], right[own], heavy[own], free_shift=True)
    if method != "isotonic":
        return Curves(slopes, shifts)
    even = Curves(slopes, shifts).probabilities(confidence, category)
    curve = IsotonicRegression(y_min=0.0, y_max=1.0).fit(even, _target(right, heavy), sample_weight=heavy)
    # A share of the even probability keeps the ranking strict and nothing certain.
    return Curves(slopes, shifts, np.stack([curve.X_thresholds_, curve.y_thresholds_]), 1 / (heavy.sum() + 1))


def log_loss(probability: Floats, right: NDArray[np.bool_], weights: Floats | None = None) -> float:
    """Mean −ln of the probability that each outcome got, in nats; 0 and 1 count as `strength` takes them."""
    said = np.clip(probability, _SURE, 1 - _SURE)
    return float(np.average(-np.log(np.where(right, said, 1 - said)), weights=weights))


def _heavy(weights: Floats | None, right: NDArray[np.bool_]) -> Floats:
    return np.ones(len(right)) if weights is None else weighing.scaled(weights)


def _target(right: NDArray[np.bool_], weights: Floats) -> Floats:
    size = weights.sum()
    smoothed: Floats = (right + ~right / size) / (1 + 1 / size)
    return smoothed


def _line(claimed: Floats, right: NDArray[np.bool_], weights: Floats, *, free_shift: bool) -> tuple[float, float]:
    """Slope and shift of the lowest log loss; without `free_shift` the slope alone, one over the temperature."""
    target, even = _target(right, weights), weights / weights.mean()

    def loss(line: Floats) -> tuple[float, Floats]:
        odds = line[0] * claimed + line[1]
        gap = even * (expit(odds) - target)
        lost = even * (np.logaddexp(0, odds) - target * odds)
        return float(lost.mean()), np.array([(gap * claimed).mean(), gap.mean()])

    bounds = [_SLOPES, _SHIFTS if free_shift else (0.0, 0.0)]
    slope, shift = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=bounds, method="TNC").x
    return float(slope), float(shift)


def _held_out_loss(
    confidence: Floats,
    category: Places,
    right: NDArray[np.bool_],
    categories: int,
    method: Method,
    weights: Floats,
) -> float:
    fold = np.arange(len(right)) % min(_FOLDS, len(right))
    said = np.empty(len(right))
    for number in range(fold.max() + 1):
        out = fold == number
        curves = fit(confidence[~out], category[~out], right[~out], categories, method, weights[~out])
        said[out] = curves.probabilities(confidence[out], category[out])
    return log_loss(said, right, weights)

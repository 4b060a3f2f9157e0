"""Certificates: the confidence above which errors stay below a bound, with a stated certainty.

Fixed-sequence testing (learn then test): thresholds are tried from strict to loose; each is kept if so
few errors would be improbable at the bound (exact binomial); the first that is not ends the search. The
sequence is fixed by scores and counts, never by correctness, so no correction for many tests is due.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from handrail.errors import BadInput

Floats = NDArray[np.float64]

_STEPS = 200  # thresholds tried at most: finer steps stop earlier by chance and gain no coverage
_START_SHARE = 0.2  # of the labels, set aside to choose the sequence when a random split is asked for


@dataclass(frozen=True)
class Certification:
    """What is certified: among cases with confidence >= `threshold` at most `max_error` are wrong.

    `threshold` is `None` when nothing can be certified: automate nothing. `coverage` is the share of
    cases at or above it, `errors` and `n` the labels there (all labels, without a threshold), `needed`
    how many more labels are needed at least, without an error above the strictest threshold: 0 when
    certified.
    """

    threshold: float | None
    coverage: float
    errors: int
    n: int
    needed: int


def certify(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    max_error: float,
    delta: float,
    scores: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
) -> Certification:
    """Find the loosest threshold whose error is at most `max_error` with certainty 1 - `delta`.

    `confidence` in [0, 1] and `correct` (0 or 1) are blind labels from a simple-random draw. The sequence
    starts where about 3 ln(1/delta) / max_error labels are expected, or, where there are not so many, at
    the fewest that can certify without an error; counted on unlabelled `scores` when given, else on a
    random fifth of the labels when `rng` is given, else on the ranks of the confidences.

    Raises:
        BadInput: values out of range, not finite, or of unequal lengths.
    """
    held, right = _labels(confidence, correct, max_error, delta)
    guide = held if scores is None else _probabilities(scores)
    if scores is None and rng is not None and len(held):
        aside = rng.permutation(len(held)) < round(_START_SHARE * len(held))
        guide = held[aside] if aside.any() else held
        held, right = (held[~aside], right[~aside]) if aside.any() else (held, right)
    thresholds = sequence(guide, len(held), max_error, delta)
    order = np.argsort(-held, kind="stable")
    wrong_so_far = np.concatenate([[0], np.cumsum(~right[order])])
    above = np.searchsorted(-held[order], -thresholds, side="right")
    last = -1
    for step, n in enumerate(above):
        if n == 0 or stats.binom.cdf(wrong_so_far[n], n, max_error) > delta:
            break
        last = step
    if last < 0:
        needed = _labels_needed(above[:1], wrong_so_far, len(held), max_error, delta)
        return Certification(None, 0.0, int((~right).sum()), len(held), needed)
    n, threshold = int(above[last]), float(thresholds[last])
    return Certification(threshold, float((guide >= threshold).mean()), int(wrong_so_far[n]), n, 0)


def sequence(scores: ArrayLike, labels: int, max_error: float, delta: float) -> Floats:
    """Fix the thresholds to try, from strict to loose, by unlabelled scores and the number of labels.

    The first has an expected 3 ln(1/delta) / max_error labels at or above it, or as many as can certify
    at all; the rest follow in up to 200 even steps of rank to the lowest score. No scores, no thresholds.
    """
    ranked = -np.sort(-_probabilities(scores))
    if not len(ranked):
        return ranked
    aim = math.ceil(3 * math.log(1 / delta) / max_error)
    if aim > labels:
        aim = min(labels_without_error(max_error, delta), max(labels, 1))
    first = min(len(ranked), math.ceil(aim * len(ranked) / max(labels, 1)))
    ranks = np.unique(np.linspace(first, len(ranked), _STEPS).round().astype(np.int64))
    return np.unique(ranked[ranks - 1])[::-1]


def labels_without_error(max_error: float, delta: float, errors: int = 0) -> int:
    """Fewest labels that certify with so many errors among them: 149 for 2 % at 95 %, 299 for 1 %."""
    low, high = errors, errors + 1
    while stats.binom.cdf(errors, high, max_error) > delta:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if stats.binom.cdf(errors, middle, max_error) > delta else (low, middle)
    return high


def _labels_needed(
    above: NDArray[np.int64], wrong: NDArray[np.int64], labels: int, max_error: float, delta: float
) -> int:
    """Labels still missing at the strictest threshold, counting those that will fall below it."""
    if not labels or not len(above) or not above[0]:
        return labels_without_error(max_error, delta)
    missing = labels_without_error(max_error, delta, int(wrong[above[0]])) - int(above[0])
    return max(1, math.ceil(missing * labels / int(above[0])))


def _labels(
    confidence: ArrayLike, correct: ArrayLike, max_error: float, delta: float
) -> tuple[Floats, NDArray[np.bool_]]:
    if not (0 < max_error < 1 and 0 < delta < 1):
        raise BadInput("The largest error and delta lie strictly between 0 and 1. Try 0.02 and 0.05.")
    held, right = _probabilities(confidence), np.asarray(correct, dtype=np.float64)
    if held.shape != right.shape:
        raise BadInput("Each confidence needs one correctness. Pass columns of equal length.")
    if not np.isin(right, (0, 1)).all():
        raise BadInput("Correctness must be 0 or 1. Drop the rows whose answer is unknown.")
    return held, right.astype(bool)


def _probabilities(values: ArrayLike) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not ((numbers >= 0) & (numbers <= 1)).all():
        raise BadInput("Confidences must be one column of numbers between 0 and 1. Correct or drop the others.")
    return numbers

"""Certificates: the confidence above which errors stay below a bound, with a stated certainty.

Fixed-sequence testing (learn then test): thresholds are tried from strict to loose; each is kept if so
few errors would be improbable at the bound (exact binomial); the first that is not ends the search. The
sequence is fixed by scores and counts, never by correctness, so no correction for many tests is due.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from handrail.errors import BadInput

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_STEPS = 200  # thresholds tried at most: finer steps stop earlier by chance and gain no coverage
_START_SHARE = 0.2  # of the labels, set aside to choose the sequence when a random split is asked for
_STRICT_SHARE = 0.25  # of few labels, those above the first threshold: above more of them few models pass


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


@dataclass(frozen=True)
class _Labels:
    """Blind labels, each valid for the thresholds from its floor up to its confidence."""

    confidence: Floats
    floor: Floats
    right: NDArray[np.bool_]

    def above(self, thresholds: Floats) -> tuple[Counts, Counts]:
        """Labels, and errors among them, that may judge each threshold."""
        wrong = ~self.right
        n = _at_least(self.confidence, thresholds) - _beyond(self.floor, thresholds)
        errors = _at_least(self.confidence[wrong], thresholds) - _beyond(self.floor[wrong], thresholds)
        return n, errors


def certify(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    max_error: float,
    delta: float,
    scores: ArrayLike | None = None,
    floors: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    next_delta: float | None = None,
) -> Certification:
    """The loosest threshold whose error is at most `max_error` with certainty 1 - `delta`.

    Args:
        confidence: confidences in [0, 1] of blindly labelled cases from simple-random draws.
        correct: 1 where the label confirms the prediction, else 0.
        max_error: the error rate that is promised, in (0, 1).
        delta: the chance that the promise is wrong, in (0, 1).
        scores: unlabelled confidences that fix the sequence of thresholds; else `rng`, else the ranks of `confidence`
            do.
        floors: confidence down to which each label's draw reached; thresholds below are judged without it.
        rng: sets a random fifth of the labels aside to fix the sequence, where there are no scores.
        next_delta: what a later look may spend; `needed` reckons with it.

    Returns:
        The threshold (None: automate nothing), its coverage, the labels and errors behind it, and the labels missing.

    Raises:
        BadInput: values out of range, not finite, or of unequal lengths.

    Source: Angelopoulos et al., Learn then Test (2021); docs/decisions/0009-looks-at-certificates.md.

    >>> certify([0.9] * 149, [1] * 149, max_error=0.02, delta=0.05)
    Certification(threshold=0.9, coverage=1.0, errors=0, n=149, needed=0)
    >>> certify([0.9] * 100, [1] * 100, max_error=0.02, delta=0.05).needed
    49
    """
    _require_terms(max_error, delta)
    labels = _labels(confidence, correct, floors)
    guide = labels.confidence if scores is None else _probabilities(scores, "scores")
    if scores is None and rng is not None and len(guide):
        labels, guide = _split(labels, rng)
    thresholds = sequence(guide, len(labels.right), max_error, delta, floors=labels.floor)
    n, errors = labels.above(thresholds)
    if (judged := n >= labels_without_error(max_error, delta)).any():
        # Below a floor few labels may be left: what they cannot judge is no reason to stop, for counts alone say so.
        thresholds, n, errors = thresholds[judged], n[judged], errors[judged]
    passed = (n > 0) & (special.bdtr(errors, n, max_error) <= delta)
    last = int(np.argmin(passed)) - 1 if not passed.all() else len(passed) - 1
    if last < 0:
        needed = _labels_needed(n, errors, len(labels.right), max_error, next_delta or delta)
        return Certification(None, 0.0, int((~labels.right).sum()), len(labels.right), needed)
    threshold = float(thresholds[last])
    return Certification(threshold, float((guide >= threshold).mean()), int(errors[last]), int(n[last]), 0)


def sequence(
    scores: ArrayLike, labels: int, max_error: float, delta: float, *, floors: ArrayLike | None = None
) -> Floats:
    """The thresholds to try, from strict to loose; fixed by scores and counts, never by correctness.

    At or above the first some 3 ln(1/delta) / max_error labels are expected; of few labels a quarter, and never fewer
    than can certify at all. The rest follow in up to 200 even steps of rank to the lowest score.

    Args:
        scores: unlabelled confidences in [0, 1].
        labels: how many labels there are.
        max_error: the error rate that is promised, in (0, 1).
        delta: the chance that the promise is wrong, in (0, 1).
        floors: confidence down to which each label's draw reached; None: all of them reached everything.

    Returns:
        Thresholds in descending order; none without scores.

    Raises:
        BadInput: scores that are no numbers in [0, 1].

    Source: Angelopoulos et al., Learn then Test (2021), fixed-sequence testing;
    docs/decisions/0009-looks-at-certificates.md.

    >>> sequence([0.5, 0.7, 0.9], 3, max_error=0.5, delta=0.5).tolist()
    [0.9, 0.7, 0.5]
    """
    ranked = -np.sort(-_probabilities(scores, "scores"))
    if not len(ranked):
        return ranked
    aim = min(math.ceil(3 * math.log(1 / delta) / max_error), math.ceil(_STRICT_SHARE * labels))
    aim = max(aim, labels_without_error(max_error, delta))
    reached = _expected(ranked, np.zeros(labels) if floors is None else np.asarray(floors, dtype=np.float64))
    enough = np.flatnonzero(reached >= min(aim, reached.max()) - 1e-9)
    ranks = np.unique(np.linspace(enough[0] + 1, len(ranked), _STEPS).round().astype(np.int64))
    return np.unique(ranked[ranks - 1])[::-1]


@lru_cache(maxsize=1024)
def labels_without_error(max_error: float, delta: float, errors: int = 0) -> int:
    """The fewest labels that certify with so many errors among them.

    Args:
        max_error: the error rate that is promised, in (0, 1).
        delta: the chance that the promise is wrong, in (0, 1).
        errors: errors among the labels.

    Returns:
        The least n whose binomial tail P(at most `errors` of n at `max_error`) is `delta` or less.

    Source: the exact binomial test of Learn then Test (Angelopoulos et al. 2021), solved for n.

    >>> labels_without_error(0.02, 0.05), labels_without_error(0.01, 0.05), labels_without_error(0.02, 0.05, errors=1)
    (149, 299, 236)
    """
    low, high = errors, errors + 1
    while special.bdtr(errors, high, max_error) > delta:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if special.bdtr(errors, middle, max_error) > delta else (low, middle)
    return high


def _at_least(values: Floats, thresholds: Floats) -> Counts:
    return np.asarray(len(values) - np.searchsorted(np.sort(values), thresholds, side="left"), dtype=np.int64)


def _beyond(values: Floats, thresholds: Floats) -> Counts:
    return np.asarray(len(values) - np.searchsorted(np.sort(values), thresholds, side="right"), dtype=np.int64)


def _expected(ranked: Floats, floors: Floats) -> Floats:
    """Labels expected to judge each of the scores as a threshold: those of no lower floor, as far as it reaches."""
    kept = np.arange(1, len(ranked) + 1) / len(ranked)
    heights, counts = np.unique(floors, return_counts=True)
    expected = np.zeros(len(ranked))
    for floor, count in zip(heights, counts, strict=True):
        within = (ranked >= floor).sum()
        if within:
            expected[:within] += count * kept[:within] / kept[within - 1]
    return expected


def _labels_needed(n: Counts, errors: Counts, labels: int, max_error: float, delta: float) -> int:
    """Labels still missing at the strictest threshold, counting those that will fall below it."""
    if not labels or not len(n) or not n[0]:
        return labels_without_error(max_error, delta)
    missing = labels_without_error(max_error, delta, int(errors[0])) - int(n[0])
    return max(1, math.ceil(missing * labels / int(n[0])))


def _split(labels: _Labels, rng: np.random.Generator) -> tuple[_Labels, Floats]:
    """Set a random fifth aside, whose confidences alone choose the sequence."""
    aside = rng.permutation(len(labels.right)) < round(_START_SHARE * len(labels.right))
    if not aside.any():
        return labels, labels.confidence
    rest = _Labels(labels.confidence[~aside], labels.floor[~aside], labels.right[~aside])
    return rest, labels.confidence[aside]


def _require_terms(max_error: float, delta: float) -> None:
    if not (0 < max_error < 1 and 0 < delta < 1):
        raise BadInput("The largest error and delta lie strictly between 0 and 1. Try 0.02 and 0.05.")


def _labels(confidence: ArrayLike, correct: ArrayLike, floors: ArrayLike | None) -> _Labels:
    held, right = _probabilities(confidence, "confidences"), _numbers(correct, "correctness")
    floor = np.zeros(len(held)) if floors is None else _numbers(floors, "floors")
    if not held.shape == right.shape == floor.shape:
        raise BadInput("Each confidence needs one correctness, and one floor if any. Pass columns of equal length.")
    if not np.isin(right, (0, 1)).all():
        raise BadInput(
            f"{(~np.isin(right, (0, 1))).sum()} of {len(right)} answers are neither 0 nor 1 (wrong, correct). "
            "Drop the rows whose answer is unknown."
        )
    if not (floor >= 0).all():
        raise BadInput("A floor is a confidence at or above 0. Give 0 where the draw reached every case.")
    judging = held >= floor
    return _Labels(held[judging], floor[judging], right[judging].astype(bool))


def _probabilities(values: ArrayLike, what: str) -> Floats:
    numbers = _numbers(values, what)
    outside = ~((numbers >= 0) & (numbers <= 1))
    if outside.any():
        raise BadInput(
            f"{outside.sum()} of {len(numbers)} {what} are no numbers between 0 and 1. Correct or drop these rows."
        )
    return numbers


def _numbers(values: ArrayLike, what: str) -> Floats:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"The {what} hold something that is no number. Correct or drop these rows.") from error
    if numbers.ndim != 1:
        raise BadInput(f"The {what} must be one column of numbers. Pass one number a row.")
    return numbers

"""Certificates: the confidence above which errors stay below a bound, with a stated certainty.

Thresholds are tried from strict to loose (learn then test); each is kept if so few errors would be improbable at the
bound. One that is not ends a search, which may begin anew further down with a part of delta that was kept for it. The
sequence is fixed by scores and chances, never by correctness. Labels may have had different chances, and errors may
change from day to day: each threshold is tested against the worst such world, in which what is wrong lies where the
fewest were looked at.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from handrail.errors import BadInput

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

_STEPS = 200  # thresholds tried at most: finer steps stop earlier by chance and gain no coverage
# From which share of the cases on a search has which part of delta.
_EARLIER = ((0.25, 0.1), (0.40, 0.2))
_MAIN, _MAIN_PART = 0.55, 0.7
_ABOUT = 2.0  # chances within this factor go together: between days of few cases and of many they differ by less
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Certification:
    """What is certified: among cases with confidence >= `threshold` at most `max_error` are wrong.

    `threshold` is `None` when nothing can be certified: automate nothing. `coverage` is the share of cases at or above
    it, `errors` and `n` the labels there, `rate` their share of errors weighted by 1 / chance (without a threshold: of
    the labels above the first one tried, `strictest`). `needed` counts further labels, at least, without an error
    above it: 0 when certified.
    """

    threshold: float | None
    coverage: float
    errors: int
    n: int
    needed: int
    rate: float | None = None
    strictest: float | None = None


@dataclass(frozen=True)
class Witness:
    """What the labels above one threshold say of its errors.

    `caught` are the errors among them, each for the part of its weight that the worst world allows; `expected` is how
    many a world at the bound would show at least, among `n` labels (Kish's effective number). `alike`: all had about
    the same chance.
    """

    caught: float
    expected: float
    n: int
    alike: bool

    def probability(self) -> float:
        """The chance, at most, of no more caught errors if errors were above the bound.

        Labels of about equal chances: the binomial tail, for errors that differ from case to case as well (Hoeffding
        1956). Of different chances: Bentkus (2004), the least over t of E(t - K)+ / (t - caught) for binomial K.
        """
        if self.caught >= self.expected or self.n == 0:
            return 1.0
        rate = min(self.expected / self.n, 1.0)
        if self.alike:
            # The binomial tail as a continuous function: weights make of whole errors such as are none.
            return float(special.betainc(self.n - self.caught, self.caught + 1, 1 - rate))
        beyond = np.arange(math.floor(self.caught + _ROUNDING) + 1, math.ceil(self.expected) + 2)
        tails = np.cumsum(special.bdtr(np.arange(beyond[-1]), self.n, rate))
        return float(min(1.0, np.min(tails[beyond - 1] / (beyond - self.caught))))


@dataclass(frozen=True)
class _Labels:
    """Blind labels from the most confident on, with their chances; and cases that had none."""

    confidence: Floats
    wrong: Booleans
    chance: Floats
    unseen: Floats
    """Confidences of cases that nobody could have looked at, ascending."""

    def evidence(self, thresholds: Floats, max_error: float) -> list[Witness]:
        """What may judge each threshold."""
        above = np.searchsorted(-self.confidence, -thresholds, side="right").tolist()
        if not len(self.unseen) and (not len(self.chance) or np.ptp(self.chance) == 0):
            errors = np.concatenate([[0.0], np.cumsum(self.wrong)])
            return [Witness(float(errors[n]), max_error * n, n, alike=True) for n in above]
        blind = (len(self.unseen) - np.searchsorted(self.unseen, thresholds, side="left")).tolist()
        return [
            evidence(self.chance[:n], self.wrong[:n], max_error=max_error, unseen=unseen)
            for n, unseen in zip(above, blind, strict=True)
        ]

    def rate(self, threshold: float) -> float | None:
        """The weighted share of errors at or above a threshold."""
        above = self.confidence >= threshold
        weights = 1 / self.chance[above]
        return float(weights @ self.wrong[above] / weights.sum()) if above.any() else None


def evidence(chances: ArrayLike, wrong: ArrayLike, *, max_error: float, unseen: int = 0) -> Witness:
    """What labels of known chances say against more errors than `max_error`, however these are spread.

    A label stands for 1 / chance cases. Chances within a factor of two go together, weighted, as Kish's effective
    number of labels. Between such groups the worst world counts: all that is wrong lies where chances are least, in as
    many cases as `max_error` allows, and an error where they are larger counts for so much less.

    Args:
        chances: chance in (0, 1] of each labelled case to be labelled.
        wrong: whether the label contradicts the prediction.
        max_error: the bound, in (0, 1).
        unseen: cases without any chance; all of them may be wrong.

    Returns:
        Errors caught, and those that a world at the bound would show at least.

    Source: Kish (1965); docs/decisions/0042-certificates.md.

    >>> evidence([1.0] * 100, [False] * 100, max_error=0.02)
    Witness(caught=0.0, expected=2.0, n=100, alike=True)
    >>> evidence([1.0] * 100 + [0.1] * 10, [True] + [False] * 109, max_error=0.02)
    Witness(caught=0.1, expected=0.4, n=110, alike=False)
    """
    chance, is_wrong = np.asarray(chances, dtype=np.float64), np.asarray(wrong, dtype=bool)
    allowed = max_error * (float((1 / chance).sum()) + unseen)
    if not len(chance) or unseen >= allowed:
        return Witness(float(is_wrong.sum()), 0.0, len(chance), alike=False)
    order = np.argsort(chance, kind="stable")
    chance, is_wrong = chance[order], is_wrong[order]
    weights = 1 / chance
    firsts = _groups(chance)
    held, squares = np.add.reduceat(weights, firsts), np.add.reduceat(weights**2, firsts)
    errors = np.add.reduceat(weights * is_wrong, firsts)
    effective = held**2 / squares
    of_group = effective / held  # the chance that each group's cases have, as it were
    below = unseen + np.cumsum(held)
    least = float(of_group[min(int(np.searchsorted(below, allowed)), len(held) - 1)])
    caught = float(errors @ np.minimum(of_group, least))
    expected = least * (allowed - unseen) - float(held @ np.maximum(least - of_group, 0))
    return Witness(caught, expected, math.floor(effective.sum() + _ROUNDING), alike=len(firsts) == 1 and not unseen)


def _groups(ascending: Floats) -> NDArray[np.intp]:
    """Where each group of chances begins: none is more than twice the least of its group."""
    firsts = [0]
    while (beyond := int(np.searchsorted(ascending, _ABOUT * ascending[firsts[-1]] + _ROUNDING, side="right"))) < len(
        ascending
    ):
        firsts.append(beyond)
    return np.array(firsts)


def certify(  # noqa: PLR0913 - what a test is made of, in one place
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    max_error: float,
    delta: float,
    chances: ArrayLike | None = None,
    unseen: ArrayLike | None = None,
    scores: ArrayLike | None = None,
    start: float | None = None,
    next_delta: float | None = None,
) -> Certification:
    """The loosest threshold whose error is at most `max_error` with certainty 1 - `delta`.

    Thresholds are tried from strict to loose in up to 200 even steps of rank, by the fallback procedure: the search
    has a tenth of delta from where a quarter of the cases lies above, two more from 40 % on, the rest from 55 % on;
    what it has it keeps while thresholds hold, and loses at the first that does not.

    Args:
        confidence: confidences in [0, 1] of blindly labelled cases.
        correct: 1 where the label confirms the prediction, else 0.
        max_error: the error rate that is promised, in (0, 1).
        delta: the chance that the promise is wrong, in (0, 1).
        chances: chance in (0, 1] with which each case came to its label; None: the same for all.
        unseen: confidences of cases that no draw could reach; they count as if wrong.
        scores: confidences of all cases, which fix the thresholds; else those of the labels do.
        start: the one threshold to begin at, fixed before any of these labels.
        next_delta: what a later look may spend; `needed` reckons with it.

    Returns:
        The threshold (None: automate nothing), its coverage, the labels and errors behind it, and the labels missing.

    Raises:
        BadInput: values out of range, not finite, or of unequal lengths.

    Source: Angelopoulos et al., Learn then Test (2021); Wiens (2003) for the fallback procedure;
    docs/decisions/0042-certificates.md.

    >>> certify([0.9] * 149, [1] * 149, max_error=0.02, delta=0.05).threshold
    0.9
    >>> certify([0.9] * 100, [1] * 100, max_error=0.02, delta=0.05).needed
    49
    """
    _require_terms(max_error, delta)
    labels = _labels(confidence, correct, chances, unseen)
    guide = labels.confidence if scores is None else _probabilities(scores, "scores")
    if not len(guide):
        needed = labels_without_error(max_error, next_delta or delta)
        return Certification(None, 0.0, int(labels.wrong.sum()), len(labels.wrong), needed)
    thresholds = sequence(guide, start)
    shown = labels.evidence(thresholds, max_error)
    entries = _entries(guide, thresholds, shown, delta) if start is None else [_Entry(0, 1.0)]
    last = _walk(shown, entries, delta)
    strictest = float(thresholds[entries[0].at])
    if last < 0:
        later = next_delta or delta
        needed = min(_needed(shown[entry.at], labels, max_error, entry.part * later) for entry in entries)
        errors, n = int(labels.wrong.sum()), len(labels.wrong)
        return Certification(None, 0.0, errors, n, needed, labels.rate(strictest), strictest)
    threshold = float(thresholds[last])
    above, coverage = labels.confidence >= threshold, float((guide >= threshold).mean())
    errors = int(labels.wrong[above].sum())
    return Certification(threshold, coverage, errors, int(above.sum()), 0, labels.rate(threshold), strictest)


def sequence(scores: ArrayLike, start: float | None = None) -> Floats:
    """The thresholds to try, from strict to loose, in up to 200 even steps of rank down to the lowest score.

    Args:
        scores: confidences in [0, 1]; of cases, never of right or wrong ones.
        start: none above it; itself the first, where a score lies there.

    Returns:
        Thresholds in descending order; none without scores.

    Raises:
        BadInput: scores that are no numbers in [0, 1].

    Source: Angelopoulos et al., Learn then Test (2021), fixed-sequence testing.

    >>> sequence([0.5, 0.7, 0.9]).tolist(), sequence([0.5, 0.7, 0.9], start=0.8).tolist()
    ([0.9, 0.7, 0.5], [0.8, 0.7, 0.5])
    """
    ranked = -np.sort(-_probabilities(scores, "scores"))
    if start is not None:
        ranked = np.concatenate([[start], ranked[ranked < start]])
    if not len(ranked):
        return ranked
    ranks = np.unique(np.linspace(1, len(ranked), _STEPS).round().astype(np.int64))
    return np.unique(ranked[ranks - 1])[::-1]


@dataclass(frozen=True)
class _Entry:
    """A threshold from which the search has a further `part` of delta."""

    at: int
    part: float


def _entries(guide: Floats, thresholds: Floats, shown: list[Witness], delta: float) -> list[_Entry]:
    """Where a search begins, and begins anew: at shares of the cases, but not before it could certify without an error.

    A part that comes where it is too small waits for the next, or for more labels.
    """
    n, expected = np.array([one.n for one in shown]), np.array([one.expected for one in shown])
    without_error = np.exp(n * np.log1p(-np.minimum(expected / np.maximum(n, 1), 1 - 1e-15)))
    coverage = (len(guide) - np.searchsorted(np.sort(guide), thresholds, side="left")) / len(guide)
    main = int(np.argmax(coverage >= _MAIN))
    coming = {main: _MAIN_PART}
    for share, part in _EARLIER:
        at = min(int(np.argmax(coverage >= share)), main)
        coming[at] = coming.get(at, 0.0) + part

    def placed(coming: dict[int, float]) -> list[_Entry]:
        entries, waiting = [], 0.0
        for at in range(min(coming), len(shown)):
            waiting += coming.get(at, 0.0)
            if waiting and (without_error[at] <= waiting * delta or at == len(shown) - 1):
                entries.append(_Entry(at, waiting))
                waiting = 0.0
        return entries

    shared = placed(coming)
    return shared if len(shared) > 1 else placed({min(coming): 1.0})


def _walk(shown: list[Witness], entries: list[_Entry], delta: float) -> int:
    """The last threshold that holds; -1 when none does."""
    parts = {entry.at: entry.part for entry in entries}
    last, level = -1, 0.0
    for position in range(entries[0].at, len(shown)):
        level += parts.get(position, 0.0) * delta
        if not level:
            continue
        if shown[position].probability() <= level:
            last = position
        else:
            level = 0.0
    return last


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


def _needed(shown: Witness, labels: _Labels, max_error: float, delta: float) -> int:
    """Labels still missing where a sequence begins, counting those that will fall below it."""
    # So many labels of equal chance would say as much; each further one is taken to.
    worth = shown.expected / max_error
    missing = labels_without_error(max_error, delta, math.ceil(shown.caught - _ROUNDING)) - worth
    return max(1, math.ceil(missing * len(labels.wrong) / worth - _ROUNDING)) if worth > 0 else math.ceil(missing)


def _require_terms(max_error: float, delta: float) -> None:
    if not (0 < max_error < 1 and 0 < delta < 1):
        raise BadInput("The largest error and delta lie strictly between 0 and 1. Try 0.02 and 0.05.")


def _labels(confidence: ArrayLike, correct: ArrayLike, chances: ArrayLike | None, unseen: ArrayLike | None) -> _Labels:
    held, right = _probabilities(confidence, "confidences"), _numbers(correct, "correctness")
    chance = np.ones(len(held)) if chances is None else _numbers(chances, "chances")
    if not held.shape == right.shape == chance.shape:
        raise BadInput("Each confidence needs one correctness, and one chance if any. Pass columns of equal length.")
    if not np.isin(right, (0, 1)).all():
        raise BadInput(
            f"{(~np.isin(right, (0, 1))).sum()} of {len(right)} answers are neither 0 nor 1 (wrong, correct). "
            "Drop the rows whose answer is unknown."
        )
    if not ((chance > 0) & (chance <= 1)).all():
        raise BadInput("A chance lies above 0 and is at most 1. Drop labels that no draw has asked for.")
    order = np.argsort(-held, kind="stable")
    blind = np.zeros(0) if unseen is None else np.sort(_probabilities(unseen, "confidences without a chance"))
    return _Labels(held[order], right[order] == 0, chance[order], blind)


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

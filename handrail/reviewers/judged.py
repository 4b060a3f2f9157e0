"""How often a person is wrong where chance alone chose the case: random rechecks, gold cases, seeded suggestions."""

import math
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special

from handrail.reading import Verdict
from handrail.reviewers.signal import Signal, SignalBounds, unmeasured

RECHECKS, GOLD, DECEIVED = "rechecks", "gold", "deceived"
NAMING: Final = (RECHECKS, GOLD, DECEIVED)
"""The signals that name a person; every other one says what else was seen."""
WORTH: Final = {RECHECKS: 0.20, GOLD: 0.20, DECEIVED: 0.80}
"""An error rate that must not be overlooked."""
_TIMES: Final = (1.5, 2.0, 3.0, 5.0)  # error rates that are looked for, in multiples of the bound
_NEVER: Final = 0.95
_WEEK: Final = pd.Timedelta(days=7)
_LEVEL: Final = 0.95


def judged(trials: pd.DataFrame, bounds: SignalBounds, *, people: int) -> list[Signal]:
    """Each person's share of wrong answers where chance chose the case, with a verdict that holds whenever one looks.

    A person is named when their e-value reaches the number of people and signals divided by `bounds.chance`: while all
    are within the bounds, anybody at all is named with at most that chance, however often one looks. What still waits
    for a third person counts as right until it is settled. The rate weighs each trial by 1 / its chance.

    Args:
        trials: columns person, kind (of `NAMING`), at, wrong (missing: not settled), chance (of its draw, known
            beforehand).
        bounds: up to where a rate is no alarm.
        people: how many are looked at together.

    Returns:
        A signal for each kind of each person that has a trial: quiet where the interval excludes what must not be
        overlooked, else underpowered.

    Source: Ville 1939; Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting (2024); Robbins
    1970 for the interval; docs/decisions/0044-people-by-rechecks.md.

    >>> at = pd.date_range("2026-01-01", periods=40, tz="UTC")
    >>> trials = pd.DataFrame({"person": "ada", "kind": "rechecks", "at": at, "wrong": [True, False] * 20, "chance": 1})
    >>> [(one.reviewer, one.name, one.value, str(one.verdict)) for one in judged(trials, SignalBounds(), people=4)]
    [('ada', 'rechecks', 0.5, 'alarm')]
    """
    limit = math.log(len(NAMING) * max(people, 1) / bounds.chance)
    places = {kind: at for at, kind in enumerate(NAMING)}
    ordered = trials.sort_values("at", kind="stable")
    groups = ordered.groupby(["person", "kind"], sort=False)
    signals = [_signal(str(name), str(kind), rows, bounds, limit) for (name, kind), rows in groups]
    return sorted(signals, key=lambda one: (one.reviewer, places[one.name]))


def _signal(person: str, kind: str, rows: pd.DataFrame, bounds: SignalBounds, limit: float) -> Signal:
    settled = rows["wrong"].notna().to_numpy()
    wrong = (rows["wrong"] == 1).to_numpy(dtype=bool)
    pending = int((~settled).sum())
    if not settled.any():
        return unmeasured(person, kind)
    bound = bounds.deceived if kind == DECEIVED else bounds.wrong
    # Unsettled ones are those that differ: left out they would make the rest look better, counted as wrong, worse.
    evidence = log_evidence(wrong, pd.DatetimeIndex(rows["at"]), bound)
    weights = 1 / rows["chance"].to_numpy(dtype=np.float64)[settled]
    hits = wrong[settled]
    rate = float((weights * hits).sum() / weights.sum())
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    low, high = confidence_sequence(rate * effective, effective, _LEVEL)
    is_named = evidence >= limit
    quiet = Verdict.QUIET if high <= WORTH[kind] else Verdict.UNDERPOWERED
    return Signal(
        person,
        kind,
        Verdict.ALARM if is_named else quiet,
        rate,
        low,
        high,
        int(settled.sum()),
        p=math.exp(min(0.0, -evidence)),
        power=float(high <= WORTH[kind]),
        details=(("wrong", int(hits.sum())), ("pending", pending), ("bound", bound)),
    )


def log_evidence(wrong: NDArray[np.bool_], at: pd.DatetimeIndex, bound: float) -> float:
    """The largest logarithm so far of an e-value against *errors are at most `bound`*.

    A mixture of likelihood ratios over error rates above the bound, and over weeks in which the trouble may have begun:
    half of the weight lies on the first, so that a person who grows careless after a good year is found too.

    Args:
        wrong: one entry a trial, in order.
        at: when each was drawn, rising.
        bound: error rate up to which nobody is named, in (0, 1).

    Returns:
        A logarithm, 0 without trials; with probability at most exp(-x) it ever exceeds x while the bound holds.

    Source: Ville 1939; Wald 1945; docs/decisions/0044-people-by-rechecks.md.

    >>> week = pd.date_range("2026-01-01", periods=3, tz="UTC")
    >>> round(log_evidence(np.array([True, True, True]), week, 0.06), 2)
    3.04
    """
    if not len(wrong):
        return 0.0
    rates = np.minimum(bound * np.array(_TIMES), _NEVER)
    rates = np.unique(rates[rates > bound])
    steps = np.where(wrong[:, None], np.log(rates / bound), np.log((1 - rates) / (1 - bound)))
    walked = np.vstack([np.zeros(len(rates)), steps.cumsum(axis=0)])
    weeks = np.asarray((at - at[0]) // _WEEK, dtype=np.int64)
    first = np.searchsorted(weeks, np.arange(weeks[-1] + 1))  # of each week, the place of its first trial
    prior = _prior(len(first))
    value = np.full(len(wrong), 1 - prior.sum())  # of weeks to come nothing has been bet yet
    for begun, share in zip(first, prior, strict=True):
        since = special.logsumexp(walked[begun + 1 :] - walked[begun], axis=1) - math.log(len(rates))
        value[:begun] += share
        value[begun:] += share * np.exp(np.minimum(since, 600.0))
    return max(0.0, float(np.log(value).max()))


def _prior(weeks: int) -> NDArray[np.float64]:
    """Half on the first week, the rest over all later ones, 1/(j(j+1)) of it on the j-th."""
    later = np.arange(1, weeks)
    return np.concatenate([[0.5], 0.5 / (later * (later + 1))])


def confidence_sequence(hits: float, n: float, level: float) -> tuple[float, float]:
    """An interval of a share that holds at whatever number of trials one looks; hits and n may be effective numbers.

    All shares p against which the mixture of likelihoods under a uniform prior has gained less than 1 / (1 - level).

    Args:
        hits: successes.
        n: trials, above 0.
        level: confidence, in (0, 1).

    Returns:
        Both ends, in [0, 1].

    Source: Robbins, Statistical methods related to the law of the iterated logarithm (1970).

    >>> [round(end, 3) for end in confidence_sequence(14, 62, 0.95)]
    [0.091, 0.417]
    """
    hits = min(max(hits, 0.0), n)
    mixed = special.betaln(hits + 1, n - hits + 1)

    def gained(share: float) -> float:
        against = special.xlogy(hits, share) + special.xlog1py(n - hits, -share)
        return float(mixed - against + math.log(1 - level))

    middle, edge = hits / n, 1e-12
    low = 0.0 if hits == 0 or gained(edge) < 0 else optimize.brentq(gained, edge, middle)
    high = 1.0 if hits == n or gained(1 - edge) < 0 else optimize.brentq(gained, middle, 1 - edge)
    return float(low), float(high)

"""What is measured of a reviewer, beside what is no alarm yet; many such tests share one chance of a false alarm."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from handrail.proportions import POWER, holm
from handrail.reading import Verdict

FEWEST = 10
"""Fewer cases are counted and not judged."""


@dataclass(frozen=True, slots=True)
class SignalBounds:
    """Up to where a figure is no alarm; and the chance of any false alarm in one look, `chance`.

    `glances`: share of decisions faster than nearly all of the others'. `deceived`: share of seeded wrong suggestions
    taken over. `vanished`: share of the rejections that vanish where a suggestion is visible. `wrong`: share of wrong
    answers without help. `turned`: by how much more often a label is turned into another for one group.
    """

    glances: float = 0.10
    deceived: float = 0.30
    vanished: float = 0.67
    wrong: float = 0.06
    turned: float = 0.10
    chance: float = 0.05


@dataclass(frozen=True, slots=True)
class Signal:
    """One figure of one reviewer.

    `value` lies in [`low`, `high`] (95 %, this figure alone) and is None where nothing was measured; `n` counts the
    cases it rests on. `p`: that the true value is no alarm, before the look's correction. `power`: chance to find the
    trouble worth finding (see each signal) at the corrected level. `details` names labels, groups and counts.
    """

    reviewer: str
    name: str
    verdict: Verdict
    value: float | None
    low: float
    high: float
    n: int
    p: float = 1.0
    power: float = 0.0
    details: tuple[tuple[str, Any], ...] = ()


def judge(measured: Sequence[Signal], chance: float) -> list[Signal]:
    """The verdicts: of all these together at most `chance` is false.

    Args:
        measured: signals with their p and power.
        chance: chance of any false alarm.

    Returns:
        The signals with adjusted p; without an alarm one is quiet only if its power reaches 80 %, else underpowered.

    Source: Holm 1979.

    >>> seen = Signal("ada", "glances", Verdict.NOT_MEASURED, 0.9, 0.8, 1.0, 40, p=0.001)
    >>> [str(one.verdict) for one in judge([seen, unmeasured("ben", "glances")], 0.05)]
    ['alarm', 'not_measured']
    """
    measured_at = [at for at, one in enumerate(measured) if one.value is not None]
    adjusted = dict(zip(measured_at, holm([measured[at].p for at in measured_at]), strict=True)) if measured_at else {}
    return [
        one if at not in adjusted else replace(one, p=float(adjusted[at]), verdict=_verdict(one, adjusted[at], chance))
        for at, one in enumerate(measured)
    ]


def _verdict(one: Signal, adjusted: float, chance: float) -> Verdict:
    if adjusted <= chance:
        return Verdict.ALARM
    return Verdict.QUIET if one.power >= POWER else Verdict.UNDERPOWERED


def unmeasured(reviewer: str, name: str, n: int = 0, low: float = 0.0, high: float = 1.0) -> Signal:
    """The signal of who did nothing that it could be measured on.

    Args:
        reviewer: whose it is.
        name: of the signal.
        n: cases, too few of them.
        low: lower end of what is possible.
        high: upper end.

    Returns:
        A signal without a value.

    Source: own definition.

    >>> unmeasured("ada", "glances").value is None
    True
    """
    return Signal(reviewer, name, Verdict.NOT_MEASURED, None, low, high, n)


def exact_interval(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share; hits and cases may be effective, no whole numbers.

    Args:
        hits: successes.
        n: cases, above 0.
        level: confidence.

    Returns:
        Both ends, in [0, 1].

    Source: Clopper and Pearson 1934. Oracle: scipy's `binomtest(...).proportion_ci(method="exact")`.

    >>> [round(end, 3) for end in exact_interval(5, 10)]
    [0.187, 0.813]
    """
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, hits, n - hits + 1)) if hits > 0 else 0.0
    high = float(stats.beta.isf(tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def power_above(n: int, bound: float, worth: float, alpha: float) -> float:
    """The chance that a true share is shown to lie above a bound by the exact test.

    Args:
        n: cases.
        bound: the share that must be exceeded.
        worth: the true share.
        alpha: level of the test.

    Returns:
        A probability.

    Source: the binomial tail.

    >>> round(power_above(30, 0.1, 0.5, 0.05), 3)
    0.999
    """
    needed = _first_above(n, bound, alpha)
    return float(stats.binom.sf(needed - 1, n, worth))


def _first_above(n: int, bound: float, alpha: float) -> int:
    """The fewest hits that show it; n + 1 where none do."""
    counts: NDArray[np.int64] = np.arange(n + 2)
    return int(np.searchsorted(-stats.binom.sf(counts - 1, n, bound), -alpha))

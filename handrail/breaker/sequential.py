"""The sequential rule: pause when the rejections so far can hardly come from a healthy rate."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from handrail.breaker import hours
from handrail.breaker.hours import HOUR, Bins
from handrail.errors import BadInput

_ODDS = (1.0, 1.25, 1.75, 3.0)
"""The alternatives' odds as multiples of the limit's: near ones see small rises surely, far ones see outrages soon."""
_CERTAIN = 0.999  # an alternative of 1 would let a single good review wipe out all evidence


@dataclass(frozen=True)
class Detector:
    """The e-SR detector: over the horizon it pauses with probability `budget` at most, whatever comes.

    That holds for every rate up to `healthy_rate`, also a changing one, and for any number of reviews an hour. It
    looks every hour; `limit` is the lowest of the rates that it looks for.

    Source: Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2023).

    Raises:
        BadInput: not 0 < healthy_rate < limit <= 1, a budget outside (0, 1), or a horizon under an hour.
    """

    healthy_rate: float
    limit: float
    budget: float
    horizon: timedelta

    def __post_init__(self) -> None:
        if not 0 < self.healthy_rate < self.limit <= 1:
            raise BadInput("Give a healthy rate (p0) above 0 and a limit above it, at most 1.")
        if not (0 < self.budget < 1 and self.horizon >= HOUR):
            raise BadInput("Give a budget between 0 and 1 and a horizon of an hour or more, such as 0.05 and 30d.")

    @property
    def looks(self) -> int:
        """Looks within the horizon."""
        return self.horizon // HOUR

    @property
    def threshold(self) -> float:
        """Evidence that suffices: P(it is reached within n looks) <= n / threshold."""
        return self.looks / self.budget

    @property
    def rules(self) -> str:
        """What a state was computed with; states of other rules cannot be carried on."""
        odds = "/".join(f"{factor:g}" for factor in _ODDS)
        return f"esr {self.healthy_rate:g} {self.limit:g} {self.budget:g} {self.looks}h {odds}"

    @cached_property
    def alternatives(self) -> NDArray[np.float64]:
        """The rates that it looks for, each above the healthy one."""
        odds = np.array(_ODDS) * self.limit / max(1 - self.limit, 1e-12)
        highest = self.healthy_rate + _CERTAIN * (1 - self.healthy_rate)
        return np.minimum(odds / (1 + odds), highest)

    @cached_property
    def steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What one rejected and one good review add to each alternative's log evidence."""
        return np.log(self.alternatives / self.healthy_rate), np.log1p(-self.alternatives) - np.log1p(
            -self.healthy_rate
        )


@dataclass(frozen=True, slots=True)
class DetectorState:
    """How far a detector has come; `log_evidence` has one natural logarithm for each alternative.

    `looked_until` is the newest hour with a review; the looks since then are made up for by the next `advance`.
    `alarm_at` is the first hour whose evidence sufficed: it stays, whatever follows.
    """

    since: datetime
    looked_until: datetime
    log_evidence: tuple[float, ...]
    reviewed: int
    rejected: int
    alarm_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One hour with reviews and the level of evidence after it, as a share of what suffices."""

    at: datetime
    reviewed: int
    rejected: int
    level: float


def advance(detector: Detector, state: DetectorState | None, bins: Bins) -> DetectorState | None:
    """The state after more hours.

    For each alternative M = LR · (1 + M of the look before), an hour without reviews being a look with LR = 1; the
    alarm is the first hour with a rejection in which their mean reaches the threshold. Folding hours in pieces gives
    the same as at once. Reviews of an hour that was looked at, or of earlier ones, join the newest hour and make no
    further look.

    Args:
        detector: the rule.
        state: where it stands; None begins with the first of the hours.
        bins: hours with reviews, ascending.

    Returns:
        The new state; None without any review.

    Source: Shin, Ramdas and Rinaldo, E-detectors (2023); docs/decisions/0019-sequential-breaker.md. Oracle: the
    recursion by plain floats.

    >>> detector = Detector(0.03, 0.05, 0.05, timedelta(days=30))
    >>> state = advance(detector, None, Bins(np.array([1, 2]), np.array([5, 5]), np.array([0, 5])))
    >>> state.reviewed, state.rejected, state.alarm_at is None
    (10, 5, True)
    """
    newest = state
    for _, newest in _walk(detector, state, bins):  # noqa: B007 - only the last one counts
        pass
    return newest


def path(detector: Detector, bins: Bins, state: DetectorState | None = None) -> list[Step]:
    """The level of evidence after each hour with reviews.

    Args:
        detector: the rule.
        bins: hours with reviews, ascending.
        state: where the rule stands before them; None begins afresh.

    Returns:
        One step an hour, its level as a share of what suffices.

    Source: Shin, Ramdas and Rinaldo, E-detectors (2023).

    >>> detector = Detector(0.03, 0.05, 0.05, timedelta(days=30))
    >>> [step.level < 1 for step in path(detector, Bins(np.array([1, 2]), np.array([5, 5]), np.array([0, 5])))]
    [True, True]
    """
    return [
        Step(after.looked_until, reviewed, rejected, _level(detector, np.array(after.log_evidence)))
        for (reviewed, rejected), after in _walk(detector, state, bins)
    ]


def level(detector: Detector, state: DetectorState | None, now: datetime) -> float:
    """The evidence at a moment as a share of what suffices: 1 and more would be an alarm.

    Looks since the newest review count as such; a moment before it changes nothing.

    Args:
        detector: the rule.
        state: where it stands.
        now: an aware moment.

    Returns:
        The share; 0 without a state.

    Source: Shin, Ramdas and Rinaldo, E-detectors (2023).

    >>> level(Detector(0.03, 0.05, 0.05, timedelta(days=30)), None, hours.time_of(0))
    0.0
    """
    if state is None:
        return 0.0
    silent = max(hours.hour_of(now) - hours.hour_of(state.looked_until), 0)
    return _level(detector, _restarted(np.array(state.log_evidence), silent))


def is_stale(detector: Detector, state: DetectorState, at: datetime) -> bool:
    """Whether nothing has been reviewed for longer than the horizon; then looking begins afresh.

    Args:
        detector: the rule.
        state: where it stands.
        at: an aware moment.

    Returns:
        True where the state is no longer carried on.

    Source: docs/decisions/0019-sequential-breaker.md.

    >>> state = DetectorState(hours.time_of(0), hours.time_of(0), (), 0, 0)
    >>> is_stale(Detector(0.03, 0.05, 0.05, timedelta(days=1)), state, hours.time_of(25))
    True
    """
    return at - state.looked_until > detector.horizon


def _walk(
    detector: Detector, state: DetectorState | None, bins: Bins
) -> Iterator[tuple[tuple[int, int], DetectorState]]:
    refused, good = detector.steps
    for hour, reviewed, rejected in bins:
        if state is None:
            begun = hours.time_of(hour - 1)
            state = DetectorState(begun, begun, tuple([-np.inf] * len(refused)), 0, 0)
        before = hours.hour_of(state.looked_until)
        evidence = _restarted(np.array(state.log_evidence), max(hour - before, 0))
        evidence = evidence + rejected * refused + (reviewed - rejected) * good
        until = hours.time_of(max(hour, before))
        suffices = rejected > 0 and _level(detector, evidence) >= 1
        state = replace(
            state,
            looked_until=until,
            log_evidence=tuple(evidence.tolist()),
            reviewed=state.reviewed + reviewed,
            rejected=state.rejected + rejected,
            alarm_at=until if suffices and state.alarm_at is None else state.alarm_at,
        )
        yield (reviewed, rejected), state


def _restarted(log_evidence: NDArray[np.float64], looks: int) -> NDArray[np.float64]:
    """The evidence that meets the newest of so many looks when all the others had no review: M + looks."""
    return np.logaddexp(log_evidence, np.log(looks)) if looks else log_evidence


def _level(detector: Detector, log_evidence: NDArray[np.float64]) -> float:
    mean = np.logaddexp.reduce(log_evidence) - np.log(len(log_evidence) * detector.threshold)
    return float(np.exp(min(mean, 700.0)))

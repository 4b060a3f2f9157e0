"""The literal rule: rejections reach a share of the reviews of a moving window."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from handrail.breaker import hours
from handrail.breaker.hours import HOUR
from handrail.errors import BadInput

_CHUNK = 2_000_000  # simulated hours held in memory at a time
_ROUNDING = 1e-9  # 5 % of 20 is 1, not a little more


@dataclass(frozen=True)
class BreakerReading:
    """What the literal rule saw in its window; the rate is 0 when nothing was reviewed."""

    reviewed: int
    rejected: int
    rate: float
    tripped: bool


def literal(
    at: Sequence[datetime],
    rejected: ArrayLike,
    *,
    now: datetime,
    window: timedelta,
    limit: float,
    min_reviewed: int,
) -> BreakerReading:
    """The literal rule at one moment: rejections reach a share of the reviews of a moving window.

    Args:
        at: aware times of reviews, in any order.
        rejected: one flag for each of them.
        now: the window's end, which it holds.
        window: its length; its beginning is left out.
        limit: the share of rejections from which it trips.
        min_reviewed: reviews below which it does not trip; fewer than one never do.

    Returns:
        Counts, rate (0 when nothing was reviewed), and whether it tripped.

    Raises:
        BadInput: a time without a zone, or lengths that differ.

    Source: the business rule; docs/decisions/0019-sequential-breaker.md.

    >>> noon = hours.time_of(12)
    >>> literal([noon] * 20, [True] + [False] * 19, now=noon, window=HOUR, limit=0.05, min_reviewed=20)
    BreakerReading(reviewed=20, rejected=1, rate=0.05, tripped=True)
    """
    times, flags = hours.reviews(at, rejected)
    start, end = hours.moments([now - window, now])
    inside = (times > start) & (times <= end)
    reviewed, refused = int(inside.sum()), int(flags[inside].sum())
    tripped = reviewed >= max(min_reviewed, 1) and refused >= _tripping_count(reviewed, limit)
    return BreakerReading(reviewed, refused, refused / reviewed if reviewed else 0.0, tripped)


def first_trip(
    at: Sequence[datetime], rejected: ArrayLike, *, window: timedelta, limit: float, min_reviewed: int
) -> datetime | None:
    """The first hourly look at which the literal rule trips.

    Looks are at full hours, from the first review's to the last's; a window that good reviews leave can trip it too.

    Args:
        at: aware times of reviews, in any order.
        rejected: one flag for each of them.
        window: length of the moving window.
        limit: the share of rejections from which it trips.
        min_reviewed: reviews below which it does not trip.

    Returns:
        The moment of the look; None if none trips.

    Raises:
        BadInput: a time without a zone, or lengths that differ.

    Source: the business rule; docs/decisions/0019-sequential-breaker.md.

    >>> at = [hours.time_of(hour) for hour in (1, 2, 3)]
    >>> first_trip(at, [False, True, True], window=timedelta(hours=48), limit=0.5, min_reviewed=2).hour
    2
    """
    times, flags = hours.reviews(at, rejected)
    if not len(times):
        return None
    order = np.argsort(times, kind="stable")
    times, refused = times[order], np.concatenate([[0], np.cumsum(flags[order])])
    width = hours.span(window)
    # Between these hours nothing comes or goes, and the rule says what it said before.
    looks = np.unique(np.concatenate([hours.ends(times), hours.ends(times + width)]))
    looks = looks[looks <= hours.ends(times[-1:])[0]]
    ends = looks * hours.span(HOUR)
    first, last = (np.searchsorted(times, bound, side="right") for bound in (ends - width, ends))
    reviewed, rejections = last - first, refused[last] - refused[first]
    tripped = np.flatnonzero(_trips(reviewed, rejections, limit, min_reviewed))
    return hours.time_of(int(looks[tripped[0]])) if len(tripped) else None


def false_alarm_rate(
    healthy_rate: float,
    reviews_per_hour: float,
    *,
    limit: float,
    window: timedelta,
    min_reviewed: int,
    horizon: timedelta,
    rng: np.random.Generator,
    runs: int = 2000,
) -> float:
    """How probably a healthy category is paused by the literal rule within the horizon, simulated.

    The rule is read every hour from a fresh start (an empty window); reviews arrive as a Poisson stream.

    Args:
        healthy_rate: probability of a rejection, in [0, 1].
        reviews_per_hour: volume, 0 or more.
        limit: the share of rejections from which the rule trips.
        window: length of the moving window, an hour or more.
        min_reviewed: reviews below which it does not trip.
        horizon: how long it is read, an hour or more.
        rng: chance of the simulation.
        runs: how often it is simulated.

    Returns:
        The share of runs with a pause; its standard error is at most 0.5 / sqrt(runs).

    Raises:
        BadInput: a rate outside its range, or a window or horizon under one hour.

    Source: Monte Carlo; docs/decisions/0019-sequential-breaker.md.

    >>> day, rng = timedelta(days=1), np.random.default_rng(1)
    >>> false_alarm_rate(0.0, 5.0, limit=0.05, window=day, min_reviewed=20, horizon=day, rng=rng, runs=10)
    0.0
    """
    span, looks = window // HOUR, horizon // HOUR
    if not (0 <= healthy_rate <= 1 and reviews_per_hour >= 0 and span >= 1 and looks >= 1 and runs >= 1):
        raise BadInput("Give a rate in [0, 1], a volume of 0 or more, and a window and horizon of an hour or more.")
    batch = max(1, _CHUNK // looks)
    sizes = [min(batch, runs - done) for done in range(0, runs, batch)]
    alarms = 0
    for size in sizes:
        reviews = rng.poisson(reviews_per_hour, (size, looks))
        seen = _moving_sum(reviews, span)
        refused = _moving_sum(rng.binomial(reviews, healthy_rate), span)
        alarms += int(_trips(seen, refused, limit, min_reviewed).any(axis=1).sum())
    return alarms / runs


def detectable(reviews: int, limit: float, min_reviewed: int, *, true_rate: float | None = None) -> float:
    """Probability that a true rate trips a window of so many reviews.

    A small value means that the audit volume cannot protect the category.

    Args:
        reviews: reviews in the window.
        limit: the share of rejections from which the rule trips.
        min_reviewed: reviews below which it does not trip.
        true_rate: probability of a rejection; twice the limit if not given.

    Returns:
        The exact binomial probability; 0 when `reviews` is below `min_reviewed`.

    Source: the binomial tail; docs/decisions/0019-sequential-breaker.md.

    >>> round(detectable(40, 0.05, 40), 3), detectable(39, 0.05, 40)
    (0.92, 0.0)
    """
    if reviews < max(min_reviewed, 1):
        return 0.0
    rate = min(1.0, 2 * limit) if true_rate is None else true_rate
    return float(stats.binom.sf(_tripping_count(reviews, limit) - 1, reviews, rate))


def _tripping_count(reviewed: int, limit: float) -> int:
    """Fewest rejections whose share reaches the limit."""
    return max(0, math.ceil(limit * reviewed - _ROUNDING))


def _trips(reviewed: np.ndarray, rejected: np.ndarray, limit: float, min_reviewed: int) -> np.ndarray:
    return (reviewed >= max(min_reviewed, 1)) & (rejected >= limit * reviewed - _ROUNDING)


def _moving_sum(counts: np.ndarray, span: int) -> np.ndarray:
    """Sum over the last `span` hours; the first sums hold the hours there are."""
    total = np.cumsum(counts, axis=1)
    total[:, span:] = total[:, span:] - total[:, :-span]
    return total

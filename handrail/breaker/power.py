"""What the sequential rule can see at a volume of reviews, and how soon."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from handrail.breaker.hours import HOUR
from handrail.breaker.sequential import Detector
from handrail.errors import BadInput


def delays(
    detector: Detector,
    rate: float,
    reviews_per_hour: float,
    *,
    rng: np.random.Generator,
    runs: int = 400,
    at_most: timedelta = timedelta(days=365),
) -> NDArray[np.float64]:
    """After how many hours the sequential rule finds a true rate, simulated from a fresh start.

    The share of finite values at the healthy rate is the false-alarm rate within `at_most`.

    Args:
        detector: the rule.
        rate: the true rate of rejections, in [0, 1].
        reviews_per_hour: volume; reviews arrive as a Poisson stream, below one an hour as chance strikes an hour.
        rng: chance of the simulation.
        runs: how often it is simulated.
        at_most: when a run ends without an alarm.

    Returns:
        One value for each run; infinite if the rate is not found in time.

    Raises:
        BadInput: a rate outside [0, 1], a negative volume, no run.

    Source: Shin, Ramdas and Rinaldo, E-detectors (2023); docs/decisions/0019-sequential-breaker.md.

    >>> detector = Detector(0.03, 0.05, 0.05, timedelta(days=30))
    >>> bool((delays(detector, 0.5, 5.0, rng=np.random.default_rng(1), runs=20) < 24).all())
    True
    """
    if not (0 <= rate <= 1 and reviews_per_hour >= 0 and runs >= 1):
        raise BadInput("Give a rate in [0, 1], a volume of 0 or more and at least one run.")
    delay = np.full(runs, np.inf)
    if reviews_per_hour == 0:
        return delay
    refused, good = detector.steps
    sufficient = np.log(detector.threshold * len(refused))
    running, hour = np.arange(runs), np.zeros(runs)
    evidence = np.full((runs, len(refused)), -np.inf)
    last = at_most / HOUR
    while len(running):
        looks, reviewed = _next_look(reviews_per_hour, len(running), rng)
        hour += looks
        rejected = rng.binomial(reviewed, rate)
        evidence = np.logaddexp(evidence, np.log(looks)[:, None])
        evidence += rejected[:, None] * refused + (reviewed - rejected)[:, None] * good
        alarm = (rejected > 0) & (np.logaddexp.reduce(evidence, axis=1) >= sufficient) & (hour <= last)
        delay[running[alarm]] = hour[alarm]
        still = ~alarm & (hour < last)
        running, hour, evidence = running[still], hour[still], evidence[still]
    return delay


def _next_look(
    reviews_per_hour: float, runs: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Looks until the next hour that can hold reviews, and how many it holds."""
    if reviews_per_hour < 1:
        return rng.geometric(reviews_per_hour, runs).astype(float), np.ones(runs, dtype=np.int64)
    return np.ones(runs), rng.poisson(reviews_per_hour, runs)

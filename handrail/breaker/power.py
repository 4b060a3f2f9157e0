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
    """Simulate after how many hours a true rate is found from a fresh start; infinite if not within `at_most`.

    One value for each run. Reviews arrive as a Poisson stream, below one an hour as chance strikes an hour; the
    share of finite values at the healthy rate is the false-alarm rate within `at_most`.

    Raises:
        BadInput: a rate outside [0, 1], a negative volume, no run.
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

"""False warnings of the blind share's monitor, which has no proof: hourly looks over thirty days."""

from datetime import timedelta
from typing import Any

import numpy as np

from handrail.breaker.blind_share import compare

DAYS, BEFORE, HOURS = 30, 30, 24
BUDGET = 0.05


def warned(rate: float, later: float, a_day: float, window: timedelta, rng: np.random.Generator) -> bool:
    """Is there a warning within thirty days, with `later` as the rate of those days and `rate` before them?"""
    span, before = int(window / timedelta(hours=1)), BEFORE * HOURS
    rates = np.repeat([rate, later], [before + span, DAYS * HOURS])
    reviewed = rng.poisson(a_day / HOURS, len(rates))
    rejected = rng.binomial(reviewed, rates)
    sums = [np.concatenate([[0], np.cumsum(counts)]) for counts in (reviewed, rejected)]
    last: tuple[int, ...] | None = None
    for look in range(before + span, len(rates) + 1):
        counts = tuple(
            int(total[end] - total[begin])
            for begin, end in ((look - span, look), (look - span - before, look - span))
            for total in sums
        )
        # Only a new rejection can bring a warning about, or a good decision that leaves: skip what stays the same.
        if counts == last:
            continue
        last = counts
        windows = timedelta(days=DAYS) / window
        if compare((counts[0], counts[1]), (counts[2], counts[3]), budget=BUDGET, windows=windows).alarm:
            return True
    return False


def warnings(runs: int) -> list[dict[str, Any]]:
    """Share of runs with a warning: nothing changed, and a rate that has tripled."""
    rows = []
    for a_day in (3, 20, 100):
        rng = np.random.default_rng([a_day, 9])
        window = timedelta(days=7) if a_day < HOURS else timedelta(days=2)
        quiet = np.mean([warned(0.1, 0.1, a_day, window, rng) for _ in range(runs)])
        tripled = np.mean([warned(0.1, 0.3, a_day, window, rng) for _ in range(-(-runs // 4))])
        rows.append(
            {
                "decisions_a_day": a_day,
                "window_days": window.days,
                "false": float(quiet),
                "tripled": float(tripled),
                "runs": runs,
            }
        )
    return rows

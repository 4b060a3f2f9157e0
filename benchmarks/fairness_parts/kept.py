"""What intervals and verdicts of the fairness figures promise, and how often they keep it, in simulated looks."""

import numpy as np
import pandas as pd

from handrail.cube import Tally
from handrail.fairness import GapVerdict, compare
from handrail.proportions import newcombe, times_as_many, wilson
from handrail.waits import wait_gaps

SIZES = np.array([900, 400, 250, 120, 60])
"""Cases of the five groups of a look."""


def coverage(runs: int) -> dict[str, float]:
    """How often nominal 95 % intervals hold the truth: of rates, of gaps, and of differences of waiting."""
    rng = np.random.default_rng(95)
    n, rest = rng.integers(30, 600, runs), rng.integers(200, 5_000, runs)
    one, other = rng.uniform(0.03, 0.97, runs), rng.uniform(0.03, 0.97, runs)
    k, rest_k = rng.binomial(n, one), rng.binomial(rest, other)
    low, high = wilson(k, n)
    gap_low, gap_high = newcombe(k, n, rest_k, rest)
    return {
        "rates (Wilson)": float(((low <= one) & (one <= high)).mean()),
        "gaps (Newcombe)": float(((gap_low <= one - other) & (one - other <= gap_high)).mean()),
        "waiting (Yuen)": _waiting_coverage(runs // 100),
    }


def _waiting_coverage(looks: int) -> float:
    """Of the difference of two equal groups' typical waits, log-normal hours; for both at once, hence level 0.9."""
    rng, held = np.random.default_rng(96), []
    for _ in range(looks):
        n = int(rng.integers(30, 300))
        hours = 6 * np.exp(rng.normal(0, 0.9, n + 400))
        (found, _) = wait_gaps(pd.DataFrame({"g": ["a"] * n + ["b"] * 400, "h": hours}), "g", "h", level=0.9)
        held.append(found.gap_low is not None and found.gap_high is not None and found.gap_low <= 0 <= found.gap_high)
    return float(np.mean(held))


def looks_without_a_gap(runs: int) -> dict[str, float]:
    """Share of looks at five equal groups, in two metrics, that show a gap, and that raise an alarm."""
    rng, shown, alarms = np.random.default_rng(97), 0, 0
    for _ in range(runs):
        tallies = [
            Tally(name, tuple("abcde"), rng.binomial(SIZES, rate), SIZES)
            for name, rate in (("approval", 0.85), ("override", 0.12))
        ]
        verdicts = [gap.verdict for gap in compare(tallies)]
        shown += any(verdict.shows_gap for verdict in verdicts)
        alarms += GapVerdict.BEYOND in verdicts
    return {"shown": shown / runs, "alarms": alarms / runs}


def power_at_needed(runs: int) -> float:
    """Share of samples in which a gap of the bound is shown, with as many cases as *underpowered* asks for."""
    rng, base, bound = np.random.default_rng(98), 0.85, 0.05
    alpha = 0.05 / len(SIZES)
    n, rest = int(SIZES[2]), int(SIZES.sum() - SIZES[2])
    factor = float(times_as_many([n], [rest], [base], bound, alpha)[0])
    n, others = round(n * factor), np.round(np.delete(SIZES, 2) * factor).astype(np.int64)
    found = 0
    for _ in range(runs):
        k = np.append(rng.binomial(n, base - bound), rng.binomial(others, base))
        found += compare([Tally("approval", tuple("abcde"), k, np.append(n, others))])[0].verdict.shows_gap
    return found / runs

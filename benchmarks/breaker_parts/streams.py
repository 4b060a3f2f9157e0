"""Reviews by the hour, judged by both rules: e-SR by its recursion in plain floats, apart from the project's own."""

from datetime import timedelta
from typing import Any

import numpy as np

from handrail.breaker import Bins, Detector, DetectorState, advance, delays, false_alarm_rate

DETECTOR = Detector(healthy_rate=0.03, limit=0.05, budget=0.05, horizon=timedelta(days=30))
WINDOW = timedelta(hours=48)
VOLUMES = (1, 5, 20)


def hours_to_alarm(rate: float, volume: float, *, looks: int, runs: int, rng: np.random.Generator) -> np.ndarray:
    """Looks until e-SR alarms, infinite where it does not: M = LR · (1 + M), look by look, no logarithm."""
    p1, p0 = DETECTOR.alternatives, DETECTOR.healthy_rate
    found, running = np.full(runs, np.inf), np.arange(runs)
    evidence = np.zeros((runs, len(p1)))
    for look in range(1, looks + 1):
        reviewed = rng.poisson(volume, len(running))[:, None]
        rejected = rng.binomial(reviewed, rate)
        evidence = (p1 / p0) ** rejected * ((1 - p1) / (1 - p0)) ** (reviewed - rejected) * (1 + evidence)
        alarm = (evidence.mean(axis=1) >= DETECTOR.looks / DETECTOR.budget) & (rejected[:, 0] > 0)
        found[running[alarm]] = look
        running, evidence = running[~alarm], evidence[~alarm]
        if not len(running):
            break
    return found


def false_alarms(runs: int) -> list[dict[str, Any]]:
    """Chance to pause a healthy category within thirty days, both rules, three volumes of audits an hour."""
    rows = []
    for volume in VOLUMES:
        rng = np.random.default_rng([volume, 1])
        found = hours_to_alarm(0.03, volume, looks=DETECTOR.looks, runs=runs, rng=rng)
        literal = false_alarm_rate(
            0.03, volume, limit=0.05, window=WINDOW, min_reviewed=1, horizon=DETECTOR.horizon, rng=rng, runs=runs
        )
        rows.append(
            {"audits_an_hour": volume, "esr": float(np.isfinite(found).mean()), "literal": literal, "runs": runs}
        )
    return rows


def detection(runs: int, volume: float = 20) -> list[dict[str, Any]]:
    """How soon bad rates are found at 20 audits a look: hours and audits, and the project's own simulation beside."""
    rows = []
    for rate in (0.05, 0.08, 0.15):
        rng = np.random.default_rng([int(1000 * rate), 2])
        found = hours_to_alarm(rate, volume, looks=2000, runs=runs, rng=rng)
        own = delays(DETECTOR, rate, volume, rng=rng, runs=runs, at_most=timedelta(hours=2000))
        rows.append(
            {
                "rate": rate,
                "audits_a_look": volume,
                "median_hours": float(np.median(found)),
                "median_audits": float(np.median(found) * volume),
                "audits_90": float(np.quantile(found, 0.9) * volume),
                "within_150_audits": float((found * volume <= 150).mean()),
                "own_median_hours": float(np.median(own)),
                "within_48_hours": float((found <= 48).mean()),
            }
        )
    return rows


def pieces(runs: int) -> dict[str, Any]:
    """States folded at once and in pieces with a restart between each; how many differ in any bit."""
    rng, different = np.random.default_rng(5), 0
    for _ in range(runs):
        reviewed = rng.poisson(rng.choice([0.2, 1, 20]), 720)
        rejected = rng.binomial(reviewed, rng.choice([0.03, 0.08]))
        held = reviewed > 0
        whole = Bins(np.flatnonzero(held) + 490_000, reviewed[held], rejected[held])
        cuts = np.sort(rng.integers(0, len(whole) + 1, 20))
        state: DetectorState | None = None
        for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            part = Bins(whole.hours[begin:end], whole.reviewed[begin:end], whole.rejected[begin:end])
            state = advance(DETECTOR, state, part)
        different += state != advance(DETECTOR, None, whole)
    return {"runs": runs, "different": different}

"""The breaker: rejections among audited auto-approvals pause their category."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import lru_cache

import numpy as np
import pandas as pd

from handrail import breaker
from handrail.acts import pausing
from handrail.errors import Refused
from handrail.policy import BreakerRules
from handrail.store import evidence, rollout
from tasks.occasion import Occasion, log
from tasks.step import step

HORIZON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CategoryReading:
    """What the breaker saw of one category, and how far it can be trusted at today's volume."""

    category: str
    reviewed: int
    rejected: int
    rate: float
    tripped: bool
    false_alarm_rate: float
    detection: float


@step
def read_breaker(occasion: Occasion) -> list[CategoryReading]:
    """Read the breaker for every category with audits; the rate counts the simple-random draw only."""
    rules = occasion.policy.breaker
    with occasion.store.read() as connection:
        audits = evidence.audits(connection, since=occasion.now - rules.window, until=occasion.now)
        resumed = {name: rollout.last_resume(connection, name) for name in occasion.policy.categories}
    readings = []
    for category, rows in audits[audits["random"]].groupby("category"):
        fresh_from = resumed.get(str(category))
        fresh = rows if fresh_from is None else rows[pd.to_datetime(rows["approved_at"]) > fresh_from]
        readings.append(_read(str(category), fresh, rules, occasion))
    return readings


def _read(category: str, audits: pd.DataFrame, rules: BreakerRules, occasion: Occasion) -> CategoryReading:
    reading = breaker.literal(
        [at.to_pydatetime() for at in audits["audited_at"]], audits["rejected"].to_numpy(dtype=bool), now=occasion.now,
        window=rules.window, limit=rules.limit, min_reviewed=rules.min_reviewed,
    )  # fmt: skip
    per_hour = round(reading.reviewed / (rules.window / timedelta(hours=1)), 1)
    return CategoryReading(
        category, reading.reviewed, reading.rejected, reading.rate, reading.tripped,
        _false_alarms(rules, per_hour, occasion.policy.model.seed),
        breaker.detectable(reading.reviewed, rules.limit, rules.min_reviewed),
    )  # fmt: skip


@lru_cache(maxsize=256)
def _false_alarms(rules: BreakerRules, per_hour: float, seed: int) -> float:
    """Probability that a healthy category is paused within thirty days at this audit volume."""
    if per_hour <= 0:
        return 0.0
    return breaker.false_alarm_rate(
        rules.healthy_rate, per_hour, limit=rules.limit, window=rules.window, min_reviewed=rules.min_reviewed,
        horizon=HORIZON, rng=np.random.default_rng(seed), runs=200,
    )  # fmt: skip


@step
def pause_tripped(occasion: Occasion, readings: list[CategoryReading]) -> list[str]:
    """Pause every category whose breaker tripped and open its model review; returns their names."""
    paused = []
    with occasion.store.read() as connection:
        running = set(rollout.pauses(connection)["category"].dropna())
    for reading in readings:
        if not reading.tripped or reading.category in running:
            continue
        try:
            pausing.pause(
                occasion.store, reading.category, policy=occasion.policy, actor=occasion.actor, now=occasion.now,
                kind="breaker", evidence=asdict(reading),
                reason=f"{reading.rejected} of {reading.reviewed} audited approvals rejected ({reading.rate:.1%})",
            )  # fmt: skip
        except Refused:
            log.info("%s was paused by somebody else meanwhile", reading.category)
            continue
        paused.append(reading.category)
        log.warning("breaker: %s is paused, %d of %d rejected", reading.category, reading.rejected, reading.reviewed)
    return paused

"""How far the breaker can be trusted at a volume of audits: false alarms, and what it sees how soon."""

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache

import numpy as np

from handrail import breaker
from handrail.acts.breaking import detector_of
from handrail.figures.breaker import Reliability, reliability_in
from handrail.policy import BreakerRules

WORSE = 1.6
"""Multiple of the limit that the breaker should at least see: 8 % where the limit is 5 %."""
EVEN = 0.5
_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
_RUNS = 400
_DAY = timedelta(days=1)
_HOURS_BELOW = 3  # days; for less, hours say more


def reliability(rules: BreakerRules, per_day: float, seed: int, kept: Iterable[object] = ()) -> Reliability:
    """At about this many audits a day; taken from the bodies of earlier readings where one of them was `kept` of it."""
    volume, key = _near(per_day), f"{rules.model_dump_json()} {seed}"
    for one in map(reliability_in, kept):
        if one is not None and (one.rules, one.per_day) == (key, volume):
            return one
    return _simulated(rules, volume, seed, key)


def said(found: Reliability, rules: BreakerRules) -> list[str]:
    """What the chosen rule can see at this volume, and what it cannot: one sentence each."""
    volume = f"{found.per_day:g} audit{'' if found.per_day == 1 else 's'} a day"
    if found.per_day == 0:
        return ["There are no audits: the breaker sees nothing."]
    sentences = []
    if rules.rule == "literal":
        false = f"{found.false_alarm_rate:.0%} within {_days(rules.horizon / _DAY)}"
        sentences.append(f"At about {volume} it pauses a healthy category with probability {false}.")
        detection = found.literal_detection
    else:
        detection = found.esr_detection
        sentences.append(_seen(found, volume))
    if detection < EVEN:
        soon = f"{rules.limit:.0%} within {_days(rules.window / _DAY)}"
        sentences.append(f"It cannot be relied on to see {soon}: it does {detection:.0%} of the time.")
    return sentences


def is_enough(found: Reliability, rules: BreakerRules) -> bool:
    """Would the chosen rule rather see than miss the worse rate: in its window, or within the horizon?"""
    if rules.rule == "literal":
        return found.worse_literal >= EVEN
    return found.worse_days is not None and found.worse_days * _DAY <= rules.horizon


def _seen(found: Reliability, volume: str) -> str:
    if found.worse_days is None:
        return f"At about {volume} it does not see {found.worse_rate:.0%} within a year."
    surely = f", nine times in ten within {_days(found.worse_days_at_most)}" if found.worse_days_at_most else ""
    return f"At about {volume} it sees {found.worse_rate:.0%} within about {_days(found.worse_days)}{surely}."


def _days(days: float) -> str:
    return f"{days:.0f} days" if days >= _HOURS_BELOW else f"{days * 24:.0f} hours"


def _near(per_day: float) -> float:
    """The next lower of a few volumes: figures for it hold a while, and promise no more than there is."""
    if per_day <= 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(per_day))
    return float(round(power * max(step for step in _STEPS if step * power <= per_day * (1 + 1e-9)), 6))


@lru_cache(maxsize=256)
def _simulated(rules: BreakerRules, per_day: float, seed: int, key: str) -> Reliability:
    detector, rng, per_hour = detector_of(rules), np.random.default_rng(seed), per_day / 24
    worse = min(1.0, WORSE * rules.limit)
    in_window = round(per_hour * (rules.window / timedelta(hours=1)))
    limit = breaker.delays(detector, rules.limit, per_hour, rng=rng, runs=_RUNS, at_most=rules.window)
    hours = breaker.delays(detector, worse, per_hour, rng=rng, runs=_RUNS)
    return Reliability(
        rules=key,
        per_day=per_day,
        false_alarm_rate=breaker.false_alarm_rate(
            rules.healthy_rate,
            per_hour,
            limit=rules.limit,
            window=rules.window,
            min_reviewed=rules.min_reviewed,
            horizon=rules.horizon,
            rng=rng,
            runs=_RUNS,
        ),
        bound=rules.budget,
        literal_detection=breaker.detectable(in_window, rules.limit, rules.min_reviewed, true_rate=rules.limit),
        esr_detection=float(np.isfinite(limit).mean()),
        worse_rate=worse,
        worse_literal=breaker.detectable(in_window, rules.limit, rules.min_reviewed, true_rate=worse),
        worse_days=_finite(np.quantile(hours, 0.5, method="higher") / 24),
        worse_days_at_most=_finite(np.quantile(hours, 0.9, method="higher") / 24),
    )


def _finite(days: float) -> float | None:
    return round(float(days), 2) if np.isfinite(days) else None

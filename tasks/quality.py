"""The breaker: rejections among audited auto-approvals pause their category."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import pandas as pd

from handrail import breaker
from handrail.acts import breaking, pausing
from handrail.breaker import State
from handrail.errors import Refused
from handrail.policy import BreakerRules, Policy
from handrail.store import breaker as memory
from handrail.store import evidence, readings, rollout
from handrail.store.readings import Reading, Verdict
from tasks import changes, reliability, suspects
from tasks.occasion import Occasion, log
from tasks.reliability import Reliability
from tasks.step import step

WATCH = "breaker"
VOLUME_OVER = timedelta(days=7)
"""Audits of so long say what today's volume is; of the breaker's window where that is longer."""

HIGHEST_LEVEL = 1000.0
"""What lies far above what suffices says no more than that."""


@dataclass(frozen=True, slots=True)
class CategoryReading:
    """What both rules say of one category, and how far they can be trusted at today's volume of audits.

    `reviewed`, `rejected` and `rate` are those of the literal rule's window. `counted` audits, `counted_rejected` of
    them, have gone into the sequential rule since `since`; its `level` is a share of the evidence that suffices.
    `tripped` is the verdict of the policy's `rule`, `false_alarm_rate` its chance to pause a healthy category within
    the horizon (simulated, or the bound), `detection` that to see the limit within the window.
    """

    category: str
    rule: str
    reviewed: int
    rejected: int
    rate: float
    tripped: bool
    literal_tripped: bool
    alarm_at: str | None
    level: float
    counted: int
    counted_rejected: int
    since: str | None
    per_day: float
    false_alarm_rate: float
    detection: float
    warnings: tuple[str, ...]
    reliability: Reliability

    @property
    def figures(self) -> tuple[int, int]:
        """Audits and rejections that the policy's rule rests on."""
        return (self.reviewed, self.rejected) if self.rule == "literal" else (self.counted, self.counted_rejected)


@step
def look(occasion: Occasion) -> list[CategoryReading]:
    """Count the audits that stand, read both rules, and write down what has changed."""
    counted = breaking.count(occasion.store, policy=occasion.policy, actor=occasion.actor, now=occasion.now)
    found = read_breaker(occasion, until=occasion.now - occasion.policy.desk.undo_within)
    changes.record(occasion, WATCH, _written(found, occasion), has_changed=lambda one, _: one.subject in counted)
    return found


@step
def read_breaker(occasion: Occasion, until: datetime | None = None) -> list[CategoryReading]:
    """Read the breaker of every category with audits as it stands; the simple-random draw alone counts.

    Audits decided after `until` (default: now) are left out.
    """
    policy, now, until = occasion.policy, occasion.now, until or occasion.now
    rules = policy.breaker
    with occasion.store.read() as connection:
        audits = evidence.audits(connection, since=now - rules.window, until=until)
        states = breaking.standing(connection, policy)
        volume_over = max(VOLUME_OVER, rules.window)
        volumes = memory.volumes(connection, since=now - volume_over, until=until)
        resumed = {name: rollout.last_resume(connection, name) for name in policy.categories}
        known = readings.newest(connection, WATCH)["body"].tolist()
    drawn = audits[audits["random"]]
    found = []
    for category in policy.categories:
        mine, back = drawn[drawn["category"] == category], resumed[category]
        state = states.get(category)
        if mine.empty and state is None:
            continue
        fresh = mine if back is None else mine[pd.to_datetime(mine["approved_at"]) > back]
        trusted = reliability.reliability(
            rules, volumes.get(category, 0) / (volume_over / timedelta(days=1)), policy.model.seed, known
        )
        found.append(_read(category, _window(fresh, rules, now), state, trusted, occasion))
    return found


@step
def pause_tripped(occasion: Occasion, readings: list[CategoryReading]) -> list[str]:
    """Pause every category whose breaker tripped and open its model review; returns their names."""
    paused = []
    with occasion.store.read() as connection:
        running = set(rollout.pauses(connection)["category"].dropna())
    for one in readings:
        if not one.tripped or one.category in running:
            continue
        reviewed, rejected = one.figures
        try:
            pausing.pause(
                occasion.store, one.category, policy=occasion.policy, actor=occasion.actor, now=occasion.now,
                kind="breaker", evidence=suspects.evidence(occasion, one),
                reason=f"{rejected} of {reviewed} audited approvals rejected ({rejected / max(reviewed, 1):.1%})",
            )  # fmt: skip
        except Refused:
            log.info("%s was paused by somebody else meanwhile", one.category)
            continue
        paused.append(one.category)
        log.warning("breaker: %s is paused, %d of %d rejected", one.category, rejected, reviewed)
    return paused


def _window(audits: pd.DataFrame, rules: BreakerRules, now: datetime) -> breaker.BreakerReading:
    return breaker.literal(
        [at.to_pydatetime() for at in audits["audited_at"]], audits["rejected"].to_numpy(dtype=bool), now=now,
        window=rules.window, limit=rules.limit, min_reviewed=rules.min_reviewed,
    )  # fmt: skip


def _read(
    category: str, window: breaker.BreakerReading, state: State | None, trusted: Reliability, occasion: Occasion
) -> CategoryReading:
    policy = occasion.policy
    literal = policy.breaker.rule == "literal"
    alarm_at = state.alarm_at if state else None
    return CategoryReading(
        category=category, rule=policy.breaker.rule, reviewed=window.reviewed, rejected=window.rejected,
        rate=window.rate, tripped=window.tripped if literal else alarm_at is not None, literal_tripped=window.tripped,
        alarm_at=alarm_at.isoformat() if alarm_at else None,
        level=round(min(breaker.level(breaking.detector_of(policy.breaker), state, occasion.now), HIGHEST_LEVEL), 6),
        counted=state.reviewed if state else 0, counted_rejected=state.rejected if state else 0,
        since=state.since.isoformat() if state else None, per_day=trusted.per_day,
        false_alarm_rate=trusted.false_alarm_rate if literal else trusted.bound,
        detection=trusted.literal_detection if literal else trusted.esr_detection,
        warnings=tuple(reliability.said(trusted, policy.breaker)), reliability=trusted,
    )  # fmt: skip


def _written(found: list[CategoryReading], occasion: Occasion) -> list[Reading]:
    """A reading of every category, also of those without audits: nobody watches them."""
    window, of = (occasion.now - occasion.policy.breaker.window, occasion.now), {one.category: one for one in found}
    return [
        Reading(
            WATCH, category, window, _verdict(of.get(category), occasion.policy),
            asdict(of[category]) if category in of else {"rule": occasion.policy.breaker.rule, "reviewed": 0},
        )
        for category in occasion.policy.categories
    ]  # fmt: skip


def _verdict(one: CategoryReading | None, policy: Policy) -> Verdict:
    if one is None or one.per_day == 0:
        return Verdict.NOT_MEASURED if one is None or not one.tripped else Verdict.ALARM
    if one.tripped:
        return Verdict.ALARM
    return Verdict.QUIET if reliability.is_enough(one.reliability, policy.breaker) else Verdict.UNDERPOWERED

"""The breaker: rejections among audited auto-approvals pause their category."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from handrail import breaker, bulkhead, settlement
from handrail.acts import breaking, pausing, reading
from handrail.breaker import DetectorState
from handrail.errors import Refused
from handrail.estimates import of_audits
from handrail.figures.audits import RateFigures
from handrail.figures.breaker import BreakerFigures, Reliability, Unaudited
from handrail.policy import Policy
from handrail.proportions import in_percent
from handrail.reading import Reading, Verdict, unreadable
from handrail.store import audits as stored_audits
from handrail.store import breaker as memory
from handrail.store import pauses, readings
from handrail.window import Window
from tasks.occasion import Occasion, log
from tasks.step import step
from tasks.watch import breaker_evidence, breaker_power, changes

WATCH = "breaker"
VOLUME_OVER = timedelta(days=7)
"""Audits of so long say what today's volume is; of the breaker's window where that is longer."""

HIGHEST_LEVEL = 1000.0
"""What lies far above what suffices says no more than that."""


@dataclass(frozen=True, slots=True)
class Breakers:
    """One look: the readings of categories with audits, and of each that could not be read the kind of its fault."""

    readings: list[BreakerFigures]
    unread: dict[str, str]


@step
def look(occasion: Occasion) -> Breakers:
    """Count the audits that stand, read both rules, and write down what has changed and what could not be read."""
    policy, store, now = occasion.policy, occasion.store, occasion.now
    counted = bulkhead.each(
        breaking.waiting(store, policy=policy, now=now),
        lambda category: breaking.count(store, category, policy=policy, actor=occasion.actor, now=now),
        what="counting audits",
    )
    seen = read_breaker(occasion, until=now - policy.desk.undo_within)
    found = Breakers(seen.readings, counted.failed | seen.unread)
    changes.record(
        occasion, WATCH, _written(found, occasion), has_changed=lambda one, _: one.subject in counted.results
    )
    return found


def has_watched(occasion: Occasion, seen: Breakers) -> bool:
    """Whether a look read any category at all: one that could read none has watched nothing."""
    return not seen.unread.keys() >= occasion.policy.categories.keys()


@step
def read_breaker(occasion: Occasion, until: datetime | None = None) -> Breakers:
    """Read the breaker of every category with audits as it stands; the simple-random draw alone counts.

    Audits decided after `until` (default: now) are left out. Every category is read from a snapshot of its own: what
    is wrong with the data of one blinds no other.
    """
    until, volume_over = until or occasion.now, max(VOLUME_OVER, occasion.policy.breaker.window)
    with occasion.store.read() as connection:
        volumes = memory.volumes(connection, Window.up_to(until, since=Window.last(volume_over, occasion.now).since))
        kept = readings.newest(connection, WATCH)["body"].tolist()

    def read(category: str) -> BreakerFigures | None:
        per_day = volumes.get(category, 0) / (volume_over / timedelta(days=1))
        return _read_category(occasion, category, until, per_day, kept)

    seen = bulkhead.each(occasion.policy.categories, read, what="reading the breaker")
    return Breakers([one for one in seen.results.values() if one is not None], seen.failed)


def _read_category(
    occasion: Occasion, category: str, until: datetime, per_day: float, kept: Sequence[object]
) -> BreakerFigures | None:
    """Both rules of one category; None where it has no audits."""
    policy, now = occasion.policy, occasion.now
    with occasion.store.read() as connection:
        window = Window.up_to(until, since=Window.last(policy.breaker.window, now).since)
        audits = settlement.answered(stored_audits.audits(connection, window, category=category))
        state = breaking.detector_state(connection, category, policy)
        resumed = pauses.last_resume(connection, category)
    drawn = audits[audits["random"]]
    if drawn.empty and state is None:
        return None
    if resumed is not None:
        audits = audits[audits["approved_at"] > resumed]
    trusted = breaker_power.reliability(policy.breaker, per_day, policy.model.seed, kept)
    return _read(
        category, breaking.literal(audits[audits["random"]], policy.breaker, now), audits, state, trusted, occasion
    )


@step
def pause_tripped(occasion: Occasion, seen: Breakers) -> list[str]:
    """Pause every category whose breaker tripped and open its model review; returns their names.

    One that a person has paused, or that is paused with everything, gets its review all the same. A category that could
    not be paused counts as not read: auto-approval is withheld until a look succeeds.
    """
    with occasion.store.read() as connection:
        paused = pauses.pauses(connection)
    running = set(paused.loc[paused["kind"] == "breaker", "category"])
    tripped = {one.category: one for one in seen.readings if one.tripped and one.category not in running}
    done = bulkhead.each(tripped, lambda category: _pause(occasion, tripped[category]), what="pausing")
    if done.failed:
        window, rule = (occasion.now - occasion.policy.breaker.window, occasion.now), occasion.policy.breaker.rule
        failed = [unreadable(WATCH, name, window, fault, rule=rule) for name, fault in done.failed.items()]
        reading.record(occasion.store, failed, actor=occasion.actor, now=occasion.now)
    return [category for category, paused in done.results.items() if paused]


def _pause(occasion: Occasion, one: BreakerFigures) -> bool:
    """Pause a category; False where another look has done so meanwhile."""
    reviewed, rejected = one.figures
    figures = {"reviewed": reviewed, "rejected": rejected, "rate": rejected / max(reviewed, 1)}
    # The pause waits for nothing: a review without its terms and groups is better than a category that runs on.
    gathered = bulkhead.each(
        [one.category], lambda _: breaker_evidence.evidence(occasion, one), what="gathering evidence"
    )
    try:
        pausing.pause(
            occasion.store,
            one.category,
            policy=occasion.policy,
            actor=occasion.actor,
            now=occasion.now,
            kind="breaker",
            evidence=gathered.results[one.category].to_json() if gathered.results else figures,
            reason=f"{rejected} of {reviewed} audits drawn at random were rejected{_weighted(one.error)}",
        )
    except Refused:
        log.info("%s was paused by another look meanwhile", one.category)
        return False
    log.warning("breaker: %s is paused, %d of %d rejected", one.category, rejected, reviewed)
    return True


def _weighted(error: RateFigures | None) -> str:
    """What all audits of the window show of its approvals."""
    if error is None:
        return ""
    return f"; {error.errors} of {error.n} audits in all, weighted for how they were drawn {in_percent(error.rate)}"


def _read(
    category: str,
    window: breaker.BreakerReading,
    audits: pd.DataFrame,
    state: DetectorState | None,
    trusted: Reliability,
    occasion: Occasion,
) -> BreakerFigures:
    policy, error = occasion.policy, of_audits(audits)
    literal = policy.breaker.rule == "literal"
    alarm_at = state.alarm_at if state else None
    return BreakerFigures(
        category=category,
        rule=policy.breaker.rule,
        reviewed=window.reviewed,
        rejected=window.rejected,
        rate=window.rate,
        tripped=window.tripped if literal else alarm_at is not None,
        literal_tripped=window.tripped,
        alarm_at=alarm_at.isoformat() if alarm_at else None,
        level=round(min(breaker.level(breaking.detector_of(policy.breaker), state, occasion.now), HIGHEST_LEVEL), 6),
        counted=state.reviewed if state else 0,
        counted_rejected=state.rejected if state else 0,
        since=state.since.isoformat() if state else None,
        per_day=trusted.per_day,
        false_alarm_rate=trusted.false_alarm_rate if literal else trusted.bound,
        detection=trusted.literal_detection if literal else trusted.esr_detection,
        warnings=tuple(breaker_power.said(trusted, policy.breaker)),
        reliability=trusted,
        error=RateFigures.of(error) if error.n else None,
    )


def _written(found: Breakers, occasion: Occasion) -> list[Reading]:
    """A reading of every category, also of those without audits, which nobody watches, and of those not read."""
    rule, of = occasion.policy.breaker.rule, {one.category: one for one in found.readings}
    window = (occasion.now - occasion.policy.breaker.window, occasion.now)
    return [
        unreadable(WATCH, category, window, found.unread[category], rule=rule)
        if category in found.unread
        else Reading(
            WATCH,
            category,
            window,
            _verdict(of.get(category), occasion.policy),
            (of[category] if category in of else Unaudited(rule=rule)).to_json(),
        )
        for category in occasion.policy.categories
    ]


def _verdict(one: BreakerFigures | None, policy: Policy) -> Verdict:
    if one is None or one.per_day == 0:
        return Verdict.NOT_MEASURED if one is None or not one.tripped else Verdict.ALARM
    if one.tripped:
        return Verdict.ALARM
    return Verdict.QUIET if breaker_power.is_enough(one.reliability, policy.breaker) else Verdict.UNDERPOWERED

"""Troubles become alerts, at most one open of a kind and subject, and alerts are told over the channels."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from handrail.acts import attending, incidents
from handrail.acts.authority import authorize
from handrail.alerts import ALL, CHANNEL, Alert, AlertFacts, Severity, Telling, Trouble, troubles
from handrail.errors import Conflict, NotFound
from handrail.policy import Policy
from handrail.store import alerts, batches, certificates, escalations, heartbeats, models, situation, trail
from handrail.store import pauses as stored_pauses
from handrail.store import troubles as known
from handrail.store.engine import Connection, Store, real_time
from handrail.store.frames import records
from handrail.store.trail import Event

CALM = timedelta(minutes=5)
"""A trouble is over when it was not found for so long: what flickers stands."""
TOLD_EVERY = timedelta(minutes=15)
"""What comes back sooner after it was told is told only then, if it still stands."""
REFRESH = timedelta(minutes=1)
"""How old the note may be that a trouble still stands: a sweep that finds nothing else writes nothing."""
LEASE = timedelta(minutes=2)
ATTEMPTS = 10
LONGEST_WAIT = timedelta(minutes=10)
TRIES = 3
"""A channel that did not take a message so often is a trouble of its own."""
PATIENCE = timedelta(minutes=10)
"""An action that is due for so long is not being sent."""
ACTION_TRIES = 4
ALIAS_STANDS = timedelta(hours=24)

_BY_CATEGORY = ("audits", "breaker", "blind_share")
_WATCHES = (*_BY_CATEGORY, "fairness", "agreement")
_READ = (*_WATCHES, "reviewers", "drift")
"""Watches whose looks may fail for a part of what they look at."""
_LOOK_AT_ALL = frozenset({"fairness", "agreement", "reviewers", "drift"})
"""Watches that write every subject at every look."""
_OF_APPROVALS = frozenset({"audits", "breaker"})
"""Watches whose alarm a pause answers: what they saw before a resume has been dealt with."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep changed: numbers of alerts raised and cleared, how many stand, tellings planned."""

    raised: tuple[int, ...] = ()
    cleared: tuple[int, ...] = ()
    standing: int = 0
    planned: int = 0


def survey(connection: Connection, *, policy: Policy, channels: Sequence[str] | None, now: datetime) -> AlertFacts:
    """Read from one snapshot what could be a trouble; of channels only those that are configured now.

    Where nobody knows which are (None), that is the trouble, and what was known of each stands.
    """
    categories = set(policy.categories)
    pauses = records(stored_pauses.pauses(connection))
    resumed = _resumed(connection, categories)
    alarms = {
        watch: known.alarms(
            connection, watch, last_look_only=watch in _LOOK_AT_ALL, after=resumed if watch in _OF_APPROVALS else {}
        )
        for watch in _WATCHES
    }
    for watch in _BY_CATEGORY:
        alarms[watch] = [name for name in alarms[watch] if name in categories]
    alarms["fairness"] = [name for name in alarms["fairness"] if name in policy.fairness.groups]
    unread = {watch: known.unread(connection, watch, last_look_only=watch in _LOOK_AT_ALL) for watch in _READ}
    for watch in _BY_CATEGORY:
        unread[watch] = [name for name in unread[watch] if name in categories or name == ALL]
    broken, serving = incidents.unavailable(connection), models.serving(connection).model_version
    failing = alerts.failing(connection, tries=TRIES)
    return AlertFacts(
        now=real_time(connection),
        silent_for=policy.watches.silent_for,
        breakers={
            row["category"]: row["model_review_id"] if row["review_closed_at"] is None else None
            for row in pauses
            if row["kind"] == "breaker" and row["category"] is not None
        },
        paused=categories if any(row["category"] is None for row in pauses) else {row["category"] for row in pauses},
        alarms=alarms,
        conduct=known.conduct(connection),
        drift=known.drift(connection, now),
        late=known.late_work(connection, now),
        escalations=sum(late for _, late in escalations.counts(connection, now).values()),
        gates=known.stopped_gates(connection),
        stopped=[one.id for one in batches.stopped(connection)],
        outbox=known.outbox(connection, now, patience=PATIENCE, tries=ACTION_TRIES),
        unavailable=None if broken is None else str(broken.body["version"]),
        deleted=str(serving) if incidents.registry_lost(connection) else None,
        alias_moved=known.alias_moved(connection, since=now - ALIAS_STANDS),
        heard=heartbeats.watches(connection),
        raised=situation.raised(connection, policy),
        began=situation.began(connection),
        altered=situation.altered(connection, policy),
        unread=unread,
        contradicted=certificates.contradicted(connection, serving) & {None, *categories},
        channels={name: count for name, count in failing.items() if channels is None or name in channels},
        unreadable=channels is None,
        looks=attending.looks(connection, real_time(connection)),
        steady_since=attending.steady_since(connection, real_time(connection)),
    )


def sweep(store: Store, *, policy: Policy, channels: Sequence[str] | None, actor: str, now: datetime) -> Swept:
    """Compare what is wrong with what stands: raise, note as still standing, clear, and plan who is told.

    Any number of processes may sweep at the same time; nothing is sent here. A sweep that changes nothing reads only.
    `channels` is None where they cannot be read: what is to be told waits until they can.
    """
    with store.read() as connection:
        authorize(connection, "watch", actor)
        found = troubles(survey(connection, policy=policy, channels=channels, now=now))
        if not _has_news(connection, found, policy=policy, channels=channels or (), now=now):
            return Swept(standing=len(found))
    with store.write() as connection:
        trail.lock(connection)
        # Another sweep may have written since: only what stands now is compared, under the lock.
        standing = {(row.kind, row.subject): row for row in alerts.open_alerts(connection)}
        raised = [_raise(connection, one, actor, now) for one in found if (one.kind, one.subject) not in standing]
        for one in found:
            if (row := standing.get((one.kind, one.subject))) is not None:
                _note(connection, row, one, now)
        present = {(one.kind, one.subject) for one in found}
        over = [row for key, row in standing.items() if key not in present and now - row.seen_at >= CALM]
        for row in over:
            _clear(connection, row, actor, now)
        planned = _tellings(connection, policy=policy, channels=channels or (), now=now)
        alerts.plan(connection, planned)
        return Swept(tuple(raised), tuple(row.id for row in over), len(found), len(planned))


def acknowledge(store: Store, number: int, *, actor: str, now: datetime) -> None:
    """Take care of an alert: it is not told again, and told as over when it is.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is over, or somebody takes care of it already.
    """
    with store.write() as connection:
        authorize(connection, "acknowledge_alert", actor)
        trail.lock(connection)
        row = alerts.alert(connection, number)
        if row is None:
            raise NotFound(f"There is no alert {number}. See `handrail alerts list`.")
        if row.cleared_at is not None:
            raise Conflict(f"Alert {number} is over. Nothing has to be done.")
        if row.acknowledged_at is not None:
            raise Conflict(f"{row.acknowledged_by} takes care of alert {number} already. Talk to them.")
        alerts.update_alert(connection, number, acknowledged_at=now, acknowledged_by=actor)
        alerts.drop(connection, number)
        trail.append(connection, [Event("alert.acknowledged", data=_told(row))], at=now, actor=actor)


def take(store: Store, channels: Sequence[str], *, actor: str, now: datetime) -> list[Telling]:
    """Lease what is due on these channels; see `handrail.store.alerts.take`. Nobody else sends it meanwhile."""
    with store.read() as connection:
        authorize(connection, "watch", actor)
        if not alerts.is_due(connection, channels, now):
            return []
    with store.write() as connection:
        return alerts.take(connection, channels, now=now, until=now + LEASE)


def settle(
    store: Store,
    taken: Sequence[Telling],
    errors: Mapping[str, str],
    *,
    actor: str,
    now: datetime,
    rng: np.random.Generator,
) -> None:
    """Write down what became of leased deliveries: `errors` says what a channel that took nothing answered.

    Such a delivery comes back with full jitter, at most ten times in all.
    """
    with store.write() as connection:
        authorize(connection, "watch", actor)
        trail.lock(connection)  # an alert that is cleared at this moment must see, or be seen
        told = [(one.id, one.attempts) for one in taken if one.channel not in errors]
        _say_over(connection, sorted(set(alerts.finish(connection, told, now))), now)
        for one in taken:
            if one.channel in errors:
                is_dead = one.attempts >= ATTEMPTS
                wait = min(LONGEST_WAIT, timedelta(seconds=2**one.attempts)) * float(rng.random())
                alerts.postpone(
                    connection,
                    one.id,
                    one.attempts,
                    state="dead" if is_dead else "retry",
                    next_at=now if is_dead else now + wait,
                    error=errors[one.channel],
                )


def try_channel(store: Store, channel: str, send: Callable[[], str | None], *, actor: str, now: datetime) -> str | None:
    """Let `send` try a channel; returns what it says went wrong, or None.

    A channel that takes messages again is given what it missed.
    """
    with store.read() as connection:
        authorize(connection, "acknowledge_alert", actor)
    error = send()
    with store.write() as connection:
        authorize(connection, "acknowledge_alert", actor)
        trail.lock(connection)
        if error is None:
            alerts.put_back(connection, channel, now)
        tested = Event("alert.channel_tested", data={"channel": channel, "reached": error is None})
        trail.append(connection, [tested], at=now, actor=actor)
    return error


def _resumed(connection: Connection, categories: Collection[str]) -> dict[str, datetime]:
    """When each category that was ever paused last came back."""
    found = {name: stored_pauses.last_resume(connection, name) for name in categories}
    return {name: at for name, at in found.items() if at is not None}


def _has_news(
    connection: Connection, found: Sequence[Trouble], *, policy: Policy, channels: Sequence[str], now: datetime
) -> bool:
    standing = {(row.kind, row.subject): row for row in alerts.open_alerts(connection)}
    present = {(one.kind, one.subject): one for one in found}
    return (
        any(key not in standing or _is_stale(standing[key], one, now) for key, one in present.items())
        or any(key not in present and now - row.seen_at >= CALM for key, row in standing.items())
        or bool(_tellings(connection, policy=policy, channels=channels, now=now))
    )


def _is_stale(row: Alert, one: Trouble, now: datetime) -> bool:
    said = (row.sentence, row.severity) != (one.sentence, one.severity)
    return said or now - row.seen_at >= REFRESH


def _raise(connection: Connection, one: Trouble, actor: str, now: datetime) -> int:
    number = alerts.insert_alert(
        connection, now, kind=one.kind, subject=one.subject, severity=one.severity, sentence=one.sentence
    )
    data = {"alert": number, "trouble": one.kind, "about": one.subject, "severity": str(one.severity)}
    trail.append(connection, [Event("alert.raised", data=data)], at=now, actor=actor)
    return number


def _note(connection: Connection, row: Alert, one: Trouble, now: datetime) -> None:
    seen_at = max(row.seen_at, now)  # by a clock that goes back nothing becomes younger
    alerts.update_alert(connection, row.id, seen_at=seen_at, sentence=one.sentence, severity=one.severity)


def _clear(connection: Connection, row: Alert, actor: str, now: datetime) -> None:
    alerts.update_alert(connection, row.id, cleared_at=now)
    alerts.drop(connection, row.id)
    told = alerts.deliveries(connection, [row.id])
    heard = sorted({one.channel for one in told if one.state == "sent" and one.number > alerts.OVER})
    _say_over(connection, [(row.id, channel) for channel in heard], now)
    trail.append(connection, [Event("alert.cleared", data=_told(row))], at=now, actor=actor)


def _say_over(connection: Connection, told: Sequence[tuple[int, str]], now: datetime) -> None:
    """Plan to say once that a trouble is over, where it was told."""
    said = {
        (one.alert_id, one.channel)
        for one in alerts.deliveries(connection, [number for number, _ in told])
        if one.number == alerts.OVER
    }
    alerts.plan(connection, [(*one, alerts.OVER, now) for one in told if one not in said])


def _tellings(
    connection: Connection, *, policy: Policy, channels: Sequence[str], now: datetime
) -> list[tuple[int, str, int, datetime]]:
    """What is to be told now: what was never told, and what still stands after the policy's time."""
    rules = policy.alerts
    rows = [row for row in alerts.open_alerts(connection) if _is_told(row, rules.at_least)]
    newest = {(one.alert_id, one.channel): one for one in alerts.deliveries(connection, [row.id for row in rows])}
    planned = []
    for row in rows:
        before: dict[str, datetime] | None = None
        for channel in channels:
            if row.kind == CHANNEL and row.subject == channel:
                continue  # who does not hear is not told that they do not
            last = newest.get((row.id, channel))
            if last is None:
                before = alerts.last_told(connection, row.kind, row.subject) if before is None else before
                at = max(now, before[channel] + TOLD_EVERY) if channel in before else now
                planned.append((row.id, channel, 1, at))
            elif last.state in ("sent", "dead"):
                ended = last.sent_at or last.next_at
                if now - ended >= rules.repeat_after:
                    planned.append((row.id, channel, last.number + 1, now))
    return planned


def _is_told(row: Alert, at_least: str) -> bool:
    return row.acknowledged_at is None and Severity(row.severity).reaches(at_least)


def _told(row: Alert) -> dict[str, int | str]:
    return {"alert": row.id, "trouble": row.kind, "about": row.subject}

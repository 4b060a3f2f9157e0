"""Troubles are looked for and told over the channels."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from handrail.acts import alerting
from handrail.acts.alerting import Swept
from handrail.alerts import Severity, Telling
from handrail.errors import HandrailError
from handrail.store import alerts
from tasks.occasion import Occasion, log
from tasks.step import step
from tasks.watch import channels
from tasks.watch.channels import Channel, Message

MOST = 20
"""Sentences of one message; what is more stands at the desk."""
TONES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


@step
def sweep(occasion: Occasion) -> Swept:
    """Find what is wrong now, and plan whom to tell; sends nothing."""
    usable = known(occasion)
    swept = alerting.sweep(
        occasion.store,
        policy=occasion.policy,
        channels=None if usable is None else [one.name for one in usable],
        actor=occasion.actor,
        now=occasion.now,
    )
    if swept.raised or swept.cleared:
        log.warning("alerts: %d raised, %d cleared, %d stand", len(swept.raised), len(swept.cleared), swept.standing)
    return swept


@step
def tell(occasion: Occasion) -> int:
    """Send what is due, one message a channel; returns how many messages were taken."""
    found = {channel.name: channel for channel in known(occasion) or ()}
    taken = alerting.take(occasion.store, list(found), actor=occasion.actor, now=occasion.store.clock())
    if not taken:
        return 0
    rows: dict[str, list[Telling]] = {}
    for row in taken:
        rows.setdefault(row.channel, []).append(row)
    messages = {name: (found[name], compose(occasion.policy.business, part)) for name, part in rows.items()}
    errors = channels.send_all(messages)
    rng = occasion.rng("alert jitter")
    alerting.settle(occasion.store, taken, errors, actor=occasion.actor, now=occasion.store.clock(), rng=rng)
    for name in errors:
        log.warning("alerts: the channel %s did not take %d alerts", name, len(rows[name]))
    return len(messages) - len(errors)


def try_channel(occasion: Occasion, name: str) -> str | None:
    """Send a test message over a channel; returns what went wrong, or None."""
    channel = channels.named(channels.read(occasion.workspace), name)
    channel.check()
    message = Message(
        f"{occasion.policy.business}: test", "This is a test of Handrail's alerts. Nothing has to be done.", "info"
    )
    return alerting.try_channel(
        occasion.store,
        name,
        lambda: channels.send_all({name: (channel, message)}).get(name),
        actor=occasion.actor,
        now=occasion.now,
    )


def known(occasion: Occasion) -> list[Channel] | None:
    """The configured channels; None where they cannot be read, which is a trouble, and the log says why."""
    try:
        return channels.read(occasion.workspace)
    except HandrailError as refusal:
        log.error("alerts: %s", refusal)
        return None


def listed(occasion: Occasion) -> list[dict[str, Any]]:
    """Every channel that is configured or was used: channel, configured, sent_at, waiting, dead, error.

    Raises:
        BadInput: the configuration cannot be read.
    """
    configured = [channel.name for channel in channels.read(occasion.workspace)]
    with occasion.store.read() as connection:
        used = {one.channel: asdict(one) for one in alerts.channels(connection)}
        errors = {name: alerts.last_error(connection, name) for name in used}
    empty = {"sent_at": None, "waiting": 0, "dead": 0}
    return [
        {**empty, **used.get(name, {}), "channel": name, "configured": name in configured, "error": errors.get(name)}
        for name in [*configured, *(name for name in used if name not in configured)]
    ]


def compose(business: str, rows: Sequence[Telling]) -> Message:
    """One message of everything that a channel is to be told: what stands, the worst first, then what is over."""
    over = [row for row in rows if row.number == alerts.OVER]
    standing = sorted(
        (row for row in rows if row.number != alerts.OVER),
        key=lambda row: (-list(Severity).index(Severity(row.severity)), row.alert_id),
    )
    lines = [f"{row.severity.upper()} (alert {row.alert_id}{_again(row)}): {row.sentence}" for row in standing]
    lines += [f"OVER (alert {row.alert_id}): {_about(row)} is no trouble any more." for row in over]
    if len(lines) > MOST:
        lines = [*lines[:MOST], f"… and {len(lines) - MOST} more: see the desk's page Alerts or `handrail alerts`."]
    worst = Severity(standing[0].severity) if standing else None
    first = standing[0] if standing else over[0]
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return Message(
        f"{business}: {worst or 'over'}: {_about(first)}{more}",
        "\n".join(lines),
        "success" if worst is None else TONES[worst],
    )


def _about(row: Telling) -> str:
    kind = row.kind.replace("_", " ")
    return kind if row.subject == "all" else f"{kind} {row.subject.replace('_', ' ')}"


def _again(row: Telling) -> str:
    return "" if row.number == 1 else ", still standing"

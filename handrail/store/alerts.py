"""Alerts, and their way over the channels."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from handrail import alerts as rules
from handrail.store.schema import Alert, AlertDelivery

OVER = 0
"""Number of the delivery that says that a trouble is over."""
WAITING = ("new", "retry")
"""States of a delivery that is still to be sent."""


def open_alerts(connection: Connection) -> list[rules.Alert]:
    """What stands, oldest first."""
    query = select(Alert.__table__).where(Alert.cleared_at.is_(None)).order_by(Alert.id)
    return [rules.Alert(*row) for row in connection.execute(query)]


def past_alerts(connection: Connection, *, limit: int = 100) -> list[rules.Alert]:
    """What is over, the newest first."""
    query = select(Alert.__table__).where(Alert.cleared_at.is_not(None))
    newest = query.order_by(Alert.cleared_at.desc(), Alert.id.desc()).limit(limit)
    return [rules.Alert(*row) for row in connection.execute(newest)]


def alert(connection: Connection, number: int) -> rules.Alert | None:
    """One alert, or None."""
    row = connection.execute(select(Alert.__table__).where(Alert.id == number)).first()
    return None if row is None else rules.Alert(*row)


def insert_alert(connection: Connection, now: datetime, **values: Any) -> int:  # noqa: ANN401 - columns of `alerts`
    """Raise an alert and return its number.

    Raises:
        IntegrityError: one of this kind and subject is open.
    """
    row = {"raised_at": now, "seen_at": now, **values}
    return int(connection.execute(insert(Alert).values(**row).returning(Alert.id)).scalar_one())


def update_alert(connection: Connection, number: int, **values: Any) -> None:  # noqa: ANN401 - columns of `alerts`
    """Change what is known of an alert."""
    connection.execute(update(Alert).where(Alert.id == number).values(**values))


def deliveries(connection: Connection, alerts: Collection[int]) -> list[rules.AlertDelivery]:
    """The deliveries of these alerts, by number."""
    query = select(AlertDelivery.__table__).where(AlertDelivery.alert_id.in_(list(alerts)))
    found = connection.execute(query.order_by(AlertDelivery.number, AlertDelivery.id))
    return [rules.AlertDelivery(*row) for row in found]


def last_told(connection: Connection, kind: str, subject: str) -> dict[str, datetime]:
    """When each channel last took something about this kind and subject."""
    query = (
        select(AlertDelivery.channel, func.max(AlertDelivery.sent_at))
        .join(Alert, Alert.id == AlertDelivery.alert_id)
        .where(Alert.kind == kind, Alert.subject == subject, AlertDelivery.sent_at.is_not(None))
        .group_by(AlertDelivery.channel)
    )
    return {channel: at for channel, at in connection.execute(query)}


def plan(connection: Connection, planned: Sequence[tuple[int, str, int, datetime]]) -> None:
    """Add deliveries: alert, channel, number and the moment before which they are not sent."""
    rows = [
        {"alert_id": alert_id, "channel": channel, "number": number, "state": "new", "attempts": 0, "next_at": at}
        for alert_id, channel, number, at in planned
    ]
    if rows:
        connection.execute(insert(AlertDelivery), rows)


def drop(connection: Connection, alert_id: int) -> None:
    """Nothing more is told of an alert, save that it is over; what a sender holds it may finish."""
    late = update(AlertDelivery).where(
        AlertDelivery.alert_id == alert_id, AlertDelivery.number > OVER, AlertDelivery.state.in_(WAITING)
    )
    connection.execute(late.values(state="dropped"))


def is_due(connection: Connection, channels: Collection[str], now: datetime) -> bool:
    """Is anything to be told over these channels?"""
    query = select(AlertDelivery.id).where(_due(channels, now)).limit(1)
    return connection.execute(query).first() is not None


def take(
    connection: Connection, channels: Collection[str], *, now: datetime, until: datetime, limit: int = 1000
) -> list[rules.Telling]:
    """Lease what is due to a sender until `until`; an expired lease may be taken again."""
    query = (
        select(
            AlertDelivery.id,
            AlertDelivery.alert_id,
            AlertDelivery.channel,
            AlertDelivery.number,
            (AlertDelivery.attempts + 1).label("attempts"),
            Alert.kind,
            Alert.subject,
            Alert.severity,
            Alert.sentence,
        )
        .join(Alert, Alert.id == AlertDelivery.alert_id)
        .where(_due(channels, now))
        .order_by(AlertDelivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=AlertDelivery)
    )
    taken = [rules.Telling(*row) for row in connection.execute(query)]
    leased = update(AlertDelivery).where(AlertDelivery.id.in_([one.id for one in taken]))
    if taken:
        connection.execute(leased.values(state="leased", next_at=until, attempts=AlertDelivery.attempts + 1))
    return taken


def finish(connection: Connection, taken: Sequence[tuple[int, int]], now: datetime) -> list[tuple[int, str]]:
    """Mark deliveries (id, attempt) as accepted by their channel.

    Returns alert and channel of those whose alert is over meanwhile.
    """
    for number, attempt in taken:
        connection.execute(_held(number, attempt).values(state="sent", sent_at=now, error=None))
    numbers = [number for number, _ in taken]
    sent = AlertDelivery.id.in_(numbers), AlertDelivery.state == "sent"
    _forgive(connection, AlertDelivery.channel.in_(select(AlertDelivery.channel).where(*sent)))
    query = (
        select(AlertDelivery.alert_id, AlertDelivery.channel)
        .join(Alert, Alert.id == AlertDelivery.alert_id)
        .where(*sent, AlertDelivery.number > OVER, Alert.cleared_at.is_not(None))
    )
    return [(alert_id, channel) for alert_id, channel in connection.execute(query)]


def postpone(connection: Connection, number: int, attempt: int, *, state: str, next_at: datetime, error: str) -> None:
    """Tell it again at `next_at`, or never; an answer of an attempt whose lease is over changes nothing."""
    connection.execute(_held(number, attempt).values(state=state, next_at=next_at, error=error))


def failing(connection: Connection, *, tries: int) -> dict[str, int]:
    """Channels that did not take something since they last took anything: how many messages each.

    Given up, or tried in vain `tries` times, also of what need not be told any more: that mends no channel.
    """
    # The attempt that is under way is counted already and not yet in vain.
    in_vain = or_(
        and_(AlertDelivery.state.in_(("retry", "dropped")), AlertDelivery.attempts >= tries),
        and_(AlertDelivery.state == "leased", AlertDelivery.attempts > tries),
    )
    last = func.max(AlertDelivery.sent_at)
    sent = {
        channel: at
        for channel, at in connection.execute(
            select(AlertDelivery.channel, last).where(AlertDelivery.state == "sent").group_by(AlertDelivery.channel)
        )
    }
    query = select(AlertDelivery.channel, AlertDelivery.next_at).where(or_(AlertDelivery.state == "dead", in_vain))
    counts: dict[str, int] = {}
    for channel, failed_at in connection.execute(query.order_by(AlertDelivery.channel)):
        if channel not in sent or failed_at > sent[channel]:
            counts[channel] = counts.get(channel, 0) + 1
    return counts


def put_back(connection: Connection, channel: str, now: datetime) -> None:
    """A channel takes messages again: what it did not take goes out now, unless its trouble is over."""
    standing = select(Alert.id).where(Alert.cleared_at.is_(None), Alert.acknowledged_at.is_(None))
    missed = update(AlertDelivery).where(AlertDelivery.channel == channel, AlertDelivery.state.in_(("dead", "retry")))
    again = missed.where(or_(AlertDelivery.alert_id.in_(standing), AlertDelivery.number == OVER))
    connection.execute(again.values(state="new", attempts=0, next_at=now, error=None))
    connection.execute(missed.values(state="dropped"))
    _forgive(connection, AlertDelivery.channel == channel)


def _forgive(connection: Connection, channel: ColumnElement[bool]) -> None:
    """What a channel did not take and need not take any more speaks no longer against it."""
    dropped = update(AlertDelivery).where(channel, AlertDelivery.state == "dropped")
    connection.execute(dropped.values(attempts=0, error=None))


def channels(connection: Connection) -> list[rules.Reach]:
    """Each channel that was ever used, by name."""
    waits = func.count().filter(AlertDelivery.state.in_((*WAITING, "leased")))
    query = (
        select(
            AlertDelivery.channel,
            func.max(AlertDelivery.sent_at).label("sent_at"),
            waits.label("waiting"),
            func.count().filter(AlertDelivery.state == "dead").label("dead"),
        )
        .group_by(AlertDelivery.channel)
        .order_by(AlertDelivery.channel)
    )
    return [rules.Reach(*row) for row in connection.execute(query)]


def last_error(connection: Connection, channel: str) -> str | None:
    """What a channel said last, of what it did not take; None when it takes everything."""
    query = select(AlertDelivery.error).where(AlertDelivery.channel == channel, AlertDelivery.error.is_not(None))
    return connection.execute(query.order_by(AlertDelivery.id.desc()).limit(1)).scalar()


def _due(channels: Collection[str], now: datetime) -> Any:  # noqa: ANN401 - a condition
    unfinished = AlertDelivery.state.in_((*WAITING, "leased"))
    return and_(unfinished, AlertDelivery.next_at <= now, AlertDelivery.channel.in_(list(channels)))


def _held(number: int, attempt: int) -> Any:  # noqa: ANN401 - an update of one row
    """The attempt counts as a fence: whoever comes back after another has taken the delivery changes nothing."""
    return update(AlertDelivery).where(
        AlertDelivery.id == number, AlertDelivery.state == "leased", AlertDelivery.attempts == attempt
    )

"""Actions waiting for their receiver."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from handrail.store.cases import chunks
from handrail.store.schema import Outbox


def put(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add actions, in the transaction of their decisions."""
    if rows:
        connection.execute(insert(Outbox), [{"state": "new", "attempts": 0, **row} for row in rows])


def take(connection: Connection, *, now: datetime, until: datetime, limit: int) -> list[dict[str, Any]]:
    """Lease due actions to a sender until `until`; an expired lease may be taken again."""
    query = (
        select(Outbox.__table__)
        .where(
            or_(
                and_(Outbox.state.in_(("new", "retry")), Outbox.next_at <= now),
                and_(Outbox.state == "leased", Outbox.lease_until <= now),
            )
        )
        .order_by(Outbox.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    for part in chunks([row["id"] for row in rows]):
        connection.execute(
            update(Outbox)
            .where(Outbox.id.in_(part))
            .values(state="leased", lease_until=until, attempts=Outbox.attempts + 1)
        )
    return rows


def finish(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Mark actions as acknowledged by the receiver."""
    for part in chunks(ids):
        connection.execute(
            update(Outbox).where(Outbox.id.in_(part)).values(state="done", done_at=now, lease_until=None, error=None)
        )


def postpone(connection: Connection, ids: Sequence[int], next_at: datetime, error: str, *, dead: bool) -> None:
    """Try again at `next_at`, or never."""
    for part in chunks(ids):
        connection.execute(
            update(Outbox)
            .where(Outbox.id.in_(part))
            .values(state="dead" if dead else "retry", next_at=next_at, lease_until=None, error=error)
        )


def withdraw(connection: Connection, ids: Sequence[int]) -> None:
    """Take actions back that were not sent."""
    for part in chunks(ids):
        connection.execute(update(Outbox).where(Outbox.id.in_(part)).values(state="withdrawn", lease_until=None))


def unsent_automatic(connection: Connection, category: str | None, limit: int) -> list[dict[str, Any]]:
    """Automatic actions of a category (None: of all) that no sender holds."""
    query = select(Outbox.id, Outbox.case_id).where(Outbox.automatic, Outbox.state.in_(("new", "retry")))
    if category is not None:
        query = query.where(Outbox.category == category)
    return [dict(row) for row in connection.execute(query.order_by(Outbox.id).limit(limit)).mappings()]


def counts(connection: Connection) -> dict[str, int]:
    """Actions by state."""
    query = select(Outbox.state, func.count()).group_by(Outbox.state)
    return {state: count for state, count in connection.execute(query).tuples()}  # noqa: C416 - a typed copy

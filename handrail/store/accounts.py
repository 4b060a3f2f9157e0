"""Accounts, invitations, sessions, tokens and idempotent answers."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from handrail.store.schema import Person, Session


def insert_session(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `sessions`
    """Open a session."""
    connection.execute(insert(Session).values(**values))


def session(connection: Connection, digest: str) -> dict[str, Any] | None:
    """A session that has not ended, with name and roles of its active person; None otherwise."""
    query = (
        select(Session.__table__, Person.roles)
        .join(Person, Person.name == Session.person)
        .where(Session.digest == digest, Session.ended_at.is_(None), Person.active)
    )
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def touch_session(connection: Connection, digest: str, now: datetime) -> None:
    """Note that a session was used."""
    connection.execute(update(Session).where(Session.digest == digest).values(seen_at=now))


def end_session(connection: Connection, digest: str, now: datetime) -> None:
    """End a session."""
    ended = update(Session).where(Session.digest == digest, Session.ended_at.is_(None))
    connection.execute(ended.values(ended_at=now))

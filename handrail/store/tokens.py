"""Tokens of programs, and what their calls were answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from handrail.store.frames import frame
from handrail.store.schema import IdempotentAnswer, Person, Token

PURGED_AT_ONCE = 100
"""Old answers that go with each new one: more than come in, and few enough for the call that they go with."""


def insert_token(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `tokens`
    """Write a token down and return its id."""
    return int(connection.execute(insert(Token).values(**values).returning(Token.id)).scalar_one())


@dataclass(frozen=True, slots=True)
class LiveToken:
    """A token that is not revoked, with the roles of its active person; it may have run out."""

    person: str
    digest: str
    scopes: frozenset[str]
    expires_at: datetime
    roles: frozenset[str]


def token(connection: Connection, digest: str) -> LiveToken | None:
    """A token that is not revoked, of an active person; None otherwise."""
    query = (
        select(Token.person, Token.digest, Token.scopes, Token.expires_at, Person.roles)
        .join(Person, Person.name == Token.person)
        .where(Token.digest == digest, Token.revoked_at.is_(None), Person.active)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return LiveToken(row.person, row.digest, frozenset(row.scopes), row.expires_at, frozenset(row.roles))


def owner(connection: Connection, token_id: int) -> str | None:
    """In whose name a token acts; None without the token."""
    return connection.execute(select(Token.person).where(Token.id == token_id)).scalar()


def revoke(connection: Connection, token_id: int, now: datetime) -> bool:
    """End a token; False when it was revoked before."""
    live = update(Token).where(Token.id == token_id, Token.revoked_at.is_(None))
    return connection.execute(live.values(revoked_at=now)).rowcount == 1


def count_usable(connection: Connection, person: str, now: datetime) -> int:
    """How many tokens of a person are of use now."""
    usable = select(func.count()).where(Token.person == person, Token.revoked_at.is_(None), Token.expires_at > now)
    return int(connection.execute(usable).scalar_one())


def listed(connection: Connection, person: str | None = None) -> pd.DataFrame:
    """Tokens without their digests, newest first; of one person, or of everybody."""
    query = select(
        Token.id, Token.person, Token.name, Token.scopes, Token.created_at, Token.expires_at, Token.revoked_at
    ).order_by(Token.id.desc())
    return frame(connection, query if person is None else query.where(Token.person == person))


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a call was answered: the digest of what it asked, the status, and the body's ids and codes as JSON."""

    request: str
    status: int
    body: dict[str, Any]


def reserve_answer(
    connection: Connection, person: str, key: str, request: str, *, now: datetime, before: datetime
) -> KeptAnswer | None:
    """Reserve a key for the call that comes with it first; else what that call was answered.

    Who comes second waits until the first has committed. Answers from before `before` count no more, and some go.
    """
    one = (IdempotentAnswer.person == person) & (IdempotentAnswer.key == key)
    old = (
        select(IdempotentAnswer.person, IdempotentAnswer.key)
        .where(IdempotentAnswer.at < before)
        .order_by(IdempotentAnswer.at)
        .limit(PURGED_AT_ONCE)
    )
    names = tuple_(IdempotentAnswer.person, IdempotentAnswer.key)
    connection.execute(delete(IdempotentAnswer).where(IdempotentAnswer.at < before, or_(one, names.in_(old))))
    values = {"person": person, "key": key, "request": request, "status": 0, "body": {}, "at": now}
    written = postgresql if connection.dialect.name == "postgresql" else sqlite
    reserving = written.insert(IdempotentAnswer).values(values).on_conflict_do_nothing()
    if connection.execute(reserving.returning(IdempotentAnswer.key)).first() is not None:
        return None
    query = select(IdempotentAnswer.request, IdempotentAnswer.status, IdempotentAnswer.body)
    return KeptAnswer(*connection.execute(query.where(one)).one())


def keep_answer(connection: Connection, person: str, key: str, *, status: int, body: Mapping[str, Any]) -> None:
    """Keep what the call that reserved the key was answered."""
    one = update(IdempotentAnswer).where(IdempotentAnswer.person == person, IdempotentAnswer.key == key)
    connection.execute(one.values(status=status, body=dict(body)))

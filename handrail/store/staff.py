"""The people who may act, and the load that lies before each."""

from collections import Counter
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, Select, Text, and_, bindparam, cast, func, insert, or_, select, update

from handrail import staff
from handrail.store.engine import real_time
from handrail.store.frames import frame
from handrail.store.schema import Person, Session, Token, WorkItem


def lock(connection: Connection, name: str) -> None:
    """Let one act at a time change what `name` holds: two tabs may not claim past the policy's limit together."""
    if connection.dialect.name == "postgresql":  # on SQLite whoever writes is alone
        connection.execute(select(Person.name).where(Person.name == name).with_for_update())


def active(connection: Connection) -> dict[str, staff.Person]:
    """Everybody who may act, by name."""
    return _people(connection, _ACTIVE, {})


def around(connection: Connection, name: str) -> dict[str, staff.Person]:
    """`name`, and whoever of the others has skills of their own or a leave: nobody else changes what they may take."""
    return _people(connection, _AROUND, {"who": name})


_ACTIVE = select(Person.__table__).where(Person.active).order_by(Person.name)
# A JSON column keeps None as the JSON value null.
_SKILLED = and_(Person.skills.is_not(None), cast(Person.skills, Text) != "null")
_AROUND = _ACTIVE.where(or_(Person.name == bindparam("who"), _SKILLED, Person.away_from.is_not(None)))


def _people(connection: Connection, query: Select[Any], known: dict[str, str]) -> dict[str, staff.Person]:
    return {row.name: person_of(row) for row in connection.execute(query, known)}


def person_of(row: Row[Any]) -> staff.Person:
    """The person whom a row of `people` describes."""
    return staff.Person(
        row.name,
        frozenset(row.roles),
        row.trained_until,
        None if row.skills is None else frozenset(row.skills),
        row.away_from,
        row.away_until,
        row.active,
    )


def load(connection: Connection) -> dict[str, int]:
    """How much open work each person holds or is assigned."""
    live = and_(WorkItem.holder.is_not(None), WorkItem.lease_until > real_time(connection))
    query = (
        select(WorkItem.assigned_to, WorkItem.holder, func.count())
        .where(WorkItem.state == "open", or_(live, WorkItem.assigned_to.is_not(None)))
        .group_by(WorkItem.assigned_to, WorkItem.holder)
    )
    found: Counter[str] = Counter()
    for assigned_to, holder, count in connection.execute(query):
        found[assigned_to or holder] += count
    return dict(found)


def change(connection: Connection, name: str, **values: Any) -> None:  # noqa: ANN401 - columns of `people`
    """Change what is known of a person."""
    connection.execute(update(Person).where(Person.name == name).values(**values))


def sign_out(connection: Connection, name: str, now: datetime) -> None:
    """End every session of a person and revoke the tokens that act in their name."""
    connection.execute(update(Session).where(Session.person == name, Session.ended_at.is_(None)).values(ended_at=now))
    connection.execute(update(Token).where(Token.person == name, Token.revoked_at.is_(None)).values(revoked_at=now))


def save_person(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `people`
    """Add a person, or replace what is known of them."""
    changed = connection.execute(update(Person).where(Person.name == values["name"]).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(Person).values(**values))


def person(connection: Connection, name: str) -> staff.Person | None:
    """One active person, or None."""
    row = connection.execute(_PERSON, {"who": name}).first()
    return None if row is None else person_of(row)


_PERSON = _ACTIVE.where(Person.name == bindparam("who"))


def people(connection: Connection) -> pd.DataFrame:
    """Everybody, by name."""
    return frame(connection, select(Person.__table__).order_by(Person.name))

"""Accounts, invitations and sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from handrail import staff
from handrail.permissions import Role
from handrail.store.schema import Account, Invitation, Person, Policy, Session
from handrail.store.staff import person_of

NO_PASSWORD = ""
"""Of an account that holds somebody's preferences only: no password fits it."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a person signs in; an account that only holds preferences has `NO_PASSWORD`."""

    person: str
    password: str
    changed_at: datetime
    failures: int
    locked_until: datetime | None
    shortcuts: bool


def account(connection: Connection, person: str) -> SignIn | None:
    """How an active person signs in; None for somebody unknown, inactive or never invited."""
    query = select(Account.__table__).join(Person, Person.name == Account.person)
    row = connection.execute(query.where(Account.person == person, Person.active)).first()
    return None if row is None else SignIn(*row)


def lock_account(connection: Connection, person: str) -> None:
    """Let one sign-in at a time count for a person: tries that come together must not count as one."""
    connection.execute(select(Account.person).where(Account.person == person).with_for_update())


def any_account(connection: Connection) -> bool:
    """Whether anybody has ever set a password."""
    return (
        connection.execute(select(Account.person).where(Account.password != NO_PASSWORD).limit(1)).first() is not None
    )


def first_owner(connection: Connection) -> str | None:
    """Whoever began the workspace, as long as they are a product owner; else the first one by name, else None."""
    founder = connection.execute(select(Policy.actor).order_by(Policy.id).limit(1)).scalar()
    found = owners(connection)
    return founder if founder in found else next(iter(found), None)


def everybody(connection: Connection) -> list[staff.Person]:
    """All people, who may act before who no longer may, then by name."""
    query = select(Person.__table__).order_by(Person.active.desc(), Person.name)
    return [person_of(row) for row in connection.execute(query)]


def is_anybody(connection: Connection, name: str) -> bool:
    """Is it the name of a person, also of one who may act no more?"""
    return connection.execute(select(Person.name).where(Person.name == name)).first() is not None


def names(connection: Connection) -> list[str]:
    """Every name that a person here has or had, in order."""
    return list(connection.execute(select(Person.name).order_by(Person.name)).scalars())


def owners(connection: Connection) -> list[str]:
    """The active product owners, by name."""
    people = connection.execute(select(Person.name, Person.roles).where(Person.active).order_by(Person.name))
    return [name for name, roles in people if Role.PRODUCT_OWNER in roles]


def save_account(connection: Connection, person: str, **values: Any) -> None:  # noqa: ANN401 - columns of `accounts`
    """Make an account, or change what is known of it."""
    changed = connection.execute(update(Account).where(Account.person == person).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(Account).values(person=person, **values))


def insert_invitation(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `invitations`
    """Write down a link that was given out."""
    connection.execute(insert(Invitation).values(**values))


def invited_person(connection: Connection, digest: str, now: datetime) -> str | None:
    """Whose invitation this is, while it may still be used and its person is active; None otherwise."""
    query = (
        select(Invitation.person)
        .join(Person, Person.name == Invitation.person)
        .where(Invitation.digest == digest, Invitation.used_at.is_(None), Invitation.expires_at > now, Person.active)
    )
    return connection.execute(query).scalar()


def use_invitation(connection: Connection, digest: str, now: datetime) -> bool:
    """Use a link up; False when somebody has just done so."""
    unused = update(Invitation).where(Invitation.digest == digest, Invitation.used_at.is_(None))
    return connection.execute(unused.values(used_at=now)).rowcount == 1


def end_invitations_of(connection: Connection, person: str, now: datetime) -> None:
    """Make earlier links of a person useless."""
    unused = update(Invitation).where(
        Invitation.person == person, Invitation.used_at.is_(None), Invitation.expires_at > now
    )
    connection.execute(unused.values(expires_at=now))


def insert_session(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `sessions`
    """Open a session."""
    connection.execute(insert(Session).values(**values))


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that nobody has ended; it may have run out."""

    digest: str
    person: str
    csrf: str
    opened_at: datetime
    seen_at: datetime
    expires_at: datetime


_SESSIONS = select(
    Session.digest, Session.person, Session.csrf, Session.opened_at, Session.seen_at, Session.expires_at
).where(Session.ended_at.is_(None))


def session(connection: Connection, digest: str) -> tuple[OpenSession, frozenset[str]] | None:
    """A session that has not ended, and the roles of its active person; None otherwise."""
    row = connection.execute(_SESSION, {"secret": digest}).first()
    return None if row is None else (OpenSession(*row[:-1]), frozenset(row[-1]))


_SESSION = (
    _SESSIONS.add_columns(Person.roles)
    .join(Person, Person.name == Session.person)
    .where(Session.digest == bindparam("secret"), Person.active)
)


def sessions_of(connection: Connection, person: str) -> list[OpenSession]:
    """A person's sessions that nobody has ended, the last used first; some of them may have run out."""
    query = _SESSIONS.where(Session.person == person)
    return [OpenSession(*row) for row in connection.execute(query.order_by(Session.seen_at.desc(), Session.digest))]


def last_seen(connection: Connection) -> dict[str, datetime]:
    """When each person who ever came in was seen last."""
    query = select(Session.person, func.max(Session.seen_at)).group_by(Session.person)
    return {person: at for person, at in connection.execute(query)}


def invited(connection: Connection, now: datetime) -> set[str]:
    """Who holds a link that may still be used."""
    query = select(Invitation.person).where(Invitation.used_at.is_(None), Invitation.expires_at > now)
    return set(connection.execute(query).scalars())


def with_account(connection: Connection) -> set[str]:
    """Who has a password."""
    return set(connection.execute(select(Account.person).where(Account.password != NO_PASSWORD)).scalars())


def touch_session(connection: Connection, digest: str, now: datetime) -> None:
    """Note that a session was used."""
    connection.execute(update(Session).where(Session.digest == digest).values(seen_at=now))


def end_session(connection: Connection, digest: str, now: datetime) -> bool:
    """End a session; False when it had ended."""
    ended = update(Session).where(Session.digest == digest, Session.ended_at.is_(None))
    return connection.execute(ended.values(ended_at=now)).rowcount == 1


def end_sessions_of(connection: Connection, person: str, now: datetime, *, but: str | None = None) -> int:
    """End a person's sessions, except the one with the digest `but`; returns how many."""
    ended = update(Session).where(Session.person == person, Session.ended_at.is_(None))
    if but is not None:
        ended = ended.where(Session.digest != but)
    return connection.execute(ended.values(ended_at=now)).rowcount

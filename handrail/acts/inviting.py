"""A link that works once lets a person set their password: nobody knows it but them, and there is no default one."""

import secrets
from datetime import datetime, timedelta

from handrail.acts.authority import authorize, unknown
from handrail.acts.signing_in import begin_session, digest_of, set_password
from handrail.errors import Conflict, NotFound
from handrail.permissions import SYSTEM
from handrail.policy import Policy
from handrail.store import accounts, staff, trail
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event

LASTS = timedelta(hours=48)
FIRST_START = f"{SYSTEM}first start"


def invite(store: Store, person: str, *, actor: str, now: datetime) -> str:
    """Give out a link's secret; earlier ones of the same person are of no use from now on.

    It also serves who has forgotten their password: the old one holds until the link is used.

    Raises:
        NotPermitted: the actor manages no people.
        NotFound: nobody active has this name.
    """
    with store.write() as connection:
        authorize(connection, "manage_people", actor)
        if staff.person(connection, person) is None:
            raise NotFound(unknown(connection, person))
        return _give_out(connection, person, actor=actor, now=now)


def first_invitation(store: Store, *, now: datetime) -> tuple[str, str] | None:
    """Name and secret for the administrator of a workspace in which nobody has a password yet, else None."""
    with store.write() as connection:
        person = None if accounts.any_account(connection) else accounts.first_owner(connection)
        return None if person is None else (person, _give_out(connection, person, actor=FIRST_START, now=now))


def invited(store: Store, secret: str, *, now: datetime) -> str:
    """For whom a link is.

    Raises:
        NotFound: it was used, has run out, or never was one; all look the same.
    """
    with store.read() as connection:
        return _invited(connection, secret, now)


def accept(store: Store, secret: str, kept: str, *, policy: Policy, now: datetime) -> str:
    """Set the password, of which `kept` is the hash, and come in; returns the secret of the session.

    Raises:
        NotFound: as `invited`.
        Conflict: the link was used at this moment.
    """
    with store.write() as connection:
        person = _invited(connection, secret, now)
        if not accounts.use_invitation(connection, digest_of(secret), now):
            raise Conflict("This link has just been used. Sign in with the password that was set.")
        set_password(connection, person, kept, now=now)
        return begin_session(connection, person, policy=policy, now=now)


def path_of(secret: str) -> str:
    """Where the desk takes the secret of an invitation."""
    return f"/welcome?invitation={secret}"


def _give_out(connection: Connection, person: str, *, actor: str, now: datetime) -> str:
    secret = secrets.token_urlsafe(32)
    accounts.end_invitations_of(connection, person, now)
    accounts.insert_invitation(
        connection, digest=digest_of(secret), person=person, invited_by=actor, expires_at=now + LASTS
    )
    trail.append(connection, [Event("person.invited", data={"person": person})], at=now, actor=actor)
    return secret


def _invited(connection: Connection, secret: str, now: datetime) -> str:
    person = accounts.invited_person(connection, digest_of(secret), now)
    if person is None:
        raise NotFound("This link has been used or has run out. Ask a product owner for a new one.")
    return person

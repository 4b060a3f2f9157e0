"""People come in and go out; a session is a row that can be ended at any time."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from handrail import passwords
from handrail.errors import NotFound, NotPermitted
from handrail.permissions import SYSTEM
from handrail.policy import Policy
from handrail.store import accounts, staff, trail
from handrail.store.accounts import NO_PASSWORD, OpenSession
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event

SEEN_EVERY = timedelta(minutes=1)
"""How exactly the last click is known: a write for each one would cost more than it says."""
REFERENCE = 16
"""Characters of a digest that name a session on a page."""
DOOR = f"{SYSTEM}desk"
"""Who notes that somebody kept trying: whoever it was, it need not have been the person."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, with what they may do; `csrf` must come back with every form, `scopes` bound a token's acts."""

    name: str
    roles: frozenset[str]
    digest: str
    csrf: str
    scopes: frozenset[str] | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to sign in that counts as wrong until it is proven right; without `kept` no password can be right."""

    person: str
    kept: str | None
    failures: int = 0
    locks: bool = False


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One of a visitor's sessions as they see it; `here` is the one that asks."""

    reference: str
    opened_at: datetime
    seen_at: datetime
    here: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """How somebody likes the desk."""

    shortcuts: bool = True


def begin_attempt(store: Store, name: str, *, now: datetime) -> Attempt:
    """Count a try before its password is looked at: tries that come side by side are no way around the lock.

    Somebody unknown, deactivated, never invited or locked out gets an attempt that nothing can prove.
    """
    with store.write() as connection:
        accounts.lock_account(connection, name)
        found = accounts.account(connection, name)
        if found is None or found.password == NO_PASSWORD or (found.locked_until or now) > now:
            return Attempt(name, None)
        failures = found.failures + 1
        wait = passwords.wait_after(failures)
        accounts.save_account(
            connection, name, failures=failures, locked_until=now + wait if wait is not None else None
        )
    return Attempt(name, found.password, failures, wait is not None)


def fail(store: Store, attempt: Attempt, *, now: datetime) -> None:
    """Note in the trail that an account was locked; a single wrong password is nobody's business."""
    if attempt.locks:
        with store.write() as connection:
            locked = Event("person.locked", data={"person": attempt.person, "failures": attempt.failures})
            trail.append(connection, [locked], at=now, actor=DOOR)


def succeed(store: Store, attempt: Attempt) -> None:
    """Forget the wrong tries after the right password."""
    with store.write() as connection:
        accounts.save_account(connection, attempt.person, failures=0, locked_until=None)


def come_in(store: Store, attempt: Attempt, *, policy: Policy, now: datetime, instead_of: str | None = None) -> str:
    """Begin a session after the right password; the one whose secret the browser brought along ends.

    Raises:
        NotPermitted: the person was deactivated in the meantime.
    """
    with store.write() as connection:
        accounts.save_account(connection, attempt.person, failures=0, locked_until=None)
        if instead_of is not None:
            accounts.end_session(connection, digest_of(instead_of), now)
        return begin_session(connection, attempt.person, policy=policy, now=now)


def open_session(store: Store, person: str, *, policy: Policy, now: datetime) -> str:
    """Begin a session for somebody who has proven who they are; returns the secret for the cookie.

    Raises:
        NotPermitted: nobody active has this name.
    """
    with store.write() as connection:
        return begin_session(connection, person, policy=policy, now=now)


def begin_session(connection: Connection, person: str, *, policy: Policy, now: datetime) -> str:
    """As `open_session`, within a transaction."""
    if staff.person(connection, person) is None:
        raise NotPermitted(f"{person} is not known here. Ask a product owner to invite you.")
    secret = secrets.token_urlsafe(32)
    accounts.insert_session(
        connection,
        digest=digest_of(secret),
        person=person,
        csrf=secrets.token_urlsafe(32),
        opened_at=now,
        seen_at=now,
        expires_at=now + policy.desk.session,
    )
    trail.append(connection, [Event("person.signed_in", data={"person": person})], at=now, actor=person)
    return secret


def visitor(store: Store, secret: str, *, policy: Policy, now: datetime) -> Visitor | None:
    """Whose session this is; None when it ended, was idle too long, or its person may no longer act."""
    digest = digest_of(secret)
    with store.read() as connection:
        found = accounts.session(connection, digest)
    if found is None or not _lasts(found[0], policy, now):
        return None
    session, roles = found
    return Visitor(session.person, roles, digest, session.csrf, seen_at=session.seen_at)


def is_due_to_be_noted(visitor: Visitor, now: datetime) -> bool:
    """Whether the last click that is known of lies far enough back for `note_seen`."""
    return visitor.seen_at is not None and now - visitor.seen_at >= SEEN_EVERY


def note_seen(store: Store, visitor: Visitor, *, now: datetime) -> None:
    """Note that a session was used."""
    with store.write() as connection:
        accounts.touch_session(connection, visitor.digest, now)


def close_session(store: Store, visitor: Visitor, *, now: datetime) -> None:
    """Sign out."""
    with store.write() as connection:
        accounts.end_session(connection, visitor.digest, now)
        trail.append(
            connection, [Event("person.signed_out", data={"person": visitor.name})], at=now, actor=visitor.name
        )


def sessions(store: Store, visitor: Visitor, *, policy: Policy, now: datetime) -> list[OwnSession]:
    """The visitor's own sessions that still last."""
    with store.read() as connection:
        found = accounts.sessions_of(connection, visitor.name)
    return [
        OwnSession(one.digest[:REFERENCE], one.opened_at, one.seen_at, one.digest == visitor.digest)
        for one in found
        if _lasts(one, policy, now)
    ]


def revoke(store: Store, visitor: Visitor, reference: str | None, *, now: datetime) -> int:
    """End one of the visitor's own sessions, or all but the present one for None; returns how many.

    Raises:
        NotFound: none of theirs has this reference.
    """
    with store.write() as connection:
        if reference is None:
            ended = accounts.end_sessions_of(connection, visitor.name, now, but=visitor.digest)
        else:
            own = [one.digest for one in accounts.sessions_of(connection, visitor.name)]
            ended = sum(
                accounts.end_session(connection, digest, now) for digest in own if digest[:REFERENCE] == reference
            )
            if not ended:
                raise NotFound("This session has ended already. Reload the page.")
        data = {"person": visitor.name, "sessions": ended}
        trail.append(connection, [Event("sessions.revoked", data=data)], at=now, actor=visitor.name)
    return ended


def change_password(store: Store, visitor: Visitor, kept: str, *, now: datetime) -> None:
    """Keep a new password, of which `kept` is the hash; every other session of the person ends."""
    with store.write() as connection:
        set_password(connection, visitor.name, kept, but=visitor.digest, now=now)


def set_password(connection: Connection, person: str, kept: str, *, now: datetime, but: str | None = None) -> None:
    """As `change_password`, within a transaction; all sessions end but the one with the digest `but`."""
    accounts.save_account(connection, person, password=kept, changed_at=now, failures=0, locked_until=None)
    ended = accounts.end_sessions_of(connection, person, now, but=but)
    event = Event("person.password_set", data={"person": person, "sessions": ended})
    trail.append(connection, [event], at=now, actor=person)


def preferences(store: Store, person: str) -> Preferences:
    """How somebody likes the desk; the usual way for who has not said."""
    with store.read() as connection:
        found = accounts.account(connection, person)
    return Preferences() if found is None else Preferences(shortcuts=found.shortcuts)


def set_shortcuts(store: Store, person: str, *, on: bool, now: datetime) -> None:
    """Let single keys decide, or not."""
    with store.write() as connection:
        known = accounts.account(connection, person)
        new = {"password": NO_PASSWORD, "changed_at": now} if known is None else {}
        accounts.save_account(connection, person, shortcuts=on, **new)


def digest_of(secret: str) -> str:
    """What is stored of a secret that is random enough not to be guessed: its SHA-256."""
    return sha256(secret.encode()).hexdigest()


def _lasts(session: OpenSession, policy: Policy, now: datetime) -> bool:
    return session.expires_at > now and session.seen_at + policy.desk.idle > now

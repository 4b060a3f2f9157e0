"""People come in and go out; a session is a row that can be ended at any time."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from handrail.errors import NotPermitted
from handrail.policy import Policy
from handrail.store import accounts, rollout, trail
from handrail.store.engine import Store
from handrail.store.trail import Event

SEEN_EVERY = timedelta(minutes=1)
"""How exactly the last click is known: a write for each one would cost more than it says."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, with what they may do; `csrf` must come back with every form, `scopes` bound a token's acts."""

    name: str
    roles: frozenset[str]
    digest: str
    csrf: str
    scopes: frozenset[str] | None = None


def open_session(store: Store, person: str, *, policy: Policy, now: datetime) -> str:
    """Begin a session for somebody who has proven who they are; returns the secret for the cookie.

    Raises:
        NotPermitted: nobody active has this name.
    """
    secret = secrets.token_urlsafe(32)
    with store.write() as connection:
        if rollout.person(connection, person) is None:
            raise NotPermitted(f"{person} is not known here. Ask a product owner to invite you.")
        accounts.insert_session(
            connection, digest=digest_of(secret), person=person, csrf=secrets.token_urlsafe(32), opened_at=now,
            seen_at=now, expires_at=now + policy.desk.session,
        )  # fmt: skip
        trail.append(connection, [Event("person.signed_in", data={"person": person})], at=now, actor=person)
    return secret


def visitor(store: Store, secret: str, *, policy: Policy, now: datetime) -> Visitor | None:
    """Whose session this is; None when it ended, was idle too long, or its person may no longer act."""
    digest = digest_of(secret)
    with store.read() as connection:
        found = accounts.session(connection, digest)
    if found is None or found["expires_at"] <= now or found["seen_at"] + policy.desk.idle <= now:
        return None
    if now - found["seen_at"] >= SEEN_EVERY:
        with store.write() as connection:
            accounts.touch_session(connection, digest, now)
    return Visitor(found["person"], frozenset(found["roles"]), digest, found["csrf"])


def close_session(store: Store, visitor: Visitor, *, now: datetime) -> None:
    """Sign out."""
    with store.write() as connection:
        accounts.end_session(connection, visitor.digest, now)
        trail.append(
            connection, [Event("person.signed_out", data={"person": visitor.name})], at=now, actor=visitor.name
        )


def digest_of(secret: str) -> str:
    """What is stored of a secret that is random enough not to be guessed: its SHA-256."""
    return sha256(secret.encode()).hexdigest()

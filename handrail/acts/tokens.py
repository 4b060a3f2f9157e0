"""Programs act in a person's name, by a token that names the acts it may ask for; and each call of theirs once."""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from handrail.acts.authority import authorize
from handrail.acts.signing_in import Visitor, digest_of
from handrail.errors import BadInput, Conflict, NotFound, Refused
from handrail.permissions import PERMITTED, check
from handrail.store import staff, tokens, trail
from handrail.store.engine import Store
from handrail.store.trail import Event

PREFIX = "handrail_"
"""Lets whoever finds one in a log or a repository know what it is."""
USUAL_DAYS, MOST_DAYS = 90, 365
MOST_USABLE = 20
"""Tokens of one person at a time: more are forgotten ones."""
LONGEST_NAME = 60
ANSWERS_FOR = timedelta(hours=24)
"""How long a call's answer is kept for its idempotency key."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token; `secret` is told once and stored nowhere."""

    number: int
    secret: str
    expires_at: datetime


def create(
    store: Store, *, name: str, scopes: Collection[str], days: int = USUAL_DAYS, actor: str, now: datetime
) -> Issued:
    """Let programs act in `actor`'s name, as far as `scopes` go: acts of the table of roles.

    Raises:
        BadInput: no name, no scope, an unknown one, or more days than a year.
        NotPermitted: a scope that `actor` may not do.
        Refused: they have as many tokens as one may have.
    """
    name, wanted = name.strip(), sorted(set(scopes))
    _check(name, wanted, days)
    secret = PREFIX + secrets.token_urlsafe(32)
    expires_at = now + timedelta(days=days)
    with store.write() as connection:
        authorize(connection, "come_in", actor)
        person = staff.person(connection, actor)
        for scope in wanted:
            check(scope, actor, () if person is None else person.roles)
        if tokens.count_usable(connection, actor, now) >= MOST_USABLE:
            raise Refused(f"You have {MOST_USABLE} tokens, which is the most. Revoke one that nobody uses.")
        number = tokens.insert_token(
            connection,
            person=actor,
            name=name,
            digest=digest_of(secret),
            scopes=wanted,
            created_at=now,
            expires_at=expires_at,
        )
        created = Event("token.created", data={"token": number, "person": actor, "scopes": wanted, "days": days})
        trail.append(connection, [created], at=now, actor=actor)
    return Issued(number, secret, expires_at)


def _check(name: str, scopes: Collection[str], days: int) -> None:
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadInput(f"A token needs a name of 1 to {LONGEST_NAME} characters. Say what it is for.")
    unknown = [scope for scope in scopes if scope not in PERMITTED]
    if unknown or not scopes:
        said = f"{unknown[0]!r} is no act" if unknown else "A token without a scope may do nothing"
        raise BadInput(f"{said}. Name one or more of: {', '.join(sorted(PERMITTED))}.")
    if not 1 <= days <= MOST_DAYS:
        raise BadInput(f"A token lasts 1 to {MOST_DAYS} days, not {days}. Choose a number between them.")


def revoke(store: Store, number: int, *, actor: str, now: datetime) -> None:
    """End a token at once; others' tokens are ended by who manages people. Twice does no harm.

    Raises:
        NotFound: there is none with this number that is one's own.
    """
    with store.write() as connection:
        authorize(connection, "come_in", actor)
        person, asking = tokens.owner(connection, number), staff.person(connection, actor)
        manages = asking is not None and not PERMITTED["manage_people"].isdisjoint(asking.roles)
        if person is None or (person != actor and not manages):
            raise NotFound(f"You have no token {number}. See `handrail tokens list`.")
        if tokens.revoke(connection, number, now):
            revoked = Event("token.revoked", data={"token": number, "person": person})
            trail.append(connection, [revoked], at=now, actor=actor)


def listed(store: Store, *, actor: str, everybody: bool = False) -> pd.DataFrame:
    """One's own tokens, newest first, or for who manages people those of everybody; never the secret.

    Columns: id, person, name, scopes, created_at, expires_at, revoked_at.
    """
    with store.read() as connection:
        authorize(connection, "manage_people" if everybody else "come_in", actor)
        return tokens.listed(connection, None if everybody else actor)


def visitor(store: Store, secret: str, *, now: datetime) -> Visitor | None:
    """In whose name a token acts, and with which scopes; None when it is unknown, expired or revoked."""
    with store.read() as connection:
        found = tokens.token(connection, digest_of(secret))
    if found is None or found.expires_at <= now:
        return None
    return Visitor(found.person, found.roles, found.digest, "", found.scopes)


def once(
    store: Store,
    act: Callable[[Store], tuple[int, Mapping[str, Any]]],
    *,
    person: str,
    key: str,
    request: str,
) -> tuple[int, Mapping[str, Any], bool]:
    """Let `act` happen once for a key: again, it only answers as before (the third value says so).

    `act` returns a status and the ids and codes of its answer; both commit with what it did, or nothing does.
    `request` is the digest of what was asked. The store's transactions must nest, as a `Writer`'s do.

    Raises:
        Conflict: the key came with another request before.
    """
    now = store.clock()  # when the call came, whatever moment its act is dated
    with store.write() as connection:
        known = tokens.reserve_answer(connection, person, key, request, now=now, before=now - ANSWERS_FOR)
        if known is not None and known.request != request:
            raise Conflict("This Idempotency-Key came with another request before. Use a new key for each request.")
        if known is not None:
            return known.status, known.body, True
        status, body = act(store)
        tokens.keep_answer(connection, person, key, status=status, body=body)
    return status, body, False

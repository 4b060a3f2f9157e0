"""The workspace's key and its database belong together: a check value in the trail tells another key from it."""

import hmac
from datetime import datetime
from hashlib import sha256

from handrail.errors import WrongKey
from handrail.store import trail
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event

BOUND = "key.bound"
_MESSAGE = b"handrail: the key of this database"
REMEDY = "Restore secret.key from a backup of the workspace, or set HANDRAIL_SECRET to what it held."


def bind(store: Store, secret: bytes, *, actor: str, now: datetime) -> bool:
    """Bind the database to its key, once and for ever; True if this call did.

    Raises:
        WrongKey: it is bound to another one.
    """
    with store.write() as connection:
        trail.lock(connection)
        if is_bound(connection):
            require(connection, secret)
            return False
        trail.append(connection, [Event(BOUND, data={"check": check_value(secret)})], at=now, actor=actor)
    return True


def is_bound(connection: Connection) -> bool:
    """Whether the database knows its key; one of an earlier Handrail does after the next `handrail init`."""
    return bool(trail.search(connection, kind=BOUND, limit=1))


def require(connection: Connection, secret: bytes) -> None:
    """Make sure that this is the key with which the database was begun.

    With another one every pseudonym and every draw (withheld labels, audits, partial rollout) would change unseen.

    Raises:
        WrongKey: it is not.
    """
    bound = trail.search(connection, kind=BOUND, limit=1)
    if bound and not hmac.compare_digest(bound[0]["check"], check_value(secret)):
        raise WrongKey(f"The key is not the one with which this database was begun. {REMEDY}")


def check_value(secret: bytes) -> str:
    """What tells a key from another and gives nothing of it away: HMAC-SHA256 over a fixed text, in hex digits."""
    return hmac.new(secret, _MESSAGE, sha256).hexdigest()

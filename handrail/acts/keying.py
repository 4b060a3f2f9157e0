"""The workspace's key and its database belong together: a check value in the trail tells another key from it."""

import hmac
from datetime import datetime
from hashlib import sha256

from handrail.errors import WrongKey
from handrail.store import key_bindings, trail
from handrail.store.engine import Connection, Store
from handrail.store.key_bindings import BOUND
from handrail.store.trail import Event

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
    return bool(key_bindings.read(connection))


def require(connection: Connection, secret: bytes) -> None:
    """Make sure that this is the key with which the database was begun.

    With another one every pseudonym and every draw (withheld labels, audits, partial rollout) would change unseen. The
    first binding counts: Handrail writes no second one.

    Raises:
        WrongKey: it is not.
    """
    bound = key_bindings.read(connection)
    if bound and not hmac.compare_digest(bound[0].check.encode(), check_value(secret).encode()):
        raise WrongKey(f"The key is not the one with which this database was begun. {REMEDY}")


def forged(connection: Connection) -> str | None:
    """What is wrong where the trail binds the database a second time, with the remedy; None where it does not."""
    later = [binding.seq for binding in key_bindings.read(connection)[1:]]
    if not later:
        return None
    return (
        f"Event {later[0]} of the trail binds the database to a key a second time, which Handrail never does: the first"
        " binding counts. Keep a copy of the database and restore a backup from before it."
    )


def check_value(secret: bytes) -> str:
    """What tells a key from another and gives nothing of it away: HMAC-SHA256 over a fixed text, in hex digits."""
    return hmac.new(secret, _MESSAGE, sha256).hexdigest()

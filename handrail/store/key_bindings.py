"""Which keys the trail binds the database to, oldest first: one, unless somebody wrote past Handrail."""

from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from handrail.errors import BadInput
from handrail.store.schema import TrailEvent
from handrail.trail.encoding import decode

BOUND = "key.bound"
"""The kind of event that binds a database to its key."""
_BEGINNING = 10
"""So many events from the first on are read by their bytes: a new workspace is bound among them."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Event `seq`, and the check value of the key that it names."""

    seq: int
    check: str


def read(connection: Connection) -> list[Binding]:
    """Every binding, oldest first; the first counts.

    Raises:
        BadInput: the bytes of one cannot be read.
    """
    query = select(TrailEvent.seq, TrailEvent.kind, TrailEvent.body).order_by(TrailEvent.seq)
    found = []
    for seq, kind, body in connection.execute(query.where(or_(TrailEvent.kind == BOUND, TrailEvent.seq <= _BEGINNING))):
        try:
            event = decode(body)
        except BadInput:
            if kind == BOUND:
                raise
            continue  # damage elsewhere in the trail is told by its verification
        if BOUND in (kind, event.get("kind")):
            found.append(Binding(seq, str(event.get("check"))))
    return found

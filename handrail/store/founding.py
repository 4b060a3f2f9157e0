"""Of which kind the workspace is, by the event that began it: the sealed trail is the only place where it stands."""

from sqlalchemy import Connection, select

from handrail import founding
from handrail.founding import BEGUN, UNFOUNDED, Founding
from handrail.store.schema import TrailEvent, TrailHead
from handrail.trail.chain import GENESIS, link
from handrail.trail.encoding import decode

_FIRST = (
    select(TrailEvent.seq, TrailEvent.body, TrailEvent.hash)
    .where(TrailEvent.kind == BEGUN)
    .order_by(TrailEvent.seq)
    .limit(1)
)


def read(connection: Connection) -> Founding:
    """How the workspace was founded; a founding that does not follow in the chain counts as a live one's."""
    first = connection.execute(_FIRST).one_or_none()
    if first is None:
        return UNFOUNDED
    return founding.read(decode(first.body), is_whole=_is_whole(connection, first.seq, first.body, first.hash))


def _is_whole(connection: Connection, seq: int, body: bytes, hash_: bytes) -> bool:
    """Does the event follow from the one before, and the next one, else the trail's head, from it?"""
    beside = select(TrailEvent.seq, TrailEvent.body, TrailEvent.hash).where(TrailEvent.seq.in_((seq - 1, seq + 1)))
    rows = {row.seq: row for row in connection.execute(beside)}
    before = rows[seq - 1].hash if seq - 1 in rows else GENESIS if seq == 1 else b""
    if link(before, body) != hash_:
        return False
    head = connection.execute(select(TrailHead.hash)).scalar()
    follows = link(hash_, rows[seq + 1].body) == rows[seq + 1].hash if seq + 1 in rows else head == hash_
    return bool(follows)

"""Of which kind the workspace is, by the event that began it: the sealed trail is the only place where it stands."""

from sqlalchemy import Connection, select

from handrail import founding
from handrail.errors import BadInput
from handrail.founding import ALTERED, BEGUN, UNFOUNDED, Founding, Kind
from handrail.store.schema import TrailEvent, TrailHead
from handrail.trail.chain import GENESIS, link
from handrail.trail.encoding import decode

_SECOND = 2
_EARLIEST = select(TrailEvent.seq, TrailEvent.body, TrailEvent.hash).where(TrailEvent.seq.in_((1, _SECOND)))
_HEAD = select(TrailHead.seq, TrailHead.hash)


def read(connection: Connection) -> Founding:
    """How the workspace was founded: by the bytes of event 1, whatever the columns beside them say.

    One that does not begin the chain, or is gone, counts as a live one's.
    """
    rows = {row.seq: (row.body, row.hash) for row in connection.execute(_EARLIEST)}
    head = connection.execute(_HEAD).one_or_none()
    if not rows and head is not None and head.seq == 0:
        return UNFOUNDED
    if 1 not in rows or not _is_whole(rows, None if head is None else head.hash):
        return Founding(Kind.LIVE, ALTERED)
    try:
        event = decode(rows[1][0])
    except BadInput:
        return Founding(Kind.LIVE, ALTERED)
    if event.get("kind") != BEGUN:
        return UNFOUNDED
    return founding.read(event, is_whole=event.get("seq") == 1)


def _is_whole(rows: dict[int, tuple[bytes, bytes]], head: bytes | None) -> bool:
    """Does event 1 begin the chain, and the next one, else the trail's head, follow from it?"""
    # SQLite keeps any value that somebody wrote past Handrail in the place of bytes.
    if not all(isinstance(value, bytes) for row in rows.values() for value in row):
        return False
    body, hash_ = rows[1]
    after = rows.get(_SECOND)
    follows = head == hash_ if after is None else link(hash_, after[0]) == after[1]
    return follows and link(GENESIS, body) == hash_

"""The audit trail in the database: appended in the caller's transaction, searched, verified, exported."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    bindparam,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from handrail.clock import jump
from handrail.errors import BadInput, PermanentError
from handrail.governing import Change
from handrail.permissions import SYSTEM
from handrail.store import founding
from handrail.store.cases import chunks
from handrail.store.engine import real_time
from handrail.store.faults import is_taken
from handrail.store.schema import Reason, TrailEvent, TrailHead
from handrail.store.schema.base import NoMoment, UtcDateTime
from handrail.store.visibility import TELLS_NOTHING, Onlooker, kept_from
from handrail.trail.chain import GENESIS, chain, link
from handrail.trail.encoding import decode, encode
from handrail.trail.verify import Entry, Mismatch, Verification, export_line
from handrail.trail.verify import verify as verify_entries

OWN_KEYS = frozenset({"seq", "at", "kind", "actor", "case"})
KIND_CHARACTERS = 40
CLOCK = f"{SYSTEM}clock"
"""Who notes that the real clock jumped: nobody, that is."""
ROWS_AT_ONCE = 5_000

# Plain tuples and arrays go straight to the driver: typed parameters would cost more than hashing the events.
SQLITE_INSERT = "INSERT INTO trail (seq, at, kind, case_id, body, hash) VALUES (?, ?, ?, ?, ?, ?)"
POSTGRESQL_INSERT = (
    "INSERT INTO trail (seq, at, kind, case_id, body, hash)"
    " SELECT seq, %s::timestamptz, kind, case_id, body, hash"
    " FROM unnest(%b::bigint[], %b::text[], %b::bigint[], %b::bytea[], %b::bytea[])"
    " AS events (seq, kind, case_id, body, hash)"
)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, to which case; `data` holds ids, codes and keyed digests, nothing a person wrote."""

    kind: str
    case: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def lock(connection: Connection) -> None:
    """Hold the trail's end until the transaction ends: who reads before writing comes one after the other."""
    if connection.dialect.name == "postgresql":  # on SQLite whoever writes is alone
        connection.execute(select(TrailHead.seq).with_for_update())


def append(connection: Connection, events: Sequence[Event], *, at: datetime, actor: str) -> int:
    """Add events to the end of the trail and return the number of the newest event.

    They commit or vanish with the caller's transaction, which holds the end of the trail until then. In the
    body, `data` stands beside the keys seq, at, kind, actor and case. No events change nothing. In a live workspace
    no event is dated before the newest one, and a jump of the real clock is an event of its own, once, before them.

    Raises:
        BadInput: a naive moment, a kind of no or more than 40 characters, a value that the encoding refuses.
        PermanentError: the trail's head is missing, or somebody else wrote behind it.
    """
    if at.tzinfo is None:
        raise BadInput(f"{at} has no time zone. Pass an aware datetime.")
    # On PostgreSQL the lock makes appending processes take turns; on SQLite every write transaction does.
    head = connection.execute(_HEAD).one_or_none()
    if head is None:
        raise PermanentError("The trail has lost its head. Restore a backup, then run `handrail trail verify`.")
    newest, previous = int(head.seq), head.hash
    if not events:
        return newest
    shown = real_time(connection)
    leap = jump(head.clock, shown)
    signed = [(event, actor) for event in events]
    if (leap is not None or (head.at is not None and at < head.at)) and not founding.read(connection).is_rehearsal:
        at = at if head.at is None else max(at, head.at)
        if leap is not None:
            signed = [(_jumped(head.clock, shown, leap), CLOCK), *signed]
    stamp = _iso(at)
    bodies = [encode(_body(event, seq, stamp, by)) for seq, (event, by) in enumerate(signed, newest + 1)]
    hashes = chain(previous, bodies)
    try:
        _insert(connection, newest + 1, at.astimezone(UTC), [event for event, _ in signed], bodies, hashes)
    except IntegrityError as fault:
        if not is_taken(fault):
            raise
        raise PermanentError(
            f"An event behind number {newest} of the trail was not written by Handrail, so nothing more can be. See "
            "`handrail trail verify`, and restore a backup from before it."
        ) from None
    newest += len(signed)
    connection.execute(_MOVE, {"newest": newest, "link": hashes[-1], "moment": at, "shown": shown})
    return newest


_HEAD = select(TrailHead.seq, TrailHead.hash, TrailHead.at, TrailHead.clock).with_for_update()
_MOVE = update(TrailHead).values(
    seq=bindparam("newest"),
    hash=bindparam("link"),
    at=bindparam("moment", type_=UtcDateTime),
    clock=bindparam("shown", type_=UtcDateTime),
)


def moment(connection: Connection, now: datetime) -> datetime:
    """The moment at which events are written now, for rows that must carry the same; holds the end of the trail."""
    newest = connection.execute(_HEAD).one_or_none()
    if newest is None or newest.at is None or now >= newest.at or founding.read(connection).is_rehearsal:
        return now
    later: datetime = newest.at
    return later


def _jumped(before: datetime, shown: datetime, leap: timedelta) -> Event:
    stands = {"before": _iso(before), "shown": _iso(shown), "seconds": round(leap.total_seconds())}
    return Event("clock.jumped", data=stands)


def give_reason(connection: Connection, seq: int, reason: str) -> None:
    """Keep the sentence a person gave for event `seq` beside the trail, where it can be erased."""
    connection.execute(insert(Reason).values(seq=seq, text=reason))


@dataclass(frozen=True, slots=True)
class Written:
    """One event as it stands in the trail; `because` is the sentence a person gave, which can be erased."""

    body: Mapping[str, Any]
    hash: str
    because: str | None

    @property
    def document(self) -> dict[str, Any]:
        """What a reader is given: the event, and under `because` the sentence where there is one."""
        return {**self.body, **({"because": self.because} if self.because else {})}

    @property
    def seq(self) -> int:
        """Its number."""
        return int(self.body["seq"])

    @property
    def at(self) -> datetime:
        """When it was written."""
        return datetime.fromisoformat(self.body["at"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which events are looked for; `since` is included, `until` and the number `before` are not."""

    case: int | None = None
    kind: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def newest(
    connection: Connection, sought: Sought, *, onlooker: Onlooker | None = None, limit: int = 100
) -> list[Written]:
    """The newest `limit` events that fit, newest first.

    `onlooker` is not told what was said of cases that are kept from them.
    """
    query = (
        select(TrailEvent.body, TrailEvent.hash, Reason.text)
        .join(Reason, Reason.seq == TrailEvent.seq, isouter=True)
        .order_by(TrailEvent.seq.desc())
        .limit(limit)
    )
    if sought.case is not None:
        query = query.where(TrailEvent.case_id == sought.case)
    if sought.kind is not None:
        query = query.where(TrailEvent.kind == sought.kind)
    if sought.actor is not None:
        query = query.where(_by(connection, sought.actor))
    if sought.since is not None:
        query = query.where(TrailEvent.at >= sought.since)
    if sought.until is not None:
        query = query.where(TrailEvent.at < sought.until)
    if sought.before is not None:
        query = query.where(TrailEvent.seq < sought.before)
    if onlooker is not None:
        told = or_(TrailEvent.case_id.is_(None), TrailEvent.kind.in_(TELLS_NOTHING))
        query = query.where(or_(told, ~kept_from(onlooker, TrailEvent.case_id)))
    return [Written(decode(body), _hex(hash_), text) for body, hash_, text in connection.execute(query)]


def _hex(hash_: object) -> str:
    """A hash for people; SQLite keeps any value that somebody wrote past Handrail in its place."""
    return hash_.hex() if isinstance(hash_, bytes) else str(hash_)


def changes(connection: Connection, kinds: Sequence[str]) -> list[Change]:
    """Every event of these kinds that say what governs, oldest first."""
    query = select(TrailEvent.body).where(TrailEvent.kind.in_(kinds)).order_by(TrailEvent.seq)
    return [Change.of(decode(body)) for body in connection.execute(query).scalars()]


def search(
    connection: Connection,
    *,
    case: int | None = None,
    kind: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """The newest `limit` events that fit, oldest first; `since` is included, `until` is not.

    Where a person gave a reason it stands under `because`: it is not part of the event and can be erased.
    """
    sought = Sought(case=case, kind=kind, actor=actor, since=since, until=until)
    found = newest(connection, sought, limit=limit)
    return [one.document for one in reversed(found)]


def _by(connection: Connection, actor: str) -> ColumnElement[bool]:
    """The condition that `actor` did it; only the bytes say so.

    Keys are sorted and no quotation mark stands unescaped in a text: these bytes occur where the actor is named, and
    nowhere else.
    """
    named = b'"actor":' + encode({"": actor})[len(b'{"":') : -1]
    if connection.dialect.name == "sqlite":
        return func.instr(TrailEvent.body, named) > 0
    return func.position(literal(named, LargeBinary).op("IN")(TrailEvent.body)) > 0


def verify_newest(connection: Connection, most: int) -> Verification:
    """As `verify`, of the newest `most` events only, from the hash that stands before them."""
    head = connection.execute(select(TrailHead.seq, TrailHead.hash)).one_or_none()
    if head is None or head.seq <= most:
        return verify(connection)
    first = head.seq - most
    before = connection.execute(select(TrailEvent.hash).where(TrailEvent.seq == first)).scalar()
    start = (first, before or b"")
    return verify_entries(_compared(connection, after=first), head=(head.seq, head.hash), start=start)


def loose(connection: Connection, seqs: Sequence[int]) -> set[int]:
    """Which of these events do not follow, by hash, from their own bytes and the event before."""
    wanted = {number for seq in seqs for number in (seq - 1, seq)}
    rows: dict[int, tuple[bytes, bytes]] = {0: (b"", GENESIS)}
    for part in chunks(sorted(wanted)):
        query = select(TrailEvent.seq, TrailEvent.body, TrailEvent.hash).where(TrailEvent.seq.in_(part))
        rows.update({seq: (body, hash_) for seq, body, hash_ in connection.execute(query)})
    return {seq for seq in seqs if seq - 1 not in rows or link(rows[seq - 1][1], rows[seq][0]) != rows[seq][1]}


def verify(connection: Connection) -> Verification:
    """Follow the whole chain; compare searchable columns with bytes, and the head with the newest event."""
    head = connection.execute(select(TrailHead.seq, TrailHead.hash, TrailHead.at)).one_or_none()
    if head is None:
        return Verification(
            valid=False, events=0, head=GENESIS.hex(), first_bad=1, problem="the trail has lost its head"
        )
    return verify_entries(_compared(connection, ends=head.at), head=(head.seq, head.hash))


def export(connection: Connection, path: Path) -> int:
    """Write every event to `path`, one JSON object a line, and return how many.

    `handrail.trail.verify.verify_export` checks the file without a database.
    """
    count = 0
    with path.open("wb") as file:
        for seq, _, _, _, body, hash_ in _rows(connection):
            file.write(export_line((seq, body, hash_)))
            count += 1
    return count


def _body(event: Event, seq: int, at: str, actor: str) -> dict[str, Any]:
    if not 0 < len(event.kind) <= KIND_CHARACTERS:
        raise BadInput(f"{event.kind!r} is no kind of event. Name it in 1 to {KIND_CHARACTERS} characters.")
    if not OWN_KEYS.isdisjoint(event.data):
        taken = ", ".join(sorted(OWN_KEYS.intersection(event.data)))
        raise BadInput(f"The data of a {event.kind} event uses the trail's own keys: {taken}. Rename them.")
    body = {"seq": seq, "at": at, "kind": event.kind, "actor": actor, **event.data}
    if event.case is not None:
        body["case"] = event.case
    return body


def _insert(
    connection: Connection,
    first: int,
    at: datetime,
    events: Sequence[Event],
    bodies: Sequence[bytes],
    hashes: Sequence[bytes],
) -> None:
    numbers = range(first, first + len(events))
    kinds, cases = [event.kind for event in events], [event.case for event in events]
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(POSTGRESQL_INSERT, (at, list(numbers), kinds, cases, bodies, hashes))
        return
    moment = f"{at:%Y-%m-%d %H:%M:%S.%f}"  # as SQLAlchemy writes it: searching compares texts
    rows = zip(numbers, repeat(moment), kinds, cases, bodies, hashes, strict=False)
    connection.exec_driver_sql(SQLITE_INSERT, list(rows))


def _rows(
    connection: Connection, *, after: int = 0, at_once: int = ROWS_AT_ONCE
) -> Iterator[Row[tuple[int, datetime, str, int | None, bytes, bytes]]]:
    query = (
        select(TrailEvent.seq, TrailEvent.at, TrailEvent.kind, TrailEvent.case_id, TrailEvent.body, TrailEvent.hash)
        .where(TrailEvent.seq > after)
        .order_by(TrailEvent.seq)
    )
    yield from connection.execute(query.execution_options(yield_per=at_once))


def _compared(
    connection: Connection, *, after: int = 0, ends: datetime | None = None, at_once: int = ROWS_AT_ONCE
) -> Iterator[Entry]:
    at: datetime | None = None
    try:
        for seq, at, kind, case, body, hash_ in _rows(connection, after=after, at_once=at_once):
            event = decode(body)
            if (_iso(at), kind, case) != (event.get("at"), event.get("kind"), event.get("case")):
                raise Mismatch("its searchable columns differ from its bytes")
            yield seq, body, hash_
            after = seq
    except NoMoment:
        if at_once == 1:
            raise Mismatch("its moment is none") from None
        # The rows come many at once: which of them is damaged is known when they come one by one.
        yield from _compared(connection, after=after, ends=ends, at_once=1)
        return
    if ends is not None and at != ends:
        raise Mismatch("the trail's head carries another moment than the newest event")


@lru_cache(maxsize=1)  # the events of one batch share their moment
def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

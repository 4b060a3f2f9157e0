"""Proof that a trail is whole; needs the events only, no database."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from handrail.errors import BadInput, NotFound, PermanentError
from handrail.trail.chain import GENESIS, link
from handrail.trail.encoding import decode

Entry = tuple[int, bytes, bytes]


class Mismatch(PermanentError):
    """An event is not what was written. Compare with an export or a backup."""


@dataclass(frozen=True)
class Verification:
    """How far a trail is sound: `events` of them, up to the hash `head` (hex).

    In an invalid one, `first_bad` is the number at which it stops being what was written, and `problem` says
    what is wrong there; both are None for a valid trail. `backwards` counts the events dated before the one they
    follow, and `first_backwards` is the first: older versions and rehearsals wrote such, so it is no fault by itself.
    """

    valid: bool
    events: int
    head: str
    first_bad: int | None = None
    problem: str | None = None
    backwards: int = 0
    first_backwards: int | None = None

    @property
    def note(self) -> str | None:
        """Where time runs backwards in the trail; None where it does not."""
        if not self.backwards:
            return None
        count = "1 event is" if self.backwards == 1 else f"{self.backwards} events are"
        return f"{count} dated before the event they follow, event {self.first_backwards} first: a clock was set."


class _Moments:
    """Follows the moments of events: the text of one sorts as its time does."""

    def __init__(self) -> None:
        self.newest, self.backwards = "", 0
        self.first: int | None = None

    def see(self, seq: int, at: str) -> None:
        if at < self.newest:
            self.backwards += 1
            self.first = self.first or seq
        self.newest = at


def verify(
    entries: Iterable[Entry], *, head: tuple[int, bytes] | None = None, start: tuple[int, bytes] = (0, GENESIS)
) -> Verification:
    """Follow the chain through (seq, body, hash) from the first event on; an empty trail is valid.

    `head` is the (seq, hash) the trail must end with: only who noted it elsewhere can see that the newest
    events were cut off, or that all of it was written anew. `entries` may raise `Mismatch` and so end it.
    From `start`, the (seq, hash) of an earlier event that is taken as it is, only what follows is verified.
    """
    seq, newest = start
    moments = _Moments()
    try:
        for entry in entries:
            newest, at = _follow(newest, seq + 1, entry)
            seq += 1
            moments.see(seq, at)
        if head is not None:
            _match_head(head, (seq, newest))
    except (Mismatch, BadInput) as finding:
        events = seq - start[0]
        return Verification(valid=False, events=events, head=newest.hex(), first_bad=seq + 1, problem=str(finding))
    sound = Verification(valid=True, events=seq - start[0], head=newest.hex())
    return replace(sound, backwards=moments.backwards, first_backwards=moments.first)


def verify_export(path: Path, *, head: tuple[int, bytes] | None = None) -> Verification:
    """Verify an exported file, as `verify` does.

    Raises:
        NotFound: there is no such file.
    """
    if not path.is_file():
        raise NotFound(f"There is no export at {path}. Write one with `handrail trail export`.")
    return verify(_lines(path), head=head)


def export_line(entry: Entry) -> bytes:
    """One event as a line of an export: its number, its bytes as text, its hash as hex."""
    seq, body, hash_ = entry
    line = json.dumps({"seq": seq, "body": body.decode(), "hash": hash_.hex()}, ensure_ascii=False)
    return line.encode() + b"\n"


def _follow(previous: bytes, number: int, entry: Entry) -> tuple[bytes, str]:
    """The hash of the event that should be `number`, and its moment."""
    seq, body, hash_ = entry
    if seq != number:
        raise Mismatch(f"event {seq} stands in its place")
    expected = link(previous, body)
    if hash_ != expected:
        raise Mismatch("its hash does not follow from its bytes and the event before")
    event = decode(body)
    if event.get("seq") != seq:
        raise Mismatch("its bytes carry another number")
    return expected, str(event.get("at", ""))


def _match_head(expected: tuple[int, bytes], actual: tuple[int, bytes]) -> None:
    if expected != actual:
        seq, hash_ = expected
        raise Mismatch(f"the trail should end with event {seq}, hash {hash_.hex()}")


def _lines(path: Path) -> Iterator[Entry]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                entry = decode(line)
                yield int(entry["seq"]), entry["body"].encode(), bytes.fromhex(entry["hash"])
            except (BadInput, KeyError, TypeError, ValueError, AttributeError) as error:
                raise Mismatch(f"line {number} of {path.name} is no event: {error}") from None

"""Which desks serve a database: one at a file, any number at a server; a seat ends with its process, also by a kill.

At a file two writers that join people's commits would only keep each other waiting, and people would find their work
at two addresses. At a server everything that two desks share (claims, actions, alerts, failed sign-ins, the intake)
is reserved by rows and locks of the database, as between a desk and the flows.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from handrail.errors import DatabaseBusy, Refused

_TRIES, _PAUSE = 20, 0.05
"""A lock is asked for again for a second: somebody may only be looking who has it."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A running desk: where people find it, and its process."""

    address: str
    pid: int


def place(file: Path) -> Path:
    """Where the desk of a database file, or of a workspace's folder, is written down."""
    return file.with_name(f".{file.name}.desk")


@contextmanager
def taken(lock: Path, seat: Seat) -> Iterator[None]:
    """Be the desk of this place until the end.

    Raises:
        Refused: another one is.
        DatabaseBusy: the folder takes no lock.
    """
    try:
        descriptor = _locked(lock)
    except OSError as fault:
        raise DatabaseBusy(f"{lock.parent} cannot be locked ({fault.strerror}). Correct it, then try again.") from fault
    if descriptor is None:
        other = occupant(lock)
        raise refusal(other) if other else DatabaseBusy("A desk of this workspace starts or stops now. Try again.")
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(asdict(seat)).encode())
        yield
    finally:
        lock.unlink(missing_ok=True)  # before the lock goes: who finds this file locked by nobody would take it
        os.close(descriptor)


def refusal(other: Seat) -> Refused:
    """Why no second desk starts beside `other`."""
    return Refused(
        f"A desk serves this workspace already, at {other.address} (process {other.pid}). Use that one; or stop it "
        f"first, with Ctrl-C in its terminal or `kill {other.pid}`."
    )


def occupant(lock: Path) -> Seat | None:
    """The desk that runs at this place, or None; what a killed one left behind counts for nothing."""
    for _ in range(_TRIES):
        try:
            descriptor = os.open(lock, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                return Seat(**json.loads(os.read(descriptor, 10_000)))
            except ValueError:  # it has not written its address yet
                time.sleep(_PAUSE)
        else:
            return None
        finally:
            os.close(descriptor)
    return None


def _locked(lock: Path) -> int | None:
    """The open file with its lock; None while somebody has it."""
    for _ in range(_TRIES):
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BlockingIOError:
            time.sleep(_PAUSE)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    return None


@contextmanager
def among_others(engine: Engine, work: str) -> Iterator[int]:
    """Be one of the desks of a server until the end; how many there are now, this one included."""
    key = {"work": work}
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        try:
            connection.execute(text("SELECT pg_advisory_lock_shared(hashtextextended(:work, 0))"), key)
            yield int(connection.execute(_SEATS, key).scalar_one())
        finally:
            connection.invalidate()


_SEATS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (classid::bigint << 32) | objid::bigint = hashtextextended(:work, 0)"
)

"""Turns: who does a work alone, or beside others; a turn ends with whoever has it, also by a kill."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from handrail.errors import DatabaseBusy


@contextmanager
def beside(file: Path, work: str) -> Iterator[None]:
    """Wait for the turn at a database file, by a lock that the system takes back from who dies.

    Raises:
        DatabaseBusy: the folder takes no lock.
    """
    lock = _beside(file, work, "turn")
    try:
        descriptor = _locked(lock)
    except OSError as fault:
        raise _unlockable(lock, fault) from fault
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # before the lock goes: who waits for this file sees that it has to ask anew
        os.close(descriptor)


@contextmanager
def shared_beside(file: Path, work: str, when_alone: Callable[[], None]) -> Iterator[None]:
    """Do work at a database file beside others; `when_alone` runs first if nobody else does it, and they wait for that.

    The lock's file stays: who shares a lock that others cannot see any more would be taken for dead.

    Raises:
        DatabaseBusy: the folder takes no lock.
    """
    lock = _beside(file, work, "shared")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        raise _unlockable(lock, fault) from fault
    try:
        if _is_free(descriptor):
            when_alone()
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _beside(file: Path, work: str, kind: str) -> Path:
    return file.with_name(f".{file.name}.{hashlib.sha256(work.encode()).hexdigest()[:16]}.{kind}")


def _unlockable(lock: Path, fault: OSError) -> DatabaseBusy:
    return DatabaseBusy(f"{lock.parent} cannot be locked ({fault.strerror}). Correct it, then try again.")


def _locked(lock: Path) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def take(connection: Connection) -> None:
    """Wait for the turn to write in a PostgreSQL database, in the order of asking; it ends with the transaction.

    It is the first lock of every writing transaction, and so the only one that anybody waits for.
    """
    connection.execute(_WRITING)


_WRITING = text("SELECT pg_advisory_xact_lock(hashtextextended('handrail write', 0))")


@contextmanager
def on_server(engine: Engine, work: str) -> Iterator[None]:
    """Wait for the turn at a PostgreSQL server, by a lock of a connection that is kept for it and closed at the end."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        try:
            connection.execute(text("SET lock_timeout = 0"))  # who has the turn may need minutes
            connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:work, 0))"), {"work": work})
            yield
        finally:
            connection.invalidate()


@contextmanager
def shared_on_server(engine: Engine, work: str, when_alone: Callable[[], None]) -> Iterator[None]:
    """As `shared_beside`, by locks of a connection to a PostgreSQL server."""
    name = {"work": work}
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        try:
            connection.execute(text("SET lock_timeout = 0"))
            alone = text("SELECT pg_try_advisory_lock(hashtextextended(:work, 0))")
            is_free = bool(connection.execute(alone, name).scalar_one())
            if is_free:
                when_alone()
            connection.execute(text("SELECT pg_advisory_lock_shared(hashtextextended(:work, 0))"), name)
            if is_free:
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:work, 0))"), name)
            yield
        finally:
            connection.invalidate()

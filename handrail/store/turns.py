"""Turns: work that one does at a time while others wait; a turn ends with whoever has it, also by a kill."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
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
    lock = file.with_name(f".{file.name}.{hashlib.sha256(work.encode()).hexdigest()[:16]}.turn")
    try:
        descriptor = _locked(lock)
    except OSError as fault:
        raise DatabaseBusy(f"{lock.parent} cannot be locked ({fault.strerror}). Correct it, then try again.") from fault
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # before the lock goes: who waits for this file sees that it has to ask anew
        os.close(descriptor)


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

"""What a database says when it cannot go on, told as a sentence with the remedy."""

import sqlite3

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from handrail.errors import BadInput, DatabaseBusy, HandrailError, NotFound, Overtaken, PermanentError, RetryableError

BUSY = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED", "55P03"})
"""PostgreSQL's code: lock not available."""
OVERTAKEN = frozenset({"40P01", "40001"})
"""PostgreSQL's codes: deadlock, serialization failure."""
DAMAGED = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})
FULL = frozenset({"SQLITE_FULL", "53100"})
UNOPENED = frozenset({"SQLITE_CANTOPEN"})
NO_MOMENT = "NO_MOMENT"
"""Of our own: PostgreSQL keeps moments, such as infinity, that no calendar of Python's has."""
TAKEN = frozenset({"SQLITE_CONSTRAINT", "23505"})
LOST = ("08", "57P")
"""Beginnings of PostgreSQL's codes for a lost connection and a server that goes down."""


def explain(fault: DBAPIError, database: str) -> HandrailError | None:
    """The exception that tells the user what happened, or None for a fault of the program.

    `database` is the address without a password.
    """
    code = _code(fault)
    if code in BUSY:
        return DatabaseBusy(f"Another process kept {database} locked. Try again, or end the one that holds it.")
    if code in OVERTAKEN:
        return Overtaken(f"{database} ended this for a writer past Handrail. Nothing was written; try again.")
    if code in DAMAGED:
        return BadInput(f"{database} is damaged or no database. Restore a backup, or choose another place.")
    if code == NO_MOMENT:
        return PermanentError(
            f"{database} holds a moment that no calendar has, which was not written by Handrail. Restore a backup, or"
            " put that one right and run `handrail trail verify`."
        )
    if code in FULL:
        return RetryableError(f"The disk of {database} is full; nothing was written. Free space, then try again.")
    if code in UNOPENED:
        return NotFound(f"{database} cannot be opened. Check its folder and permissions, or run `handrail init`.")
    if code.startswith(LOST):
        return RetryableError(f"{database} does not answer. Start the server, or correct HANDRAIL_DATABASE_URL.")
    return None


def is_taken(fault: DBAPIError) -> bool:
    """Whether a row with this number stands there already."""
    return _code(fault) in TAKEN


def conceal(context: ExceptionContext) -> None:
    """Keep the first sentence of PostgreSQL's message only: the next quotes the row, and logs quote both."""
    primary = getattr(getattr(context.original_exception, "diag", None), "message_primary", None)
    if primary and context.sqlalchemy_exception is not None:
        context.original_exception.args = (primary,)
        context.sqlalchemy_exception.args = (f"({type(context.original_exception).__name__}) {primary}",)


def _code(fault: DBAPIError) -> str:
    """SQLite's error name without its extension (SQLITE_BUSY_SNAPSHOT is SQLITE_BUSY), or the SQLSTATE."""
    sqlite = getattr(fault.orig, "sqlite_errorname", None)
    if sqlite is not None:
        return "_".join(sqlite.split("_")[:2])
    if isinstance(fault.orig, sqlite3.Error) and "decode" in str(fault.orig):
        return "SQLITE_CORRUPT"  # a text that is none; Python finds it, so it has no name of SQLite's
    if type(fault.orig).__name__ == "DataError" and "timestamp too" in str(fault.orig):
        return NO_MOMENT  # psycopg finds it, so it has no code of the server's
    state = getattr(fault.orig, "sqlstate", None)
    if state is not None:
        return str(state)
    # Without a statement it was the connection that failed; the server could not even give a code.
    return LOST[0] if fault.connection_invalidated or fault.statement is None else ""

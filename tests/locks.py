"""The order of locks in PostgreSQL, seen in the statements of each transaction."""

import re

from sqlalchemy import event

from handrail.store.engine import Connection, Store

TURN = "'handrail write'"
_LOCKS = re.compile(r"\b(INSERT|UPDATE|DELETE|LOCK TABLE|ALTER|CREATE|DROP|TRUNCATE|pg_advisory_xact_lock)\b")
"""What takes a lock that somebody else may wait for; SELECT … FOR UPDATE is among it."""


def _only_reads(connection: Connection) -> bool:
    """A reader's transaction refuses to write."""
    return bool(connection.get_execution_options().get("postgresql_readonly"))


def watched(store: Store) -> list[str]:
    """A list that gathers from now on every statement that locks in a transaction which has not taken its turn."""
    engine, early = store._writing, []

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.info["has_turn"] = False

    @event.listens_for(engine, "before_cursor_execute")
    def execute(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        if TURN in statement:
            connection.info["has_turn"] = True
        elif not (connection.info.get("has_turn") or _only_reads(connection)) and _LOCKS.search(statement):
            early.append(statement)

    return early

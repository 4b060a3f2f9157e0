"""Rows inserted in bulk that need the numbers they got."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select

from handrail.store.schema import Case, Decision, WorkItem


def insert_numbered(
    connection: Connection, table: type[Case | Decision | WorkItem], rows: Sequence[dict[str, Any]]
) -> list[int]:
    """Insert rows and return their ids, in order; no rows give an empty list.

    A writer of SQLite is alone and counts on from the newest row, as SQLite would: asking back for the id of
    every row takes three times as long. PostgreSQL's writers are many and share a sequence.
    """
    if not rows:
        return []
    if connection.dialect.name != "sqlite":
        statement = insert(table).returning(table.id, sort_by_parameter_order=True)
        return list(connection.execute(statement, list(rows)).scalars())
    newest = connection.execute(select(func.coalesce(func.max(table.id), 0))).scalar_one()
    ids = list(range(newest + 1, newest + 1 + len(rows)))
    connection.execute(insert(table), [{"id": number, **row} for number, row in zip(ids, rows, strict=True)])
    return ids

"""Many rows at once: inserted, and found by a list of values."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from handrail.store.schema import Base, Case, Decision, WorkItem
from handrail.store.schema.base import UtcDateTime

Rows = Sequence[dict[str, Any]]


def insert_rows(connection: Connection, table: type[Base], rows: Rows) -> None:
    """Insert rows that all have the same columns, defaults included; no rows change nothing.

    SQLite's driver gets plain tuples, written a column at a time: SQLAlchemy's way from value to value takes
    longer than the database. PostgreSQL goes that way.
    """
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(insert(table), list(rows))
        return
    names = tuple(rows[0])
    types = table.__table__.columns
    columns = [_written([row[name] for row in rows], types[name].type, connection.dialect) for name in names]
    connection.exec_driver_sql(_statement(table, names), list(zip(*columns, strict=True)))


def insert_numbered(connection: Connection, table: type[Case | Decision | WorkItem], rows: Rows) -> list[int]:
    """As `insert_rows`; returns the new ids, in order.

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
    insert_rows(connection, table, [{"id": number, **row} for number, row in zip(ids, rows, strict=True)])
    return ids


def among(
    connection: Connection, column: InstrumentedAttribute[Any], values: Sequence[int] | Sequence[str]
) -> ColumnElement[bool]:
    """The condition that `column` is one of `values`.

    SQLite takes them as one parameter: a mark for each costs SQLAlchemy three times what the search costs SQLite.
    """
    if connection.dialect.name != "sqlite":
        return column.in_(values)
    listed = func.json_each(json.dumps(values)).table_valued("value")
    return column.in_(select(listed.c.value))


def _written(values: list[Any], kind: TypeEngine[Any], dialect: Dialect) -> list[Any]:
    """The values of one column as the driver takes them."""
    write = kind.dialect_impl(dialect).bind_processor(dialect)
    if write is None:
        return values
    if isinstance(kind, UtcDateTime):  # the rows of a batch share few moments
        known = {value: write(value) for value in set(values)}
        return [known[value] for value in values]
    return [write(value) for value in values]


@lru_cache(maxsize=64)
def _statement(table: type[Base], names: tuple[str, ...]) -> str:
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    return f'INSERT INTO "{table.__tablename__}" ({columns}) VALUES ({marks})'  # noqa: S608 - names of our columns

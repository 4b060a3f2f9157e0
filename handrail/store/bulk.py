"""Many rows at once: inserted, updated, and found by a list of values."""

import json
from collections.abc import Sequence
from dataclasses import fields
from functools import cache, lru_cache
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Text,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from handrail.store.frames import RowType
from handrail.store.schema import Base, Case, Decision, WorkItem

Rows = Sequence[dict[str, Any]]


def row_of(value: RowType, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - columns of a table
    """The row to write of a value whose fields are columns, and of `more` columns.

    Not `asdict`: that copies whatever the fields hold, which takes longer than writing it.
    """
    names, values_of = _reading(type(value))
    return {**dict(zip(names, values_of(value), strict=True)), **more}


@cache
def _reading(kind: type[RowType]) -> tuple[tuple[str, ...], "attrgetter[tuple[Any, ...]]"]:
    """The names of the fields, and what reads them all at once; a kind with fewer than two has no rows here."""
    names = tuple(one.name for one in fields(kind))
    return names, attrgetter(*names)


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
    connection.exec_driver_sql(_insert(table, names), _tuples(connection, table, names, rows))


def update_rows(connection: Connection, table: type[Base], key: str, rows: Rows) -> None:
    """Write all other columns of each row where column `key` has its value; no rows change nothing."""
    if not rows:
        return
    names = (*(name for name in rows[0] if name != key), key)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_update(table, names), _tuples(connection, table, names, rows))
        return
    columns = table.__table__.columns
    statement = update(table).where(columns[key] == bindparam("_key"))
    statement = statement.values({name: bindparam(name) for name in names[:-1]})
    connection.execute(statement, [{**row, "_key": row[key]} for row in rows])


def insert_numbered(connection: Connection, table: type[Case | Decision | WorkItem], rows: Rows) -> list[int]:
    """As `insert_rows`; returns the new ids, in order.

    A writer of SQLite is alone and counts on from the highest number ever given, as SQLite would: asking back for
    the id of every row takes three times as long. PostgreSQL's writers are many and share a sequence.
    """
    if not rows:
        return []
    if connection.dialect.name != "sqlite":
        statement = insert(table).returning(table.id, sort_by_parameter_order=True)
        return list(connection.execute(statement, list(rows)).scalars())
    newest = connection.execute(_HIGHEST, {"table": table.__tablename__}).scalar_one()
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


def one_of(dialect: str, column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """As `among` for a statement that is built once; the values are its parameter ``ids``, see `ids`.

    Building a statement takes SQLAlchemy longer than SQLite takes to answer it: what the desk asks for every case
    is built once for each kind of database.
    """
    if dialect != "sqlite":
        return column.in_(bindparam("ids", expanding=True))
    listed = func.json_each(bindparam("ids", type_=Text)).table_valued("value")
    return column.in_(select(listed.c.value))


def ids(connection: Connection, values: Sequence[int] | Sequence[str]) -> str | list[Any]:
    """The values of `one_of` as its parameter."""
    return json.dumps(values) if connection.dialect.name == "sqlite" else list(values)


_HIGHEST = text("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = :table")
"""Not the newest row's: that one may have been deleted, and its number is known outside."""


def _tuples(connection: Connection, table: type[Base], names: Sequence[str], rows: Rows) -> list[tuple[Any, ...]]:
    types = table.__table__.columns
    columns = [_written(list(map(itemgetter(name), rows)), types[name].type, connection.dialect) for name in names]
    return list(zip(*columns, strict=True))


def _written(values: list[Any], kind: TypeEngine[Any], dialect: Dialect) -> list[Any]:
    """The values of one column as the driver takes them."""
    write = kind.dialect_impl(dialect).bind_processor(dialect)
    if write is None:
        return values
    try:
        known = {value: write(value) for value in set(values)}  # the rows of a batch share most moments and codes
    except TypeError:  # lists and mappings
        return list(map(write, values))
    return list(map(known.__getitem__, values))


# The names are those of our own tables and columns.


@lru_cache(maxsize=64)
def _insert(table: type[Base], names: tuple[str, ...]) -> str:
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    return f'INSERT INTO "{table.__tablename__}" ({columns}) VALUES ({marks})'  # noqa: S608


@lru_cache(maxsize=64)
def _update(table: type[Base], names: tuple[str, ...]) -> str:
    *columns, key = (f'"{name}" = ?' for name in names)
    return f'UPDATE "{table.__tablename__}" SET {", ".join(columns)} WHERE {key}'  # noqa: S608

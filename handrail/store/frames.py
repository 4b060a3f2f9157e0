"""Query results as pandas frames, and frames as plain rows."""

from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, and_
from sqlalchemy.types import TypeEngine

from handrail.window import Window


class RowType(Protocol):
    """A value whose fields are columns: any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


_Row = TypeVar("_Row", bound=RowType)
_WHOLE = {datetime: "datetime64[us, UTC]", int: "int64", float: "float64", bool: "bool", str: "str"}
_WITH_GAPS = _WHOLE | {int: "Int64", bool: "object"}
"""A number of something stays a whole number where others are missing; missing is neither yes nor no."""


def frame(connection: Connection, query: Select) -> pd.DataFrame:  # type: ignore[type-arg]
    """Run `query`; one column per selected column, in its order, of the type that the query declares.

    What the rows hold never decides a column's type, so no row at all gives the same columns: moments are
    datetime64[us, UTC], texts str, and so on. With a value missing, whole numbers are Int64, yes and no objects.
    """
    result = connection.execute(query)
    names, rows = list(result.keys()), result.all()
    cells: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    columns = zip(names, query.selected_columns, cells, strict=True)
    return pd.DataFrame({name: _column(column.type, values) for name, column, values in columns})


def _column(declared: TypeEngine[Any], values: Sequence[Any]) -> "pd.Series[Any]":
    dtypes = _WITH_GAPS if any(value is None for value in values) else _WHOLE
    return pd.Series(values, dtype=dtypes.get(declared.python_type, "object"))


def within(moment: Any, window: Window) -> ColumnElement[bool]:  # noqa: ANN401 - a column of moments
    """Rows whose moment lies in the window."""
    return and_(moment >= window.since, moment < window.until)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as mappings of plain values; what is missing is None."""
    names = [str(name) for name in table.columns]
    columns = [_plain(column) for _, column in table.items()]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def typed(table: pd.DataFrame, kind: type[_Row]) -> list[_Row]:
    """The rows of a frame as values of `kind`, whose fields are columns; what is missing is None.

    A column that the frame does not have takes the field's default; columns without a field are left out.
    """
    wanted = [one.name for one in fields(kind) if one.name in table or one.default is MISSING]
    columns = [_plain(table[name]) for name in wanted]
    if wanted == [one.name for one in fields(kind)]:
        return list(map(kind, *columns))
    return [kind(**dict(zip(wanted, row, strict=True))) for row in zip(*columns, strict=True)]


def _plain(column: "pd.Series[Any]") -> list[Any]:
    missing = column.isna()
    cells = column.astype(object)
    values: list[Any] = (cells.where(~missing, None) if missing.any() else cells).tolist()
    if column.dtype != object or not any(issubclass(kind, np.generic) for kind in set(map(type, values))):
        return values
    return [value.item() if isinstance(value, np.generic) else value for value in values]

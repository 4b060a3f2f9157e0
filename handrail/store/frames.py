"""Query results as pandas frames, and frames as plain rows."""

from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Select


def frame(connection: Connection, query: Select) -> pd.DataFrame:  # type: ignore[type-arg]
    """Run `query`; one column per selected column, in its order; no row gives an empty frame."""
    result = connection.execute(query)
    # Plain tuples: of a database row pandas asks attributes that it does not have, one error each.
    return pd.DataFrame.from_records(list(map(tuple, result.all())), columns=list(result.keys()))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as mappings of plain values; what is missing is None."""
    names = [str(name) for name in table.columns]
    columns = [_plain(column) for _, column in table.items()]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(column: "pd.Series[Any]") -> list[Any]:
    missing = column.isna()
    cells = column.astype(object)
    values: list[Any] = (cells.where(~missing, None) if missing.any() else cells).tolist()
    if column.dtype != object or not any(issubclass(kind, np.generic) for kind in set(map(type, values))):
        return values
    return [value.item() if isinstance(value, np.generic) else value for value in values]

"""Query results as pandas frames, and frames as plain rows."""

from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select


def frame(connection: Connection, query: Select) -> pd.DataFrame:  # type: ignore[type-arg]
    """Run `query`; one column per selected column, in its order; no row gives an empty frame."""
    result = connection.execute(query)
    return pd.DataFrame.from_records(list(result.tuples()), columns=list(result.keys()))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as mappings of plain values; what is missing is None."""
    plain = table.astype(object)
    rows = plain.where(plain.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]

"""Query results as pandas frames, with their columns also when empty."""

import pandas as pd
from sqlalchemy import Connection, Select


def frame(connection: Connection, query: Select) -> pd.DataFrame:  # type: ignore[type-arg]
    """Run `query`; one column per selected column, in its order; no row gives an empty frame."""
    result = connection.execute(query)
    return pd.DataFrame.from_records(list(result.tuples()), columns=list(result.keys()))

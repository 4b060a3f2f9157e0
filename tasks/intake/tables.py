"""Plain files as typed tables, for the statistics that need no workspace."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from handrail.errors import BadInput
from tasks.intake import read

MISSING = ("", "nan", "NaN", "null", "NULL", "None")
"""Cells without a value. Not "NA" or "N/A": that is what people call a region or an answer."""
_NOT_A_NUMBER = frozenset({"NA", "N/A", "n/a", "#N/A", "<NA>", "-"})


def table(path: Path, needed: Sequence[str] = (), *, encoding: str = "utf-8") -> pd.DataFrame:
    """Read a CSV, TSV, JSONL or Parquet file whole; columns of numbers are numbers, all else is text as it stands.

    Among numbers, spellings of "not available" are missing values.

    Raises:
        BadInput: the file is missing, empty, broken or wrongly encoded, or lacks one of the `needed` columns.
    """
    columns = read.check(path, encoding=encoding)
    absent = [name for name in needed if name not in columns]
    if absent:
        raise BadInput(f"{path} has no column {', '.join(absent)}; it has {', '.join(columns)}. Name another one.")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return pd.read_parquet(path)
    if suffix in {".csv", ".tsv"}:
        found = pd.read_csv(
            path,
            sep="," if suffix == ".csv" else "\t",
            encoding=encoding,
            keep_default_na=False,
            na_values=MISSING,
            low_memory=False,
        )
    else:
        rows = pd.concat(read.frames(path, columns, batch_rows=100_000, encoding=encoding), ignore_index=True)
        found = rows.replace(list(MISSING), None)
    for name in found.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in found.dtypes]]:
        numbers = pd.to_numeric(found[name].where(~found[name].isin(_NOT_A_NUMBER)), errors="coerce")
        if (
            numbers.notna().any()
            and numbers.notna().sum() == (found[name].notna() & ~found[name].isin(_NOT_A_NUMBER)).sum()
        ):
            found[name] = numbers
    return found

"""Cells: one column of a delivery as plain texts, and what such texts say."""

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# A full date, and perhaps a time with perhaps an offset; years outside these centuries are typing errors.
_ISO_TIME = re.compile(
    r"(?:19|20|21)[0-9]{2}-?(?:0[1-9]|1[0-2])-?(?:[0-2][0-9]|3[01])"
    r"(?:[T ][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]+)?)?)?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
# The decimal sign is the point; a comma only groups three digits. `1.234,50` could be read in two ways.
_NUMBER = re.compile(r"(-?)[$€£]? ?(-?)([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(\.[0-9]*)?([eE][+-]?[0-9]+)?")
# Controls, line separators, marks that nobody sees, and the mark of a letter that was lost on the way:
# two ids that look alike must be alike.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffd\ud800-\udfff]"
)


def texts(column: pd.Series) -> list[str]:
    """Every cell as text; a missing one is empty.

    Whole floats lose their `.0`, dates become ISO 8601 and nested values JSON, so that a row says the same
    whether it came as CSV, JSONL or Parquet.
    """
    if isinstance(column.dtype, pd.StringDtype):
        return column.fillna("").tolist()
    return [text(value) for value in column.astype(object).tolist()]


def text(value: object) -> str:
    """As `texts` for one value."""
    if isinstance(value, str):
        return storable(value)
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict | list | np.ndarray):
        return storable(json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain))
    return storable(str(value))


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else str(value)


def storable(text: str) -> str:
    """The text without what no database takes: NUL and lone surrogates become U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def identifier(text: str) -> str:
    """An id without surrounding blanks and byte-order marks, in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", text.strip("\ufeff \t\r\n\u00a0"))


def has_unseen(text: str) -> bool:
    """Whether a control character, line separator, invisible or replacement mark stands in the text."""
    return not (text.isascii() and text.isprintable()) and _UNSEEN.search(text) is not None


def number(text: str) -> float:
    """The number a text says, NaN where it says none; see `_NUMBER` for what is understood."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None or (match[1] and match[2]):
        return float("nan")
    sign, digits = match[1] or match[2], match[3].replace(",", "")
    return float(f"{sign}{digits}{match[4] or ''}{match[5] or ''}")


def numbers(cells: Sequence[str]) -> NDArray[np.float64]:
    """As `number` for each cell."""
    return np.array([number(cell) for cell in cells], dtype=float)


def times(cells: Sequence[str], zone: str, date_format: str | None = None) -> pd.Series:
    """The instants that cells name, in UTC to the microsecond; NaT where a cell names none.

    Without `date_format` only ISO 8601 is understood: `04/09/2019` is two dates. A time without an offset
    is local to `zone`; one that clocks skip moves forward, one they repeat is the first.
    """
    cells = [cell.strip() for cell in cells]
    if date_format is not None:
        return _instants(cells, zone, date_format, aware="%z" in date_format)
    matches = [_ISO_TIME.fullmatch(cell) for cell in cells]
    aware = np.array([match is not None and match[1] is not None for match in matches], dtype=bool)
    local = [cell if match and not match[1] else None for cell, match in zip(cells, matches, strict=True)]
    instants = _instants(local, zone, "ISO8601", aware=False)
    if aware.any():
        offset = [cell if has else None for cell, has in zip(cells, aware, strict=True)]
        instants = instants.where(~aware, _instants(offset, zone, "ISO8601", aware=True))
    return instants


def _instants(cells: Sequence[str | None], zone: str, date_format: str, *, aware: bool) -> pd.Series:
    column = pd.Series(list(cells), dtype=object)
    read = pd.to_datetime(column, format=date_format, errors="coerce", utc=aware)
    if not aware:
        first = np.ones(len(read), dtype=bool)
        read = read.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return read.dt.tz_convert("UTC").dt.as_unit("us")

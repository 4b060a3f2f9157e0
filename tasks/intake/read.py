"""Readers: delivered files as frames of texts, a batch at a time, whatever their size."""

import codecs
import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from handrail import cells
from handrail.errors import BadInput
from handrail.mapping import Mapping

_PIECE = 1 << 20  # bytes, or rows of Parquet, looked at together while checking
_LONGEST_CELL = 1 << 25  # characters; a longer one is a quotation mark that nobody closed
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")
_PARQUET = ".parquet"
_BINARIES = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"\x1f\x8b": "a gzip archive",
    b"SQLite format 3": "a database",
    b"PAR1": "a Parquet file",
}
_AS_WRITTEN = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)

csv.field_size_limit(_LONGEST_CELL)


def read(
    path: Path, mapping: Mapping | None = None, *, batch_rows: int, encoding: str = "utf-8"
) -> Iterator[pd.DataFrame]:
    """Read a CSV, TSV, JSONL or Parquet file in frames of at most `batch_rows` rows, every cell a text.

    The whole file is checked before the first frame is handed out, so that nothing of a broken one enters.
    With a mapping only its columns are read. A missing value is an empty text.

    Raises:
        BadInput: the file is missing, empty, binary, wrongly encoded or malformed, or its columns do not
            fit the mapping; the sentence says where and what to do.
    """
    columns = check(path, mapping, encoding=encoding)
    wanted = list(mapping.columns) if mapping else columns
    return frames(path, wanted, batch_rows=batch_rows, encoding=encoding)


def check(path: Path, mapping: Mapping | None = None, *, encoding: str = "utf-8") -> list[str]:
    """Read a file to its end without keeping it; return its columns.

    Raises:
        BadInput: as `read`.
    """
    _require_file(path)
    suffix = path.suffix.lower()
    if suffix == _PARQUET:
        columns, count = _parquet_columns(path)
    elif suffix in _LINES:
        _require_text(path, encoding)
        columns, count = _jsonl_columns(path, encoding)
    elif suffix in _DELIMITERS:
        _require_text(path, encoding)
        columns, count = _csv_columns(path, encoding)
    else:
        raise BadInput(
            f"{path} has the unknown extension {suffix!r}. Save it as .csv, .tsv, .jsonl or .parquet"
            " (a spreadsheet: as CSV UTF-8)."
        )
    if count == 0:
        raise BadInput(f"{path} has columns but no rows. Deliver a file with at least one row.")
    if mapping:
        mapping.check(columns)
    return columns


def digest(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal.

    Raises:
        BadInput: the file is missing or empty.
    """
    _require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def frames(path: Path, columns: Sequence[str], *, batch_rows: int, encoding: str = "utf-8") -> Iterator[pd.DataFrame]:
    """Read these columns of a file that `check` has found good, in frames of at most `batch_rows` rows."""
    suffix = path.suffix.lower()
    if suffix == _PARQUET:
        yield from _parquet_frames(path, columns, batch_rows)
        return
    rows = _jsonl_rows if suffix in _LINES else _csv_rows
    with _open(path, encoding) as file:
        records = rows(path, file, columns)
        while batch := list(islice(records, batch_rows)):
            yield pd.DataFrame(batch, columns=list(columns), dtype=str)


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise BadInput(f"{path} is a folder. Give the path of one file in it.")
    try:
        if path.stat().st_size == 0:
            raise BadInput(f"{path} is empty. Deliver a file with a header and rows.")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist. Give the path of an existing file.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}). Correct its permissions.") from error


def _require_text(path: Path, encoding: str) -> None:
    """Refuse what is no text in `encoding`, naming the first byte that shows it."""
    decoder = _decoder(path, encoding)
    at = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            if at == 0:
                _require_no_binary(path, piece, encoding)
            try:
                text = decoder.decode(piece, final=len(piece) < _PIECE)
            except UnicodeDecodeError as error:
                where = at + len(piece) - len(error.object) + error.start
                raise BadInput(
                    f"{path}, byte {where}: not {encoding}. Save the file as UTF-8, or name its encoding, "
                    "such as --encoding cp1252 or --encoding latin-1."
                ) from error
            if "\x00" in text:
                raise BadInput(
                    f"{path}, byte {at + piece.index(0)}: a NUL, so the file is binary or UTF-16. "
                    "Export it as CSV in UTF-8, or give --encoding utf-16-le."
                )
            at += len(piece)


def _decoder(path: Path, encoding: str) -> codecs.IncrementalDecoder:
    try:
        "".encode(encoding)
        return codecs.getincrementaldecoder(encoding)()
    except LookupError as error:
        raise BadInput(f"{path}: {encoding!r} is no text encoding. Use one such as utf-8 or cp1252.") from error


def _require_no_binary(path: Path, head: bytes, encoding: str) -> None:
    kind = next((kind for magic, kind in _BINARIES.items() if head.startswith(magic)), None)
    if kind:
        raise BadInput(f"{path} is {kind} named {path.suffix}. Export it as CSV in UTF-8, or correct the name.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and "16" not in encoding:
        raise BadInput(f"{path}, byte 0: the file is UTF-16. Save it as UTF-8, or give --encoding utf-16.")


def _open(path: Path, encoding: str) -> IO[str]:
    """Open as text; a byte-order mark is no part of it."""
    name = codecs.lookup(encoding).name
    return path.open(encoding="utf-8-sig" if name == "utf-8" else name, newline="")


def _csv_columns(path: Path, encoding: str) -> tuple[list[str], int]:
    with _open(path, encoding) as file:
        records = _csv_records(path, file)
        header = next(records, [])
        blank = [at for at, name in enumerate(header, start=1) if not name.strip()]
        twice = sorted({name for name in header if header.count(name) > 1})
        if not header or blank:
            raise BadInput(f"{path}: column {(blank or [1])[0]} of the header has no name. Name every column.")
        if twice:
            raise BadInput(f"{path}: the header names {', '.join(map(repr, twice))} twice. Rename one of them.")
        return header, sum(1 for _ in records)


def _csv_records(path: Path, file: IO[str]) -> Iterator[list[str]]:
    """The header and all rows, each as wide as the header; blank lines are skipped."""
    first = file.readline()
    file.seek(0)
    reader = csv.reader(file, delimiter=_delimiter(path, first), strict=True)
    width = 0
    try:
        for record in reader:
            if not record:
                continue
            width = width or len(record)
            if len(record) != width:
                raise BadInput(
                    f"{path}, line {reader.line_num}: {len(record)} cells where the header has {width}. "
                    "Put cells that hold the delimiter in quotation marks."
                )
            yield record
    except csv.Error as error:
        raise BadInput(
            f"{path}, line {reader.line_num}: {error}. Close every quotation mark, and double those inside a cell."
        ) from error


def _delimiter(path: Path, header: str) -> str:
    """The extension's delimiter; where the header lacks it, the one that spreadsheets put in its place."""
    usual = _DELIMITERS[path.suffix.lower()]
    return next((sign for sign in (usual, ";", "\t") if sign in header), usual)


def _csv_rows(path: Path, file: IO[str], columns: Sequence[str]) -> Iterator[list[str]]:
    records = _csv_records(path, file)
    header = next(records)
    places = [header.index(column) for column in columns]
    return ([record[place] for place in places] for record in records)


def _jsonl_columns(path: Path, encoding: str) -> tuple[list[str], int]:
    columns: dict[str, None] = {}
    count = 0
    with _open(path, encoding) as file:
        for record in _jsonl_records(path, file):
            columns |= dict.fromkeys(record)
            count += 1
    return list(columns), count


def _jsonl_records(path: Path, file: IO[str]) -> Iterator[dict[str, Any]]:
    """One object a line; numbers stay as they are written, blank lines are skipped."""
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            record = _AS_WRITTEN.decode(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise BadInput(f"{path}, line {number}: not JSON ({error}). Write one object a line.") from error
        if not isinstance(record, dict):
            raise BadInput(f"{path}, line {number}: not a JSON object. Write one object a line, such as {{…}}.")
        yield record


def _jsonl_rows(path: Path, file: IO[str], columns: Sequence[str]) -> Iterator[list[str]]:
    return ([cells.text(record.get(column)) for column in columns] for record in _jsonl_records(path, file))


def _parquet_columns(path: Path) -> tuple[list[str], int]:
    """The columns, once every page has been read."""
    columns, count = _parquet(path).schema_arrow.names, 0
    for frame in _parquet_frames(path, columns, _PIECE):
        count += len(frame)
    return list(columns), count


def _parquet_frames(path: Path, columns: Sequence[str], batch_rows: int) -> Iterator[pd.DataFrame]:
    try:
        for batch in _parquet(path).iter_batches(batch_size=batch_rows, columns=list(columns)):
            if batch.num_rows:
                yield pd.DataFrame({name: _texts(batch.column(name)) for name in columns}, dtype=str)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: the Parquet file is corrupt ({_brief(error)}). Write it again.") from error


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} is no Parquet file ({_brief(error)}). Write it again, or correct its name.") from error


def _brief(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(". ")


def _texts(column: pa.Array) -> list[str]:
    """Cells as texts: whole numbers keep every digit, also in a column with gaps."""
    if pa.types.is_nested(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return [cells.text(value) for value in column.to_pylist()]
    return [cells.text(value) for value in column.cast(pa.string()).to_pylist()]

"""A file that cannot be used is refused whole, in one sentence with the remedy."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.deliveries import assert_complete, run, trail_head
from tests.workspaces import Handrail, deliver


def missing(file: Path, cases: pd.DataFrame) -> None:
    file.unlink(missing_ok=True)


def folder(file: Path, cases: pd.DataFrame) -> None:
    file.mkdir()


def empty(file: Path, cases: pd.DataFrame) -> None:
    file.touch()


def header_only(file: Path, cases: pd.DataFrame) -> None:
    deliver(cases.head(0), file)


def utf_16(file: Path, cases: pd.DataFrame) -> None:
    file.write_text(deliver(cases, file).read_text(), encoding="utf-16")


def latin_1(file: Path, cases: pd.DataFrame) -> None:
    file.write_text(deliver(cases.assign(text="Größe"), file).read_text(), encoding="latin-1")


def picture(file: Path, cases: pd.DataFrame) -> None:
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))


def spreadsheet(file: Path, cases: pd.DataFrame) -> None:
    file.write_bytes(b"PK\x03\x04" + bytes(200))


def noise(file: Path, cases: pd.DataFrame) -> None:
    file.write_bytes(b"external_id,text\n1,\x00\x01\x02\n")


def without_column(file: Path, cases: pd.DataFrame) -> None:
    table = pd.read_csv(deliver(cases, file), dtype=str)
    table.drop(columns="received_at").to_csv(file, index=False)


def with_strange_column(file: Path, cases: pd.DataFrame) -> None:
    pd.read_csv(deliver(cases, file), dtype=str).assign(mood="calm").to_csv(file, index=False)


def open_quotation(file: Path, cases: pd.DataFrame) -> None:
    deliver(cases, file)
    file.write_text(file.read_text() + 'x-1,"never closed\n')


@pytest.mark.parametrize(
    ("spoil", "cause", "remedy"),
    [
        (missing, "does not exist", "Give the path of an existing file"),
        (folder, "is a folder", "Give the path of one file in it"),
        (empty, "is empty", "Deliver a file with a header and rows"),
        (header_only, "has columns but no rows", "Deliver a file with at least one row"),
        (utf_16, "the file is UTF-16", "give --encoding utf-16"),
        (latin_1, "not utf-8", "--encoding latin-1"),
        (picture, "is an image", "Export it as CSV in UTF-8"),
        (spreadsheet, "is an Excel workbook", "Export it as CSV in UTF-8"),
        (noise, "a NUL", "Export it as CSV in UTF-8"),
        (without_column, "has no column 'received_at'", "Correct the mapping"),
        (with_strange_column, "does not say what to do with 'mood'", "list it under `ignored`"),
        (open_quotation, "line 22", "Close every quotation mark"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_whole_and_enters_once_corrected(
    begun: Handrail,
    cases: pd.DataFrame,
    file: Path,
    spoil: Callable[[Path, pd.DataFrame], None],
    cause: str,
    remedy: str,
) -> None:
    before = trail_head(begun)
    spoil(file, cases)
    sentence = run(begun, file).refusal
    assert cause in sentence
    assert remedy in sentence
    assert begun.rows("SELECT count(*) FROM batches") == [(0,)]
    assert trail_head(begun) == before
    if file.is_dir():
        file.rmdir()
    assert_complete(begun, run(begun, deliver(cases, file)))


@pytest.mark.parametrize(("spoil", "encoding"), [(utf_16, "utf-16"), (latin_1, "latin-1")])
def test_a_file_in_another_encoding_enters_when_the_encoding_is_named(
    begun: Handrail, cases: pd.DataFrame, file: Path, spoil: Callable[[Path, pd.DataFrame], None], encoding: str
) -> None:
    spoil(file, cases)
    assert_complete(begun, run(begun, file, "--encoding", encoding))


def test_an_encoding_that_does_not_exist_is_refused(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    assert "is no text encoding" in run(begun, deliver(cases, file), "--encoding", "klingon").refusal


def test_a_mapping_that_does_not_exist_is_refused(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    answer = begun("run", deliver(cases, file), "--mapping", file.with_name("nowhere.yaml"), "--json")
    assert "nowhere.yaml" in answer.refusal


def test_a_moment_that_cannot_be_read_is_refused(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    assert "is not a time" in begun("run", deliver(cases, file), "--as-of", "yesterday").refusal

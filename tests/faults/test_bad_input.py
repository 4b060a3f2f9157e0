"""Whatever is delivered, a user reads one sentence with the remedy, and nothing is lost or half-done."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from handrail.sample import SampleBusiness
from handrail.store.engine import Store
from tests.workspaces import MAPPING, MORNING, ROOT, Answer, Handrail, deliver

CASES = 20
ONE_TOO_MANY = 3
"""Of 20 rows; the policy lets a tenth be bad."""


@pytest.fixture
def cases(business: SampleBusiness) -> pd.DataFrame:
    """Twenty good rows."""
    usual = business.cases[business.cases["truth_kind"].eq("normal") & business.cases["amount"].notna()]
    return usual.head(CASES).reset_index(drop=True).astype({"received_at": str})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the delivery lies."""
    return tmp_path / "delivery.csv"


def run(handrail: Handrail, file: Path, *options: str) -> Answer:
    return handrail("run", file, "--mapping", MAPPING, "--as-of", MORNING, "--json", *options)


def refusal(answer: Answer) -> str:
    """The one sentence of a command that refused."""
    assert answer.code == 1, answer
    assert answer.out == ""
    assert len(answer.sentences) == 1, answer.err
    assert answer.sentences[0].endswith((".", ".)"))
    return answer.sentences[0]


def trail_head(handrail: Handrail) -> str:
    verified = handrail.ask("trail", "verify")
    assert verified["valid"]
    return str(verified["head"])


def assert_complete(handrail: Handrail, answer: Answer, accepted: int = CASES) -> None:
    """All of the delivery is queued now, and the trail is whole."""
    assert answer.code == 0, answer.err
    assert answer.json["accepted"] == accepted
    assert sum(answer.json["queues"].values()) == accepted
    assert handrail.rows("SELECT count(*) FROM routes") == [(CASES,)]
    assert handrail.states() == {"queued": CASES}
    trail_head(handrail)


# Files that cannot be used as they are --------------------------------------------------------------------------


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
    sentence = refusal(run(begun, file))
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
    assert "is no text encoding" in refusal(run(begun, deliver(cases, file), "--encoding", "klingon"))


def test_a_mapping_that_does_not_exist_is_refused(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    answer = begun("run", deliver(cases, file), "--mapping", file.with_name("nowhere.yaml"), "--json")
    assert "nowhere.yaml" in refusal(answer)


def test_a_moment_that_cannot_be_read_is_refused(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    assert "is not a time" in refusal(begun("run", deliver(cases, file), "--as-of", "yesterday"))


# Rows that cannot be read ---------------------------------------------------------------------------------------


def set_cells(cases: pd.DataFrame, column: str, value: object, rows: int) -> pd.DataFrame:
    """The cases with `value` in the last `rows` cells of `column`."""
    spoilt = cases.astype({column: object})
    spoilt.loc[spoilt.index[-rows:], column] = value
    return spoilt


def bad_date(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "received_at", "the day before yesterday", rows)


def negative_amount(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "amount", -12.5, rows)


def huge_text(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "text", "please " * 750_000, rows)  # 5.25 MB


def old_case(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "received_at", "1987-01-01", rows)


def unclear_consent(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "consent", "perhaps", rows)


def blank_id(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "external_id", "", rows)


def unknown_category(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases.assign(label=""), "label", "billing_qestion", rows)


def taken_id(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "external_id", cases["external_id"].iloc[0], rows)


BAD_ROWS = [
    (bad_date, "cannot be read as ISO 8601"),
    (negative_amount, "is negative"),
    (huge_text, "100000 are allowed"),
    (old_case, "correct the time"),
    (unclear_consent, "List the answer in the mapping"),
    (blank_id, "Give each row an id"),
    (unknown_category, "Did you mean 'billing_question'?"),
    (taken_id, "Keep one of them"),
]
Spoil = Callable[[pd.DataFrame, int], pd.DataFrame]


def write(cases: pd.DataFrame, file: Path) -> Path:
    labels = cases["label"].tolist() if "label" in cases else None
    return deliver(cases, file, labels)


@pytest.mark.parametrize(("spoil", "reason"), BAD_ROWS)
def test_a_bad_row_is_put_aside_with_its_reason_and_enters_once_corrected(
    begun: Handrail, cases: pd.DataFrame, file: Path, spoil: Spoil, reason: str
) -> None:
    answer = run(begun, write(spoil(cases, 1), file))
    assert answer.code == 0, answer.err
    assert (answer.json["accepted"], answer.json["quarantined"]) == (CASES - 1, 1)
    assert begun.states().get("queued") == CASES - 1
    assert len(answer.sentences) == 1
    assert "`handrail quarantine list --batch 1`" in answer.sentences[0]
    held = begun.ask("quarantine", "list", "--batch", "1")
    assert [reason in row["reason"] for row in held] == [True]
    again = run(begun, file)
    assert again.code == 0, again.err
    assert (again.json["accepted"], again.json["duplicates"]) == (0, CASES)
    assert_complete(begun, run(begun, deliver(cases, file)), accepted=1)


@pytest.mark.parametrize(("spoil", "reason"), BAD_ROWS)
def test_too_many_bad_rows_stop_the_delivery_before_anything_is_scored(
    begun: Handrail, cases: pd.DataFrame, file: Path, spoil: Spoil, reason: str
) -> None:
    sentence = refusal(run(begun, write(spoil(cases, ONE_TOO_MANY), file)))
    assert f"{ONE_TOO_MANY} of {CASES} rows" in sentence
    assert "`handrail quarantine list --batch 1`" in sentence
    assert begun.rows("SELECT count(*) FROM routes UNION ALL SELECT count(*) FROM predictions") == [(0,), (0,)]
    assert set(begun.states()) <= {"received"}
    held = begun.ask("quarantine", "list", "--batch", "1")
    assert [reason in row["reason"] for row in held] == [True] * ONE_TOO_MANY
    trail_head(begun)
    assert f"{ONE_TOO_MANY} of {CASES} rows" in refusal(run(begun, file))
    assert_complete(begun, run(begun, deliver(cases, file)))
    assert spoil is blank_id or spoil is taken_id or begun.ask("quarantine", "list") == []

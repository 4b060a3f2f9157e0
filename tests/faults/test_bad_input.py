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
    sentence = run(begun, write(spoil(cases, ONE_TOO_MANY), file)).refusal
    assert f"{ONE_TOO_MANY} of {CASES} rows" in sentence
    assert "`handrail quarantine list --batch 1`" in sentence
    assert begun.rows("SELECT count(*) FROM routes UNION ALL SELECT count(*) FROM predictions") == [(0,), (0,)]
    assert set(begun.states()) <= {"received"}
    held = begun.ask("quarantine", "list", "--batch", "1")
    assert [reason in row["reason"] for row in held] == [True] * ONE_TOO_MANY
    trail_head(begun)
    assert f"{ONE_TOO_MANY} of {CASES} rows" in run(begun, file).refusal
    assert_complete(begun, run(begun, deliver(cases, file)))
    assert spoil is blank_id or spoil is taken_id or begun.ask("quarantine", "list") == []


def test_a_corrected_row_brings_its_corrected_label(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    """A stopped delivery's rows are read anew: what was wrong in them, an outcome too, is forgotten."""
    wrong = cases.assign(label="technical_help")
    assert run(begun, write(bad_date(wrong, ONE_TOO_MANY), file)).refusal
    assert run(begun, write(cases.assign(label="cancellation"), file)).json["imported"] == CASES
    assert begun.rows("SELECT label, count(*) FROM labels GROUP BY label") == [("cancellation", CASES)]


def test_rows_that_stopped_a_delivery_count_again_in_the_next_one(
    begun: Handrail, cases: pd.DataFrame, file: Path
) -> None:
    assert run(begun, write(bad_date(cases, ONE_TOO_MANY), file)).refusal
    one_less = bad_date(cases.head(CASES - 1), ONE_TOO_MANY - 1).tail(ONE_TOO_MANY - 1)
    assert "2 of 3 rows" in run(begun, deliver(pd.concat([cases.head(1), one_less]), file)).refusal


def test_an_identical_row_is_a_duplicate_and_not_bad(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    answer = run(begun, deliver(pd.concat([cases, cases.tail(ONE_TOO_MANY)]), file))
    assert (answer.json["received"], answer.json["duplicates"]) == (CASES + ONE_TOO_MANY, ONE_TOO_MANY)
    assert_complete(begun, answer)


# Too little to learn from ---------------------------------------------------------------------------------------


def test_without_history_there_is_no_training(begun: Handrail) -> None:
    assert "300 labels" in begun("train", "--as-of", MORNING, "--json").refusal
    assert begun.rows("SELECT count(*) FROM model_versions") == [(0,)]


def test_history_of_one_category_trains_nothing_until_there_are_two(
    begun: Handrail, business: SampleBusiness, file: Path
) -> None:
    history = business.history.head(400)
    assert run(begun, deliver(history, file, ["complaint"] * len(history))).code == 0
    assert "two categories" in begun("train", "--as-of", MORNING, "--json").refusal
    assert begun.rows("SELECT count(*) FROM model_versions") == [(0,)]
    rest = business.history.tail(400)
    assert run(begun, deliver(rest, file, rest["label"].tolist())).code == 0
    assert begun.ask("train", "--as-of", MORNING)["serves"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("too few", "a"), ("to learn", "b")], "labels"),
        ([(f"text {number}", "a") for number in range(200)], "categor"),
        ([("text", ""), ("more", "")], "no label in column 'label'"),
    ],
)
def test_a_labelled_file_with_nothing_to_learn_is_refused(
    tmp_path: Path, file: Path, rows: list[tuple[str, str]], words: str
) -> None:
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(file, index=False)
    handrail = Handrail(tmp_path / "own")
    assert words in handrail("train", file, "--text", "text", "--label", "label", "--json").refusal
    assert not handrail.home.exists()


@pytest.mark.parametrize("option", ["--text", "--label", "--time"])
def test_a_labelled_file_without_the_named_column_is_refused(tmp_path: Path, file: Path, option: str) -> None:
    pd.DataFrame({"text": ["x"], "label": ["a"], "at": ["2026-01-01"]}).to_csv(file, index=False)
    options = {"--text": "text", "--label": "label", "--time": "at", option: "nowhere"}
    words = [word for pair in options.items() for word in pair]
    assert "nowhere" in Handrail(tmp_path / "own")("train", file, *words, "--json").refusal


# The database ---------------------------------------------------------------------------------------------------


@contextmanager
def locked(handrail: Handrail) -> Iterator[None]:
    """Another process keeps the database's write lock."""
    hold = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('BEGIN IMMEDIATE'); print(flush=True); input()"
    command = [sys.executable, "-c", hold, str(handrail.home / "handrail.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin
        assert other.stdout
        other.stdout.readline()
        yield
        other.stdin.close()


def test_a_locked_database_is_waited_for_and_then_refused_and_the_run_completes_later(
    begun: Handrail, cases: pd.DataFrame, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(cases, file)
    monkeypatch.setitem(Store.__init__.__kwdefaults__, "wait", timedelta(milliseconds=200))
    with locked(begun):
        assert "kept" in (sentence := run(begun, file).refusal)
        assert "Try again" in sentence
        assert begun("status").code == 0  # who only reads never waits
    assert begun.states() == {}
    assert_complete(begun, run(begun, file))


def test_a_damaged_database_is_told_from_a_bug(begun: Handrail) -> None:
    (begun.home / "handrail.db").write_bytes(b"no database" * 1000)
    assert "is damaged or no database" in begun("status").refusal


# Policies and workspaces ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "instead", "words"),
    [
        ("  human_below: 0.70 ", "  human_under: 0.70 ", ["human_under", "Did you mean 'human_below'"]),
        ("  auto_above: 0.95 ", "  auto_above: 1.95 ", ["auto_above", "1.95", "Correct the value"]),
        ("  auto: 'PT1H' ", "  auto: soon ", ["auto", "soon", "Correct the value"]),
        ("  human_below: 0.70 ", "  human_below: 0.96 ", ["queues", "human_below must not be above auto_above"]),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_with_the_line_and_the_old_one_stays(
    begun: Handrail, tmp_path: Path, line: str, instead: str, words: list[str]
) -> None:
    text = (ROOT / "policy" / "sample" / "policy.yaml").read_text()
    assert line in text
    draft = tmp_path / "policy.yaml"
    draft.write_text(text.replace(line, instead))
    # A rule about two values names the line of the group that holds both.
    named = f"{words[0]}:"
    place = f"line {draft.read_text().split(named)[0].count(chr(10)) + 1}"
    before = begun.ask("status")["policy"]
    for command in (("policy", "check", draft), ("policy", "publish", draft)):
        sentence = begun(*command).refusal
        assert all(word in sentence for word in [place, *words]), sentence
    assert Handrail(tmp_path / "new")("init", "--policy", draft).refusal
    assert not (tmp_path / "new").exists()
    assert begun.ask("status")["policy"] == before


def test_without_a_workspace_every_command_says_how_to_begin_one(tmp_path: Path, file: Path) -> None:
    handrail = Handrail(tmp_path / "nowhere")
    for words in (["status"], ["run", file], ["train"], ["queue", "next"], ["trail", "verify"], ["pause", "--all"]):
        reason = ["--reason", "why"] if words[0] == "pause" else []
        assert "Run `handrail init`" in handrail(*words, *reason).refusal
    assert not handrail.home.exists()


def test_a_business_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    sentence = Handrail(tmp_path / "home")("init", "--business", "bakery").refusal
    assert "complaints, sample" in sentence
    assert not (tmp_path / "home").exists()


def test_two_workspaces_know_nothing_of_each_other(
    begun: Handrail, begun_home: Path, tmp_path: Path, cases: pd.DataFrame, file: Path
) -> None:
    other = Handrail(Path(shutil.copytree(begun_home, tmp_path / "other")))
    before = trail_head(other)
    assert_complete(begun, run(begun, deliver(cases, file)))
    assert other.states() == {}
    assert trail_head(other) == before
    assert_complete(other, run(other, file))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["decide", "4711", "approve"], "Case 4711 has no open work"),
        (["stage", "bakery", "auto"], "bakery"),
        (["stage", "complaint", "wild"], "is not a stage"),
        (["pause", "bakery", "--reason", "why"], "bakery"),
        (["pause", "--reason", "why"], "Name one category, or give --all"),
        (["pause", "complaint", "--reason", "  "], "needs a reason"),
        (["resume", "complaint", "--reason", "why"], "is not paused"),
        (["review", "close", "4", "--conclusion", "fine"], "no open model review 4"),
        (["model", "promote", "9", "--reason", "why"], "9"),
        (["model", "rollback", "--reason", "why"], "no earlier version"),
        (["predict", "policy/sample/mapping.yaml", "--text", "text"], "no model"),
        (["people", "add", "rita", "--role", "boss"], "is not a role"),
    ],
)
def test_an_act_that_is_impossible_is_refused_in_one_sentence(begun: Handrail, words: list[str], sentence: str) -> None:
    before = trail_head(begun)
    assert sentence in begun(*words).refusal
    assert trail_head(begun) == before


def test_who_is_unknown_may_not_act(begun: Handrail) -> None:
    assert "handrail people add mallory" in begun("pause", "--all", "--reason", "why", actor="mallory").refusal


def test_wrong_usage_ends_with_2(begun: Handrail) -> None:
    assert begun("decide", "one", "approve").code == 2
    assert begun("no-such-command").code == 2


# As a shell sees it ---------------------------------------------------------------------------------------------


def test_a_process_of_its_own_says_the_same_one_sentence(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    command = [sys.executable, "-m", "console.main", "run", str(file), "--mapping", str(MAPPING), "--as-of", MORNING]
    surroundings = {**os.environ, "HANDRAIL_HOME": str(begun.home)}
    surroundings.pop("HANDRAIL_DATABASE_URL", None)

    def in_a_process() -> Answer:
        found = subprocess.run(command, env=surroundings, cwd=ROOT, capture_output=True, text=True, check=False)
        return Answer(found.returncode, found.stdout, found.stderr)

    write(bad_date(cases, ONE_TOO_MANY), file)
    assert f"{ONE_TOO_MANY} of {CASES} rows" in in_a_process().refusal
    deliver(cases, file)
    answer = in_a_process()
    assert (answer.code, answer.err) == (0, "")
    assert f"{CASES} rows: {CASES} accepted" in answer.out
    assert begun.rows("PRAGMA integrity_check") == [("ok",)]


def test_the_database_of_these_tests_is_sqlite_in_the_workspace(begun: Handrail) -> None:
    """The tests above look into it past the program."""
    with sqlite3.connect(begun.home / "handrail.db") as connection:
        assert connection.execute("SELECT count(*) FROM policies").fetchone() == (1,)

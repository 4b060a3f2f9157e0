"""Where a command writes: never over what it reads, and whole or untouched whatever ends it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from handrail import pii
from tests.workspaces import ROOT, Handrail

ROWS = 25_000
INTERRUPTED = 130


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small file with an address in it."""
    file = tmp_path / "in.csv"
    file.write_text("id,text\n1,write to ann@example.org\n2,nothing\n")
    return file


@pytest.fixture
def nowhere(tmp_path: Path) -> Handrail:
    """A command line without a workspace."""
    return Handrail(tmp_path / "nowhere")


def test_redact_onto_its_own_input_is_refused_and_every_row_stays(nowhere: Handrail, tmp_path: Path) -> None:
    file = tmp_path / "letters.csv"
    file.write_text("id,text\n" + "".join(f"{row},write to ann{row}@example.org\n" for row in range(ROWS)))
    before = file.read_bytes()
    assert "is what is read here" in nowhere("redact", file, "--text", "text", "--out", file).refusal
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("name", ["./in.csv", "folder/../in.csv", "link.csv", "twin.csv"])
@pytest.mark.parametrize("option", ["--out", "--spans"])
def test_the_input_is_known_under_every_name(nowhere: Handrail, table: Path, name: str, option: str) -> None:
    folder = table.parent
    (folder / "folder").mkdir()
    (folder / "link.csv").symlink_to(table)
    (folder / "twin.csv").hardlink_to(table)
    before = table.read_bytes()
    places = {"--out": str(folder / "out.csv"), option: f"{folder}/{name}"}
    refusal = nowhere("redact", table, "--text", "text", *(word for pair in places.items() for word in pair)).refusal
    assert "Name another file" in refusal
    assert table.read_bytes() == before
    assert not (folder / "out.csv").exists()


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("", "is a folder"),
        ("nowhere/out.csv", "a folder that exists and is yours"),
        ("in.csv/out.csv", "a folder that exists and is yours"),
    ],
)
def test_a_place_that_takes_no_file_is_refused(nowhere: Handrail, table: Path, out: str, sentence: str) -> None:
    assert sentence in nowhere("redact", table, "--text", "text", "--out", f"{table.parent}/{out}").refusal


def test_two_results_need_two_files(nowhere: Handrail, table: Path) -> None:
    out = table.with_name("out.csv")
    words = ("redact", table, "--text", "text", "--out", out, "--spans", f"{out.parent}/./out.csv")
    assert "two results" in nowhere(*words).refusal
    assert not out.exists()


def test_an_earlier_result_is_replaced_whole_and_stays_where_the_command_fails(
    nowhere: Handrail, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, spans = table.with_name("out.csv"), table.with_name("spans.jsonl")
    words = ("redact", table, "--text", "text", "--out", out, "--spans", spans)
    assert nowhere(*words).code == 0
    first = (out.read_bytes(), spans.read_bytes())
    assert b"ann@example.org" not in first[0]
    assert nowhere("redact", table, "--text", "letter", "--out", out, "--spans", spans).code == 1

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pii, "redact_many", full)
        assert "No space left on device" in nowhere(*words).refusal
    with monkeypatch.context() as patch:
        patch.setattr(pii, "redact_many", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        assert nowhere(*words).code == INTERRUPTED
    assert (out.read_bytes(), spans.read_bytes()) == first
    assert sorted(entry.name for entry in out.parent.iterdir()) == ["in.csv", "out.csv", "spans.jsonl"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_tidies_up(table: Path, number: signal.Signals) -> None:
    """The pipe keeps it in the midst of its writing."""
    out = table.with_name("out.csv")
    out.write_text("old")
    code = (
        "import os, signal, sys; from handrail import pii; from console import main;"
        f"pii.redact_many = lambda *_, **__: os.kill(os.getpid(), {int(number)});"
        "sys.argv = ['handrail', *sys.argv[1:]]; main.main()"
    )
    command = [sys.executable, "-c", code, "redact", str(table), "--text", "text", "--out", str(out)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (INTERRUPTED, "")
    assert "Traceback" not in ended.stderr
    assert out.read_text() == "old"
    assert sorted(entry.name for entry in out.parent.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_a_result_may_go_to_standard_output_and_the_answer_stands_aside(table: Path, name: str) -> None:
    command = [sys.executable, "-m", "console.main", "redact", str(table), "--text", "text", "--out", name, "--json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "id,text\n1,write to [EMAIL]\n2,nothing\n"
    assert ended.stderr.startswith('{"rows": 2')
    assert not (ROOT / "-").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "in.csv", "--text", "text", "--out", "in.csv"],
        ["predict", "in.csv", "--text", "text", "--mapping", "mapping.yaml", "--out", "mapping.yaml"],
        ["drift", "in.csv", "other.csv", "--profile", "in.csv"],
        ["drift", "in.csv", "other.csv", "--profile", "other.csv"],
        ["trail", "export", "home/handrail.db"],
        ["trail", "export", "home/secret.key"],
        ["trail", "export", "linked.db"],
        ["report", "kpi", "--out", "home/handrail.db"],
        ["report", "kpi", "--out", "home/alerts.env"],  # which is not there yet
        ["report", "business-case", "--out", "home/mlruns/new.html"],
        ["predict", "in.csv", "--text", "text", "--out", "home/handrail.db"],
    ],
    ids=" ".join,
)
def test_no_command_writes_over_what_it_reads_nor_over_the_workspace(
    begun: Handrail, table: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(table.parent)
    Path("other.csv").write_bytes(table.read_bytes())
    Path("mapping.yaml").write_text("source: shop\n")
    Path("linked.db").symlink_to("home/handrail.db")
    before = {file: file.read_bytes() for file in table.parent.rglob("*") if file.is_file()}
    assert begun.home == table.parent / "home"
    assert "would destroy it. Name another file." in begun(*words).refusal
    after = {file: file.read_bytes() for file in table.parent.rglob("*") if file.is_file()}
    assert {file.name for file, content in after.items() if before.get(file) != content} <= {"handrail.db-shm"}


def test_a_report_may_be_written_anew_in_the_workspace(begun: Handrail) -> None:
    page = begun.home / "kpi.html"
    for _ in range(2):
        assert begun("report", "kpi", "--out", page).code == 0
    assert page.read_text().rstrip().endswith("</html>")

"""Databases, policies and workspaces that cannot be used are refused in one sentence."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from handrail.store.engine import Store
from tests.deliveries import assert_complete, run, trail_head
from tests.workspaces import ROOT, Handrail, deliver


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
    for name in ("handrail.db-wal", "handrail.db-shm"):  # where an open connection would still find good pages
        (begun.home / name).unlink(missing_ok=True)
    (begun.home / "handrail.db").write_bytes(b"no database" * 1000)
    assert "is damaged or no database" in begun("status").refusal


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

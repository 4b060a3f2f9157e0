"""A triage killed with SIGKILL at any moment is completed by running it again, as if nothing had happened."""

import math
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from handrail.sample import generate_weeks
from tests.workspaces import MAPPING, MORNING, ROOT, Handrail, deliver

CASES = 3000
MOST_KILLS_A_RUN = 3

POLL_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.3
"""After the progress that was waited for: a kill also lands where nothing is written, such as in the gate."""

PROGRESS = """
SELECT (SELECT seq FROM trail_head) + (SELECT count(*) FROM case_inputs WHERE redacted IS NOT NULL)
     + (SELECT count(*) FROM predictions) + (SELECT count(*) FROM outbox WHERE state = 'done')
"""
"""A number that grows with every step: rows taken in, gated, redacted, scored, assigned and delivered."""

CASES_AFTERWARDS = """
SELECT c.external_id, c.id, c.state, c.batch_id, c.flags, i.redacted, i.findings,
       r.queue, r.reason, r.reasons, r.category, r.confidence, r.threshold, r.stage, r.control,
       r.suggestion_hidden, r.assigned_at, r.due_at, p.label, p.confidence, p.novelty, p.novel,
       d.kind, d.outcome, d.label, d.decided_at, w.queue, w.state, w.due_at, o.key, o.action, o.category, o.state
FROM cases c JOIN case_inputs i ON i.case_id = c.id LEFT JOIN routes r ON r.case_id = c.id
LEFT JOIN predictions p ON p.case_id = c.id LEFT JOIN decisions d ON d.case_id = c.id
LEFT JOIN work_items w ON w.case_id = c.id LEFT JOIN outbox o ON o.decision_id = d.id
WHERE NOT c.history ORDER BY c.external_id
"""
EVENTS = "SELECT kind, count(*) FROM trail GROUP BY kind ORDER BY kind"
QUARANTINE = "SELECT external_id, reason FROM quarantine ORDER BY row_number"


@dataclass(frozen=True)
class Truth:
    """What an uninterrupted run leaves behind, and between which numbers its progress lies."""

    cases: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]
    quarantine: list[tuple[Any, ...]]
    effects: list[tuple[Any, ...]]
    begin: int
    end: int


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some three thousand cases, a few of them bad."""
    cases, _ = generate_weeks([1], seed=11, per_week=CASES)
    cases = cases.astype({"received_at": str})
    cases.loc[cases.index[::500], "received_at"] = "some day"
    return deliver(cases, tmp_path_factory.mktemp("killed") / "delivery.csv")


@pytest.fixture(scope="module")
def truth(trained_home: Path, delivery: Path, tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """The same delivery, never interrupted."""
    handrail = Handrail(Path(shutil.copytree(trained_home, tmp_path_factory.mktemp("calm") / "home")))
    begin = progress(handrail)
    finish(handrail, delivery)
    return Truth(*seen(handrail), begin, progress(handrail))


def start(handrail: Handrail, delivery: Path) -> subprocess.Popen[bytes]:
    """Start the triage as a process of its own, at a fixed moment."""
    command = [sys.executable, "-m", "console.main", "run", str(delivery), "--mapping", str(MAPPING)]
    return subprocess.Popen(
        [*command, "--as-of", MORNING],
        env={**os.environ, "HANDRAIL_HOME": str(handrail.home), "HANDRAIL_DATABASE_URL": ""},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def finish(handrail: Handrail, delivery: Path) -> None:
    """Run to the end, at the same moment as the killed runs."""
    answer = handrail("run", delivery, "--mapping", MAPPING, "--as-of", MORNING, "--json")
    assert answer.code == 0, answer.err


def progress(handrail: Handrail) -> int:
    return int(handrail.rows(PROGRESS)[0][0])


def is_killed_at(process: subprocess.Popen[bytes], handrail: Handrail, mark: int, pause_seconds: float) -> bool:
    """Kill the process `pause_seconds` after its progress has passed `mark`; False when it ended before."""
    while progress(handrail) < mark:
        if process.poll() is not None:
            return False
        time.sleep(POLL_SECONDS)
    time.sleep(pause_seconds)
    process.kill()
    return process.wait() < 0


def seen(handrail: Handrail) -> tuple[list[tuple[Any, ...]], ...]:
    """Cases with all that became of them, trail events by kind, the quarantine, and the receiver's effects."""
    return (
        handrail.rows(CASES_AFTERWARDS),
        handrail.rows(EVENTS),
        handrail.rows(QUARANTINE),
        effects(handrail),
    )


def effects(handrail: Handrail) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(handrail.home / "actions.db")) as ledger:
        return ledger.execute("SELECT key, action, category, case_id, automatic FROM executed ORDER BY key").fetchall()


def assert_as_if_never_killed(handrail: Handrail, truth: Truth) -> None:
    cases, events, quarantine, executed = seen(handrail)
    assert cases == truth.cases  # also ids and floats: the partial draw is keyed by the case id
    assert quarantine == truth.quarantine
    assert events == truth.events
    assert executed == truth.effects
    decided = handrail.rows("SELECT key FROM outbox WHERE state = 'done' ORDER BY key")
    assert decided == [(key,) for key, *_ in executed]
    assert handrail.ask("trail", "verify")["valid"]
    assert handrail.rows("PRAGMA integrity_check") == [("ok",)]


def survive(kills: int, seed: int, trained_home: Path, delivery: Path, truth: Truth, folder: Path) -> list[int]:
    """Kill triages at random marks until `kills` have died, complete each and compare; returns the marks."""
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    marks: list[int] = []
    while len(marks) < kills:
        handrail = Handrail(Path(shutil.copytree(trained_home, folder / f"after-{len(marks)}")))
        for parts_left in range(min(MOST_KILLS_A_RUN, kills - len(marks)), 0, -1):
            now = progress(handrail)
            mark = now + math.ceil(chance.random() * (truth.end - now) / parts_left)
            # Mostly at once, in the midst of a step; now and then later, where a step writes nothing.
            pause_seconds = LONGEST_PAUSE_SECONDS * chance.random() ** 3
            if not is_killed_at(start(handrail, delivery), handrail, mark, pause_seconds):
                break
            assert handrail.rows("PRAGMA integrity_check") == [("ok",)]
            marks.append(mark)
        finish(handrail, delivery)
        assert_as_if_never_killed(handrail, truth)
        shutil.rmtree(handrail.home)
    return marks


def test_the_delivery_has_every_kind_of_fate(truth: Truth) -> None:
    """Else the comparison would say little."""
    reasons = {row[8] for row in truth.cases}
    assert {"auto", "below_threshold", "low_confidence", "no_text", "flagged", "novel"} <= reasons
    assert len(truth.cases) > 0.9 * CASES
    assert len(truth.effects) > 0.1 * CASES
    assert len(truth.quarantine) > 1


def test_a_triage_killed_three_times_ends_as_an_uninterrupted_one(
    trained_home: Path, delivery: Path, truth: Truth, tmp_path: Path
) -> None:
    marks = survive(3, 20260112, trained_home, delivery, truth, tmp_path)
    assert all(truth.begin < mark <= truth.end for mark in marks)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(10))
def test_triages_killed_thirty_times_end_as_uninterrupted_ones(
    seed: int, trained_home: Path, delivery: Path, truth: Truth, tmp_path: Path
) -> None:
    survive(3, seed, trained_home, delivery, truth, tmp_path)

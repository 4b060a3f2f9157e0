"""Runs at the same time, and beside killed ones: every good file is taken in whole, once, by somebody."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from handrail.sample import SampleBusiness
from handrail.store.engine import Store
from handrail.workspace import Workspace
from tests.workspaces import MAPPING, MORNING, ROOT, Handrail, deliver

ROWS = 60
PAIRS = 8
PUBLISHED = 3
LONGEST_LIFE_SECONDS = 8.0
"""Of a run that is killed: long enough to reach its last step on a slow machine."""


@pytest.fixture(scope="module")
def files(business: SampleBusiness, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three good deliveries of different cases."""
    good = business.cases[business.cases["truth_kind"].eq("normal")].astype({"received_at": str})
    folder = tmp_path_factory.mktemp("files")
    return [deliver(good.iloc[at * ROWS : (at + 1) * ROWS], folder / f"{at}.csv") for at in range(3)]


def start(handrail: Handrail, file: Path, database_url: str = "") -> subprocess.Popen[str]:
    """Begin a run as a process of its own."""
    words = ["run", str(file), "--mapping", str(MAPPING), "--as-of", MORNING, "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "console.main", *words],
        env={**os.environ, "HANDRAIL_HOME": str(handrail.home), "HANDRAIL_DATABASE_URL": database_url},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(runs: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    """What the runs answered; each has to succeed without a word on stderr."""
    found = []
    for one in runs:
        out, err = one.communicate()
        assert (one.returncode, err) == (0, "")
        found.append(json.loads(out))
    return found


def counts(answer: dict[str, Any]) -> tuple[int, int, int, int]:
    assert sum(answer["queues"].values()) == answer["accepted"]
    return answer["received"], answer["accepted"], answer["duplicates"], answer["quarantined"]


def assert_at_once(handrail: Handrail, one: Path, other: Path) -> None:
    """Two runs of one file and one of another, all at once."""
    before = handrail.states()
    first, second, third = ended([start(handrail, one), start(handrail, one), start(handrail, other)])
    assert sorted([counts(first), counts(second)]) == [(ROWS, 0, ROWS, 0), (ROWS, ROWS, 0, 0)]
    assert counts(third) == (ROWS, ROWS, 0, 0)
    assert sum(handrail.states().values()) == sum(before.values()) + 2 * ROWS
    assert not {"received", "accepted", "scored"} & set(handrail.states())
    assert handrail.rows("SELECT count(*) FROM quarantine") == [(0,)]
    assert handrail.rows("SELECT count(*) FROM batches WHERE state = 'done'") == handrail.rows(
        "SELECT count(*) FROM batches"
    )
    assert handrail.ask("trail", "verify")["valid"]
    assert_reports(handrail)


def assert_reports(handrail: Handrail) -> None:
    """The first page links every result's page, and nothing half-written lies about."""
    folder = handrail.home / "expectations/gx/uncommitted"
    first = (folder / "data_docs/local_site/index.html").read_text(encoding="utf-8")
    pages = list((folder / "data_docs/local_site/validations").rglob("*.html"))
    assert len(pages) == len(list((folder / "validations").rglob("*.json"))) == first.count("<tr><td>")
    for page in pages:
        assert page.relative_to(folder / "data_docs/local_site").as_posix() in first
    assert not list(handrail.home.rglob("*.draft.*"))
    assert not list(handrail.home.glob(".*.turn"))


def test_runs_at_once_take_in_every_good_file_once(trained: Handrail, files: list[Path]) -> None:
    assert_at_once(trained, files[0], files[1])


def publish_while(handrail: Handrail, runs: Sequence[subprocess.Popen[str]], folder: Path) -> set[str]:
    """Publish a few policies, as long as any of these runs; every version that was in force."""
    sample = ROOT / "policy" / "sample" / "policy.yaml"
    rules = sample.read_text(encoding="utf-8")
    versions = {str(handrail.ask("policy", "check", sample)["version"])}
    for number in range(PUBLISHED):
        file = folder / "other.yaml"
        file.write_text(rules.replace("owner: product_owner", f"owner: owner_{number}", 1), encoding="utf-8")
        versions.add(str(handrail.ask("policy", "publish", file)["version"]))
        if all(one.poll() is not None for one in runs):
            break
    return versions


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_policies_published_while_a_file_runs_twice_lose_and_double_nothing(
    request: pytest.FixtureRequest, files: list[Path], tmp_path: Path, database: str
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgres" else ""
    handrail = Handrail(tmp_path / "far", url) if url else request.getfixturevalue("trained")
    assert not url or handrail("init", "--business", "sample", "--rehearsal").code == 0
    runs = [start(handrail, files[0], url) for _ in range(2)]
    versions = publish_while(handrail, runs, tmp_path)
    answers = []
    for one in runs:
        out, err = one.communicate()
        assert one.returncode == 0, err
        assert all("was published meanwhile" in line or "are in no queue yet" in line for line in err.splitlines())
        answers.append(json.loads(out))
    assert sorted((one["accepted"], one["duplicates"]) for one in answers) == [(0, ROWS), (ROWS, 0)]
    handrail.ask("run", files[0], "--mapping", MAPPING, "--as-of", MORNING)  # what remained, if anything did
    store = Store(Workspace(handrail.home, url).database_url)
    with store.read() as connection:
        ask = lambda query: list(connection.execute(text(query)))  # noqa: E731
        assert not {"received", "accepted", "scored"} & {state for (state,) in ask("SELECT state FROM cases")}
        assert ask("SELECT count(*) FROM cases WHERE NOT history") == ask("SELECT count(*) FROM routes") == [(ROWS,)]
        assert {version for (version,) in ask("SELECT policy_version FROM routes")} <= versions
        assert ask("SELECT count(DISTINCT key) - count(*) FROM outbox") == [(0,)]
    store.dispose()
    assert handrail.ask("trail", "verify")["valid"]


@pytest.mark.faults
@pytest.mark.parametrize("number", range(PAIRS))
def test_pairs_of_runs_at_once_take_in_every_good_file_once(trained: Handrail, files: list[Path], number: int) -> None:
    assert_at_once(trained, files[number % 3], files[(number + 1) % 3])


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(PAIRS))
def test_after_runs_were_killed_at_once_a_good_file_passes_and_theirs_are_completed(
    trained_home: Path, files: list[Path], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    handrail = Handrail(Path(shutil.copytree(trained_home, tmp_path / "home")))
    for _ in range(3):
        killed = [start(handrail, files[0]), start(handrail, files[seed % 2])]
        for one in killed:
            time.sleep(LONGEST_LIFE_SECONDS / 2 * chance.random())
            one.kill()
        for one in killed:
            one.communicate()
    beside = [start(handrail, files[2]), start(handrail, files[0])]
    assert {counts(answer)[3] for answer in ended(beside)} == {0}
    ended([start(handrail, files[1])])
    (known,) = handrail.rows("SELECT count(*) FROM cases WHERE NOT history")
    assert known == (3 * ROWS,)
    assert not {"received", "accepted", "scored"} & set(handrail.states())
    assert handrail.rows("SELECT count(*) FROM quarantine") == [(0,)]
    assert handrail.ask("trail", "verify")["valid"]

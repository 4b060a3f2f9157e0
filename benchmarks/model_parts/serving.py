"""How soon a rollback takes effect: in a real workspace, from the call to the next batch scored by the old version.

Two versions of the sample business are trained and registered in MLflow, the second serves. Measured are the call in
a running process, with the old version in its memory and without, up to the end of the next batch; and the command
in a process of its own, up to the moment at which the serving row has changed and up to its end.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "policy" / "sample"
FOUNDER = "benchmark"
WEEK, BATCH, HISTORY = 300, 50, 600
POLL_SECONDS = 0.005


def rollback_seconds(*, by_command: bool = True) -> dict[str, float]:
    """Seconds: `call` and `next_batch` in a warm process, both `cold`; by command `command_effective` and `command`."""
    with tempfile.TemporaryDirectory() as folder:
        trained = _trained(Path(folder))
        warm = _rolled_back(trained, Path(folder) / "warm", forget=False)
        cold = _rolled_back(trained, Path(folder) / "cold", forget=True)
        command = _by_command(Path(shutil.copytree(trained, Path(folder) / "command"))) if by_command else {}
    return {**warm, **{f"cold_{name}": seconds for name, seconds in cold.items()}, **command}


def _trained(folder: Path) -> Path:
    """A workspace in which version 2 serves and version 1 did before."""
    from handrail import policy
    from handrail.acts import publishing
    from handrail.sample import generate
    from handrail.store.engine import Store
    from handrail.workspace import Workspace
    from tasks.intake.redact import redact
    from tasks.learning import deploy, retrain
    from tasks.rehearsal.simulate import deliver_file

    home = folder / "trained"
    business = generate(weeks=1, seed=7, per_week=WEEK)
    workspace = Workspace(home)
    workspace.create()
    rules = policy.read(SAMPLE / "policy.yaml")
    allow = rules.promotion.model_copy(update={"without_evidence": "allow"})
    store = Store(workspace.database_url)
    store.upgrade()
    publishing.found(
        store, rules.model_copy(update={"promotion": allow}), founder=FOUNDER, now=datetime(2025, 1, 1, tzinfo=UTC)
    )
    deliver_file(business.history.tail(HISTORY), folder / "history.jsonl")
    deliver_file(business.cases[:BATCH], folder / "batch.jsonl")
    _triage(home, folder / "history.jsonl")
    occasion = _occasion(home)
    redact(occasion)
    for _ in range(2):
        version = retrain.train(occasion, "by_hand").version
    deploy.promote(occasion, version, "the benchmark rolls it back")
    store.dispose()
    return home


def _rolled_back(trained: Path, home: Path, *, forget: bool) -> dict[str, float]:
    from models import artifact, copies
    from tasks.learning.roll_back import roll_back

    shutil.copytree(trained, home)
    occasion = _occasion(home)
    if forget:
        copies.loaded = artifact.Loaded()
    begun = time.perf_counter()
    version = roll_back(occasion, "the benchmark asks")
    called = time.perf_counter()
    _triage(home, trained.parent / "batch.jsonl")
    scored = time.perf_counter()
    with closing(sqlite3.connect(home / "handrail.db")) as connection:
        found = connection.execute("SELECT model_version, count(*) FROM predictions GROUP BY 1").fetchall()
    assert version == "1"
    assert len(found) == 1
    assert found[0][0] == version, found
    return {"call": called - begun, "next_batch": scored - begun}


def _by_command(home: Path) -> dict[str, float]:
    words = [sys.executable, "-m", "console.main", "model", "rollback", "--reason", "the benchmark asks"]
    surroundings = {**os.environ, "HANDRAIL_HOME": str(home), "HANDRAIL_USER": FOUNDER, "HANDRAIL_DATABASE_URL": ""}
    begun, effective = time.perf_counter(), float("nan")
    with (
        subprocess.Popen(words, cwd=ROOT, env=surroundings, stdout=subprocess.DEVNULL) as command,  # noqa: S603 - our own words
        closing(sqlite3.connect(home / "handrail.db")) as connection,
    ):
        while command.poll() is None:
            if effective != effective and connection.execute("SELECT model_version FROM serving").fetchone() == ("1",):  # noqa: PLR0124 - NaN until it is known
                effective = time.perf_counter() - begun
            time.sleep(POLL_SECONDS)
        assert command.returncode == 0
    return {"command_effective": effective, "command": time.perf_counter() - begun}


def _occasion(home: Path) -> Any:  # noqa: ANN401 - an occasion, whose module loads on use
    from handrail.workspace import Workspace
    from tasks.occasion import enter

    return enter(Workspace(home), FOUNDER)


def _triage(home: Path, file: Path) -> None:
    from flows.triage import triage

    triage.fn(file=str(file), mapping=str(SAMPLE / "mapping.yaml"), docs=False, home=str(home))

"""A workspace with a model, thousands of waiting cases and signed-in reviewers, and a desk that serves it."""

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "policy" / "sample"
STEWARD = "stella"
EVENTLESS_WEEKS = range(1, 8)  # before the sample business's first event


@dataclass(frozen=True)
class Place:
    """Where the desk works; `sessions` maps each reviewer to the secret of their cookie and of their forms."""

    home: Path
    database_url: str
    sessions: dict[str, tuple[str, str]]

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        named = {"HANDRAIL_HOME": str(self.home), "HANDRAIL_DATABASE_URL": self.database_url}
        return {**os.environ, **named}


def prepare(folder: Path, *, cases: int, reviewers: int, database_url: str = "", history: int | None = None) -> Place:
    """Train on the sample business's newest `history` labels (None: on all), queue `cases`, sign `reviewers` in."""
    from flows.retraining import retraining
    from flows.triage import triage
    from handrail import policy, sample
    from handrail.acts import publishing
    from handrail.store.engine import Store
    from handrail.workspace import Workspace
    from tasks.rehearsal.simulate import deliver_file

    os.environ["HANDRAIL_DATABASE_URL"] = database_url
    workspace = Workspace(folder / "home", database_url)
    workspace.create()
    store = Store(workspace.database_url)
    store.upgrade()
    text = (POLICY / "policy.yaml").read_text(encoding="utf-8")
    rules = folder / "policy.yaml"
    rules.write_text(text.replace("stage: shadow", "stage: suggest"), encoding="utf-8")
    now = datetime.now(UTC)
    publishing.found(store, policy.read(rules), founder=STEWARD, now=now)
    business = sample.generate(weeks=1, per_week=1)
    deliver_file(business.history.tail(history or len(business.history)), folder / "history.jsonl")
    known: dict[str, Any] = {"mapping": str(POLICY / "mapping.yaml"), "home": str(workspace.home), "docs": False}
    triage.fn(file=str(folder / "history.jsonl"), **known)
    assert retraining.fn(cause="by_hand", home=str(workspace.home)).serves
    arrived, _ = sample.generate_weeks(EVENTLESS_WEEKS, per_week=round(cases / len(EVENTLESS_WEEKS) * 1.2))
    deliver_file(arrived[:cases], folder / "waiting.jsonl")
    waiting = triage.fn(file=str(folder / "waiting.jsonl"), **known).queues
    assert waiting["B"] > cases / 3, f"too few wait for a click: {waiting}"
    sessions = sign_in(store, [f"reviewer-{number}" for number in range(reviewers)], now)
    store.dispose()
    return Place(workspace.home, database_url, sessions)


def sign_in(store: Any, names: list[str], now: datetime) -> dict[str, tuple[str, str]]:  # noqa: ANN401 - handrail's Store
    """Add trained reviewers and open a session for each."""
    from handrail.acts import employing, signing_in
    from handrail.store import policies

    with store.read() as connection:
        in_force = policies.in_force(connection)
    assert in_force is not None
    policy = in_force.policy
    found = {}
    for name in names:
        employing.add_person(
            store, name, roles=["reviewer"], trained_until=now + timedelta(days=90), actor=STEWARD, now=now
        )
        secret = signing_in.open_session(store, name, policy=policy, now=now)
        visitor = signing_in.visitor(store, secret, policy=policy, now=now)
        assert visitor is not None
        found[name] = (secret, visitor.csrf)
    return found


@contextmanager
def served(place: Place) -> Iterator[tuple[int, int]]:
    """The desk in a process of its own, as `handrail desk` runs it: its port and process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from console.main import main; main()", "desk", "--port", str(port)]
    log = (place.home / "desk.log").open("wb")
    server = subprocess.Popen(  # noqa: S603 - our own command
        command, env=place.environment, cwd=ROOT, stdout=log, stderr=log
    )
    try:
        _wait(port, server)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(timeout=30)
        log.close()


def _wait(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "the desk ended by itself; see desk.log"
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the desk did not answer within a minute")


@contextmanager
def triage_running(place: Place, folder: Path) -> Iterator[None]:
    """Another process takes in one delivery after another for as long as the block lasts."""
    running = multiprocessing.get_context("spawn").Process(target=deliver_for_ever, args=(place, folder))
    running.start()
    try:
        yield
        assert running.is_alive(), "the triage beside the desk ended by itself"
    finally:
        running.terminate()
        running.join(timeout=30)


def deliver_for_ever(place: Place, folder: Path) -> None:
    """Bring weeks of the sample business through the triage flow, one after another."""
    from flows.triage import triage
    from handrail import sample
    from tasks.rehearsal.simulate import deliver_file

    os.environ["HANDRAIL_DATABASE_URL"] = place.database_url
    for seed in count(20):
        cases, _ = sample.generate_weeks(EVENTLESS_WEEKS[:1], seed=seed, per_week=5000)
        file = folder / f"beside-{seed}.jsonl"
        deliver_file(cases.assign(external_id=[f"{seed}-{name}" for name in cases["external_id"]]), file)
        triage.fn(file=str(file), mapping=str(POLICY / "mapping.yaml"), home=str(place.home))


def resident_mb(pid: int) -> float:
    """Memory that a process holds now."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))

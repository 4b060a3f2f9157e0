"""The kill loop: two workers and a receiver are killed again and again, and at the end everything is accounted for."""

import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from handrail.acts import models as model_acts
from handrail.acts import publishing, settling
from handrail.clock import machine
from handrail.policy import CategoryRules, Consequence, LabelRules, Policy, QueueRules, Stage
from handrail.store import staff, trail
from handrail.store.engine import Store
from handrail.workspace import Workspace

HERE = Path(__file__).resolve().parent
FOUNDER = "stella"
PEOPLE = ("rita", "ruth", "ron", "remo")
PAUSE = (0.3, 1.2)
"""Seconds between two kills: a worker needs half of one to start."""
RECEIVER_SHARE = 0.15
"""Of the kills; it also dies by itself."""
LONGEST = 900
ROUNDS = 8
"""In which a person settles what nobody knows, and the workers bring the rest to its end."""


@dataclass(frozen=True)
class Account:
    """What one loop left behind: every number but the first three has to be 0."""

    seed: int
    kills: int
    deaths: int
    cases: int
    acknowledged: int
    unknown: int
    lost: int
    doubled: int
    undecided: int
    effects_twice: int
    effects_without_decision: int
    decisions_without_effect: int
    broken_trail: int


POLICY = Policy(
    business="shop",
    queues=QueueRules(uncertified="fixed", blind_share=0),
    categories={
        name: CategoryRules(action=action, consequence=Consequence.LOW, stage=Stage.AUTO, undone_by=undo)
        for name, action, undo in (
            ("refund", "pay_back", "claim_back"),
            ("tracking", "send_tracking", None),
            ("complaint", "open_complaint", "close_complaint"),
        )
    },
    labels=LabelRules(second_share=0),
)


class Loop:
    """One workspace, its workers and its receiver."""

    def __init__(self, folder: Path, *, seed: int, cases: int, kills: int, is_idempotent: bool) -> None:
        self.folder, self.seed, self.cases, self.kills = folder, seed, cases, kills
        self.kind = "idempotent" if is_idempotent else "repeats"
        self.workspace = Workspace(folder)
        self.workspace.create()
        self.store = Store(self.workspace.database_url)
        self.store.upgrade()
        self.choose = random.Random(seed)  # noqa: S311 - replayable
        self.deaths = 0
        self.port = free_port()
        self._starts = 0
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def account(self) -> Account:
        """Play, and count what came of it."""
        self._found()
        done = 0
        try:
            deadline = time.monotonic() + LONGEST
            while done < self.kills and time.monotonic() < deadline:
                self._keep_running()
                time.sleep(self.choose.uniform(*PAUSE))
                done += self._kill()
            unknown = self._finish(deadline)
        finally:
            for process in self.running.values():
                process.kill()
                process.wait()
            self.store.dispose()
        return self._account(done, unknown)

    def _found(self) -> None:
        now = machine()
        publishing.found(self.store, POLICY, founder=FOUNDER, now=now)
        with self.store.write() as connection:
            for name in PEOPLE:
                staff.save_person(
                    connection, name=name, roles=["reviewer"], trained_until=now + timedelta(30), active=True
                )
        model_acts.add_version(
            self.store,
            version="1",
            run_id="run-1",
            cause="first",
            artifact_digest="a" * 64,
            dataset_digest="d" * 64,
            policy_version=POLICY.version,
            labels=300,
            metrics={"only_model_right": 9.0, "only_commonest_right": 0.0},
            novelty_threshold=0.5,
            trained_until=now,
            actor="flow:retraining",
            now=now,
        )
        model_acts.set_champion(self.store, "1", actor=FOUNDER, reason="the first", now=now)

    def _keep_running(self, *, again: bool = True) -> None:
        """Start whoever does not run; `again` also who has come to the end of their work."""
        half = self.cases // 2
        for name, first, last in (("left", 0, half), ("right", half, self.cases)):
            if self._is_down(name) and (again or name not in self.running or self.running[name].poll() != 0):
                words = (self.workspace.database_url, self.folder, self.port, first, last, self.folder / f"{name}.log")
                self._start(name, "shift.py", *words, self._seed(), self.kind)
        if self._is_down("receiver"):
            self.deaths += "receiver" in self.running
            self._start("receiver", "receiver.py", self.folder / "effects.db", self.port, self._seed(), self.kind)

    def _seed(self) -> int:
        self._starts += 1
        return self.seed * 1_000 + self._starts

    def _is_down(self, name: str) -> bool:
        return name not in self.running or self.running[name].poll() is not None

    def _start(self, name: str, program: str, *words: object) -> None:
        with (self.folder / f"{name}.err").open("ab") as errors:
            command = [sys.executable, str(HERE / program), *map(str, words)]
            self.running[name] = subprocess.Popen(command, stdout=errors, stderr=errors)  # noqa: S603 - own programs

    def _kill(self) -> int:
        """Kill one of them, if it lives; how many died."""
        name = "receiver" if self.choose.random() < RECEIVER_SHARE else self.choose.choice(("left", "right"))
        process = self.running[name]
        if process.poll() is not None:
            return 0
        process.kill()
        process.wait()
        return 1

    def _finish(self, deadline: float) -> int:
        """Let everything come to its end, a person settling what nobody knows; how many that were."""
        unknown = 0
        for _ in range(ROUNDS):
            while time.monotonic() < deadline:
                if all(name in self.running and self.running[name].poll() == 0 for name in ("left", "right")):
                    break
                self._keep_running(again=False)
                time.sleep(0.1)
            self.running = {name: one for name, one in self.running.items() if name == "receiver"}
            settled = self._settle()
            unknown += settled
            if not settled:
                return unknown
        return unknown

    def _settle(self) -> int:
        """Look into the receiver's books, and say what is true of each action that waits for a person."""
        effects = self._effects()
        with self.store.read() as connection:
            stuck = connection.execute(
                text("SELECT id, key, state FROM outbox WHERE state IN ('unknown', 'dead')")
            ).all()
        for number, key, _ in stuck:
            known = {"reason": "the receiver's books say so", "actor": FOUNDER, "now": machine()}
            if key in effects:
                settling.confirm_executed(self.store, number, **known)
            else:
                settling.abandon(self.store, number, policy=POLICY, **known)
        return len(stuck)

    def _effects(self) -> dict[str, int]:
        with closing(sqlite3.connect(self.folder / "effects.db", timeout=10)) as connection:
            return dict(connection.execute("SELECT key, effects FROM effects"))

    def _acknowledged(self) -> set[int]:
        """Decisions that a worker was told are written and nobody was told are undone."""
        lines = [line.split() for log in self.folder.glob("*.log") for line in log.read_text().splitlines()]
        made = {int(words[1]) for words in lines if words[0] == "decided"}
        return made - {int(words[1]) for words in lines if words[0] == "undone"}

    def _account(self, kills: int, unknown: int) -> Account:
        effects, acknowledged = self._effects(), self._acknowledged()
        with self.store.read() as connection:

            def rows(query: str) -> Sequence[tuple[object, ...]]:
                return [tuple(row) for row in connection.execute(text(query))]

            decisions = {row[0]: row for row in rows("SELECT id, case_id, work_item_id, kind, outcome FROM decisions")}
            outbox = {row[0]: row for row in rows("SELECT key, state, decision_id, category FROM outbox")}
            states = Counter(row[0] for row in rows("SELECT state FROM cases"))
            came = len(rows("SELECT DISTINCT external_id FROM cases"))
            is_whole = trail.verify(connection).valid
        items = Counter(row[2] for row in decisions.values() if row[2] is not None)
        carried = {row[2] for row in outbox.values() if row[1] == "done"}
        acting = {number for number, row in decisions.items() if row[4] == "approve"}
        latest = {row[1]: number for number, row in sorted(decisions.items())}
        return Account(
            seed=self.seed,
            kills=kills,
            deaths=self.deaths,
            cases=came,
            acknowledged=len(acknowledged),
            unknown=unknown,
            lost=len(self._lost(acknowledged, set(decisions))),
            doubled=sum(times - 1 for times in items.values()),
            undecided=self.cases - states["done"],
            effects_twice=sum(times > 1 for times in effects.values()),
            effects_without_decision=sum(outbox.get(key, (None, "withdrawn"))[1] != "done" for key in effects),
            decisions_without_effect=len({n for n in acting if latest[decisions[n][1]] == n} - carried)
            + sum(row[1] == "done" and key not in effects for key, row in outbox.items()),
            broken_trail=int(not is_whole),
        )

    def _lost(self, acknowledged: set[int], there: set[int]) -> set[int]:
        """An undo that was written and whose worker was killed before it was told is no loss: the trail has it."""
        with self.store.read() as connection:
            bodies = [event["decision"] for event in trail.search(connection, kind="decision.undone", limit=1_000_000)]
        return acknowledged - there - set(bodies)


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def accounts(*, seeds: Sequence[int], cases: int, kills: int) -> list[Account]:
    """One loop a seed; every second receiver is one that repeats the effect of a key that comes twice."""
    place = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - as the tests: a disk waits
    found = []
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="handrail-kills-", dir=place) as folder:
            loop = Loop(Path(folder), seed=seed, cases=cases, kills=kills, is_idempotent=seed % 2 == 1)
            found.append(loop.account())
    return found

"""On PostgreSQL as on SQLite one transaction writes at a time: nobody is refused because others work."""

import ast
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event, text

from handrail.acts import claiming, deciding, delivering, escalating, pausing, undoing
from handrail.case import Outcome
from handrail.outbox import OutboxAction
from handrail.ruling import Ruling
from handrail.store import pauses, schema, turns
from handrail.store.engine import Connection, Store
from tests import locks
from tests.scenes import FLOW, FOUNDER, NOW, REVIEWERS, Scene

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 12
pytestmark = pytest.mark.postgres


class Obedient:
    """A receiver that acknowledges everything."""

    idempotent = True

    def execute(self, actions: list[OutboxAction]) -> None:
        """Do nothing, successfully."""


def errors_of(store: Store) -> list[str]:
    """A list that gathers every error that the database reports from now on."""
    reported: list[str] = []
    event.listen(store._writing, "handle_error", lambda fault: reported.append(str(fault.original_exception)))
    return reported


def decide_some(scene: Scene, name: str) -> int:
    """Claim, decide, and take every third decision back; how often."""
    known = {"policy": scene.policy, "now": NOW}
    for number in range(ROUNDS):
        claims = claiming.claim(scene.store, name, kinds=("review",), **known)
        rulings = [Ruling(one.item_id, one.fence, Outcome.APPROVE) for one in claims]
        made = deciding.decide(scene.store, rulings, name, hold=timedelta(seconds=30), **known)
        if made and number % 3 == 0:
            undoing.undo(scene.store, made, name, **known)
    return ROUNDS


def test_four_reviewers_beside_a_watch_pauses_and_a_sender_are_never_refused(postgres_store: Store) -> None:
    scene = Scene(postgres_store)
    waiting = scene.waiting(80)
    reported, steps = errors_of(postgres_store), count(1)

    def watch() -> None:
        with postgres_store.write() as connection:  # some more are late each time
            late = {"at": NOW, "last": waiting[min(2 * next(steps), len(waiting) - 1)]}
            connection.execute(text("UPDATE work_items SET due_at = :at WHERE case_id <= :last"), late)
        moment = NOW + timedelta(minutes=1)
        escalating.escalate_breaches(postgres_store, policy=scene.policy, actor=FLOW, now=moment)

    def operate() -> None:
        known = {"reason": "odd", "policy": scene.policy, "actor": FOUNDER, "now": NOW}
        pausing.pause(postgres_store, "refund", **known)
        pausing.resume(postgres_store, "refund", **known)

    def send() -> None:
        ids = scene.automatic(5, category="tracking")
        rng = np.random.default_rng(7)
        known = {"policy": scene.policy, "actor": FLOW, "now": NOW, "rng": rng}
        scene.audit(ids, category="tracking")
        delivering.deliver(postgres_store, Obedient(), **known)

    def again(act: Callable[[], None]) -> int:
        for _ in range(ROUNDS):
            act()
        return ROUNDS

    with ThreadPoolExecutor(len(REVIEWERS) + 3) as pool:
        working = [pool.submit(decide_some, scene, name) for name in REVIEWERS]
        working += [pool.submit(again, act) for act in (watch, operate, send)]
        assert [one.result() for one in working] == [ROUNDS] * len(working)
    assert reported == []
    assert scene.trail_is_whole()
    decided = scene.events("case.decided")
    undone = scene.events("decision.undone")
    by_people = [one for one in decided if one["work"] == "review"]
    assert len(by_people) - len(undone) == len(scene.rows(schema.Decision, kind="review"))


@pytest.fixture
def foreign(postgres_store: Store) -> Iterator[Store]:
    """The same database as somebody writes in it who knows nothing of turns."""
    store = Store(postgres_store._url.render_as_string(hide_password=False))
    yield store
    store.dispose()


def test_the_hook_sees_a_lock_that_is_taken_before_the_turn(foreign: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(foreign)
    early = locks.watched(foreign)
    with monkeypatch.context() as patched:
        patched.setattr(turns, "take", lambda _: None)
        with foreign.write() as connection:
            connection.execute(text("SELECT name FROM people FOR UPDATE"))
    assert early == ["SELECT name FROM people FOR UPDATE"]
    early.clear()
    scene.waiting(1)
    assert early == []


def test_there_is_one_door_to_writing() -> None:
    doors = {
        file.relative_to(ROOT).as_posix()
        for folder in ("handrail", "tasks", "flows", "desk", "console", "models", "expectations")
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name | ast.Attribute) and (getattr(node, "id", getattr(node, "attr", ""))) == "_writing"
    }
    assert doors == {"handrail/store/engine.py"}


def test_a_pause_that_a_deadlock_ends_begins_anew(postgres_store: Store, foreign: Store) -> None:
    scene = Scene(postgres_store)
    scene.automatic(1)
    with postgres_store.write() as connection:  # long enough that the other one waits too when it looks
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET deadlock_timeout = '3s'"))
    postgres_store.dispose()
    reported = errors_of(postgres_store)
    with ThreadPoolExecutor(1) as pool, foreign._writing.begin() as connection:
        connection.execute(text("SET LOCAL deadlock_timeout = '60s'"))
        connection.execute(text("UPDATE outbox SET attempts = attempts"))
        pause = pool.submit(
            pausing.pause, postgres_store, "refund", reason="odd", policy=scene.policy, actor=FOUNDER, now=NOW
        )
        wait_for_a_lock(connection)
        turns.take(connection)
        connection.commit()
        assert pause.result() == 1
    assert any("deadlock" in one for one in reported)
    with postgres_store.read() as connection:
        assert pauses.paused(connection) == {"refund"}
    assert len(scene.events("automation.paused")) == len(scene.events("action.withdrawn")) == 1


def wait_for_a_lock(connection: Connection) -> None:
    """Until another session waits for a row of this one."""
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
    while connection.execute(waits).scalar_one() == 0:
        connection.execute(text("SELECT pg_sleep(0.01)"))

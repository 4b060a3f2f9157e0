"""Senders side by side: none is taken for dead while it lives, and what a dead one held is not lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from handrail.acts import delivering
from handrail.outbox import OutboxAction
from handrail.store import schema
from handrail.store.engine import Store
from tasks.routing.receiver import Ledger
from tests.contesting import SHOP
from tests.scenes import NOW, Scene
from tests.store.test_handed_over import AWAY, Books, OpenBooks, deliver, pause, state


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store, SHOP)


def test_a_live_sender_beside_another_is_not_taken_for_dead(scene: Scene) -> None:
    first, second = scene.automatic(2)
    inner = Books([])

    class Slow(Books):
        def execute(self, actions: Sequence[OutboxAction]) -> None:
            assert deliver(scene, inner) == 0
            super().execute(actions)

    assert deliver(scene, Slow([])) == 2
    assert inner.executed_keys == []
    assert scene.events("action.late") == []
    assert {event["case"] for event in scene.events("action.done")} == {first, second}


def test_while_a_sender_lives_nobody_is_asked_whether_it_has_sent(scene: Scene) -> None:
    (case,) = scene.automatic(1)
    inner = OpenBooks([])

    class Slow(Books):
        def execute(self, actions: Sequence[OutboxAction]) -> None:
            pause(scene)
            for late in (NOW, NOW + delivering.LEASE):
                assert deliver(scene, inner, late) == 0
                assert (state(scene), scene.state(case)) == ("unknown", "decided")
            super().execute(actions)

    assert deliver(scene, Slow([])) == 1
    assert (state(scene), scene.state(case)) == ("done", "done")


def test_what_failed_while_a_pause_came_is_asked_about_afterwards(scene: Scene) -> None:
    (case,) = scene.automatic(1)

    class Slow(OpenBooks):
        def execute(self, actions: Sequence[OutboxAction]) -> None:
            pause(scene)
            raise AWAY

    books = Slow([])
    for _ in range(2):
        deliver(scene, books)
    assert (state(scene), scene.state(case)) == ("withdrawn", "queued")


def test_two_answers_for_one_action_are_told_once(scene: Scene) -> None:
    (case,) = scene.automatic(1)
    books = Books([])

    class Slow(Books):
        def execute(self, actions: Sequence[OutboxAction]) -> None:
            super().execute(actions)
            assert deliver(scene, books, NOW + delivering.LEASE) == 1, "its lease is over"

    assert deliver(scene, Slow([])) == 0
    assert [event["case"] for event in scene.events("action.done")] == [case]
    assert scene.events("action.late") == []


def test_a_killed_sender_is_known_to_be_gone(scene: Scene, tmp_path: Path) -> None:
    (case,) = scene.automatic(1)
    program = (sys.executable, "-c", DYING)
    dying = subprocess.run(
        [*program, address(scene.store), str(tmp_path / "actions.db"), scene.policy.model_dump_json()],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        check=False,
    )
    assert dying.returncode == -signal.SIGKILL
    assert scene.row(schema.Outbox)["state"] == "leased"
    ledger = Ledger(tmp_path / "actions.db")
    assert ledger.effects() == 1
    pause(scene)
    assert deliver(scene, ledger, NOW) == 0
    assert (ledger.effects(), state(scene), scene.state(case)) == (1, "done", "done")


DYING = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from handrail.acts import delivering
from handrail.policy import Policy
from handrail.store.engine import Store
from tasks.routing.receiver import Ledger
class Dying(Ledger):
    def execute(self, actions):
        super().execute(actions)
        os.kill(os.getpid(), signal.SIGKILL)
now = datetime(2026, 3, 2, 9, tzinfo=UTC)
delivering.deliver(
    Store(sys.argv[1], clock=lambda: now), Dying(Path(sys.argv[2])), policy=Policy.model_validate_json(sys.argv[3]),
    actor="flow:triage", now=now, rng=np.random.default_rng(1),
)
"""


def address(store: Store) -> str:
    return store._url.render_as_string(hide_password=False)

"""An answer belongs to one delivery: one that comes late changes nothing that has happened since."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from handrail.acts import delivering, settling
from handrail.errors import PermanentError
from handrail.outbox import OutboxAction
from handrail.store import outbox, schema
from handrail.store.engine import Store
from tests.contesting import SHOP, contest, resolve
from tests.open_things import nothing_left_open
from tests.scenes import FLOW, FOUNDER, NOW, Scene
from tests.store.test_handed_over import AWAY, SILENT, Books, OpenBooks, deliver, pause, state

LATER = NOW + delivering.LEASE + timedelta(minutes=1)
SETTLING = {"reason": "their books say so", "actor": FOUNDER}


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store, SHOP)


def states(scene: Scene) -> dict[str, str]:
    return {row["action"]: row["state"] for row in scene.rows(schema.Outbox)}


@pytest.mark.parametrize("answer", [AWAY, SILENT, PermanentError("no such account")])
def test_a_sender_whose_lease_is_over_says_nothing_of_what_another_sends(scene: Scene, answer: Exception) -> None:
    scene.automatic(1)
    with scene.store.write() as connection:
        first = outbox.take(connection, now=NOW, real=NOW, until=NOW + delivering.LEASE, limit=1)
    with scene.store.write() as connection:
        assert outbox.take(connection, now=LATER, real=LATER, until=LATER + delivering.LEASE, limit=1)
    before = scene.row(schema.Outbox)
    rng = np.random.default_rng(1)
    delivering._give_back(
        scene.store, Books([]), first, answer, until=NOW + delivering.LEASE, actor=FLOW, now=LATER, rng=rng
    )
    assert scene.row(schema.Outbox) == before
    assert scene.events("action.failed") == []


def test_what_was_executed_after_all_holds_back_what_was_chosen_instead(scene: Scene) -> None:
    (case,) = scene.automatic(1)

    class Slow(Books):
        def execute(self, actions: Sequence[OutboxAction]) -> None:
            super().execute(actions)
            scene.store.clock = lambda: LATER
            pause(scene)
            number = scene.row(schema.Outbox)["id"]
            settling.abandon(scene.store, number, policy=scene.policy, now=LATER, **SETTLING)
            with scene.when(LATER):
                scene.decide(case, "override", at=LATER, label="tracking", reason_code="wrong_category")

    books = Slow([])
    deliver(scene, books)
    scene.store.clock = lambda: LATER
    assert deliver(scene, Books(books.executed_keys), LATER) == 0
    assert states(scene) == {"pay_back": "done", "send_tracking": "dead"}
    assert (len(books.executed_keys), scene.state(case)) == (1, "decided")
    assert nothing_left_open(scene.store, scene.policy, LATER) == []
    number = scene.row(schema.Outbox, action="send_tracking")["id"]
    settling.abandon(scene.store, number, policy=scene.policy, now=LATER, **SETTLING)
    assert scene.state(case) == "done"
    assert scene.trail_is_whole()


@pytest.mark.parametrize("ends", ["refused", "unknown"])
def test_a_case_is_done_when_the_last_of_its_actions_is(scene: Scene, ends: str) -> None:
    scene.add_person("max", "escalation_manager", trained_until=NOW + timedelta(days=30))
    (case,) = scene.automatic(1)
    deliver(scene, Books([]))
    resolve(scene, contest(scene, case), "override", label="tracking")

    class Picky(Books):
        def execute(self, actions: Sequence[OutboxAction]) -> None:
            if ends == "unknown":
                raise SILENT
            if {"send_tracking"} & {action.action for action in actions}:
                raise PermanentError("there is no such parcel")

    for minutes in range(60):
        deliver(scene, Picky([], idempotent=False), LATER + minutes * timedelta(minutes=10))
    if ends == "unknown":
        number = scene.row(schema.Outbox, action="claim_back")["id"]
        settling.confirm_executed(scene.store, number, now=LATER, **SETTLING)
    assert states(scene)["claim_back"] == "done"
    assert states(scene)["send_tracking"] in {"dead", "unknown"}
    assert scene.state(case) == "decided"
    assert nothing_left_open(scene.store, scene.policy, LATER) == []


def test_no_of_the_time_before_settles_no_later_delivery(scene: Scene) -> None:
    scene.automatic(1)
    sent: list[str] = []

    class Asked(OpenBooks):
        def executed(self, keys: Sequence[str]) -> dict[str, bool]:
            answers = super().executed(keys)
            number = scene.row(schema.Outbox)["id"]
            settling.retry(scene.store, number, now=LATER, **SETTLING)
            deliver(scene, Books(sent, SILENT, idempotent=False), LATER)
            return answers

    deliver(scene, Books(sent, SILENT, idempotent=False, executes=False))
    assert state(scene) == "unknown"
    scene.store.clock = lambda: LATER
    deliver(scene, Asked(sent, idempotent=False), LATER)
    assert (state(scene), len(sent)) == ("unknown", 1), "what may have been executed is not sent once more"

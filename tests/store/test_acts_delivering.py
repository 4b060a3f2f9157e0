"""Actions reach their receiver at least once, and have one effect each."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from handrail.acts import delivering, pausing
from handrail.errors import BadInput, PermanentError, RetryableError
from handrail.outbox import OutboxAction
from handrail.store import outbox, schema
from handrail.store.engine import Store
from tasks.routing.receiver import Ledger
from tests.scenes import FLOW, FOUNDER, NOW, Scene

Actions = Sequence[OutboxAction]


class Receiver:
    """Does what `answer` says with each call, and remembers what it was sent."""

    def __init__(self, answer: Callable[[Actions], None] = lambda _: None, *, idempotent: bool = False) -> None:
        self.calls: list[list[int]] = []
        self.idempotent = idempotent
        self._answer = answer

    def execute(self, actions: Actions) -> None:
        self.calls.append([action.case_id for action in actions])
        self._answer(actions)


def away(_: Actions) -> None:
    raise RetryableError("The receiver is away. It is tried again.")


def refuse(*case_ids: int) -> Callable[[Actions], None]:
    def answer(actions: Actions) -> None:
        if {action.case_id for action in actions} & set(case_ids):
            raise PermanentError("There is no such account. Correct it.")

    return answer


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def deliver(scene: Scene, receiver: delivering.Receiver, at: datetime = NOW, limit: int = 1000) -> int:
    """Send what is due at a moment of business time, which the real clock shows too."""
    scene.store.clock = lambda: at
    return delivering.deliver(
        scene.store,
        receiver,
        policy=scene.policy,
        actor=FLOW,
        now=at,
        rng=np.random.default_rng(3),
        limit=limit,
    )


def test_every_due_action_is_sent_and_its_case_is_done(scene: Scene) -> None:
    ids = scene.automatic(3)
    (reviewed,) = scene.waiting(1)
    scene.decide(reviewed)
    receiver = Receiver()
    assert deliver(scene, receiver, limit=3) == 4
    assert receiver.calls == [ids, [reviewed]]
    assert scene.states() == ["done"] * 4
    assert {row["state"] for row in scene.rows(schema.Outbox)} == {"done"}
    assert {event["case"] for event in scene.events("action.done")} == {*ids, reviewed}
    assert deliver(scene, receiver) == 0
    assert len(receiver.calls) == 2


def test_a_receiver_that_is_away_gets_it_later_with_growing_waits(scene: Scene) -> None:
    (case_id,) = scene.automatic(1)
    moment, waits = NOW, []
    for tries in range(1, delivering.ATTEMPTS):
        assert deliver(scene, Receiver(away), moment) == 0
        row = scene.row(schema.Outbox)
        assert (row["state"], row["attempts"]) == ("retry", tries)
        waits.append(row["next_at"] - moment)
        assert timedelta() <= waits[-1] <= min(delivering.LONGEST_WAIT, timedelta(seconds=2**tries))
        early = Receiver()
        if waits[-1]:
            assert deliver(scene, early, row["next_at"] - timedelta(microseconds=1)) == 0
        assert early.calls == []
        moment = row["next_at"]
    assert waits == sorted(set(waits)), "the same chance, each time of a longer wait"
    assert deliver(scene, Receiver(), moment) == 1
    assert scene.state(case_id) == "done"


def test_the_eighth_failure_is_the_last(scene: Scene) -> None:
    (case_id,) = scene.automatic(1)
    moment = NOW
    for _ in range(delivering.ATTEMPTS):
        deliver(scene, Receiver(away), moment)
        moment += delivering.LONGEST_WAIT
    row = scene.row(schema.Outbox)
    assert (row["state"], row["attempts"]) == ("dead", 8)
    assert deliver(scene, Receiver(), moment + timedelta(days=1)) == 0
    assert [event["case"] for event in scene.events("action.dead")] == [case_id]
    assert scene.state(case_id) == "decided", "nothing was executed"


def test_a_fresh_action_does_not_die_of_an_old_ones_failures(scene: Scene) -> None:
    (old,) = scene.automatic(1)
    moment = NOW
    for _ in range(delivering.ATTEMPTS - 1):
        deliver(scene, Receiver(away), moment)
        moment += delivering.LONGEST_WAIT
    (fresh,) = scene.automatic(1)
    deliver(scene, Receiver(away), moment)
    assert scene.row(schema.Outbox, case_id=old)["state"] == "dead"
    assert scene.row(schema.Outbox, case_id=fresh)["state"] == "retry"


def test_one_impossible_action_does_not_take_the_others_with_it(scene: Scene) -> None:
    first, impossible, last = scene.automatic(3)
    assert deliver(scene, Receiver(refuse(impossible))) == 2
    assert [scene.state(case_id) for case_id in (first, impossible, last)] == ["done", "decided", "done"]
    row = scene.row(schema.Outbox, case_id=impossible)
    assert (row["state"], row["attempts"]) == ("dead", 1)
    assert "no such account" in row["error"]
    assert "account" not in str(scene.events("action.dead"))


def die(_: Actions) -> None:
    raise KeyboardInterrupt


def killed(scene: Scene) -> list[int]:
    """Actions that a sender held when it was killed."""
    ids = scene.automatic(1)
    with pytest.raises(KeyboardInterrupt):
        deliver(scene, Receiver(die))
    assert scene.row(schema.Outbox)["state"] == "leased"
    return ids


def test_beside_others_what_a_dead_sender_held_is_sent_when_its_lease_ends(scene: Scene) -> None:
    killed(scene)
    receiver = Receiver(idempotent=True)
    with scene.store.shared_turn(delivering.WORK, list):
        assert deliver(scene, receiver, NOW + delivering.LEASE - timedelta(seconds=1)) == 0
        assert deliver(scene, receiver, NOW + delivering.LEASE) == 1
    assert len(receiver.calls) == 1


def test_what_a_dead_sender_held_for_a_receiver_that_is_not_idempotent_waits_for_a_person(scene: Scene) -> None:
    (case_id,) = killed(scene)
    receiver = Receiver()
    assert deliver(scene, receiver, NOW + delivering.LEASE - timedelta(seconds=1)) == 0
    assert scene.row(schema.Outbox)["state"] == "leased"
    for _ in range(2):
        assert deliver(scene, receiver, NOW + delivering.LEASE) == 0
    assert (receiver.calls, scene.row(schema.Outbox)["state"]) == ([], "unknown")
    assert [event["case"] for event in scene.events("action.unknown")] == [case_id]
    pausing.pause(scene.store, "refund", reason="odd", policy=scene.policy, actor=FOUNDER, now=NOW + delivering.LEASE)
    assert scene.row(schema.Outbox)["state"] == "unknown", "a pause does not take back what may have been executed"


def test_a_pause_does_not_send_what_may_have_been_executed_to_a_reviewer(scene: Scene) -> None:
    killed(scene)
    pausing.pause(scene.store, "refund", reason="odd", policy=scene.policy, actor=FOUNDER, now=NOW)
    assert deliver(scene, Receiver(), NOW + delivering.LEASE) == 0
    assert (scene.row(schema.Outbox)["state"], scene.states()) == ("unknown", ["decided"])


def test_the_answer_of_a_slow_sender_ends_the_doubt(scene: Scene) -> None:
    (case_id,) = scene.automatic(1)

    def dawdle(_: Actions) -> None:
        assert deliver(scene, Receiver(), NOW + delivering.LEASE) == 0
        assert scene.row(schema.Outbox)["state"] == "unknown"

    assert deliver(scene, Receiver(dawdle)) == 1
    assert (scene.row(schema.Outbox)["state"], scene.state(case_id)) == ("done", "done")


def test_an_idempotent_receiver_gets_at_once_what_a_dead_sender_held(scene: Scene) -> None:
    ids = killed(scene)
    receiver = Receiver(idempotent=True)
    assert deliver(scene, receiver) == 1
    assert receiver.calls == [ids]


def test_what_a_dead_sender_held_does_not_slip_through_a_pause(scene: Scene) -> None:
    killed(scene)
    pausing.pause(scene.store, "refund", reason="odd", policy=scene.policy, actor=FOUNDER, now=NOW)
    receiver = Receiver(idempotent=True)
    for moment in (NOW, NOW + delivering.LEASE):
        assert deliver(scene, receiver, moment) == 0
    assert (receiver.calls, scene.states(), scene.row(schema.Outbox)["state"]) == ([], ["decided"], "unknown")


def pause_meanwhile(scene: Scene) -> None:
    late = NOW + delivering.LEASE
    pausing.pause(scene.store, "refund", reason="odd", policy=scene.policy, actor=FOUNDER, now=late)


def test_an_answer_that_comes_after_a_pause_still_counts(scene: Scene) -> None:
    (case_id,) = scene.automatic(1)
    assert deliver(scene, Receiver(lambda _: pause_meanwhile(scene))) == 1
    assert (scene.state(case_id), scene.row(schema.Outbox)["state"]) == ("done", "done")
    assert scene.count(schema.WorkItem) == 0, "nobody was asked to decide it anew"


def test_a_late_failure_does_not_send_what_a_pause_withholds(scene: Scene) -> None:
    scene.automatic(1)

    def fail_late(actions: Actions) -> None:
        pause_meanwhile(scene)
        away(actions)

    deliver(scene, Receiver(fail_late))
    assert scene.row(schema.Outbox)["state"] == "unknown"


def test_one_key_has_one_effect_however_often_it_arrives(scene: Scene, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "actions.db")
    assert ledger.effects() == 0
    scene.automatic(2)
    with scene.store.write() as connection:
        actions = outbox.take(connection, now=NOW, real=NOW, until=NOW, limit=10)
    for _ in range(5):
        ledger.execute(actions)
    assert deliver(scene, ledger) == 2
    assert ledger.effects() == 2


def test_the_ledger_refuses_an_action_without_a_key(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "actions.db")
    action = OutboxAction(1, 1, "", "pay", "refund", automatic=True, state="leased", attempts=0)
    with pytest.raises(BadInput, match="without an idempotency key"):
        ledger.execute([action])
    assert ledger.effects() == 0


def test_a_ledger_that_cannot_write_is_tried_again(tmp_path: Path) -> None:
    action = OutboxAction(1, 1, "k", "pay", "refund", automatic=True, state="leased", attempts=0)
    with pytest.raises(RetryableError, match="cannot write"):
        Ledger(tmp_path / "missing" / "actions.db").execute([action])


def test_the_ledger_says_what_it_has_executed(scene: Scene, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "actions.db")
    assert isinstance(ledger, delivering.AnsweringReceiver)
    assert ledger.executed(["a"]) == {"a": False}
    assert not ledger.path.exists()
    scene.automatic(1)
    deliver(scene, ledger)
    key = scene.row(schema.Outbox)["key"]
    assert ledger.executed([key, "a"]) == {key: True, "a": False}
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(RetryableError, match="cannot be asked"):
        Ledger(folder).executed(["a"])


def test_actions_are_counted_by_state(scene: Scene) -> None:
    scene.automatic(2)
    deliver(scene, Receiver(refuse(1)))
    with scene.store.read() as connection:
        assert outbox.counts(connection) == {"dead": 1, "done": 1}

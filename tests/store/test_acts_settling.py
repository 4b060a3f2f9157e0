"""What delivery could not settle, a person settles; no case is left decided with nobody to look after it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from handrail.acts import delivering, settling
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted, PermanentError, Unanswered
from handrail.outbox import OutboxAction
from handrail.store import schema
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, NOW, Scene

LATER = NOW + timedelta(days=1)


class Receiver:
    """Raises what it is given, and counts what it was sent."""

    def __init__(self, error: Exception | None = None, *, idempotent: bool = False) -> None:
        self.idempotent, self._error = idempotent, error
        self.sent: list[int] = []

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        self.sent += [action.case_id for action in actions]
        if self._error is not None:
            raise self._error


def deliver(scene: Scene, receiver: Receiver, at: Any = NOW) -> int:  # noqa: ANN401 - a moment
    rng = np.random.default_rng(3)
    scene.store.clock = lambda: at
    return delivering.deliver(scene.store, receiver, policy=scene.policy, actor=FLOW, now=at, rng=rng)


SILENT = Unanswered("The receiver did not answer within 10 s. Ask there whether it has acted.")
IMPOSSIBLE = PermanentError("There is no such account. Correct it.")


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def unknown(scene: Scene) -> tuple[int, int]:
    """An action of which nobody knows whether it was executed: case and number."""
    (case,) = scene.automatic(1)
    deliver(scene, Receiver(SILENT))
    return case, scene.row(schema.Outbox, case_id=case)["id"]


def dead(scene: Scene, case: int | None = None) -> tuple[int, int]:
    """An action that its receiver will never execute: case and number."""
    case = scene.automatic(1)[0] if case is None else case
    deliver(scene, Receiver(IMPOSSIBLE))
    return case, scene.row(schema.Outbox, case_id=case)["id"]


def state(scene: Scene, number: int) -> str:
    return str(scene.row(schema.Outbox, id=number)["state"])


class TestUnknown:
    def test_what_a_receiver_that_is_not_idempotent_did_not_answer_is_never_sent_again_by_itself(
        self, scene: Scene
    ) -> None:
        case, number = unknown(scene)
        assert (state(scene, number), scene.state(case)) == ("unknown", "decided")
        assert [event["case"] for event in scene.events("action.unknown")] == [case]
        late = Receiver()
        assert deliver(scene, late, LATER) == 0
        assert late.sent == []

    def test_an_idempotent_receiver_that_did_not_answer_is_asked_again(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        assert deliver(scene, Receiver(SILENT, idempotent=True)) == 0
        assert scene.row(schema.Outbox)["state"] == "retry"
        assert deliver(scene, Receiver(idempotent=True), LATER) == 1
        assert scene.state(case) == "done"

    def test_the_trail_holds_no_word_of_the_receivers_answer(self, scene: Scene) -> None:
        unknown(scene)
        assert "answer" not in str(scene.events("action.unknown"))

    def test_somebody_who_knows_that_it_was_executed_says_so(self, scene: Scene) -> None:
        case, number = unknown(scene)
        settling.confirm_executed(scene.store, number, reason="it is in their books", actor=FOUNDER, now=LATER)
        row = scene.row(schema.Outbox, id=number)
        assert (row["state"], row["done_at"], scene.state(case)) == ("done", LATER, "done")
        (event,) = scene.events("action.confirmed")
        assert (event["case"], event["actor"], event["was"]) == (case, FOUNDER, "unknown")

    def test_somebody_who_knows_that_it_was_not_lets_it_be_sent(self, scene: Scene) -> None:
        case, number = unknown(scene)
        settling.retry(scene.store, number, reason="they never got it", actor=FOUNDER, now=LATER)
        assert deliver(scene, Receiver(), LATER) == 1
        assert scene.state(case) == "done"


class TestDead:
    def test_a_dead_action_begins_anew(self, scene: Scene) -> None:
        case, number = dead(scene)
        settling.retry(scene.store, number, reason="the account is open now", actor=FOUNDER, now=LATER)
        row = scene.row(schema.Outbox, id=number)
        assert (row["state"], row["attempts"], row["error"]) == ("new", 0, None)
        assert deliver(scene, Receiver(), LATER) == 1
        assert scene.state(case) == "done"
        assert [event["was"] for event in scene.events("action.retried")] == ["dead"]

    def test_a_dead_action_is_not_called_executed(self, scene: Scene) -> None:
        _, number = dead(scene)
        with pytest.raises(Conflict, match="is dead, not unknown"):
            settling.confirm_executed(scene.store, number, reason="a guess", actor=FOUNDER, now=LATER)

    def test_the_case_of_an_abandoned_action_waits_for_a_person_again(self, scene: Scene) -> None:
        case, number = dead(scene)
        abandon(scene, number)
        assert (state(scene, number), scene.state(case)) == ("withdrawn", "queued")
        work = scene.row(schema.WorkItem, case_id=case)
        assert (work["state"], work["kind"], work["queue"]) == ("open", "review", "C")
        assert scene.row(schema.Route, case_id=case)["queue"] == "C", "nothing was executed by itself"
        assert work["due_at"] == LATER + scene.policy.sla.decision

    def test_the_person_may_decide_the_same_and_it_goes_out_once(self, scene: Scene) -> None:
        case, number = dead(scene)
        abandon(scene, number)
        scene.decide(case, "approve", at=LATER)
        receiver = Receiver()
        assert deliver(scene, receiver, LATER) == 1
        assert receiver.sent == [case]
        assert (scene.state(case), scene.count(schema.Outbox)) == ("done", 1)

    def test_who_decided_it_before_is_not_asked_again(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, actor="rita")
        _, number = dead(scene, case)
        abandon(scene, number)
        with pytest.raises(Conflict):
            scene.decide(case, actor="rita", at=LATER)
        scene.decide(case, actor="ruth", at=LATER)
        assert scene.state(case) == "decided"

    def test_an_open_audit_of_it_ends(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        scene.audit([case])
        dead(scene, case)
        abandon(scene, scene.row(schema.Outbox)["id"])
        kinds = {row["kind"]: row["state"] for row in scene.rows(schema.WorkItem, case_id=case)}
        assert kinds == {"audit": "closed", "review": "open"}


def abandon(scene: Scene, number: int) -> None:
    settling.abandon(scene.store, number, reason="the customer is gone", policy=scene.policy, actor=FOUNDER, now=LATER)


ACTS: dict[str, Callable[[Scene, int, str], None]] = {
    "retry": lambda scene, number, actor: settling.retry(scene.store, number, reason="x", actor=actor, now=NOW),
    "confirm": lambda scene, number, actor: settling.confirm_executed(
        scene.store, number, reason="x", actor=actor, now=NOW
    ),
    "abandon": lambda scene, number, actor: settling.abandon(
        scene.store, number, reason="x", policy=scene.policy, actor=actor, now=NOW
    ),
}


@pytest.mark.parametrize("act", ACTS)
class TestEveryActOfSettling:
    def test_an_action_that_goes_its_way_is_left_alone(self, scene: Scene, act: str) -> None:
        scene.automatic(1)
        with pytest.raises(Conflict, match="is new"):
            ACTS[act](scene, scene.row(schema.Outbox)["id"], FOUNDER)

    def test_only_who_may_settle_actions_does(self, scene: Scene, act: str) -> None:
        _, number = unknown(scene)
        for actor in ("rita", "mona"):
            with pytest.raises(NotPermitted):
                ACTS[act](scene, number, actor)
        assert state(scene, number) == "unknown"

    def test_an_action_that_does_not_exist_is_not_found(self, scene: Scene, act: str) -> None:
        with pytest.raises(NotFound, match="handrail outbox list"):
            ACTS[act](scene, 99, FOUNDER)

    def test_twice_is_once(self, scene: Scene, act: str) -> None:
        _, number = unknown(scene)
        ACTS[act](scene, number, FOUNDER)
        with pytest.raises(Conflict):
            ACTS[act](scene, number, FOUNDER)


def test_settling_needs_a_reason(scene: Scene) -> None:
    _, number = unknown(scene)
    with pytest.raises(BadInput, match="needs a reason"):
        settling.retry(scene.store, number, reason=" ", actor=FOUNDER, now=NOW)

"""Silence never approves: whatever people, flows, receivers and clocks do in whatever order."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handrail.acts import claiming, deciding, delivering, escalating, pausing
from handrail.case import Outcome
from handrail.errors import BadInput, Conflict, PermanentError, Refused, RetryableError
from handrail.outbox import OutboxAction
from handrail.ruling import Ruling
from handrail.store import schema
from handrail.store.engine import Store
from tasks.routing.receiver import Ledger
from tests.scenes import ACTIONS, FLOW, FOUNDER, MANAGER, NOVICE, NOW, REVIEWERS, Scene

STEPS = 70
PEOPLE = (*REVIEWERS, NOVICE, MANAGER)


class Killed(BaseException):
    """The sender ends before it has sent."""


class Moody:
    """A receiver that is away, refuses, or does its work; it never lies about it."""

    idempotent = True

    def __init__(self, ledger: Ledger, rng: np.random.Generator) -> None:
        self._ledger, self._rng = ledger, rng

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        mood = self._rng.random()
        if mood < 0.25:
            raise RetryableError("Away. It is tried again.")
        if mood < 0.3:
            raise PermanentError("Impossible. Correct it.")
        if mood < 0.4:
            raise Killed
        self._ledger.execute(actions)


class Day:
    """A working day in random order."""

    def __init__(self, scene: Scene, ledger: Ledger, seed: int) -> None:
        self.scene, self.ledger = scene, ledger
        self.rng = np.random.default_rng(seed)
        self.now = NOW
        self.unaudited: list[int] = []

    def live(self) -> None:
        """Do `STEPS` things."""
        things = [self.arrive, self.work, self.work, self.work, self.send, self.hold, self.audit, self.watch, self.wait]
        for _ in range(STEPS):
            things[self.rng.integers(len(things))]()

    def _one(self, values: Sequence[str]) -> str:
        return values[int(self.rng.integers(len(values)))]

    def arrive(self) -> None:
        category = self._one(["refund", "tracking", "complaint", "cancel"])
        if category in ("refund", "tracking") and self.rng.random() < 0.5:
            self.unaudited += self.scene.automatic(2, category, self.now)
        else:
            hidden = bool(self.rng.random() < 0.5)
            self.scene.waiting(2, category, self.now, queue=self._one("BC"), suggestion_hidden=hidden)

    def work(self) -> None:
        actor = self._one(PEOPLE)
        known = {"policy": self.scene.policy, "now": self.now}
        claims = claiming.claim(self.scene.store, actor, limit=int(self.rng.integers(1, 4)), **known)
        if claims and self.rng.random() < 0.15:
            return  # called away: the lease will end
        for claim in claims:
            outcome = Outcome(self._one(["approve", "override", "deny"]))
            label = self._one(list(ACTIONS)) if outcome is Outcome.OVERRIDE else None
            reason = self._one(["wrong_category", "legal", "out_of_scope"]) if outcome is not Outcome.APPROVE else None
            ruling = Ruling(claim.item_id, claim.fence, outcome, label=label, reason_code=reason)
            try:
                deciding.decide(self.scene.store, [ruling], actor, **known)
            except (BadInput, Conflict):
                continue

    def send(self) -> None:
        receiver = Moody(self.ledger, self.rng)
        known = {"policy": self.scene.policy, "now": self.now}
        self.scene.store.clock = lambda: self.now
        with suppress(Killed):
            delivering.deliver(self.scene.store, receiver, actor=FLOW, rng=self.rng, limit=3, **known)

    def hold(self) -> None:
        category = None if self.rng.random() < 0.2 else self._one(["refund", "tracking"])
        act = pausing.pause if self.rng.random() < 0.5 else pausing.resume
        try:
            act(self.scene.store, category, reason="a test", policy=self.scene.policy, actor=FOUNDER, now=self.now)
        except Refused:
            return

    def audit(self) -> None:
        drawn, self.unaudited = self.unaudited[:3], self.unaudited[3:]
        if drawn:  # whatever has become of them meanwhile
            self.scene.audit(drawn, self.now)

    def watch(self) -> None:
        escalating.escalate_breaches(self.scene.store, policy=self.scene.policy, actor=FLOW, now=self.now)

    def wait(self) -> None:
        self.now += timedelta(minutes=float(self.rng.choice([3, 6, 300])))


@pytest.fixture(params=[1, 2, 3])
def day(store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Day:
    found = Day(Scene(store), Ledger(tmp_path / "actions.db"), request.param)
    found.live()
    return found


def test_every_action_rests_on_a_decision_of_its_own(day: Day) -> None:
    scene = day.scene
    decisions = {row["id"]: row for row in scene.rows(schema.Decision)}
    actions = scene.rows(schema.Outbox)
    assert actions
    assert max(Counter(action["decision_id"] for action in actions).values()) == 1
    for action in actions:
        decision = decisions[action["decision_id"]]
        assert (decision["case_id"], decision["label"]) == (action["case_id"], action["category"])
        assert decision["outcome"] != "deny"
        assert action["automatic"] == (decision["kind"] == "automatic")
    _check_people(scene, list(decisions.values()))
    _check_cases(scene, actions)
    _check_grave(scene, actions, decisions)
    done = [action for action in actions if action["state"] == "done"]
    assert day.ledger.effects() == len(done)
    assert len(scene.events("case.decided")) == len(decisions)
    assert scene.trail_is_whole()


def _check_people(scene: Scene, decisions: list[dict[str, Any]]) -> None:
    """Each person's decision closed a work item of its own, and nobody decided a case twice."""
    items = {row["id"]: row for row in scene.rows(schema.WorkItem)}
    human = [decision for decision in decisions if decision["kind"] != "automatic"]
    assert human
    for decision in human:
        item = items[decision["work_item_id"]]
        assert (item["case_id"], item["kind"], item["state"]) == (decision["case_id"], decision["kind"], "closed")
        assert decision["kind"] != "escalation" or decision["actor"] == MANAGER
    assert max(Counter(decision["work_item_id"] for decision in human).values()) == 1
    assert max(Counter((decision["case_id"], decision["actor"]) for decision in human).values()) == 1
    assert all(decision["actor"] == FLOW for decision in decisions if decision["kind"] == "automatic")


def _check_cases(scene: Scene, actions: list[dict[str, Any]]) -> None:
    """A waiting case has one open work and no action; a decided one has one action."""
    live = Counter(action["case_id"] for action in actions if action["state"] != "withdrawn")
    states = {action["case_id"]: action["state"] for action in actions if action["state"] != "withdrawn"}
    opened = Counter(row["case_id"] for row in scene.rows(schema.WorkItem, state="open") if row["kind"] != "audit")
    denied = {row["case_id"] for row in scene.rows(schema.Decision) if row["outcome"] == "deny"}
    for case_id, state in enumerate(scene.states(), 1):
        assert live[case_id] <= 1
        if state == "queued":
            assert (opened[case_id], live[case_id]) == (1, 0)
        elif state == "decided":
            assert live[case_id] == 1
            assert states[case_id] != "done"
        else:
            assert state == "done"
            assert states.get(case_id) == "done" or case_id in denied


def _check_grave(scene: Scene, actions: list[dict[str, Any]], decisions: dict[int, dict[str, Any]]) -> None:
    """What is of high consequence was wanted by two people, by the manager, or proposed and approved."""
    for action in actions:
        decision = decisions[action["decision_id"]]
        if action["category"] != "cancel" or decision["kind"] == "escalation" or decision["proposed"] == "cancel":
            continue
        wanted = {
            row["actor"] for row in scene.rows(schema.Decision, case_id=action["case_id"]) if row["label"] == "cancel"
        }
        assert len(wanted) > 1

"""Automation is withheld at once, given back by people only, and nothing unsent slips through."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from handrail.acts import delivering, pausing
from handrail.errors import BadInput, NotFound, NotPermitted, Refused
from handrail.policy import Stage
from handrail.store import outbox, pauses, schema, situation, stages
from handrail.store.engine import Store
from tasks.routing.receiver import Ledger
from tests.scenes import ACTIONS, FLOW, FOUNDER, MANAGER, NOW, Scene

EVIDENCE = {"reviewed": 40, "rejected": 3, "rate": 0.075}


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def pause(scene: Scene, category: str | None = "refund", **values: object) -> int:
    known = {**scene.known, "actor": FOUNDER, "reason": "odd refunds", **values}
    return pausing.pause(scene.store, category, **known)


def resume(scene: Scene, category: str | None = "refund", at: datetime = NOW) -> None:
    pausing.resume(scene.store, category, reason="looked at", policy=scene.policy, actor=FOUNDER, now=at)


def send(scene: Scene, ledger: Ledger, at: datetime = NOW) -> int:
    rng = np.random.default_rng(1)
    scene.store.clock = lambda: at
    return delivering.deliver(scene.store, ledger, policy=scene.policy, actor=FLOW, now=at, rng=rng)


def stage(scene: Scene, category: str) -> Stage:
    with scene.store.read() as connection:
        return stages.stages(connection, scene.policy)[category]


class TestPausing:
    def test_unsent_automatic_actions_return_to_queue_b(self, scene: Scene) -> None:
        (case_id,) = scene.automatic(1)
        (other,) = scene.automatic(1, "tracking")
        assert pause(scene) == 1
        assert (scene.state(case_id), scene.state(other)) == ("queued", "decided")
        route, work = scene.row(schema.Route, case_id=case_id), scene.row(schema.WorkItem)
        assert (route["queue"], route["reason"], route["reasons"]) == ("B", "paused", ["paused"])
        assert (work["case_id"], work["kind"], work["queue"], work["category"]) == (case_id, "review", "B", "refund")
        assert work["due_at"] == NOW + scene.policy.sla.quick
        assert [row["state"] for row in scene.rows(schema.Outbox)] == ["withdrawn", "new"]
        assert [event["case"] for event in scene.events("action.withdrawn")] == [case_id]

    def test_pausing_everything_returns_every_category(self, scene: Scene) -> None:
        scene.automatic(1)
        scene.automatic(1, "tracking")
        assert pause(scene, None) == 2
        assert scene.states() == ["queued", "queued"]

    def test_what_people_approved_proceeds(self, scene: Scene, tmp_path: Path) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id)
        assert pause(scene) == 0
        assert send(scene, Ledger(tmp_path / "actions.db")) == 1
        assert scene.state(case_id) == "done"

    def test_what_a_sender_holds_is_unknown_and_nobody_decides_it_anew(self, scene: Scene) -> None:
        scene.automatic(1)
        with scene.store.write() as connection:
            outbox.take(connection, now=NOW, real=NOW, until=NOW + delivering.LEASE, limit=1)
        assert pause(scene) == 0
        assert (scene.states(), scene.row(schema.Outbox)["state"]) == (["decided"], "unknown")
        assert scene.events("action.unknown")[0]["reason"] == "paused"

    def test_a_returned_case_is_executed_once_and_by_the_person(self, scene: Scene, tmp_path: Path) -> None:
        ledger = Ledger(tmp_path / "actions.db")
        (case_id,) = scene.automatic(1)
        pause(scene)
        assert send(scene, ledger) == 0
        scene.decide(case_id, "approve")
        assert send(scene, ledger) == 1
        assert (ledger.effects(), scene.state(case_id)) == (1, "done")
        action = scene.row(schema.Outbox)
        assert (action["automatic"], action["decision_id"], action["state"]) == (False, 2, "done")

    def test_an_action_whose_answer_was_lost_has_one_effect_after_all(self, scene: Scene, tmp_path: Path) -> None:
        ledger = Ledger(tmp_path / "actions.db")
        (case_id,) = scene.automatic(1)
        with scene.store.write() as connection:
            taken = outbox.take(connection, now=NOW, real=NOW, until=NOW + delivering.LEASE, limit=1)
        ledger.execute(taken)  # and the sender dies before it can say so
        later = NOW + delivering.LEASE
        assert pause(scene, now=later) == 0
        with pytest.raises(NotFound):
            scene.claim(case_id, at=later)
        send(scene, ledger, later)
        assert (ledger.effects(), scene.state(case_id)) == (1, "done")

    def test_a_returned_case_may_be_overridden_into_another_action(self, scene: Scene, tmp_path: Path) -> None:
        ledger = Ledger(tmp_path / "actions.db")
        (case_id,) = scene.automatic(1)
        pause(scene)
        scene.decide(case_id, "override", label="tracking")
        send(scene, ledger)
        assert [(row["category"], row["state"]) for row in scene.rows(schema.Outbox)] == [
            ("refund", "withdrawn"),
            ("tracking", "done"),
        ]
        assert ledger.effects() == 1

    def test_the_audit_of_a_returned_case_is_closed(self, scene: Scene) -> None:
        (case_id,) = scene.automatic(1)
        scene.audit([case_id])
        pause(scene)
        assert [row["kind"] for row in scene.rows(schema.WorkItem, state="open")] == ["review"]

    def test_a_returned_case_that_an_audit_escalated_waits_for_the_manager_alone(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        (case_id,) = scene.automatic(1)
        scene.audit([case_id])
        scene.decide(case_id, "deny", reason_code="legal")
        pause(scene)
        assert [row["kind"] for row in scene.rows(schema.WorkItem, state="open")] == ["escalation"]
        scene.decide(case_id, "override", MANAGER, label="tracking")
        ledger = Ledger(tmp_path / "actions.db")
        send(scene, ledger)
        assert (ledger.effects(), scene.state(case_id)) == (1, "done")

    def test_a_pause_is_checked_again_at_delivery(self, scene: Scene, tmp_path: Path) -> None:
        ledger = Ledger(tmp_path / "actions.db")
        pause(scene, "tracking")
        pause(scene, None)
        ids = [*scene.automatic(1), *scene.automatic(1, "tracking")]
        assert send(scene, ledger) == 0
        assert ledger.effects() == 0
        assert [scene.state(case_id) for case_id in ids] == ["queued", "queued"]

    def test_what_the_receiver_says_it_has_not_executed_goes_to_people(self, scene: Scene, tmp_path: Path) -> None:
        scene.automatic(1)
        with scene.store.write() as connection:
            outbox.take(connection, now=NOW, real=NOW, until=NOW + delivering.LEASE, limit=1)
        pause(scene)
        ledger = Ledger(tmp_path / "actions.db")
        assert send(scene, ledger, NOW + delivering.LEASE) == 0
        assert (ledger.effects(), scene.states()) == (0, ["queued"])

    def test_a_pause_needs_a_reason_a_known_category_and_happens_once(self, scene: Scene) -> None:
        with pytest.raises(BadInput, match="needs a reason"):
            pause(scene, reason="  ")
        with pytest.raises(NotFound, match="no category 'weather'"):
            pause(scene, "weather")
        pause(scene)
        with pytest.raises(Refused, match="paused already"):
            pause(scene)
        pause(scene, None)
        with pytest.raises(Refused, match="Everything is paused already"):
            pause(scene, None)

    def test_the_reason_stands_beside_the_trail_and_not_in_its_bytes(self, scene: Scene) -> None:
        pause(scene)
        (event,) = scene.events("automation.paused")
        assert (event["category"], event["cause"], event["returned"]) == ("refund", "operator", 0)
        assert event["because"] == "odd refunds"
        assert b"odd refunds" not in scene.row(schema.TrailEvent, kind="automation.paused")["body"]
        assert scene.row(schema.Pause)["reason"] == "odd refunds"


class TestResuming:
    def test_a_pause_by_an_operator_ends_and_keeps_the_stage(self, scene: Scene) -> None:
        pause(scene)
        resume(scene)
        assert stage(scene, "refund") is Stage.AUTO
        assert scene.row(schema.Pause)["until"] == NOW
        with pytest.raises(Refused, match="is not paused"):
            resume(scene)

    def test_after_the_breaker_the_review_must_be_closed_and_the_stage_is_partial(self, scene: Scene) -> None:
        pause(scene, kind="breaker", actor=FLOW, evidence=EVIDENCE)
        review = scene.row(schema.ModelReview)
        assert (review["category"], review["evidence"]) == ("refund", EVIDENCE)
        with pytest.raises(Refused, match=f"model review {review['id']} is still open"):
            resume(scene)
        known = {"actor": FOUNDER, "now": NOW}
        with pytest.raises(BadInput):
            pausing.close_review(scene.store, review["id"], conclusion=" ", **known)
        pausing.close_review(scene.store, review["id"], conclusion="a new form", **known)
        with pytest.raises(NotFound, match="no open model review"):
            pausing.close_review(scene.store, review["id"], conclusion="a new form", **known)
        resume(scene)
        assert stage(scene, "refund") is Stage.PARTIAL
        with scene.store.read() as connection:
            assert pauses.last_resume(connection, "refund") == NOW
            assert pauses.last_resume(connection, "tracking") is None

    def test_resuming_never_widens_a_narrower_stage(self, scene: Scene) -> None:
        pause(scene, kind="breaker", actor=FLOW, evidence=EVIDENCE)
        pausing.set_stage(scene.store, "refund", Stage.SUGGEST, reason="rest", actor=FOUNDER, **scene.known)
        pausing.close_review(scene.store, 1, conclusion="a new form", actor=FOUNDER, now=NOW)
        resume(scene)
        assert stage(scene, "refund") is Stage.SUGGEST

    def test_a_category_and_everything_are_paused_and_resumed_apart(self, scene: Scene) -> None:
        pause(scene)
        pause(scene, None)
        resume(scene, None)
        with scene.store.read() as connection:
            assert list(pauses.pauses(connection)["category"]) == ["refund"]

    def test_a_flow_gives_nothing_back(self, scene: Scene) -> None:
        pause(scene)
        with pytest.raises(NotPermitted):
            pausing.resume(scene.store, "refund", reason="time is up", actor=FLOW, **scene.known)


class TestStages:
    def test_a_stage_moves_and_says_where_it_was(self, scene: Scene) -> None:
        def move(to: Stage) -> Stage:
            return pausing.set_stage(scene.store, "refund", to, reason="plan", actor=FOUNDER, **scene.known)

        assert move(Stage.SUGGEST) is Stage.AUTO
        assert stage(scene, "refund") is Stage.SUGGEST
        assert move(Stage.SUGGEST) is Stage.SUGGEST
        assert [(event["from"], event["to"]) for event in scene.events("stage.changed")] == [("auto", "suggest")]

    def test_the_clock_of_the_watches_starts_when_a_category_is_first_raised(self, scene: Scene) -> None:
        def clocks() -> dict[str, object]:
            with scene.store.read() as connection:
                return dict(situation.raised(connection, scene.policy))

        assert clocks() == dict.fromkeys(scene.policy.categories, NOW), "the policy begins raised"
        for days, to in enumerate((Stage.PARTIAL, Stage.SUGGEST, Stage.AUTO), start=1):
            later = NOW + timedelta(days=days)
            pausing.set_stage(scene.store, "refund", to, reason="plan", policy=scene.policy, actor=FOUNDER, now=later)
            assert clocks().get("refund") == (None if to is Stage.SUGGEST else NOW)

    def test_an_unknown_category_has_no_stage(self, scene: Scene) -> None:
        with pytest.raises(NotFound):
            pausing.set_stage(scene.store, "weather", Stage.AUTO, reason="plan", actor=FOUNDER, **scene.known)

    def test_actions_are_the_policys(self, scene: Scene) -> None:
        scene.automatic(1, "tracking")
        assert scene.row(schema.Outbox)["action"] == ACTIONS["tracking"]

"""Predictions are written once; a case goes to its queue with everything that follows, or not at all."""

import pandas as pd
import pytest

from handrail.acts import intake, routing
from handrail.acts import models as model_acts
from handrail.store import outbox, schema
from handrail.store.engine import Store
from tests.scenes import ACTIONS, FLOW, FOUNDER, NOW, Scene


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def say(scene: Scene, ids: list[int], version: str, *, advance: bool, label: str = "refund") -> int:
    predictions = pd.DataFrame({"case_id": ids, "label": label, "confidence": 0.9, "novelty": 0.2, "novel": False})
    role = "champion" if advance else "challenger"
    return routing.record_predictions(
        scene.store, predictions, version=version, role=role, advance=advance, actor=FLOW, now=NOW
    )


def test_the_champion_scores_a_case_once(scene: Scene) -> None:
    ids = scene.accepted(2)
    assert say(scene, ids, "1", advance=True) == 2
    assert say(scene, ids, "1", advance=True) == 0
    assert scene.states() == ["scored", "scored"]
    assert scene.count(schema.Prediction) == 2


def test_a_challenger_scores_in_shadow_without_moving_the_case(scene: Scene) -> None:
    ids = scene.accepted(2)
    assert say(scene, ids, "2", advance=False) == 2
    assert say(scene, ids, "2", advance=False) == 0
    assert scene.states() == ["accepted", "accepted"]


def test_a_challenger_that_was_promoted_scores_the_cases_it_had_seen_in_shadow(scene: Scene) -> None:
    seen, unseen = scene.accepted(2)
    say(scene, [seen], "2", advance=False, label="tracking")
    assert say(scene, [seen, unseen], "2", advance=True) == 2
    assert scene.states() == ["scored", "scored"]
    assert [row["label"] for row in scene.rows(schema.Prediction)] == ["tracking", "refund"], "the first word stays"


def test_unreadable_cases_go_on_without_a_prediction(scene: Scene) -> None:
    ids = scene.accepted(2)
    routing.pass_unscored(scene.store, ids[:1], version=None, actor=FLOW)
    assert scene.states() == ["scored", "accepted"]


def test_queue_a_gets_route_decision_action_and_trail_event_together(scene: Scene) -> None:
    (case_id,) = scene.automatic(1)
    decision, action = scene.row(schema.Decision), scene.row(schema.Outbox)
    assert scene.state(case_id) == "decided"
    assert (decision["kind"], decision["outcome"], decision["label"]) == ("automatic", "approve", "refund")
    assert (decision["actor"], decision["work_item_id"]) == (FLOW, None)
    assert (action["decision_id"], action["action"], action["automatic"]) == (decision["id"], ACTIONS["refund"], True)
    assert (action["state"], action["next_at"]) == ("new", NOW)
    assert scene.count(schema.WorkItem) == 0
    kinds = [event["kind"] for event in scene.events(case=case_id)]
    assert kinds[-2:] == ["case.assigned", "case.decided"]


@pytest.mark.parametrize("queue", ["B", "C"])
def test_queues_b_and_c_get_work_with_a_due_time_and_nothing_else(scene: Scene, queue: str) -> None:
    (case_id,) = scene.waiting(1, queue=queue, suggestion_hidden=queue == "C")
    work = scene.row(schema.WorkItem)
    assert scene.state(case_id) == "queued"
    assert (work["kind"], work["queue"], work["category"]) == ("review", queue, "refund")
    assert work["due_at"] == scene.row(schema.Route)["due_at"] > NOW
    assert work["suggestion_hidden"] is (queue == "C")
    assert scene.count(schema.Decision) == scene.count(schema.Outbox) == 0


def test_a_case_that_is_assigned_already_is_left_out(scene: Scene) -> None:
    ids = scene.waiting(2)
    fresh = scene.scored(1)
    assert scene.assign([*ids, *fresh]) == {"A": 1, "B": 0, "C": 0}
    assert scene.states() == ["queued", "queued", "decided"]
    assert scene.count(schema.Outbox) == 1


def test_the_assignment_event_holds_codes_and_whole_numbers_only(scene: Scene) -> None:
    scene.automatic(1)
    (event,) = scene.events("case.assigned")
    assert event["confidence_ppm"] == 990_000
    assert (event["reason"], event["category"], event["policy"]) == ("auto", "refund", scene.policy.version)


def test_a_case_without_a_prediction_waits_without_a_category(scene: Scene) -> None:
    ids = scene.accepted(1)
    routing.pass_unscored(scene.store, ids, version=None, actor=FLOW)
    unknown = {"category": None, "confidence": None, "threshold": None, "stage": None, "model_version": None}
    scene.assign(ids, queue="C", reason="no_model", suggestion_hidden=True, **unknown)
    assert scene.row(schema.Route)["category"] is None
    assert scene.events("case.assigned")[0]["confidence_ppm"] is None


def test_a_failure_rolls_back_decision_action_state_and_event(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the disk is gone")

    ids = scene.scored(2)
    events = scene.count(schema.TrailEvent)
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "put", fail)
        with pytest.raises(RuntimeError, match="disk"):
            scene.assign(ids)
    assert scene.states() == ["scored", "scored"]
    assert [scene.count(table) for table in (schema.Route, schema.Decision, schema.Outbox)] == [0, 0, 0]
    assert scene.count(schema.TrailEvent) == events
    assert scene.assign(ids)["A"] == 2, "the next run completes what failed"
    assert scene.trail_is_whole()


def test_cases_with_long_names_have_actions_of_their_own(scene: Scene) -> None:
    names = [f"{'invoice-' * 12}{number}" for number in range(2)]
    scene.take_in(*({"external_id": name} for name in names))
    intake.accept(scene.store, [1, 2], [], actor=FLOW, now=NOW)
    say(scene, [1, 2], "1", advance=True)
    scene.assign([1, 2])
    assert [row["key"] for row in scene.rows(schema.Outbox)] == [outbox.key("shop", name, "refund") for name in names]


def test_a_key_tells_source_id_and_category_apart() -> None:
    assert outbox.key("a", "bc", "d") != outbox.key("ab", "c", "d") != outbox.key("ab", "cd", "")
    assert outbox.key("a", "b", "c") == outbox.key("a", "b", "c")


def test_what_a_version_scored_that_serves_no_more_is_scored_anew_whatever_its_queue(scene: Scene) -> None:
    for version in ("1", "2"):
        scene.add_version(version)
    sure, unsure = scene.scored(2)
    model_acts.set_champion(scene.store, "2", reason="scored before, routed after", actor=FOUNDER, now=NOW)
    assert scene.assign([sure], model_version="1") == {"A": 0, "B": 0, "C": 0}
    assert scene.assign([unsure], model_version="1", queue="B", reason="below_threshold")["B"] == 0
    assert scene.states() == ["accepted", "accepted"]
    assert scene.count(schema.Outbox) == scene.count(schema.WorkItem) == 0
    assert say(scene, [sure, unsure], "2", advance=True) == 2
    assert scene.assign([sure, unsure], model_version="2")["A"] == 2


def test_what_was_passed_without_a_model_is_scored_where_one_serves_by_now(scene: Scene) -> None:
    scene.add_version("1")
    ids = scene.accepted(1)
    routing.pass_unscored(scene.store, ids, version=None, actor=FLOW)
    model_acts.set_champion(scene.store, "1", reason="the first one", actor=FOUNDER, now=NOW)
    assert sum(scene.assign(ids, queue="C", reason="no_model").values()) == 0
    assert scene.states() == ["accepted"]
    routing.pass_unscored(scene.store, ids, version="1", actor=FLOW)
    assert scene.assign(ids, queue="C", reason="no_model", model_version=None)["C"] == 1, "it cannot be used: to people"

"""What a rule needs is read in the transaction that writes its result, by whatever act."""

from concurrent.futures import Future, ThreadPoolExecutor

import pandas as pd
import pytest

from handrail.acts import escalating, models, pausing, publishing, routing
from handrail.errors import Conflict, NotFound
from handrail.policy import Policy, Stage
from handrail.store import schema
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, POLICY, Scene
from tests.store.test_acts_delivering import Receiver, deliver

OTHER = POLICY.model_copy(update={"owner": "somebody"})


def with_stage(stage: Stage) -> Policy:
    refund = POLICY.categories["refund"].model_copy(update={"stage": stage})
    return POLICY.model_copy(update={"categories": {**POLICY.categories, "refund": refund}})


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def test_nobody_pauses_between_the_look_at_what_holds_and_the_route(scene: Scene) -> None:
    ids = scene.scored(2)
    with ThreadPoolExecutor(1) as pool:

        def plan(waiting: routing.Waiting) -> pd.DataFrame:
            begun.append(pool.submit(pausing.pause, scene.store, "refund", actor=FOUNDER, reason="odd", **scene.known))
            assert not begun[0].done()
            assert not waiting.situation.is_paused("refund")
            return planned

        begun: list[Future[int]] = []
        planned = pd.DataFrame(
            {
                "case_id": ids,
                "queue": "A",
                "reason": "auto",
                "reasons": [("auto",)] * 2,
                "category": "refund",
                "confidence": 0.99,
                "threshold": 0.95,
                "stage": "auto",
                "control": False,
                "suggestion_hidden": False,
                "blind_chance": None,
                "model_version": "1",
                "due_at": NOW,
            }
        )
        assert routing.assign(scene.store, ids, plan, policy=scene.policy, actor=FLOW, now=NOW)["A"] == 2
        assert begun[0].result() == 2, "what was approved before returns to people unsent"
    assert scene.states() == ["queued", "queued"]


@pytest.mark.parametrize("stage", [Stage.MANUAL, Stage.SHADOW, Stage.SUGGEST])
def test_what_a_policy_would_send_that_was_replaced_goes_back_to_people(scene: Scene, stage: Stage) -> None:
    scene.automatic(2)
    publishing.publish(scene.store, with_stage(stage), actor=FOUNDER, now=NOW)
    receiver = Receiver()
    assert deliver(scene, receiver) == 0, "the run still has the earlier policy"
    assert receiver.calls == []
    assert scene.states() == ["queued", "queued"]
    assert {row["reason"] for row in scene.rows(schema.Route)} == {f"stage_{stage}"}


def test_two_draws_of_the_same_approvals_look_at_each_once(scene: Scene) -> None:
    ids = scene.automatic(2)
    scene.audit(ids[:1])
    scene.audit(ids)
    assert [row["case_id"] for row in scene.rows(schema.AuditDraw)] == ids
    assert [row["case_id"] for row in scene.rows(schema.WorkItem, kind="audit")] == ids
    assert [event["looked_at"] for event in scene.events("audit.draw")] == [1, 1]


def test_what_people_have_decided_meanwhile_is_not_audited_as_automatic(scene: Scene) -> None:
    (case,) = scene.automatic(1)
    pausing.pause(scene.store, "refund", reason="odd", actor=FOUNDER, **scene.known)
    scene.decide(case)
    scene.audit([case])
    assert scene.count(schema.AuditDraw) == 0
    assert scene.rows(schema.WorkItem, kind="audit") == []


def test_a_version_that_was_looked_at_under_another_policy_is_not_promoted(scene: Scene) -> None:
    scene.add_version("1")
    publishing.publish(scene.store, OTHER, actor=FOUNDER, now=NOW)
    known = {"reason": "better", "actor": FOUNDER, "now": NOW}
    with pytest.raises(Conflict, match="Another policy was published while version 1 was looked at"):
        models.set_champion(scene.store, "1", under=POLICY.version, **known)
    assert scene.rows(schema.Serving)[0]["model_version"] is None
    assert scene.events("model.promoted") == []
    models.set_champion(scene.store, "1", under=OTHER.version, **known)
    assert scene.rows(schema.Serving)[0]["model_version"] == "1"


def test_late_work_is_handed_over_and_its_lateness_settled_together(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (case,) = scene.waiting(1)
    late = NOW + POLICY.sla.manual * 100
    escalating.escalate_breaches(scene.store, policy=POLICY, actor=FLOW, now=late)
    (item,) = scene.rows(schema.WorkItem)
    known = {"reason": "ruth knows", "actor": MANAGER, "now": late}

    def die(*_: object) -> bool:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(escalating.escalations, "resolve", die)
        with pytest.raises(RuntimeError, match="killed"):
            escalating.hand_over(scene.store, case, item["id"], "ruth", **known)
    assert scene.row(schema.WorkItem)["assigned_to"] is None
    escalating.hand_over(scene.store, case, item["id"], "ruth", **known)
    assert scene.row(schema.WorkItem)["assigned_to"] == "ruth"
    with pytest.raises(NotFound, match="not late any more"):
        escalating.hand_over(scene.store, case, item["id"], "ron", **known)

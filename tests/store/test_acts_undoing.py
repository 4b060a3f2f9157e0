"""Whoever decided takes it back for a moment; then every table is as before, but for the trail, fence and lease."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handrail.acts import claiming, deciding, delivering, handing, labelling, pausing, training, undoing
from handrail.acts.claiming import Claim
from handrail.case import Outcome
from handrail.errors import Conflict, NotFound, NotPermitted
from handrail.policy import LabelRules
from handrail.ruling import Ruling
from handrail.store import schema
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, POLICY, Scene

HOLD = POLICY.desk.undo_within
TICK = timedelta(microseconds=1)
SECRET = b"a secret for the tests of undoing"
ALWAYS = POLICY.model_copy(update={"labels": LabelRules(second_share=1.0)})
TABLES = [table for table in schema.Base.__subclasses__() if table not in (schema.TrailEvent, schema.TrailHead)]
OWN = ("fence", "holder", "lease_until")


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def contents(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, without what a claim changes and what makes up the trail."""
    return {
        table.__tablename__: [
            {name: value for name, value in row.items() if table is not schema.WorkItem or name not in OWN}
            for row in scene.rows(table)
        ]
        for table in TABLES
    }


def decide(scene: Scene, claim: Claim, outcome: str = "approve", actor: str = "rita", **ruling: object) -> list[int]:
    one = Ruling(claim.item_id, claim.fence, Outcome(outcome), **ruling)  # type: ignore[arg-type]
    return deciding.decide(scene.store, [one], actor, policy=scene.policy, now=NOW, secret=SECRET, hold=HOLD)


def undo(scene: Scene, ids: list[int], actor: str = "rita", after: timedelta = timedelta(seconds=3)) -> list[Claim]:
    return undoing.undo(scene.store, ids, actor, policy=scene.policy, now=NOW + after)


def review(scene: Scene) -> tuple[int, str]:
    return scene.waiting(1)[0], "rita"


def blind_review(scene: Scene) -> tuple[int, str]:
    return scene.waiting(1, suggestion_hidden=True)[0], "rita"


def audit(scene: Scene) -> tuple[int, str]:
    ids = scene.automatic(1)
    scene.audit(ids)
    return ids[0], "rita"


def earlier(scene: Scene, case_id: int, *ruling: Any) -> None:  # noqa: ANN401 - of a ruling
    claim = scene.claim(case_id, "ruth", NOW - HOLD)
    one = Ruling(claim.item_id, claim.fence, *ruling)
    deciding.decide(scene.store, [one], "ruth", policy=scene.policy, now=NOW - HOLD, secret=SECRET)


def second(scene: Scene) -> tuple[int, str]:
    (case_id,) = scene.waiting(1)
    earlier(scene, case_id, Outcome.OVERRIDE, "cancel")
    return case_id, "rita"


def recheck(scene: Scene) -> tuple[int, str]:
    case_id, _ = blind_review(scene)
    earlier(scene, case_id, Outcome.OVERRIDE, "refund")
    return case_id, "rita"


def escalation(scene: Scene) -> tuple[int, str]:
    (case_id,) = scene.waiting(1, at=NOW - HOLD)
    earlier(scene, case_id, Outcome.DENY, None, "legal")
    return case_id, MANAGER


def escalated_audit(scene: Scene) -> tuple[int, str]:
    (case_id,) = ids = scene.automatic(1, at=NOW - HOLD)
    scene.audit(ids, NOW - HOLD)
    earlier(scene, case_id, Outcome.DENY, None, "legal")
    return case_id, MANAGER


def withdrawn(scene: Scene) -> tuple[int, str]:
    """Approved by itself, but taken back by a pause before it was sent."""
    (case_id,) = scene.automatic(1)
    pausing.pause(scene.store, "refund", reason="a test", policy=scene.policy, actor=FOUNDER, now=NOW - HOLD)
    return case_id, "rita"


APPROVE: dict[str, Any] = {"outcome": "approve"}
OTHER: dict[str, Any] = {"outcome": "override", "label": "tracking", "reason_code": "wrong_category", "note": "odd"}
GRAVE: dict[str, Any] = {"outcome": "override", "label": "cancel"}
SAME: dict[str, Any] = {"outcome": "override", "label": "refund"}
NONE: dict[str, Any] = {"outcome": "deny", "reason_code": "out_of_scope"}
LEGAL: dict[str, Any] = {"outcome": "deny", "reason_code": "legal", "label": "refund"}

Start = Callable[[Scene], tuple[int, str]]


@pytest.mark.parametrize(
    ("start", "ruling"),
    [
        (review, APPROVE),
        (review, OTHER),
        (review, GRAVE),
        (review, NONE),
        (review, LEGAL),
        (blind_review, SAME),
        (blind_review, OTHER),
        (blind_review, NONE),
        (audit, SAME),
        (audit, OTHER),
        (audit, LEGAL),
        (second, GRAVE),
        (second, SAME),
        (second, NONE),
        (recheck, SAME),
        (recheck, OTHER),
        (recheck, NONE),
        (escalation, APPROVE),
        (escalation, OTHER),
        (escalation, NONE),
        (escalated_audit, OTHER),
        (escalated_audit, NONE),
        (withdrawn, APPROVE),
        (withdrawn, OTHER),
        (withdrawn, NONE),
    ],
)
def test_undone_it_is_as_if_it_had_not_been(scene: Scene, start: Start, ruling: dict[str, Any]) -> None:
    scene.publish(ALWAYS)
    case_id, actor = start(scene)
    before = contents(scene)
    claim = scene.claim(case_id, actor)
    ids = decide(scene, claim, actor=actor, **ruling)
    assert contents(scene) != before
    (again,) = undo(scene, ids, actor)
    assert contents(scene) == before
    assert (again.item_id, again.fence) == (claim.item_id, claim.fence + 1)
    assert decide(scene, again, actor=actor, **ruling), "it can be decided once more"
    assert scene.trail_is_whole()


def test_the_trail_keeps_the_decision_and_says_that_it_was_undone(scene: Scene) -> None:
    (case_id,) = scene.waiting(1)
    (number,) = decide(scene, scene.claim(case_id))
    undo(scene, [number])
    said = [event["kind"] for event in scene.events(case=case_id)]
    assert said[-2:] == ["case.decided", "decision.undone"]
    assert scene.events("decision.undone")[0]["decision"] == number


def test_several_decisions_are_undone_together_or_not_at_all(scene: Scene) -> None:
    scene.waiting(3)
    claims = claiming.claim(scene.store, "rita", limit=3, **scene.known)
    rulings = [Ruling(claim.item_id, claim.fence, Outcome.APPROVE) for claim in claims]
    ids = deciding.decide(scene.store, rulings, "rita", hold=HOLD, **scene.known)
    with pytest.raises(NotFound, match="99"):
        undo(scene, [*ids, 99])
    assert scene.count(schema.Decision) == 3
    assert len(undo(scene, ids)) == 3
    assert (scene.count(schema.Decision), scene.count(schema.Outbox)) == (0, 0)


def test_the_time_to_undo_ends(scene: Scene) -> None:
    first, second = scene.waiting(2)
    numbers = [decide(scene, scene.claim(case_id))[0] for case_id in (first, second)]
    with pytest.raises(Conflict, match="older than 10 seconds"):
        undo(scene, [numbers[0]], after=HOLD)
    assert undo(scene, [numbers[1]], after=HOLD - TICK)


def test_nobody_undoes_the_decision_of_another(scene: Scene) -> None:
    (case_id,) = scene.waiting(1)
    ids = decide(scene, scene.claim(case_id))
    with pytest.raises(Conflict, match="not yours"):
        undo(scene, ids, "ruth")
    with pytest.raises(NotPermitted):
        undo(scene, ids, FOUNDER + "x")


def test_undoing_twice_undoes_once(scene: Scene) -> None:
    (case_id,) = scene.waiting(1)
    ids = decide(scene, scene.claim(case_id))
    undo(scene, ids)
    with pytest.raises(NotFound, match="undone already"):
        undo(scene, ids)
    assert len(scene.events("decision.undone")) == 1


class Taker:
    """A receiver that executes everything."""

    idempotent = True

    def execute(self, actions: object) -> None: ...


def test_an_action_is_held_back_until_it_can_no_longer_be_undone(scene: Scene) -> None:
    (case_id,) = scene.waiting(1)
    ids = decide(scene, scene.claim(case_id))
    known = {"policy": scene.policy, "actor": FLOW, "rng": np.random.default_rng(1)}
    assert delivering.deliver(scene.store, Taker(), now=NOW + HOLD - TICK, **known) == 0
    assert delivering.deliver(scene.store, Taker(), now=NOW + HOLD, **known) == 1
    with pytest.raises(Conflict, match="has been sent"):
        undo(scene, ids, after=HOLD - TICK)  # a clock that is behind the sender's
    assert scene.count(schema.Decision) == 1


@pytest.mark.parametrize(("ruling", "follower"), [(GRAVE, "ruth"), (LEGAL, MANAGER)])
def test_what_somebody_works_on_is_not_taken_from_under_them(
    scene: Scene, ruling: dict[str, Any], follower: str
) -> None:
    (case_id,) = scene.waiting(1)
    ids = decide(scene, scene.claim(case_id), **ruling)
    claim = scene.claim(case_id, follower)
    with pytest.raises(Conflict, match="works on what followed"):
        undo(scene, ids)
    handing.release(scene.store, [claim.item_id], follower, now=NOW)
    with pytest.raises(Conflict, match="works on what followed"):
        undo(scene, ids)  # they have seen it


def test_a_decision_that_another_has_followed_stands(scene: Scene) -> None:
    (case_id,) = scene.waiting(1)
    ids = decide(scene, scene.claim(case_id), **GRAVE)
    decide(scene, scene.claim(case_id, "ruth"), actor="ruth", **GRAVE)
    with pytest.raises(Conflict, match="decided or disputed"):
        undo(scene, ids)


@pytest.mark.parametrize("ruling", [SAME, LEGAL], ids=["agrees", "escalates"])
def test_an_audit_that_a_pause_has_overtaken_stands(scene: Scene, ruling: dict[str, Any]) -> None:
    """Taken back, the one that escalated would leave its case waiting for nobody."""
    case_id, _ = audit(scene)
    ids = decide(scene, scene.claim(case_id), **ruling)
    later = NOW + timedelta(seconds=1)
    pausing.pause(scene.store, "refund", reason="a test", policy=scene.policy, actor=FOUNDER, now=later)
    with pytest.raises(Conflict, match="stands"):
        undo(scene, ids)


def test_after_an_undo_the_earlier_page_decides_nothing(scene: Scene) -> None:
    (case_id,) = scene.waiting(1)
    claim = scene.claim(case_id)
    undo(scene, decide(scene, claim))
    with pytest.raises(Conflict, match="no longer yours"):
        decide(scene, claim)


def test_an_answer_to_a_test_is_undone_until_the_test_is_graded(scene: Scene) -> None:
    scene.policy = POLICY.model_copy(update={"labels": LabelRules(second_share=0, gold_cases=3)})
    scene.add_person("cara", "data_curator")
    known = {"policy": scene.policy, "now": NOW, "actor": "cara"}
    letters = pd.DataFrame({"text": ["one", "two", "three"], "label": "refund"})
    labelling.write(scene.store, letters, **known)
    labelling.test(scene.store, "nils", rng=np.random.default_rng(1), **known)
    first, *others = claiming.claim(scene.store, "nils", limit=3, policy=scene.policy, now=NOW)
    before = contents(scene)
    (again,) = undo(scene, decide(scene, first, actor="nils", **GRAVE), "nils")
    assert contents(scene) == before
    for claim in (again, *others):
        last = decide(scene, claim, actor="nils", **SAME)
    with pytest.raises(Conflict, match="has been counted"):
        undo(scene, last, "nils")
    assert scene.row(schema.Qualification)["passed"]


def test_an_answer_to_a_practice_case_stands(scene: Scene) -> None:
    scene.policy = POLICY.model_copy(update={"labels": LabelRules(second_share=0, gold_cases=3)})
    scene.add_person("cara", "data_curator")
    letters = pd.DataFrame({"text": ["one", "two", "three", "four"], "label": "refund"})
    labelling.write(scene.store, letters, policy=scene.policy, now=NOW, actor="cara")
    known = {"policy": scene.policy, "secret": b"of this shop"}
    shown = training.practice_case(scene.store, "nils", **known)
    assert shown is not None
    training.practise(scene.store, "nils", shown.case_id, "refund", now=NOW, **known)
    (answered,) = scene.rows(schema.Decision)
    with pytest.raises(Conflict, match="was practice"):
        undo(scene, [answered["id"]], "nils")
    assert scene.rows(schema.Decision) == [answered]

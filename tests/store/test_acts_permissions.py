"""The table of roles holds for every act, from whichever face it is called."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handrail.acts import (
    alerting,
    attending,
    certifying,
    claiming,
    deciding,
    disputing,
    drawing,
    drifting,
    employing,
    escalating,
    importing,
    intake,
    labelling,
    models,
    pausing,
    publishing,
    purging,
    reading,
    releasing,
    routing,
    settling,
    viewing,
    withdrawing,
)
from handrail.alpha_spending import Look, Terms
from handrail.case import Outcome
from handrail.certification import Certification
from handrail.errors import HandrailError, NotPermitted
from handrail.permissions import PERMITTED, Role
from handrail.policy import Stage
from handrail.ruling import Ruling
from handrail.store import schema
from handrail.store.engine import Store
from tests.scenes import FLOW, NOW, POLICY, Scene, bad_rows, good_rows

Act = Callable[[Scene, str], object]
PEOPLE = [role for role in Role if role is not Role.FLOW]
OTHER = POLICY.model_copy(update={"owner": "somebody else"})
LOOKED_AT = pd.DataFrame(
    [
        {
            "case_id": 1,
            "category": "refund",
            "drawn": False,
            "random": False,
            "stratum": "high",
            "inclusion_probability": 0.5,
        }
    ]
)
EMPTY = pd.DataFrame({"case_id": pd.Series([1], dtype=int)})


def take_in(scene: Scene, actor: str) -> object:
    rows, delivery = good_rows({"external_id": "x"}), intake.Delivery("shop", "f")
    return intake.take_in(scene.store, rows, bad_rows(), delivery, policy=POLICY, actor=actor, now=NOW)


def assign(scene: Scene, actor: str) -> object:
    return routing.assign(scene.store, [1], lambda _: EMPTY, policy=POLICY, actor=actor, now=NOW)


def draw(scene: Scene, actor: str) -> object:
    return drawing.draw_audits(scene.store, LOOKED_AT, seed=1, policy=POLICY, actor=actor, now=NOW)


def escalate(scene: Scene, actor: str) -> object:
    late = NOW + POLICY.sla.manual * 100
    return escalating.escalate_breaches(scene.store, policy=POLICY, actor=actor, now=late)


def resolve(scene: Scene, actor: str) -> object:
    return claiming.claim_case(scene.store, 2, actor, policy=POLICY, now=NOW)


def outcome(scene: Scene, actor: str) -> object:
    rows = pd.DataFrame([{"case_id": 1, "kind": "closed", "value": None, "at": NOW}])
    return importing.import_outcomes(scene.store, rows, actor=actor, now=NOW)


def why(actor: str) -> dict[str, Any]:
    return {"reason": "for a test", "policy": POLICY, "actor": actor, "now": NOW}


ACTS: dict[str, Act] = {
    "read_cases": lambda scene, actor: viewing.record_export(scene.store, [1], actor=actor, now=NOW),
    "read_raw": lambda scene, actor: viewing.view(scene.store, 1, "for a test", policy=POLICY, actor=actor, now=NOW),
    "decide": lambda scene, actor: claiming.claim(scene.store, actor, policy=POLICY, now=NOW),
    "resolve_escalation": resolve,
    "adjudicate": lambda scene, actor: labelling.adjudicate(
        scene.store, 1, "refund", policy=POLICY, actor=actor, now=NOW
    ),
    "read_labels": lambda scene, actor: labelling.listed(scene.store, status=None, limit=1, actor=actor),
    "attest_gold": lambda scene, actor: labelling.attest(scene.store, 1, "refund", policy=POLICY, actor=actor, now=NOW),
    "withdraw_labels": lambda scene, actor: withdrawing.withdraw(
        scene.store, "reviewer", NOW, reason="for a test", policy=POLICY, actor=actor, now=NOW
    ),
    "test_people": lambda scene, actor: labelling.test(
        scene.store, "reviewer", policy=POLICY, actor=actor, now=NOW, rng=np.random.default_rng(1)
    ),
    "intake": take_in,
    "assign": assign,
    "settle_deliveries": lambda scene, actor: releasing.release(
        scene.store, 1, reason="for a test", actor=actor, now=NOW
    ),
    "draw_audits": draw,
    "escalate": escalate,
    "pause": lambda scene, actor: pausing.pause(scene.store, "tracking", **why(actor)),
    "resume": lambda scene, actor: pausing.resume(scene.store, "refund", **why(actor)),
    "close_review": lambda scene, actor: pausing.close_review(scene.store, 1, conclusion="fine", actor=actor, now=NOW),
    "set_stage": lambda scene, actor: pausing.set_stage(scene.store, "refund", Stage.SUGGEST, **why(actor)),
    "set_champion": lambda scene, actor: models.set_champion(
        scene.store, "1", actor=actor, reason="for a test", now=NOW
    ),
    "certify": lambda scene, actor: certifying.record_look(scene.store, LOOK, actor=actor, now=NOW),
    "roll_back": lambda scene, actor: models.roll_back(scene.store, actor=actor, reason="for a test", now=NOW),
    "settle_actions": lambda scene, actor: settling.retry(scene.store, 1, reason="for a test", actor=actor, now=NOW),
    "open_dispute": lambda scene, actor: disputing.open_dispute(
        scene.store, 1, "no", policy=POLICY, actor=actor, now=NOW
    ),
    "resolve_dispute": lambda scene, actor: disputing.resolve(
        scene.store, Ruling(1, 1, Outcome.APPROVE, answer="no"), actor, policy=POLICY, now=NOW
    ),
    "hand_out": lambda scene, actor: escalating.hand_over(
        scene.store, 1, 1, "ruth", reason="for a test", actor=actor, now=NOW
    ),
    "publish_policy": lambda scene, actor: publishing.publish(scene.store, OTHER, actor=actor, now=NOW),
    "manage_people": lambda scene, actor: employing.add_person(
        scene.store, "vera", roles=["reviewer"], trained_until=None, actor=actor, now=NOW
    ),
    "import_outcomes": outcome,
    "acknowledge_alert": lambda scene, actor: alerting.acknowledge(scene.store, 1, actor=actor, now=NOW),
    "watch": lambda scene, actor: reading.record(scene.store, [], actor=actor, now=NOW),
    "hold_text": lambda scene, actor: purging.hold(scene.store, 1, reason="for a test", actor=actor, now=NOW),
}
ONE = (NOW, NOW)
LOOK = Look(Terms("1", None, 0.02, 0.05, NOW), 1, 0.025, Certification(None, 0, 1, 200, 90), 200, ONE, ONE)
WITHOUT_AN_ACT = {"come_in", "read_escalations", "read_operations", "read_trail", "read_watch"}


@pytest.fixture
def scene(sqlite_store: Store) -> Scene:
    """Two cases that wait, the second escalated, refunds paused; one person for each role, named after it.

    On SQLite only: the check reads one row of one table.
    """
    found = Scene(sqlite_store)
    for role in PEOPLE:
        found.add_person(role, role)
    _, escalated = found.waiting(2)
    found.decide(escalated, "deny", reason_code="legal")
    pausing.pause(sqlite_store, "refund", evidence={"rate": 0.1}, kind="breaker", **why(FLOW))
    return found


def attempt(act: Act, scene: Scene, actor: str) -> bool:
    """Is the actor let in? What the act then says of the state is another matter."""
    try:
        act(scene, actor)
    except NotPermitted:
        return False
    except (HandrailError, KeyError):  # KeyError: `assign` is given frames without columns, past the check
        return True
    return True


def test_every_act_of_the_table_is_tried() -> None:
    assert set(ACTS) | WITHOUT_AN_ACT == set(PERMITTED)


@pytest.mark.parametrize("name", ACTS)
def test_only_the_roles_of_the_table_are_let_in(scene: Scene, name: str) -> None:
    actors: Sequence[str] = [*PEOPLE, FLOW]
    refused = [actor for actor in actors if actor_role(actor) not in PERMITTED[name]]
    before = scene.count(schema.TrailEvent)
    assert [actor for actor in [*refused, "eve"] if attempt(ACTS[name], scene, actor)] == []
    assert scene.count(schema.TrailEvent) == before, "who is refused leaves no trace in the state"
    allowed = [actor for actor in actors if actor not in refused]
    assert [actor for actor in allowed if not attempt(ACTS[name], scene, actor)] == []


def actor_role(actor: str) -> Role:
    return Role.FLOW if actor == FLOW else Role(actor)


def a_profile(scene: Scene) -> int:
    return drifting.save_profile(scene.store, "{}", cause="first", cases=1, window=(NOW, NOW), actor=FLOW, now=NOW)


WATCHING: dict[str, Act] = {
    "the switch hears of a watch": lambda scene, actor: attending.note_watch(
        scene.store, "sla_watch", actor=actor, now=NOW
    ),
    "a reference is saved": lambda scene, actor: drifting.save_profile(
        scene.store, "{}", cause="first", cases=1, window=(NOW, NOW), actor=actor, now=NOW
    ),
    "a drift is recorded": lambda scene, actor: drifting.record_drift(
        scene.store,
        profile_id=a_profile(scene),
        columns=[],
        terms=[],
        window=(NOW, NOW),
        policy=POLICY,
        actor=actor,
        now=NOW,
    ),
}


@pytest.mark.parametrize("name", WATCHING)
def test_only_who_may_watch_feeds_the_dead_mans_switch_and_the_drift_watch(scene: Scene, name: str) -> None:
    for role in PEOPLE:
        if role in PERMITTED["watch"]:
            continue
        with pytest.raises(NotPermitted, match="may not watch"):
            WATCHING[name](scene, role)
    for role in (FLOW, *PERMITTED["watch"] - {Role.FLOW}):
        WATCHING[name](scene, role)


def test_a_flow_withholds_automation_and_never_gives_it_back() -> None:
    giving_back = ("resume", "set_stage", "close_review", "publish_policy", "manage_people", "decide")
    assert Role.FLOW in PERMITTED["pause"]
    assert not [name for name in giving_back if Role.FLOW in PERMITTED[name]]


def test_somebody_unknown_is_told_how_to_become_known(store: Store) -> None:
    scene = Scene(store)
    with pytest.raises(NotPermitted, match="handrail people add eve"):
        claiming.claim(scene.store, "eve", policy=POLICY, now=NOW)


def test_a_person_without_a_role_for_it_hears_which_one_has_it(store: Store) -> None:
    scene = Scene(store)
    claim = scene.claim(scene.waiting(1)[0])
    ruling = Ruling(claim.item_id, claim.fence, Outcome.APPROVE)
    scene.add_person("rita", "data_curator")
    with pytest.raises(NotPermitted, match="escalation_manager, reviewer"):
        deciding.decide(scene.store, [ruling], "rita", policy=POLICY, now=NOW)
    assert scene.row(schema.WorkItem)["state"] == "open"

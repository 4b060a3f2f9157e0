"""The list of the escalation manager: what is in it, and what noting a missed SLA does and does not do."""

from datetime import datetime, timedelta

import pytest

from handrail.acts import disputing, escalating, pausing
from handrail.errors import BadInput, NotFound, NotPermitted
from handrail.store import escalations, schema
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, POLICY, Scene

SAID = "I never asked for this, and nobody answers my letters"
UNDONE_BY = {"refund": "claim_back", "cancel": "reinstate"}
CATEGORIES = {
    name: rules.model_copy(update={"undone_by": UNDONE_BY.get(name)}) for name, rules in POLICY.categories.items()
}
SHOP = POLICY.model_copy(update={"categories": CATEGORIES})


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store, SHOP)
    found.add_person("max", "escalation_manager", trained_until=NOW + timedelta(days=30))
    return found


def contest(scene: Scene, case_id: int, text: str = SAID, actor: str = "remo", at: datetime = NOW) -> int:
    return disputing.open_dispute(scene.store, case_id, text, actor=actor, policy=SHOP, now=at)


class TestMissedSlas:
    def test_noting_a_missed_sla_leaves_the_late_work_open(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        late = NOW + timedelta(days=1)
        escalating.escalate_breaches(scene.store, policy=SHOP, actor=FLOW, now=late)
        escalating.acknowledge(scene.store, case, reason="two of us were ill", actor=MANAGER, now=late)
        assert scene.row(schema.WorkItem)["state"] == "open"
        assert scene.row(schema.Escalation)["resolved_by"] == MANAGER
        (event,) = scene.events("escalation.acknowledged")
        assert event["because"] == "two of us were ill"
        with pytest.raises(NotFound):
            escalating.acknowledge(scene.store, case, reason="again", actor=MANAGER, now=late)

    def test_nobody_notes_it_without_a_reason_or_the_role(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        late = NOW + timedelta(days=1)
        escalating.escalate_breaches(scene.store, policy=SHOP, actor=FLOW, now=late)
        with pytest.raises(BadInput):
            escalating.acknowledge(scene.store, case, reason=" ", actor=MANAGER, now=late)
        with pytest.raises(NotPermitted):
            escalating.acknowledge(scene.store, case, reason="so", actor="rita", now=late)
        assert scene.row(schema.Escalation)["resolved_at"] is None


class TestTheList:
    def test_everything_open_stands_in_it_earliest_due_first(self, scene: Scene) -> None:
        late, legal = scene.waiting(2)
        scene.decide(legal, "deny", reason_code="legal")
        (contested,) = scene.automatic(1)
        contest(scene, contested, at=NOW + timedelta(minutes=1))
        breached = NOW + timedelta(hours=5)
        escalating.escalate_breaches(scene.store, policy=SHOP, actor=FLOW, now=breached)
        with scene.store.read() as connection:
            rows = escalations.waiting(connection)
            counts = escalations.counts(connection, breached)
        assert [(row.case_id, row.cause, row.kind) for row in rows] == [
            (legal, "legal", "escalation"),
            (contested, "dispute", "dispute"),
            (late, "sla_breach", "review"),
        ]
        assert counts == {"legal": (1, 1), "dispute": (1, 1), "sla_breach": (1, 0)}
        assert rows[1].dispute == 1

    def test_a_missed_sla_ends_with_the_work_that_was_late(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        scene.audit([case])
        late = NOW + SHOP.sla.audit + timedelta(seconds=1)
        escalating.escalate_breaches(scene.store, policy=SHOP, actor=FLOW, now=late)
        pausing.pause(scene.store, "refund", reason="errors", policy=SHOP, actor=FOUNDER, now=late)
        with scene.store.read() as connection:
            assert escalations.waiting(connection) == []
        assert scene.row(schema.Escalation)["resolved_by"] == FOUNDER

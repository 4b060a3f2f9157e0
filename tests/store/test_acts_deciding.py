"""People claim work and decide it: leases, fences, second persons, escalations, labels."""

from datetime import timedelta

import pytest

from handrail.acts import claiming, deciding, escalating
from handrail.case import Outcome
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted
from handrail.ruling import Ruling
from handrail.store import outbox, schema, trail
from handrail.store.engine import Store
from tests.scenes import ACTIONS, MANAGER, NOVICE, NOW, Scene

LEASE = timedelta(minutes=5)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


class TestClaiming:
    def test_work_is_offered_by_due_time_and_leased(self, scene: Scene) -> None:
        late, early = scene.waiting(1, due_at=NOW + LEASE * 9), scene.waiting(1, due_at=NOW + LEASE * 3)
        claims = claiming.claim(scene.store, "rita", limit=5, **scene.known)
        assert [claim.case_id for claim in claims] == [*early, *late]
        assert all(claim.lease_until == NOW + scene.policy.leases.duration for claim in claims)
        assert {row["holder"] for row in scene.rows(schema.WorkItem)} == {"rita"}

    def test_nothing_waits_for_nobody(self, scene: Scene) -> None:
        assert claiming.claim(scene.store, "rita", **scene.known) == []

    def test_leased_work_is_offered_to_others_only_when_the_lease_has_ended(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.claim(case_id, "rita")
        for moment in (NOW, NOW + LEASE - timedelta(seconds=1)):
            with scene.when(moment):
                assert claiming.claim(scene.store, "ruth", **scene.known) == []
        with pytest.raises(Conflict, match="held by rita"):
            scene.claim(case_id, "ruth")
        assert claiming.claim(scene.store, "ruth", policy=scene.policy, now=NOW + LEASE) == [], "by the real clock"
        with scene.when(NOW + LEASE):
            assert len(claiming.claim(scene.store, "ruth", **scene.known)) == 1

    def test_the_fence_grows_with_each_claim_and_a_stale_one_is_refused(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        first = scene.claim(case_id)
        second = scene.claim(case_id)
        assert second.fence == first.fence + 1
        with pytest.raises(Conflict, match="no longer yours"):
            scene.rule(first)
        scene.rule(second)
        assert scene.count(schema.Decision) == 1

    def test_who_lost_the_lease_cannot_decide(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        lost = scene.claim(case_id, "rita")
        scene.claim(case_id, "ruth", NOW + LEASE)
        with pytest.raises(Conflict, match="ruth holds it"):
            scene.rule(lost, actor="rita", at=NOW + LEASE)

    def test_decided_work_cannot_be_decided_again(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        claim = scene.decide(case_id)
        with pytest.raises(Conflict, match="decided already"):
            scene.rule(claim)
        with pytest.raises(NotFound, match="no open work"):
            scene.claim(case_id, "ruth")

    def test_one_call_cannot_decide_the_same_work_twice(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        claim = scene.claim(case_id)
        ruling = Ruling(claim.item_id, claim.fence, Outcome.DENY, reason_code="out_of_scope")
        with pytest.raises(Conflict, match="decided already"):
            deciding.decide(scene.store, [ruling, ruling], "rita", **scene.known)
        assert scene.count(schema.Decision) == 0

    def test_one_bad_ruling_undoes_the_whole_session(self, scene: Scene) -> None:
        claims = [scene.claim(case_id) for case_id in scene.waiting(2)]
        rulings = [
            Ruling(claims[0].item_id, claims[0].fence, Outcome.APPROVE),
            Ruling(claims[1].item_id, claims[1].fence - 1, Outcome.APPROVE),
        ]
        with pytest.raises(Conflict):
            deciding.decide(scene.store, rulings, "rita", **scene.known)
        assert scene.count(schema.Decision) == scene.count(schema.Outbox) == 0
        assert scene.states() == ["queued", "queued"]

    def test_nobody_gets_a_case_that_they_decided(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "override", label="cancel")
        assert claiming.claim(scene.store, "rita", **scene.known) == []
        with pytest.raises(Conflict, match="decided by you before"):
            scene.claim(case_id, "rita")
        assert claiming.claim(scene.store, "ruth", **scene.known)[0].kind == "second"

    def test_claiming_one_case_leases_no_other(self, scene: Scene) -> None:
        first, second = scene.waiting(2)
        scene.claim(second)
        assert [row["holder"] for row in scene.rows(schema.WorkItem)] == [None, "rita"]
        assert claiming.held_item(scene.store, second, "rita") == 2
        with pytest.raises(Conflict, match="hold no work"):
            claiming.held_item(scene.store, first, "rita")

    def test_unknown_work_is_not_found(self, scene: Scene) -> None:
        with pytest.raises(NotFound, match="Work item 77"):
            deciding.decide(scene.store, [Ruling(77, 1, Outcome.APPROVE)], "rita", **scene.known)


class TestDeciding:
    def test_an_approval_executes_the_suggestion(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, note="fine by me", seconds=12.5)
        decision, action, label = scene.row(schema.Decision), scene.row(schema.Outbox), scene.row(schema.Label)
        assert scene.state(case_id) == "decided"
        assert (decision["outcome"], decision["label"], decision["seconds"]) == ("approve", "refund", 12.5)
        assert decision["work_item_id"] == scene.row(schema.WorkItem)["id"]
        assert (action["action"], action["automatic"]) == (ACTIONS["refund"], False)
        assert action["decision_id"] == decision["id"]
        assert (label["label"], label["status"], label["blind"]) == ("refund", "accepted", False)
        assert scene.row(schema.Note)["text"] == "fine by me"

    def test_an_override_executes_the_other_action(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "override", label="tracking", reason_code="wrong_category")
        assert scene.row(schema.Outbox)["action"] == ACTIONS["tracking"]
        label = scene.row(schema.Label)
        assert (label["label"], label["reason_code"]) == ("tracking", "wrong_category")

    def test_a_denial_executes_nothing(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "deny", reason_code="out_of_scope")
        assert scene.state(case_id) == "done"
        assert scene.count(schema.Outbox) == scene.count(schema.Label) == scene.count(schema.Escalation) == 0

    @pytest.mark.parametrize(
        ("outcome", "ruling", "sentence"),
        [
            ("override", {}, "needs the right category"),
            ("override", {"label": "weather"}, "no category 'weather'"),
            ("deny", {}, "needs a reason"),
            ("deny", {"reason_code": "out_of_scope", "label": "weather"}, "no category 'weather'"),
            ("deny", {"reason_code": "Jane Doe was rude"}, "into the note"),
            ("deny", {"reason_code": "legl"}, "Choose one of: wrong_category,.* legal"),
            ("override", {"label": "tracking", "reason_code": "foo"}, "no such reason"),
        ],
    )
    def test_an_incomplete_ruling_is_refused(
        self, scene: Scene, outcome: str, ruling: dict[str, str], sentence: str
    ) -> None:
        (case_id,) = scene.waiting(1)
        with pytest.raises((BadInput, NotFound), match=sentence):
            scene.decide(case_id, outcome, **ruling)
        assert scene.state(case_id) == "queued"
        assert scene.count(schema.Decision) == 0

    def test_what_nobody_sees_nobody_approves(self, scene: Scene) -> None:
        (hidden,) = scene.waiting(1, suggestion_hidden=True)
        (unscored,) = scene.scored(1)
        scene.assign([unscored], category=None, queue="C", reason="no_model")
        for case_id in (hidden, unscored):
            with pytest.raises(BadInput, match="no suggestion to approve"):
                scene.decide(case_id, "approve")

    def test_choosing_the_proposed_label_blindly_is_an_approval(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, suggestion_hidden=True)
        scene.decide(case_id, "override", label="refund", reason_code="wrong_category")
        decision, label = scene.row(schema.Decision), scene.row(schema.Label)
        assert (decision["outcome"], decision["reason_code"], decision["blind"]) == ("approve", None, True)
        assert label["blind"] is True

    def test_only_labels_of_trained_reviewers_are_accepted(self, scene: Scene) -> None:
        first, second, third = scene.waiting(3)
        expired = NOW + timedelta(days=30)
        scene.decide(first, actor=NOVICE)
        scene.decide(second, actor="rita", at=expired - timedelta(seconds=1))
        scene.decide(third, actor="rita", at=expired)
        assert [row["status"] for row in scene.rows(schema.Label)] == ["provisional", "accepted", "provisional"]

    def test_the_trail_says_who_decided_what_and_keeps_no_note(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "deny", reason_code="out_of_scope", note="a secret remark")
        (event,) = scene.events("case.decided")
        assert (event["actor"], event["case"], event["outcome"]) == ("rita", case_id, "deny")
        assert (event["label"], event["reason"], event["work"]) == (None, "out_of_scope", "review")
        assert not any("secret" in str(event) for event in scene.events())

    def test_a_failure_leaves_neither_decision_nor_event(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("the trail is gone")

        (case_id,) = scene.waiting(1)
        claim = scene.claim(case_id)
        with monkeypatch.context() as patched:
            patched.setattr(trail, "append", fail)
            with pytest.raises(RuntimeError):
                scene.rule(claim)
        assert scene.count(schema.Decision) == scene.count(schema.Label) == scene.count(schema.Outbox) == 0
        assert (scene.state(case_id), scene.row(schema.WorkItem)["state"]) == ("queued", "open")
        scene.rule(claim)
        assert scene.trail_is_whole()


class TestSecondPerson:
    def test_an_override_into_high_consequence_sends_no_action_before_the_second_person(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "override", label="cancel", reason_code="wrong_category")
        assert scene.count(schema.Outbox) == 0
        assert scene.state(case_id) == "queued"
        second = scene.rows(schema.WorkItem, state="open")
        assert [(row["kind"], row["queue"], row["suggestion_hidden"]) for row in second] == [("second", "C", True)]
        scene.decide(case_id, "override", "ruth", label="cancel")
        action = scene.row(schema.Outbox)
        assert (action["action"], action["decision_id"]) == (ACTIONS["cancel"], 2)
        assert scene.state(case_id) == "decided"

    def test_two_people_who_want_different_high_consequences_do_not_make_two(self, scene: Scene) -> None:
        grave = scene.policy.categories["cancel"]
        scene.publish(scene.policy.model_copy(update={"categories": {**scene.policy.categories, "delete": grave}}))
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "override", "rita", label="cancel")
        scene.decide(case_id, "override", "ruth", label="delete")
        assert scene.count(schema.Outbox) == 0
        scene.decide(case_id, "override", "ron", label="delete")
        assert scene.row(schema.Outbox)["category"] == "delete"

    def test_the_second_person_may_choose_the_harmless_suggestion(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "override", "rita", label="cancel")
        scene.decide(case_id, "override", "ruth", label="refund")
        assert scene.row(schema.Outbox)["category"] == "refund"

    def test_the_second_person_may_deny(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "override", "rita", label="cancel")
        scene.decide(case_id, "deny", "ruth", reason_code="out_of_scope")
        assert scene.count(schema.Outbox) == 0
        assert scene.state(case_id) == "done"

    def test_an_amount_can_make_a_harmless_category_grave(self, scene: Scene) -> None:
        steps = ({"above": 10, "consequence": "high"},)
        rules = scene.policy.categories["tracking"]
        grave = type(rules).model_validate({**rules.model_dump(), "consequence_by_amount": steps})
        scene.policy = scene.policy.model_copy(update={"categories": {**scene.policy.categories, "tracking": grave}})
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "override", label="tracking")
        assert scene.count(schema.Outbox) == 0

    def test_an_override_into_lower_consequence_needs_no_second_person(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "override", label="complaint")
        assert scene.row(schema.Outbox)["category"] == "complaint"


class TestEscalations:
    @pytest.mark.parametrize("cause", ["policy", "legal"])
    def test_such_a_denial_goes_to_the_escalation_manager_in_time(self, scene: Scene, cause: str) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "deny", reason_code=cause)
        escalation = scene.row(schema.Escalation)
        assert (escalation["cause"], escalation["first_decider"], escalation["resolved_at"]) == (cause, "rita", None)
        assert escalation["due_at"] == NOW + scene.policy.escalation.due_within
        (work,) = scene.rows(schema.WorkItem, state="open")
        assert (work["kind"], work["due_at"]) == ("escalation", escalation["due_at"])
        assert (scene.state(case_id), scene.count(schema.Outbox)) == ("queued", 0)

    def test_an_override_for_such_a_reason_escalates_before_anything_is_executed(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "override", label="tracking", reason_code="legal")
        assert scene.count(schema.Outbox) == 0
        assert scene.row(schema.Escalation)["cause"] == "legal"

    def test_only_the_manager_gets_escalations(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "deny", "rita", reason_code="legal")
        assert claiming.claim(scene.store, "ruth", kinds=["escalation"], **scene.known) == []
        with pytest.raises(NotPermitted, match="escalation_manager"):
            scene.claim(case_id, "ruth")
        (claim,) = claiming.claim(scene.store, MANAGER, **scene.known)
        assert claim.kind == "escalation"

    def test_who_is_no_manager_any_more_cannot_resolve(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "deny", "rita", reason_code="legal")
        claim = scene.claim(case_id, MANAGER)
        scene.add_person(MANAGER, "reviewer")
        with pytest.raises(NotPermitted):
            scene.rule(claim, "override", MANAGER, label="tracking")

    def test_a_manager_does_not_resolve_what_they_escalated(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "deny", MANAGER, reason_code="legal")
        assert claiming.claim(scene.store, MANAGER, **scene.known) == []
        scene.add_person("second manager", "escalation_manager")
        assert len(claiming.claim(scene.store, "second manager", **scene.known)) == 1

    def test_the_resolution_executes_its_action(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "deny", reason_code="policy")
        later = NOW + timedelta(minutes=30)
        scene.decide(case_id, "override", MANAGER, later, label="tracking")
        escalation = scene.row(schema.Escalation)
        assert (escalation["resolved_at"], escalation["resolved_by"]) == (later, MANAGER)
        assert scene.row(schema.Outbox)["category"] == "tracking"
        assert scene.state(case_id) == "decided"

    def test_the_resolution_may_be_a_denial(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id, "deny", reason_code="policy")
        scene.decide(case_id, "deny", MANAGER, reason_code="policy")
        assert scene.state(case_id) == "done"
        assert scene.row(schema.Escalation)["resolved_by"] == MANAGER
        assert scene.rows(schema.WorkItem, state="open") == []


class TestAudits:
    def test_an_audit_changes_no_state_and_sends_no_action(self, scene: Scene) -> None:
        ids = scene.automatic(2)
        scene.audit(ids)
        scene.decide(ids[0], "override", label="refund")
        scene.decide(ids[1], "override", label="cancel", reason_code="wrong_category")
        assert scene.states() == ["decided", "decided"]
        assert scene.count(schema.Outbox) == 2
        assert scene.rows(schema.WorkItem, state="open") == []
        assert [(row["label"], row["provenance"], row["blind"]) for row in scene.rows(schema.Label)] == [
            ("refund", "audit", True),
            ("cancel", "audit", True),
        ]

    @pytest.mark.parametrize("outcome", [{"outcome": "approve"}, {"outcome": "override", "label": "tracking"}])
    def test_resolving_what_an_audit_escalated_sends_no_second_action(
        self, scene: Scene, outcome: dict[str, str]
    ) -> None:
        (case_id,) = scene.automatic(1)
        scene.audit([case_id])
        scene.decide(case_id, "deny", reason_code="legal")
        scene.decide(case_id, actor=MANAGER, **outcome)
        assert scene.state(case_id) == "decided"
        assert scene.row(schema.Outbox)["key"] == outbox.key("shop", "e-1", "refund")
        assert scene.row(schema.Escalation)["resolved_by"] == MANAGER

    def test_a_late_audit_closes_the_escalation_of_its_breach(self, scene: Scene) -> None:
        (case_id,) = scene.automatic(1)
        scene.audit([case_id])
        late = NOW + scene.policy.sla.audit + timedelta(seconds=1)
        escalating.escalate_breaches(scene.store, policy=scene.policy, actor="flow:sla_watch", now=late)
        assert scene.row(schema.Escalation)["cause"] == "sla_breach"
        scene.decide(case_id, "override", at=late, label="refund")
        assert scene.row(schema.Escalation)["resolved_at"] == late

"""A customer contests a decision: who may look again, what becomes of the action, what is kept."""

from datetime import timedelta
from typing import Any

import pytest

from handrail.acts import claiming, disputing, escalating, intake, pausing, purging
from handrail.acts.disputing import LONGEST
from handrail.case import Outcome
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted, Refused
from handrail.policy import LabelRules
from handrail.ruling import Ruling
from handrail.store import cases, disputes, outbox, schema
from handrail.store.engine import Store
from handrail.window import Window
from tests.contesting import LATER, SAID, SHOP, TOLD, contest, resolve, send, waiting_actions
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, Scene


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store, SHOP)
    found.add_person("max", "escalation_manager", trained_until=NOW + timedelta(days=30))
    return found


class TestOpening:
    def test_a_dispute_waits_for_the_escalation_manager_within_the_policys_time(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        dispute = contest(scene, case)
        row, item = scene.row(schema.Dispute), scene.row(schema.WorkItem)
        assert (row["id"], row["first_decider"], row["opened_by"], row["text"]) == (dispute, FLOW, "remo", SAID)
        assert (item["kind"], item["queue"], item["due_at"]) == ("dispute", "C", NOW + timedelta(hours=1))
        assert scene.row(schema.Escalation)["cause"] == "dispute"
        assert scene.events("dispute.opened")[0]["dispute"] == dispute
        assert scene.trail_is_whole()

    def test_the_trail_and_the_work_hold_no_word_of_the_customer(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        contest(scene, case)
        assert not any("letters" in str(event) for event in scene.events())
        assert "letters" not in str(scene.rows(schema.WorkItem))

    def test_what_the_customer_says_is_kept_without_their_personal_data(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        contest(scene, case, "Write to anna@example.org, please")
        assert scene.row(schema.Dispute)["text"] == "Write to [EMAIL], please"

    def test_nobody_contests_what_is_not_decided_or_not_there(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        with pytest.raises(Refused, match="not decided yet"):
            contest(scene, case)
        with pytest.raises(NotFound, match="no case 99"):
            contest(scene, 99)

    def test_what_nobody_can_read_any_more_is_not_looked_at_again(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        with scene.store.write() as connection:
            cases.delete_inputs(connection, [case])
        with pytest.raises(Refused, match="deleted"):
            contest(scene, case)

    def test_what_came_in_as_history_was_never_decided_here(self, scene: Scene) -> None:
        scene.take_in({"external_id": "old", "label": "refund", "history": True})
        (case,) = (row["id"] for row in scene.rows(schema.Case))
        intake.accept(scene.store, [case], [case], actor=FLOW, now=NOW)
        assert scene.state(case) == "done"
        with pytest.raises(Refused, match="before Handrail"):
            contest(scene, case)

    def test_a_second_dispute_waits_until_the_first_is_closed(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        dispute = contest(scene, case)
        with pytest.raises(Conflict, match="open already"):
            contest(scene, case)
        resolve(scene, dispute, "approve")
        assert contest(scene, case) > dispute
        assert scene.row(schema.Escalation)["resolved_at"] is None

    @pytest.mark.parametrize(("text", "works"), [("x" * LONGEST, True), ("x" * (LONGEST + 1), False), (" \n", False)])
    def test_a_text_is_no_book_and_not_empty(self, scene: Scene, text: str, works: bool) -> None:
        (case,) = scene.automatic(1)
        if works:
            contest(scene, case, text)
        else:
            with pytest.raises(BadInput, match=r"Shorten it|sentence or two"):
                contest(scene, case, text)
        assert scene.count(schema.Dispute) == works


class TestWhoLooksAgain:
    def test_nobody_who_has_decided_the_case_before_ever_looks_again(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, "override", actor=MANAGER, label="cancel")  # of high consequence: a second person confirms
        scene.decide(case, "override", actor="max", label="cancel")
        dispute = contest(scene, case)
        item = scene.row(schema.Dispute, id=dispute)["work_item_id"]
        for decider in (MANAGER, "max"):
            with pytest.raises(NotPermitted, match="decided case 1 before"):
                escalating.take(scene.store, item, decider, policy=SHOP, now=NOW)
            assert claiming.claim(scene.store, decider, policy=SHOP, now=NOW, kinds=("dispute",)) == []
        (claim,) = claiming.claim(scene.store, FOUNDER, policy=SHOP, now=NOW, kinds=("dispute",))
        assert claim.item_id == item

    def test_the_first_decider_is_refused_even_with_a_claim(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, actor=MANAGER)
        dispute = contest(scene, case)
        item = scene.row(schema.Dispute, id=dispute)["work_item_id"]
        with scene.store.write() as connection:  # as a fault elsewhere might
            lease = schema.WorkItem.__table__.update().where(schema.WorkItem.id == item)
            connection.execute(lease.values(holder=MANAGER, lease_until=LATER, fence=1))
        ruling = Ruling(item, 1, Outcome.APPROVE, answer=TOLD)
        with pytest.raises(Conflict, match="decided by you before"):
            disputing.resolve(scene.store, ruling, MANAGER, policy=SHOP, now=NOW)

    def test_a_reviewer_may_take_a_dispute_down_and_not_settle_it(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        dispute = contest(scene, case, actor="rita")
        item = scene.row(schema.Dispute, id=dispute)["work_item_id"]
        with pytest.raises(NotPermitted, match="escalation_manager"):
            escalating.take(scene.store, item, "rita", policy=SHOP, now=NOW)
        assert claiming.claim(scene.store, "rita", policy=SHOP, now=NOW) == []

    def test_two_managers_at_once_are_one_who_has_it_and_one_who_hears_so(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        item = scene.row(schema.Dispute, id=contest(scene, case))["work_item_id"]
        escalating.take(scene.store, item, MANAGER, policy=SHOP, now=NOW)
        with pytest.raises(Conflict, match="held by mona"):
            escalating.take(scene.store, item, "max", policy=SHOP, now=NOW)


class TestTheFirstDecisionStands:
    def test_nothing_is_sent_and_nothing_taken_back(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        assert send(scene) == ["pay_back"]
        resolve(scene, contest(scene, case), "approve")
        assert send(scene, LATER) == []
        row = scene.row(schema.Dispute)
        assert (row["upheld"], row["answer"], row["closed_at"]) == (True, TOLD, NOW)
        assert scene.row(schema.Escalation)["resolved_by"] == MANAGER
        assert scene.state(case) == "done"
        assert scene.count(schema.CaseOutcome) == 0

    def test_the_label_is_confirmed_by_the_second_person(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        resolve(scene, contest(scene, case), "approve")
        label = scene.row(schema.Label)
        assert (label["provenance"], label["label"], label["status"]) == ("dispute", "refund", "accepted")

    def test_a_denial_stands_without_a_label(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, "deny", reason_code="out_of_scope")
        resolve(scene, contest(scene, case), "approve")
        assert scene.row(schema.Dispute)["upheld"]
        assert scene.rows(schema.Label) == []
        assert send(scene) == []

    @pytest.mark.parametrize(("first", "again"), [("deny", {"outcome": "deny"}), ("approve", {"outcome": "override"})])
    def test_who_chooses_the_same_again_lets_it_stand(self, scene: Scene, first: str, again: dict[str, str]) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, first, **({"reason_code": "duplicate"} if first == "deny" else {}))
        label = None if first == "deny" else "refund"
        resolve(scene, contest(scene, case), again["outcome"], label=label)
        assert scene.row(schema.Dispute)["upheld"]


class TestAnotherCategory:
    def test_the_executed_action_is_taken_back_and_the_right_one_goes_out(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        assert send(scene) == ["pay_back"]
        resolve(scene, contest(scene, case), "override", label="tracking", at=LATER)
        assert scene.state(case) == "decided"
        assert send(scene, LATER) == ["claim_back", "send_tracking"]
        assert scene.state(case) == "done"
        closed = scene.events("dispute.closed")[0]
        assert (closed["upheld"], closed["label"], closed["taken_back"], closed["final"]) == (False, "tracking", 1, 0)
        label = scene.rows(schema.Label)[-1]
        assert (label["provenance"], label["label"]) == ("dispute", "tracking")
        assert scene.trail_is_whole()

    def test_an_action_that_was_not_sent_is_withdrawn_instead(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        resolve(scene, contest(scene, case), "override", label="tracking")
        assert waiting_actions(scene) == [("pay_back", "withdrawn"), ("send_tracking", "new")]
        assert send(scene) == ["send_tracking"]

    def test_an_action_that_nothing_undoes_stays_and_the_trail_counts_it(self, scene: Scene) -> None:
        (case,) = scene.automatic(1, "tracking")
        send(scene)
        resolve(scene, contest(scene, case), "override", label="refund")
        assert send(scene, LATER) == ["pay_back"]
        assert scene.events("dispute.closed")[0]["final"] == 1

    def test_an_action_on_its_way_is_neither_withdrawn_nor_doubled(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        dispute = contest(scene, case)
        with scene.store.write() as connection:
            outbox.take(connection, now=NOW, real=NOW, until=LATER, limit=1)
        with pytest.raises(Conflict, match="being sent"):
            resolve(scene, dispute, "deny")
        assert scene.row(schema.Dispute)["closed_at"] is None
        assert scene.rows(schema.Decision, kind="dispute") == []

    def test_an_action_of_which_nobody_knows_whether_it_arrived_is_settled_first(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        with scene.store.write() as connection:
            connection.execute(schema.Outbox.__table__.update().values(state="unknown"))
        with pytest.raises(Refused, match="operator"):
            resolve(scene, contest(scene, case), "deny")

    def test_what_people_say_of_a_second_dispute_is_done_once_more(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        send(scene)
        resolve(scene, contest(scene, case), "override", label="tracking")
        assert send(scene) == ["claim_back", "send_tracking"]
        resolve(scene, contest(scene, case), "override", actor="max", label="refund")
        assert send(scene) == ["pay_back"]
        assert len({row["key"] for row in scene.rows(schema.Outbox)}) == 4

    def test_a_taking_back_that_was_not_sent_is_itself_withdrawn(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        send(scene)
        resolve(scene, contest(scene, case), "deny")
        resolve(scene, contest(scene, case), "override", actor="max", label="refund")
        assert send(scene, LATER) == []
        assert waiting_actions(scene) == [("pay_back", "done"), ("claim_back", "withdrawn")]
        assert scene.state(case) == "done"

    def test_a_denial_is_overturned_too(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, "deny", reason_code="out_of_scope")
        resolve(scene, contest(scene, case), "override", label="refund")
        assert send(scene) == ["pay_back"]

    def test_high_consequence_asks_for_no_third_person(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        resolve(scene, contest(scene, case), "override", label="cancel")
        assert send(scene) == ["cancel_contract"]
        assert scene.rows(schema.WorkItem, state="open") == []

    def test_nothing_was_right_and_everything_is_taken_back(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        send(scene)
        resolve(scene, contest(scene, case), "deny", reason_code="legal")
        assert send(scene) == ["claim_back"]
        assert [row["cause"] for row in scene.rows(schema.Escalation)] == ["dispute"], "it does not escalate again"

    def test_a_case_that_a_pause_has_returned_is_settled_by_its_dispute(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        dispute = contest(scene, case)
        pausing.pause(scene.store, "refund", reason="too many errors", policy=SHOP, actor=FOUNDER, now=NOW)
        assert [item["kind"] for item in scene.rows(schema.WorkItem, state="open")] == ["dispute"]
        resolve(scene, dispute, "approve")
        assert send(scene) == ["pay_back"]
        assert scene.state(case) == "done"

    def test_what_is_sent_is_held_back_as_long_as_every_decision(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        item = scene.row(schema.Dispute, id=contest(scene, case))["work_item_id"]
        fence = escalating.take(scene.store, item, MANAGER, policy=SHOP, now=NOW).fence
        ruling = Ruling(item, fence, Outcome.OVERRIDE, "tracking", "wrong_category", answer=TOLD)
        hold = timedelta(seconds=10)
        disputing.resolve(scene.store, ruling, MANAGER, policy=SHOP, now=NOW, hold=hold)
        assert send(scene, NOW + hold - timedelta(microseconds=1)) == []
        assert send(scene, NOW + hold) == ["send_tracking"]


class TestRulings:
    @pytest.mark.parametrize(
        ("outcome", "ruling", "sentence"),
        [
            ("approve", {"answer": None}, "answer to the customer"),
            ("approve", {"answer": "  "}, "sentence or two"),
            ("approve", {"answer": "x" * (LONGEST + 1)}, "Shorten it"),
            ("override", {"label": None}, "right category"),
            ("override", {"label": "tracking", "reason_code": None}, "says why"),
            ("deny", {"reason_code": None}, "says why"),
            ("deny", {"reason_code": "I think so"}, "no such reason"),
        ],
    )
    def test_a_ruling_says_what_why_and_what_the_customer_is_told(
        self, scene: Scene, outcome: str, ruling: dict[str, Any], sentence: str
    ) -> None:
        dispute = contest(scene, scene.automatic(1)[0])
        with pytest.raises(BadInput, match=sentence):
            resolve(scene, dispute, outcome, **ruling)
        assert scene.row(schema.Dispute)["closed_at"] is None

    def test_a_category_that_the_policy_does_not_know_is_none(self, scene: Scene) -> None:
        dispute = contest(scene, scene.automatic(1)[0])
        with pytest.raises(NotFound, match="nonsense"):
            resolve(scene, dispute, "override", label="nonsense")

    def test_other_work_is_no_dispute(self, scene: Scene) -> None:
        claim = scene.claim(scene.waiting(1)[0], MANAGER)
        ruling = Ruling(claim.item_id, claim.fence, Outcome.APPROVE, answer=TOLD)
        with pytest.raises(NotFound, match="no dispute"):
            disputing.resolve(scene.store, ruling, MANAGER, policy=SHOP, now=NOW)

    def test_an_audit_does_not_end_a_dispute(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        scene.audit([case])
        contest(scene, case)
        claim = claiming.claim_case(scene.store, case, "rita", policy=SHOP, now=NOW)
        scene.rule(claim, "override", label="refund")
        assert scene.row(schema.Escalation)["resolved_at"] is None
        assert scene.row(schema.Dispute)["closed_at"] is None


class TestEvidence:
    def test_an_overturned_automatic_decision_is_a_reversal(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        resolve(scene, contest(scene, case), "deny")
        outcome = scene.row(schema.CaseOutcome)
        assert (outcome["case_id"], outcome["kind"], outcome["at"]) == (case, "reversal", NOW)
        with scene.store.read() as connection:
            assert disputes.overturned(connection, Window(NOW, LATER)) == 1
            assert disputes.overturned(connection, Window(LATER, LATER + timedelta(days=1))) == 0

    def test_a_persons_overturned_decision_is_no_error_of_the_machine(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case)
        resolve(scene, contest(scene, case), "deny")
        assert scene.count(schema.CaseOutcome) == 0


class TestErasing:
    @pytest.mark.parametrize(("past", "kept"), [(timedelta(), True), (timedelta(seconds=1), False)])
    def test_the_words_of_a_closed_dispute_go_with_the_notes(
        self, scene: Scene, past: timedelta, *, kept: bool
    ) -> None:
        (case,) = scene.automatic(1)
        resolve(scene, contest(scene, case), "approve")
        at = NOW + SHOP.retention.notes + past
        expected = {"notes": 0 if kept else 1}
        dry = purging.purge(scene.store, policy=SHOP, actor=FOUNDER, now=at)
        assert dry.notes == expected["notes"]
        purging.purge(scene.store, policy=SHOP, actor=FOUNDER, now=at, dry_run=False)
        row = scene.row(schema.Dispute)
        assert ((row["text"], row["answer"]) == (SAID, TOLD)) is kept
        assert row["upheld"]
        again = purging.purge(scene.store, policy=SHOP, actor=FOUNDER, now=at)
        assert again.notes == 0

    def test_an_open_dispute_keeps_its_words(self, scene: Scene) -> None:
        contest(scene, scene.automatic(1)[0])
        at = NOW + SHOP.retention.notes * 2
        purging.purge(scene.store, policy=SHOP, actor=FOUNDER, now=at, dry_run=False)
        assert scene.row(schema.Dispute)["text"] == SAID


def test_a_second_label_draw_is_not_made_for_a_dispute(store: Store) -> None:
    """A dispute's label is not blind, so nobody repeats it blindly."""
    policy = SHOP.model_copy(update={"labels": LabelRules(second_share=1.0)})
    scene = Scene(store, policy)
    (case,) = scene.automatic(1)
    item = scene.row(schema.Dispute, id=contest(scene, case))["work_item_id"]
    fence = escalating.take(store, item, MANAGER, policy=policy, now=NOW).fence
    ruling = Ruling(item, fence, Outcome.APPROVE, answer=TOLD)
    disputing.resolve(store, ruling, MANAGER, policy=policy, now=NOW, secret=b"key")
    assert scene.rows(schema.WorkItem, state="open") == []

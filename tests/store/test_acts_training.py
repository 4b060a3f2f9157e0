"""Gold cases among ordinary work, tests that people begin themselves, practice, and how a training is lost."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handrail import gold
from handrail.acts import claiming, handing, labelling, training
from handrail.acts.claiming import Claim
from handrail.errors import Conflict, NotFound, NotPermitted, Refused
from handrail.policy import LabelRules
from handrail.store import schema
from handrail.store.engine import Store
from tests.scenes import NOVICE, NOW, POLICY, Scene

CURATOR = "cara"
SECRET = b"of this shop"
LABELS = LabelRules(second_share=0, gold_cases=3, gold_right=0.7, gold_share=1.0, gold_window=5, seeded_wrong=0.0)
RULES = POLICY.model_copy(update={"labels": LABELS})
SEEDED = POLICY.model_copy(update={"labels": LABELS.model_copy(update={"seeded_wrong": 1.0})})
NEVER = POLICY.model_copy(update={"labels": LABELS.model_copy(update={"gold_share": 0.0})})
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store, RULES)
    found.add_person(CURATOR, "data_curator")
    return found


def attested(scene: Scene, count: int, label: str = "refund") -> list[int]:
    """Gold cases written by hand."""
    start = scene.count(schema.GoldCase)
    rows = pd.DataFrame({"text": [f"letter {start + n}" for n in range(count)], "label": label})
    labelling.write(scene.store, rows, actor=CURATOR, **scene.known)
    return [row["case_id"] for row in scene.rows(schema.GoldCase)][-count:]


def slip(scene: Scene, person: str = "rita", **values: Any) -> bool:  # noqa: ANN401 - of the act
    return training.slip_in(scene.store, person, **{"policy": RULES, "secret": SECRET, "now": NOW, **values})


def next_of(scene: Scene, person: str = "rita") -> Claim:
    return claiming.claim(scene.store, person, policy=RULES, now=NOW)[0]


def answer(scene: Scene, right: bool, person: str = "rita", at: datetime = NOW) -> None:
    """Be given a gold case, and answer it."""
    assert slip(scene, person)
    scene.rule(next_of(scene, person), "override", person, at, label="refund" if right else "cancel")


class TestSlippingIn:
    def test_the_gold_case_comes_next_and_looks_like_a_blind_review(self, scene: Scene) -> None:
        (waiting,) = scene.waiting(1, suggestion_hidden=True)
        attested(scene, 1)
        ordinary = claiming.claim(scene.store, "ruth", policy=RULES, now=NOW)[0]
        assert ordinary.case_id == waiting
        assert slip(scene)
        found = next_of(scene)
        assert found.case_id != waiting
        assert (found.kind, found.queue, found.suggestion_hidden) == ("review", "B", True)
        assert timedelta(0) < ordinary.due_at - found.due_at <= timedelta(minutes=15)

    def test_a_seeded_one_suggests_a_wrong_category_with_an_ordinary_confidence(self, scene: Scene) -> None:
        scene.waiting(1, confidence=0.81)
        attested(scene, 1)
        slip(scene, policy=SEEDED)
        work = scene.row(schema.WorkItem, kind="gold")
        assert work["shown_label"] in {"tracking", "complaint", "cancel"}
        assert (work["shown_confidence"], work["suggestion_hidden"], work["category"]) == (
            0.81,
            False,
            work["shown_label"],
        )

    def test_what_the_model_said_wrongly_is_what_is_suggested(self, scene: Scene) -> None:
        (done, _) = scene.waiting(2, "complaint")
        with scene.store.write() as connection:
            connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
        scene.decide(done, "override", "ruth", label="refund")
        labelling.attest(scene.store, done, "refund", actor=CURATOR, **scene.known)
        slip(scene, policy=SEEDED)
        assert scene.rows(schema.Prediction, case_id=done)[0]["label"] == "complaint"
        assert scene.row(schema.WorkItem, kind="gold")["shown_label"] == "complaint"

    def test_what_quick_work_is_never_suggested_is_not_suggested_for_gold_either(self, scene: Scene) -> None:
        (done, _) = scene.waiting(2, "cancel")
        with scene.store.write() as connection:
            connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
        scene.decide(done, "override", "ruth", label="refund")
        labelling.attest(scene.store, done, "refund", actor=CURATOR, **scene.known)
        slip(scene, policy=SEEDED)
        assert scene.row(schema.WorkItem, kind="gold")["shown_label"] in {"tracking", "complaint"}

    def test_asking_again_before_the_next_decision_changes_nothing(self, scene: Scene) -> None:
        scene.waiting(1)
        attested(scene, 5)
        assert [slip(scene) for _ in range(4)] == [True, False, False, False]
        assert len(scene.rows(schema.WorkItem, kind="gold")) == 1

    def test_only_the_drawn_share_of_claims_is_preceded_by_one(self, scene: Scene) -> None:
        scene.waiting(1)
        attested(scene, 1)
        rules = LABELS.model_copy(update={"gold_share": 0.3})
        drawn = gold.is_due(SECRET, "rita", 0, rules)
        other = next(bytes([n]) for n in range(99) if gold.is_due(bytes([n]), "rita", 0, rules) is not drawn)
        policy = RULES.model_copy(update={"labels": rules})
        assert [slip(scene, policy=policy, secret=secret) for secret in (SECRET, other)] == [drawn, not drawn]
        assert slip(scene, "ruth", policy=NEVER, secret=b"") is False

    def test_nothing_comes_into_an_empty_queue_during_a_test_or_without_a_case(self, scene: Scene) -> None:
        attested(scene, 4)
        assert not slip(scene), "alone it would be known for what it is"
        scene.waiting(1)
        training.begin(scene.store, "rita", rng=np.random.default_rng(1), **scene.known)
        assert not slip(scene)
        assert slip(scene, "ruth")
        assert not slip(scene, "ruth"), "one at a time"

    def test_it_is_claimed_by_its_number_like_any_review(self, scene: Scene) -> None:
        (waiting,) = scene.waiting(1)
        (test,) = attested(scene, 1)
        slip(scene)
        for number in (test, waiting):
            claim = claiming.claim_case(scene.store, number, "rita", policy=RULES, now=NOW, kinds=["review"])
            again = claiming.claim_case(scene.store, number, "rita", policy=RULES, now=LATER)
            assert (again.kind, again.queue, again.fence) == ("review", "B", claim.fence + 1)
        with scene.when(LATER + timedelta(days=1)), pytest.raises(Conflict, match="waits for somebody else"):
            claiming.claim_case(scene.store, test, "ruth", policy=RULES, now=LATER + timedelta(days=1))

    def test_handed_over_it_tests_the_colleague_and_never_comes_back(self, scene: Scene) -> None:
        scene.waiting(1)
        (test,) = attested(scene, 1)
        slip(scene)
        claim = next_of(scene)
        handing.hand_over(scene.store, claim.item_id, "ruth", reason="she knows better", actor="rita", now=NOW)
        assert not slip(scene), "they have met it"
        with pytest.raises(Conflict, match="no longer yours"):
            scene.rule(claim, "override", label="refund")
        theirs = claiming.claim_case(scene.store, test, "ruth", policy=RULES, now=NOW)
        assert (theirs.kind, theirs.queue, theirs.due_at) == (claim.kind, claim.queue, claim.due_at)
        with pytest.raises(Refused, match="rita has decided case"):
            handing.hand_over(scene.store, claim.item_id, "rita", reason="no", actor="ruth", now=NOW)
        scene.rule(theirs, "override", "ruth", label="refund")
        assert scene.row(schema.Decision, case_id=test, kind="gold")["actor"] == "ruth"

    def test_nobody_meets_a_gold_case_twice_or_one_that_they_attested(self, scene: Scene) -> None:
        scene.waiting(1)
        scene.add_person("both", "data_curator", "reviewer")
        attested(scene, 2)
        labelling.write(scene.store, pd.DataFrame({"text": ["mine"], "label": ["refund"]}), actor="both", **scene.known)
        for _ in range(2):
            answer(scene, right=True, person="both")
        assert not slip(scene, "both")
        met = [row["case_id"] for row in scene.rows(schema.WorkItem, assigned_to="both")]
        assert len(set(met)) == 2

    def test_it_is_offered_to_nobody_else_nor_to_who_asks_for_tests(self, scene: Scene) -> None:
        scene.waiting(1)
        (case_id,) = attested(scene, 1)
        slip(scene)
        assert claiming.claim(scene.store, "rita", kinds=["gold"], **scene.known) == []
        assert claiming.claim(scene.store, "ruth", kinds=["review"], **scene.known)[0].case_id != case_id
        assert claiming.claim(scene.store, "rita", kinds=["review"], **scene.known)[0].case_id == case_id

    def test_the_trail_names_the_case_only_with_the_decision(self, scene: Scene) -> None:
        scene.waiting(1)
        (case_id,) = attested(scene, 1)
        before = scene.events(case=case_id)
        slip(scene)
        assert scene.events(case=case_id) == before
        scene.rule(next_of(scene), "override", label="refund")
        assert [event["kind"] for event in scene.events(case=case_id)[len(before) :]] == ["gold.decided"]

    def test_who_may_not_decide_is_given_nothing(self, scene: Scene) -> None:
        scene.waiting(1)
        attested(scene, 1)
        with pytest.raises(NotPermitted):
            slip(scene, CURATOR)


class TestFeedback:
    def test_approving_the_wrong_suggestion_is_wrong_and_executes_nothing(self, scene: Scene) -> None:
        scene.waiting(1)
        attested(scene, 1)
        slip(scene, policy=SEEDED)
        shown = scene.row(schema.WorkItem, kind="gold")["shown_label"]
        scene.rule(next_of(scene), "approve")
        (decision,) = scene.rows(schema.Decision, kind="gold")
        assert (decision["label"], decision["proposed"], decision["blind"]) == (shown, shown, False)
        assert (scene.count(schema.Outbox), scene.count(schema.Label)) == (0, 0)
        told = training.feedback(scene.store, decision["id"], actor="rita", policy=RULES, now=LATER)
        assert told is not None
        assert (told.said, told.attested, told.right, told.seeded) == (shown, "refund", False, True)

    def test_it_is_told_when_the_decision_can_no_longer_be_undone_and_to_its_maker_alone(self, scene: Scene) -> None:
        scene.waiting(1)
        attested(scene, 1)
        answer(scene, right=True)
        (decision,) = scene.rows(schema.Decision, kind="gold")

        def told(at: datetime, person: str = "rita") -> object:
            return training.feedback(scene.store, decision["id"], actor=person, policy=RULES, now=at)

        stands = NOW + RULES.desk.undo_within
        assert told(stands - timedelta(microseconds=1)) is None
        assert told(stands) is not None
        assert told(stands, "ruth") is None

        def seen(at: datetime) -> int:
            return len(training.training_progress(scene.store, "rita", policy=RULES, now=at).slipped_in)

        assert (seen(stands - timedelta(microseconds=1)), seen(stands)) == (0, 1)

    def test_ordinary_work_has_none(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        scene.decide(case_id)
        (decision,) = scene.rows(schema.Decision, kind="review")
        assert training.feedback(scene.store, decision["id"], actor="rita", policy=RULES, now=LATER) is None


class TestTheRollingBar:
    @pytest.mark.parametrize(
        ("right", "kept"), [([False, False], True), ([True, False, True], False), ([True, True, True], True)]
    )
    def test_below_the_bar_the_training_ends_once_enough_were_answered(
        self, scene: Scene, right: list[bool], kept: bool
    ) -> None:
        scene.waiting(1)
        attested(scene, 5)
        before = scene.row(schema.Person, name="rita")["trained_until"]
        for one in right:
            answer(scene, one, at=LATER)
        after = scene.row(schema.Person, name="rita")["trained_until"]
        assert after == (before if kept else LATER)
        lost = [event["person"] for event in scene.events("person.training_lost")]
        assert lost == ([] if kept else ["rita"])

    def test_what_they_label_from_then_on_is_provisional(self, scene: Scene) -> None:
        one, two = scene.waiting(2)
        scene.waiting(1)
        attested(scene, 3)
        scene.decide(one)
        for _ in range(3):
            answer(scene, right=False, at=LATER)
        scene.decide(two, at=LATER)
        assert [row["status"] for row in scene.rows(schema.Label, reviewer="rita")] == ["accepted", "provisional"]

    def test_a_passed_test_begins_the_window_anew(self, scene: Scene) -> None:
        scene.waiting(1)
        attested(scene, 9)
        for _ in range(3):
            answer(scene, right=False, at=LATER)
        training.begin(scene.store, "rita", policy=RULES, now=LATER, rng=np.random.default_rng(1))
        for claim in claiming.claim(scene.store, "rita", policy=RULES, now=LATER, kinds=["gold"], limit=9):
            scene.rule(claim, "override", "rita", LATER, label="refund")
        found = training.training_progress(scene.store, "rita", policy=RULES, now=LATER + timedelta(days=1))
        assert found.trained_until is not None
        assert found.trained_until > LATER
        assert (found.rolling.judged, found.rolling.ends_training) == (0, False)
        assert found.lost_at == LATER
        answer(scene, right=False, at=LATER + timedelta(hours=1))
        assert len(scene.events("person.training_lost")) == 1, "one wrong answer after a test is not yet enough"

    def test_a_retired_case_counts_no_longer(self, scene: Scene) -> None:
        scene.waiting(1)
        attested(scene, 4)
        answer(scene, right=False)
        (wrong,) = [row["case_id"] for row in scene.rows(schema.Decision, kind="gold")]
        labelling.retire(scene.store, wrong, reason="two categories fit", policy=RULES, actor=CURATOR, now=NOW)
        for _ in range(3):
            answer(scene, right=True)
        found = training.training_progress(scene.store, "rita", policy=RULES, now=LATER)
        assert (found.rolling.right, found.rolling.judged) == (3, 3)


class TestBeginning:
    def begin(self, scene: Scene, person: str = NOVICE, at: datetime = NOW) -> int:
        return training.begin(scene.store, person, policy=RULES, now=at, rng=np.random.default_rng(1))

    def sit(self, scene: Scene, label: str, at: datetime) -> None:
        for claim in claiming.claim(scene.store, NOVICE, policy=RULES, now=at, kinds=["gold"], limit=9):
            scene.rule(claim, "override", NOVICE, at, label=label)

    def test_a_reviewer_tests_themselves_and_is_trained(self, scene: Scene) -> None:
        attested(scene, 3)
        assert self.begin(scene) == 3
        with pytest.raises(Conflict, match="3 gold cases"):
            self.begin(scene)
        self.sit(scene, "refund", LATER)
        assert scene.row(schema.Person, name=NOVICE)["trained_until"] == LATER + LABELS.training_valid_for
        assert scene.events("person.test_opened")[0]["actor"] == NOVICE

    def test_the_next_one_waits_a_day_and_has_other_cases(self, scene: Scene) -> None:
        attested(scene, 6)
        self.begin(scene)
        self.sit(scene, "cancel", LATER)
        again = LATER + POLICY.labels.test_again_after
        with pytest.raises(Refused, match="too recent"):
            self.begin(scene, at=again - timedelta(seconds=1))
        assert self.begin(scene, at=again) == 3
        assert len({row["case_id"] for row in scene.rows(schema.WorkItem, kind="gold")}) == 6

    def test_cases_one_knows_the_answer_of_make_no_test(self, scene: Scene) -> None:
        attested(scene, 3)
        self.begin(scene)
        self.sit(scene, "cancel", LATER)
        with pytest.raises(Refused, match="3 more gold cases"):
            self.begin(scene, at=LATER + timedelta(days=9))

    def test_only_who_decides_tests_themselves(self, scene: Scene) -> None:
        attested(scene, 3)
        with pytest.raises(NotPermitted):
            self.begin(scene, CURATOR)

    def test_the_answers_are_told_when_the_test_is_finished_and_to_nobody_else(self, scene: Scene) -> None:
        attested(scene, 3)
        self.begin(scene)
        test_id = scene.row(schema.Qualification)["id"]
        claims = claiming.claim(scene.store, NOVICE, kinds=["gold"], limit=9, **scene.known)
        scene.rule(claims[0], "override", NOVICE, label="cancel")
        with pytest.raises(NotFound, match="no finished test"):
            training.result(scene.store, NOVICE, test_id)
        for claim in claims[1:]:
            scene.rule(claim, "override", NOVICE, label="refund")
        test, answers = training.result(scene.store, NOVICE, test_id)
        assert (test.right, test.passed) == (2, False)
        assert [(one.said, one.attested, one.right) for one in answers] == [
            ("cancel", "refund", False),
            ("refund", "refund", True),
            ("refund", "refund", True),
        ]
        with pytest.raises(NotFound):
            training.result(scene.store, "rita", test_id)

    def test_a_case_slipped_in_before_is_neither_tested_nor_graded_with_it(self, scene: Scene) -> None:
        scene.waiting(1)
        attested(scene, 4)
        answer(scene, right=False, person=NOVICE)
        labelling.test(scene.store, NOVICE, actor=CURATOR, rng=np.random.default_rng(1), **scene.known)
        self.sit(scene, "refund", LATER)
        assert (scene.row(schema.Qualification)["right"], scene.row(schema.Qualification)["passed"]) == (3, True)
        assert len({row["case_id"] for row in scene.rows(schema.WorkItem, kind="gold")}) == 4


class TestPractice:
    def case(self, scene: Scene) -> dict[str, Any] | None:
        return training.practice_case(scene.store, NOVICE, policy=RULES, secret=SECRET)

    def practise(self, scene: Scene, case_id: int, label: str | None) -> training.Feedback:
        return training.practise(scene.store, NOVICE, case_id, label, secret=SECRET, **scene.known)

    def test_one_hears_at_once_and_the_case_never_tests_one(self, scene: Scene) -> None:
        attested(scene, 4)
        case = self.case(scene)
        assert case is not None
        assert case == self.case(scene), "looking again does not give another one"
        told = self.practise(scene, case.case_id, "cancel")
        assert (told.attested, told.right) == ("refund", False)
        labelling.test(scene.store, NOVICE, actor=CURATOR, rng=np.random.default_rng(1), **scene.known)
        assert case.case_id not in {row["case_id"] for row in scene.rows(schema.WorkItem, kind="gold")}

    def test_what_the_next_test_needs_is_not_practised_on(self, scene: Scene) -> None:
        ids = attested(scene, 3)
        assert self.case(scene) is None
        with pytest.raises(Conflict):
            self.practise(scene, ids[0], "refund")
        attested(scene, 1)
        assert self.case(scene) is not None

    def test_no_other_case_is_answered_for_and_none_twice(self, scene: Scene) -> None:
        ids = attested(scene, 6)
        case = self.case(scene)
        assert case is not None
        other = next(one for one in ids if one != case.case_id)
        with pytest.raises(Conflict, match="not what you practise"):
            self.practise(scene, other, "refund")
        assert self.practise(scene, case.case_id, None).right is False
        with pytest.raises(Conflict):
            self.practise(scene, case.case_id, "refund")
        with pytest.raises(NotFound, match="weather"):
            self.practise(scene, other, "weather")

    def test_it_is_no_label_no_action_and_counts_for_nothing(self, scene: Scene) -> None:
        attested(scene, 9)
        for _ in range(5):
            case = self.case(scene)
            assert case is not None
            self.practise(scene, case.case_id, "cancel")
        assert (scene.count(schema.Label), scene.count(schema.Outbox)) == (0, 0)
        found = training.training_progress(scene.store, NOVICE, policy=RULES, now=LATER)
        assert (found.rolling.judged, len(found.practised), found.tests) == (0, 5, [])

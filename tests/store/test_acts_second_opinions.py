"""Another person labels a share of the blind cases again; what happens when the two differ."""

from datetime import timedelta

import pytest

from handrail import keyed_draws
from handrail.acts import claiming, deciding, escalating, labelling, pausing
from handrail.case import Outcome
from handrail.errors import BadInput, Conflict, NotPermitted
from handrail.policy import GateRules, LabelRules
from handrail.policy.learning import TrainingSetRules
from handrail.ruling import Ruling
from handrail.store import judging, labels, schema
from handrail.store.engine import Store
from tests.scenes import FOUNDER, MANAGER, NOVICE, NOW, POLICY, REVIEWERS, Scene

SECRET = b"a key of thirty-two bytes or so."
ALWAYS = POLICY.model_copy(update={"labels": LabelRules(second_share=1)})
QUICKLY = ALWAYS.model_copy(
    update={"gates": GateRules(training_set=TrainingSetRules(agreement_cases=6))}
)  # the consensus may speak from six common cases on
BLIND = {"queue": "C", "reason": "stage_shadow", "stage": "shadow", "suggestion_hidden": True}


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store, ALWAYS)


def rule(scene: Scene, case_id: int, actor: str, label: str | None, reason: str | None = None) -> None:
    """Decide whatever of the case `actor` may take."""
    claim = scene.claim(case_id, actor)
    outcome = Outcome.DENY if label is None else Outcome.OVERRIDE
    ruling = Ruling(claim.item_id, claim.fence, outcome, label=label, reason_code=reason)
    deciding.decide(scene.store, [ruling], actor, secret=SECRET, **scene.known)


def open_kinds(scene: Scene, case_id: int) -> list[str]:
    return [row["kind"] for row in scene.rows(schema.WorkItem, case_id=case_id, state="open")]


def standing(scene: Scene, case_id: int) -> list[tuple[str, str, str]]:
    return [(row["label"], row["provenance"], row["status"]) for row in scene.rows(schema.Label, case_id=case_id)]


class TestTheDraw:
    def test_a_blind_label_is_given_to_another_person_blindly(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        (work,) = scene.rows(schema.WorkItem, state="open")
        assert (work["kind"], work["suggestion_hidden"], work["assigned_to"]) == ("recheck", True, None)
        assert claiming.claim(scene.store, "rita", **scene.known) == []
        (claim,) = claiming.claim(scene.store, "ruth", **scene.known)
        assert (claim.kind, claim.suggestion_hidden) == ("recheck", True)

    def test_the_share_is_the_policys_and_the_draw_is_keyed(self, scene: Scene) -> None:
        scene.policy = POLICY.model_copy(update={"labels": LabelRules(second_share=0.3, rechecks_a_day=0)})
        scene.known["policy"] = scene.policy
        ids = scene.waiting(60, **BLIND)
        for case_id in ids:
            rule(scene, case_id, "rita", "refund")
        expected = [i for i in ids if keyed_draws.draw(SECRET, i, keyed_draws.RECHECK_SALT) < 0.3]
        assert [row["case_id"] for row in scene.rows(schema.WorkItem, kind="recheck")] == expected
        assert 8 < len(expected) < 30

    def test_without_the_key_nothing_is_decided_quietly_without_a_draw(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        with pytest.raises(BadInput, match="secret"):
            scene.decide(case_id, "override", label="refund")
        assert scene.count(schema.Decision) == 0

    def test_only_first_blind_labels_are_repeated(self, scene: Scene) -> None:
        seen, denied, blind = *scene.waiting(1), *scene.waiting(2, **BLIND)
        rule(scene, seen, "rita", "tracking")
        rule(scene, denied, "rita", None, "out_of_scope")
        rule(scene, blind, "rita", "refund")
        rule(scene, blind, "ruth", "refund")
        assert [open_kinds(scene, case_id) for case_id in (seen, denied, blind)] == [[], [], []]

    def test_an_audit_is_repeated_whatever_it_says(self, scene: Scene) -> None:
        ids = scene.automatic(2)
        scene.audit(ids)
        rule(scene, ids[0], "rita", "refund")
        rule(scene, ids[1], "rita", "cancel")
        assert [open_kinds(scene, case_id) for case_id in ids] == [["recheck"], ["recheck"]]

    def test_a_second_person_whom_the_business_asks_for_is_the_second_opinion(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "cancel")
        assert open_kinds(scene, case_id) == ["second"]
        rule(scene, case_id, "ruth", "cancel")
        assert scene.row(schema.Outbox)["category"] == "cancel"
        assert open_kinds(scene, case_id) == []

    def test_only_the_trained_give_second_opinions(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        assert claiming.claim(scene.store, NOVICE, **scene.known) == []
        with pytest.raises(Conflict, match="waits for somebody else"):
            scene.claim(case_id, NOVICE)


class TestTheActionStands:
    def test_the_case_does_not_wait_for_the_second_opinion(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        assert (scene.state(case_id), scene.row(schema.Outbox)["category"]) == ("decided", "refund")
        rule(scene, case_id, "ruth", "tracking")
        assert scene.row(schema.Outbox)["category"] == "refund"

        def shown() -> list[list[str | None]]:
            listed = labelling.listed(scene.store, status=None, limit=9, actor=FOUNDER)
            return listed[["label", "executed"]].astype(object).replace({float("nan"): None}).to_numpy().tolist()

        # What went out may be what the model said: who settles the dispute is not to know it.
        assert shown() == [["tracking", None], ["refund", None]]
        labelling.adjudicate(scene.store, case_id, "tracking", actor=FOUNDER, **scene.known)
        assert shown() == [["tracking", "refund"]] * 2 + [["refund", "refund"]]

    def test_a_second_opinion_on_a_case_that_a_pause_returned_sends_nothing(self, scene: Scene) -> None:
        (case_id,) = scene.automatic(1)
        scene.audit([case_id])
        rule(scene, case_id, "rita", "refund")
        pausing.pause(scene.store, "refund", reason="test", actor=FOUNDER, **scene.known)
        assert sorted(open_kinds(scene, case_id)) == ["recheck", "review"], "the case itself still waits for a person"
        recheck = claiming.claim(scene.store, "ruth", kinds=["recheck"], **scene.known)[0]
        ruling = Ruling(recheck.item_id, recheck.fence, Outcome.OVERRIDE, label="refund")
        deciding.decide(scene.store, [ruling], "ruth", secret=SECRET, **scene.known)
        assert scene.state(case_id) == "queued"
        assert [row["state"] for row in scene.rows(schema.Outbox)] == ["withdrawn"]
        with pytest.raises(Conflict, match="decided by you before"):
            scene.claim(case_id, "ruth")

    def test_one_person_gets_one_work_of_a_case_and_rules_once(self, scene: Scene) -> None:
        (case_id,) = scene.automatic(1)
        scene.audit([case_id])
        rule(scene, case_id, "rita", "refund")
        pausing.pause(scene.store, "refund", reason="test", actor=FOUNDER, **scene.known)
        assert len(claiming.claim(scene.store, "ruth", limit=9, **scene.known)) == 1
        both = [claiming.claim(scene.store, "ruth", kinds=[kind], **scene.known)[0] for kind in ("recheck", "review")]
        rulings = [Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, label="tracking") for claim in both]
        with pytest.raises(Conflict, match="decided by you before"):
            deciding.decide(scene.store, rulings, "ruth", secret=SECRET, **scene.known)
        deciding.decide(scene.store, rulings[:1], "ruth", secret=SECRET, **scene.known)
        with pytest.raises(Conflict, match="decided by you before"):
            deciding.decide(scene.store, rulings[1:], "ruth", secret=SECRET, **scene.known)

    def test_a_late_second_opinion_escalates_no_case(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        late = NOW + timedelta(days=400)
        assert escalating.escalate_breaches(scene.store, policy=ALWAYS, actor="flow:sla_watch", now=late).empty


class TestTwoOpinions:
    def test_who_agree_are_believed(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        rule(scene, case_id, "ruth", "refund")
        assert standing(scene, case_id) == [("refund", "review", "accepted"), ("refund", "recheck", "accepted")]
        assert open_kinds(scene, case_id) == []

    def test_who_differ_put_both_labels_in_doubt(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        rule(scene, case_id, "ruth", "tracking")
        assert standing(scene, case_id) == [("refund", "review", "provisional"), ("tracking", "recheck", "provisional")]
        assert open_kinds(scene, case_id) == ["adjudication"]
        assert scene.events("label.disputed", case_id)
        with scene.store.read() as connection:
            assert labels.labelled(connection, scene.policy).empty

    def test_who_finds_no_category_differs_too(self, scene: Scene) -> None:
        first, legal = scene.waiting(2, **BLIND)
        for case_id, reason in ((first, "out_of_scope"), (legal, "legal")):
            rule(scene, case_id, "rita", "refund")
            rule(scene, case_id, "ruth", None, reason)
        assert (open_kinds(scene, first), standing(scene, first)[0][2]) == (["adjudication"], "provisional")
        assert (open_kinds(scene, legal), standing(scene, legal)[0][2]) == (["escalation"], "accepted")

    def test_a_novice_puts_no_trained_persons_label_in_doubt(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, NOVICE, "tracking")
        rule(scene, case_id, "ruth", "refund")
        assert standing(scene, case_id) == [("tracking", "review", "provisional"), ("refund", "recheck", "accepted")]
        assert open_kinds(scene, case_id) == []

    def test_nor_does_one_whose_training_ends_before_the_ruling(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        expired = NOW + timedelta(days=30)
        claim = scene.claim(case_id, "ruth", expired - timedelta(seconds=1))
        ruling = Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, label="tracking")
        deciding.decide(scene.store, [ruling], "ruth", policy=ALWAYS, now=expired, secret=SECRET)
        assert [status for *_, status in standing(scene, case_id)] == ["accepted", "provisional"]
        assert open_kinds(scene, case_id) == []


class TestAdjudication:
    @pytest.fixture
    def disputed(self, scene: Scene) -> int:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        rule(scene, case_id, "ruth", "tracking")
        return case_id

    def test_only_the_manager_or_a_curator_settles(self, scene: Scene, disputed: int) -> None:
        with pytest.raises(NotPermitted, match="adjudicate"):
            scene.claim(disputed, "ron")
        assert claiming.claim(scene.store, "ron", **scene.known) == []
        scene.add_person("cara", "data_curator")
        with pytest.raises(NotPermitted):
            claiming.claim(scene.store, "cara", **scene.known)
        (claim,) = claiming.claim(scene.store, "cara", kinds=["adjudication"], **scene.known)
        assert (claim.kind, claim.suggestion_hidden) == ("adjudication", True)

    @pytest.mark.parametrize("label", ["refund", "tracking", "complaint"])
    def test_the_adjudicated_label_trains_and_judges(self, scene: Scene, disputed: int, label: str) -> None:
        with scene.store.write() as connection:
            connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
        rule(scene, disputed, MANAGER, label)
        assert standing(scene, disputed)[-1] == (label, "adjudication", "adjudicated")
        with scene.store.read() as connection:
            assert labels.labelled(connection, scene.policy)["label"].tolist() == [label]
            judged = judging.withheld(connection, scene.policy, since=NOW - timedelta(days=1))
        assert judged["label"].tolist() == [label]
        assert scene.count(schema.Outbox) == 1
        assert open_kinds(scene, disputed) == []

    def test_a_case_that_has_judged_does_not_judge_again(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        with scene.store.write() as connection:
            connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
        rule(scene, case_id, "rita", "refund")
        scene.known["now"] = later = NOW + timedelta(minutes=30)
        claim = scene.claim(case_id, "ruth", later)
        ruling = Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, label="refund")
        deciding.decide(scene.store, [ruling], "ruth", secret=SECRET, **scene.known)
        with scene.store.read() as connection:
            fresh = judging.withheld(connection, scene.policy, since=NOW - timedelta(seconds=1))
            used = judging.withheld(connection, scene.policy, since=NOW)
        assert (len(fresh), len(used)) == (1, 0), "one row a case"

    def test_none_of_them_may_be_right(self, scene: Scene, disputed: int) -> None:
        rule(scene, disputed, MANAGER, None, "out_of_scope")
        assert [status for *_, status in standing(scene, disputed)] == ["provisional", "provisional"]
        assert open_kinds(scene, disputed) == []

    def test_a_curator_without_a_desk_closes_the_work(self, scene: Scene, disputed: int) -> None:
        labelling.adjudicate(scene.store, disputed, "refund", actor=FOUNDER, **scene.known)
        assert open_kinds(scene, disputed) == []
        assert scene.rows(schema.Label)[-1]["blind"] is True


class TestConsensus:
    def common(self, scene: Scene, cases: int) -> None:
        """Cases that rita and ruth, ruth and ron, ron and rita label alike, in three categories."""
        scene.policy, scene.known["policy"] = QUICKLY, QUICKLY
        for one, other in (("rita", "ruth"), ("ruth", "ron"), ("ron", "rita")):
            for number, case_id in enumerate(scene.waiting(cases, **BLIND)):
                label = ("refund", "tracking", "complaint")[number % 3]
                rule(scene, case_id, one, label)
                rule(scene, case_id, other, label)

    def test_before_there_is_enough_in_common_a_person_settles(self, scene: Scene) -> None:
        self.common(scene, 2)
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        rule(scene, case_id, "ruth", "tracking")
        assert open_kinds(scene, case_id) == ["adjudication"]

    def test_an_even_dispute_goes_to_a_person(self, scene: Scene) -> None:
        self.common(scene, 9)
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        rule(scene, case_id, "ruth", "tracking")
        assert open_kinds(scene, case_id) == ["adjudication"]

    def test_a_reviewer_who_always_confuses_two_categories_is_outvoted(self, scene: Scene) -> None:
        self.common(scene, 9)
        for case_id in scene.waiting(12, **BLIND):
            rule(scene, case_id, "rita", "refund")
            rule(scene, case_id, "remo", "tracking")
        settled = scene.rows(schema.Label, provenance="consensus")
        assert settled, "ruth and ron vouch for rita, nobody for remo"
        assert {(row["label"], row["status"], row["reviewer"], row["blind"]) for row in settled} == {
            ("refund", "adjudicated", None, True)
        }
        last = settled[-1]["case_id"]
        assert open_kinds(scene, last) == ["recheck"], "who of the two slipped a third person says"
        (event,) = scene.events("label.settled", last)
        assert event["label"] == "refund"
        assert event["posterior_ppm"] >= 900_000
        assert {row["actor"] for row in scene.rows(schema.Decision)} <= set(REVIEWERS)

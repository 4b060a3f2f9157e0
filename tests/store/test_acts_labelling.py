"""Gold cases, tests of reviewers, adjudication: what they change, and what they must never change."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from handrail.acts import claiming, escalating, labelling
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted, Refused
from handrail.policy import LabelRules
from handrail.store import decisions, drifts, judging, labels, predictions, schema
from handrail.store.engine import Store
from handrail.window import Window
from tests.open_things import nothing_left_open
from tests.scenes import FOUNDER, MANAGER, NOVICE, NOW, POLICY, REVIEWERS, Scene

CURATOR = "cara"
RULES = POLICY.model_copy(update={"labels": LabelRules(second_share=0, gold_cases=4, gold_right=0.75)})


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store, RULES)
    found.add_person(CURATOR, "data_curator")
    return found


def finished(scene: Scene, cases: int, reviewer: str = "rita") -> list[int]:
    """Decided cases with a text, every one labelled `refund`."""
    ids = scene.waiting(cases)
    with scene.store.write() as connection:
        connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
    for case_id in ids:
        scene.decide(case_id, "override", reviewer, label="refund")
    return ids


def attest(scene: Scene, ids: list[int], actor: str = CURATOR) -> list[int]:
    for case_id in ids:
        labelling.attest(scene.store, case_id, "refund", actor=actor, **scene.known)
    return ids


def hand_out(scene: Scene, person: str, seed: int = 1) -> int:
    rng = np.random.default_rng(seed)
    return labelling.test(scene.store, person, actor=CURATOR, rng=rng, **scene.known)


def sit(scene: Scene, person: str, right: int, at: object = NOW) -> None:
    """Label one's gold cases, the first `right` of them as attested."""
    claims = claiming.claim(scene.store, person, policy=scene.policy, now=at, kinds=["gold"], limit=99)
    for number, claim in enumerate(claims):
        scene.rule(claim, "override", person, at, label="refund" if number < right else "cancel")


def trained_until(scene: Scene, person: str) -> object:
    return scene.row(schema.Person, name=person)["trained_until"]


class TestGold:
    def test_only_a_data_curator_attests(self, scene: Scene) -> None:
        (case_id,) = finished(scene, 1)
        with pytest.raises(NotPermitted, match="data_curator"):
            attest(scene, [case_id], "rita")
        with pytest.raises(NotPermitted):
            labelling.gold(scene.store, actor="rita")
        attest(scene, [case_id])
        assert labelling.gold(scene.store, actor=CURATOR)["label"].tolist() == ["refund"]

    def test_a_case_that_waits_for_people_cannot_be_gold(self, scene: Scene) -> None:
        (waiting,) = scene.waiting(1)
        with scene.store.write() as connection:
            connection.execute(schema.CaseInput.__table__.update().values(redacted="where"))
        with pytest.raises(Refused, match="still waits"):
            attest(scene, [waiting])
        (done,) = finished(scene, 1)
        attest(scene, [done])
        with pytest.raises(Conflict, match="gold already"):
            attest(scene, [done])

    def test_what_does_not_exist_or_has_no_category_is_refused(self, scene: Scene) -> None:
        (case_id,) = finished(scene, 1)
        with pytest.raises(NotFound, match="Case 99"):
            attest(scene, [99])
        with pytest.raises(NotFound, match="weather"):
            labelling.attest(scene.store, case_id, "weather", actor=CURATOR, **scene.known)

    def test_a_gold_case_neither_trains_nor_judges_not_even_retired(self, scene: Scene) -> None:
        gold, other = scene.waiting(2, queue="C", stage="shadow", suggestion_hidden=True)
        with scene.store.write() as connection:
            connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
        for case_id in (gold, other):
            scene.decide(case_id, "override", label="refund")
        since = NOW - timedelta(days=1)

        def used() -> list[list[int]]:
            with scene.store.read() as connection:
                found = (
                    labels.labelled(connection, scene.policy),
                    judging.withheld(connection, scene.policy, since=since),
                )
            return [frame["case_id"].tolist() for frame in found]

        assert used() == [[gold, other]] * 2
        attest(scene, [gold])
        assert used() == [[other]] * 2
        labelling.retire(scene.store, gold, reason="two categories fit", actor=CURATOR, **scene.known)
        assert used() == [[other]] * 2

    def test_the_trail_holds_a_digest_of_the_answer_and_not_the_answer(self, scene: Scene) -> None:
        attest(scene, finished(scene, 1))
        (event,) = scene.events("gold.attested")
        assert event["origin"] == "review"
        assert "refund" not in str(event)
        assert len(event["label"]) == 64

    def test_cases_written_by_hand_are_done_and_have_no_label_that_could_train(self, scene: Scene) -> None:
        rows = pd.DataFrame(
            {"text": ["I want it back", "where is it", "I want it back"], "label": ["refund", "tracking", "refund"]}
        )
        assert labelling.write(scene.store, rows, actor=CURATOR, **scene.known) == {"written": 2, "duplicates": 1}
        assert labelling.write(scene.store, rows, actor=CURATOR, **scene.known) == {"written": 0, "duplicates": 3}
        assert scene.states() == ["done", "done"]
        assert scene.count(schema.Label) == 0
        assert [row["origin"] for row in scene.rows(schema.GoldCase)] == ["written", "written"]
        with scene.store.read() as connection:
            window = drifts.received(connection, scene.policy, Window(NOW, NOW + timedelta(days=1)), version=None)
        assert window.empty, "what a curator writes is no traffic"
        assert scene.trail_is_whole()

    @pytest.mark.parametrize(
        ("row", "error"),
        [({"text": " ", "label": "refund"}, BadInput), ({"text": "hello", "label": "weather"}, NotFound)],
    )
    def test_one_bad_row_stores_none(self, scene: Scene, row: dict[str, str], error: type[Exception]) -> None:
        rows = pd.DataFrame([{"text": "fine", "label": "refund"}, row])
        with pytest.raises(error):
            labelling.write(scene.store, rows, actor=CURATOR, **scene.known)
        assert scene.count(schema.Case) == 0

    def test_a_text_has_one_category_in_a_file_and_for_good(self, scene: Scene) -> None:
        def write(*labels: str) -> dict[str, int]:
            rows = pd.DataFrame({"text": ["hello"] * len(labels), "label": labels})
            return labelling.write(scene.store, rows, actor=CURATOR, **scene.known)

        with pytest.raises(BadInput, match="Row 2 has the text of an earlier row and another category"):
            write("refund", "tracking")
        assert scene.count(schema.GoldCase) == 0
        assert write("refund") == {"written": 1, "duplicates": 0}
        with pytest.raises(Conflict, match=r"another category.*gold retire 1`, then `handrail gold attest 1 tracking`"):
            write("tracking")
        labelling.retire(scene.store, 1, reason="ambiguous", actor=CURATOR, **scene.known)
        with pytest.raises(Conflict, match=r"was retired\. Correct it with `handrail gold attest 1 refund`"):
            write("refund")
        assert scene.row(schema.GoldCase)["label"] == "refund"

    def test_retiring_needs_a_reason_and_a_gold_case_in_use(self, scene: Scene) -> None:
        (case_id,) = attest(scene, finished(scene, 1))
        with pytest.raises(BadInput):
            labelling.retire(scene.store, case_id, reason=" ", actor=CURATOR, **scene.known)
        labelling.retire(scene.store, case_id, reason="ambiguous", actor=CURATOR, **scene.known)
        with pytest.raises(NotFound):
            labelling.retire(scene.store, case_id, reason="ambiguous", actor=CURATOR, **scene.known)
        attest(scene, [case_id])
        assert scene.row(schema.GoldCase)["retired_at"] is None


class TestQualification:
    @pytest.mark.parametrize(("right", "passed"), [(2, False), (3, True), (4, True)])
    def test_who_labels_enough_gold_cases_rightly_is_trained_from_then_on(
        self, scene: Scene, right: int, passed: bool
    ) -> None:
        attest(scene, finished(scene, 4))
        assert hand_out(scene, NOVICE) == 4
        later = NOW + timedelta(hours=2)
        sit(scene, NOVICE, right, later)
        test = scene.row(schema.Qualification)
        assert (test["right"], test["passed"], test["closed_at"]) == (right, passed, later)
        assert trained_until(scene, NOVICE) == (later + RULES.labels.training_valid_for if passed else None)
        (event,) = scene.events("person.tested")
        assert (event["person"], event["right"], event["passed"]) == (NOVICE, right, passed)

    def test_a_failed_test_takes_no_training_away(self, scene: Scene) -> None:
        attest(scene, finished(scene, 4))
        before = trained_until(scene, "ruth")
        hand_out(scene, "ruth")
        sit(scene, "ruth", 0)
        assert scene.row(schema.Qualification)["passed"] is False
        assert trained_until(scene, "ruth") == before

    def test_before_the_last_case_nothing_is_said(self, scene: Scene) -> None:
        attest(scene, finished(scene, 4))
        hand_out(scene, NOVICE)
        claim = claiming.claim(scene.store, NOVICE, **scene.known)[0]
        scene.rule(claim, "override", NOVICE, label="refund")
        assert scene.row(schema.Qualification)["passed"] is None
        assert trained_until(scene, NOVICE) is None
        with pytest.raises(Conflict, match="3 gold cases"):
            hand_out(scene, NOVICE)

    def test_answers_change_no_case_send_nothing_and_are_no_labels(self, scene: Scene) -> None:
        ids = attest(scene, finished(scene, 4))
        before = [scene.count(table) for table in (schema.Label, schema.Outbox, schema.Escalation)]
        states = scene.states()
        hand_out(scene, NOVICE)
        claims = claiming.claim(scene.store, NOVICE, kinds=["gold"], limit=9, **scene.known)
        assert all(claim.suggestion_hidden for claim in claims)
        scene.rule(claims[0], "deny", NOVICE, reason_code="legal")
        scene.rule(claims[1], "override", NOVICE, label="cancel")
        assert [scene.count(table) for table in (schema.Label, schema.Outbox, schema.Escalation)] == before
        assert scene.states() == states
        assert {row["case_id"] for row in scene.rows(schema.WorkItem, kind="gold")} == set(ids)
        with scene.store.read() as connection:
            seen = decisions.decided(connection, Window(NOW, NOW + timedelta(days=1)))
            compared = predictions.compared(connection, Window(NOW, NOW + timedelta(days=1)))
        assert "gold" not in {*seen["kind"], *compared["kind"]}
        assert not any("cancel" in str(event) for event in scene.events("gold.decided"))

    def test_nobody_takes_anothers_test(self, scene: Scene) -> None:
        (case_id, *_) = attest(scene, finished(scene, 4))
        hand_out(scene, NOVICE)
        assert claiming.claim(scene.store, "ruth", limit=9, **scene.known) == []
        with pytest.raises(Conflict, match="somebody else"):
            scene.claim(case_id, "ruth")
        assert len(claiming.claim(scene.store, NOVICE, limit=9, **scene.known)) == 4

    def test_nobody_is_tested_on_what_they_attested_or_decided(self, scene: Scene) -> None:
        scene.add_person("both", "data_curator", "reviewer")
        own, decided, fair = finished(scene, 4), finished(scene, 2, "ruth"), finished(scene, 4)
        attest(scene, own, "both")
        attest(scene, [*decided, *fair])
        with scene.store.read() as connection:
            assert set(labels.testable(connection, "both")["case_id"]) == {*decided, *fair}
            assert set(labels.testable(connection, "ruth")["case_id"]) == {*own, *fair}
            assert set(labels.testable(connection, NOVICE)["case_id"]) == {*own, *decided, *fair}

    def test_a_second_test_begins_with_other_cases(self, scene: Scene) -> None:
        attest(scene, finished(scene, 8))
        for seed in (1, 2):
            hand_out(scene, NOVICE, seed)
            sit(scene, NOVICE, 0, NOW + timedelta(hours=seed))
        handed = [row["case_id"] for row in scene.rows(schema.WorkItem, kind="gold")]
        assert len(set(handed)) == 8
        assert hand_out(scene, NOVICE) == 4, "then they come again"
        sit(scene, NOVICE, 4)
        assert trained_until(scene, NOVICE) is not None

    def test_too_few_gold_cases_say_how_many_are_missing(self, scene: Scene) -> None:
        attest(scene, finished(scene, 3))
        with pytest.raises(Refused, match="1 more gold case"):
            hand_out(scene, NOVICE)
        assert scene.rows(schema.WorkItem, kind="gold") == []

    def test_only_who_may_decide_is_tested(self, scene: Scene) -> None:
        attest(scene, finished(scene, 4))
        for stranger in ("nobody", CURATOR):
            with pytest.raises(NotFound, match="no reviewer"):
                hand_out(scene, stranger)
        with pytest.raises(NotPermitted):
            labelling.test(scene.store, NOVICE, actor="rita", rng=np.random.default_rng(1), **scene.known)

    def test_a_case_retired_during_the_test_does_not_count(self, scene: Scene) -> None:
        attest(scene, finished(scene, 4))
        hand_out(scene, NOVICE)
        claims = claiming.claim(scene.store, NOVICE, kinds=["gold"], limit=9, **scene.known)
        scene.rule(claims[0], "override", NOVICE, label="cancel")
        labelling.retire(scene.store, claims[0].case_id, reason="ambiguous", actor=CURATOR, **scene.known)
        for claim, label in zip(claims[1:], ["cancel", "refund", "refund"], strict=True):
            scene.rule(claim, "override", NOVICE, label=label)
        test = scene.row(schema.Qualification)
        assert (test["right"], test["passed"]) == (2, False), "2 of 3, and not 2 of 4"

    def test_retiring_closes_the_work_on_the_case_and_the_test_goes_on_without_it(self, scene: Scene) -> None:
        attest(scene, finished(scene, 4))
        hand_out(scene, NOVICE)
        claims = claiming.claim(scene.store, NOVICE, kinds=["gold"], limit=9, **scene.known)
        labelling.retire(scene.store, claims[0].case_id, reason="ambiguous", actor=CURATOR, **scene.known)
        assert scene.row(schema.WorkItem, id=claims[0].item_id)["state"] == "closed"
        with pytest.raises(Conflict):
            scene.rule(claims[0], "override", NOVICE, label="refund")
        for claim in claims[1:]:
            scene.rule(claim, "override", NOVICE, label="refund")
        test = scene.row(schema.Qualification)
        assert (test["right"], test["passed"], test["closed_at"]) == (3, True, NOW)
        assert nothing_left_open(scene.store, scene.policy, NOW) == []

    def test_retiring_the_last_open_case_of_a_test_ends_it(self, scene: Scene) -> None:
        attest(scene, finished(scene, 4))
        hand_out(scene, NOVICE)
        claims = claiming.claim(scene.store, NOVICE, kinds=["gold"], limit=9, **scene.known)
        for claim in claims[1:]:
            scene.rule(claim, "override", NOVICE, label="refund")
        labelling.retire(scene.store, claims[0].case_id, reason="ambiguous", actor=CURATOR, **scene.known)
        test = scene.row(schema.Qualification)
        assert (test["right"], test["passed"]) == (3, True)
        (told,) = scene.events("person.tested")
        assert (told["actor"], told["cases"]) == (CURATOR, 3)
        assert nothing_left_open(scene.store, scene.policy, NOW) == []

    def test_labels_from_before_the_test_stay_provisional(self, scene: Scene) -> None:
        (earlier,) = finished(scene, 1, NOVICE)
        attest(scene, finished(scene, 4))
        hand_out(scene, NOVICE)
        sit(scene, NOVICE, 4)
        finished(scene, 1, NOVICE)
        mine = scene.rows(schema.Label, reviewer=NOVICE)
        assert [(row["case_id"] == earlier, row["status"]) for row in mine] == [
            (True, "provisional"),
            (False, "accepted"),
        ]

    def test_a_test_that_is_late_escalates_no_case(self, scene: Scene) -> None:
        attest(scene, finished(scene, 4))
        hand_out(scene, NOVICE)
        late = NOW + timedelta(days=400)
        assert escalating.escalate_breaches(scene.store, policy=RULES, actor="flow:sla_watch", now=late).empty


class TestAdjudication:
    def test_a_provisional_label_trains_only_when_it_is_adjudicated(self, scene: Scene) -> None:
        (case_id,) = finished(scene, 1, NOVICE)
        with scene.store.read() as connection:
            assert labels.labelled(connection, scene.policy).empty
        labelling.adjudicate(scene.store, case_id, "tracking", actor=CURATOR, **scene.known)
        with scene.store.read() as connection:
            (row,) = labels.labelled(connection, scene.policy).to_dict("records")
        assert (row["label"], row["status"], row["reviewer"]) == ("tracking", "adjudicated", CURATOR)
        assert (row["provenance"], row["blind"]) == ("adjudication", False)
        assert scene.count(schema.Outbox) == 1, "the action of the case is not repeated"
        assert scene.events("label.adjudicated", case_id)[0]["label"] == "tracking"

    def test_blind_stays_blind(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, suggestion_hidden=True)
        scene.decide(case_id, "override", NOVICE, label="refund")
        labelling.adjudicate(scene.store, case_id, "refund", actor=CURATOR, **scene.known)
        assert [row["blind"] for row in scene.rows(schema.Label)] == [True, True]

    def test_accepted_settled_and_ones_own_labels_are_not_adjudicated(self, scene: Scene) -> None:
        (accepted,), (case_id,) = finished(scene, 1), finished(scene, 1, NOVICE)
        known = {"actor": CURATOR, **scene.known}
        with pytest.raises(NotFound, match="no provisional"):
            labelling.adjudicate(scene.store, accepted, "refund", **known)
        scene.add_person(NOVICE, "data_curator", "reviewer")
        with pytest.raises(Conflict, match="yourself"):
            labelling.adjudicate(scene.store, case_id, "refund", **{**known, "actor": NOVICE})
        with pytest.raises(NotPermitted):
            labelling.adjudicate(scene.store, case_id, "refund", **{**known, "actor": "rita"})
        labelling.adjudicate(scene.store, case_id, "refund", **known)
        with pytest.raises(Conflict, match="has been adjudicated"):
            labelling.adjudicate(scene.store, case_id, "refund", **known)

    def test_the_list_shows_what_is_left_to_settle_beside_what_was_executed(self, scene: Scene) -> None:
        first, second = finished(scene, 2, NOVICE)
        finished(scene, 1)
        labelling.adjudicate(scene.store, first, "tracking", actor=CURATOR, **scene.known)
        left = labelling.listed(scene.store, status="provisional", limit=9, actor=CURATOR)
        assert left["case_id"].tolist() == [second]
        everything = labelling.listed(scene.store, status=None, limit=9, actor=FOUNDER)
        shown = everything["executed"].replace({np.nan: None}).tolist()
        assert shown == ["refund", "refund", None, "refund"], "of the one that is left it would tell what a model said"
        for person in (*REVIEWERS, NOVICE):
            with pytest.raises(NotPermitted):
                labelling.listed(scene.store, status=None, limit=9, actor=person)
        assert not labelling.listed(scene.store, status="accepted", limit=9, actor=MANAGER).empty

"""A blind label that contradicts a sure prediction is looked at by others before it counts."""

import pandas as pd
import pytest
from sqlalchemy import delete, update

from handrail import rechecks as rules
from handrail.acts import claiming, doubting, labelling
from handrail.store import evidence, rechecks, retention, schema, worklist
from handrail.store.engine import Store
from handrail.store.visibility import Onlooker
from tests.doubting import BLIND, DRAWN, SETTLING, SINCE, kinds, labels, predict, rule, serve, settled, slips
from tests.scenes import FOUNDER, MANAGER, NOVICE, NOW, VERSION, Scene


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store, SETTLING)
    serve(found, VERSION)
    return found


class TestAnotherLooks:
    def test_a_label_against_a_sure_prediction_is_looked_at_by_another_trained_person(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        assert kinds(scene, case_id) == ["doubt"]
        assert claiming.claim(scene.store, "rita", **scene.known) == []
        assert claiming.claim(scene.store, NOVICE, **scene.known) == []
        (claim,) = claiming.claim(scene.store, "ruth", **scene.known)
        assert (claim.kind, claim.suggestion_hidden) == ("recheck", True), "and is not told why"
        assert labels(scene, case_id) == [("tracking", "review", "provisional")]
        assert settled(scene) == {case_id: ("tracking", True)}

    def test_no_list_tells_a_look_because_of_doubt_from_a_recheck(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        with scene.store.read() as connection:
            onlooker = Onlooker("ruth", ["reviewer"], NOW)
            listed, _ = worklist.page(connection, onlooker, queue=None, after=None, limit=9)
            counted = worklist.waiting(connection, NOW)
        assert [(one.case_id, one.kind, one.category) for one in listed] == [(case_id, "recheck", None)]
        assert counted["kind"].tolist() == ["recheck"]
        assert scene.claim(case_id, "ruth").kind == "recheck"

    def test_it_holds_nothing_back(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        assert (scene.state(case_id), scene.row(schema.Outbox)["category"]) == ("decided", "tracking")
        rule(scene, case_id, "ruth", "refund")
        assert [(row["category"], row["state"]) for row in scene.rows(schema.Outbox)] == [("tracking", "new")]

    @pytest.mark.parametrize(
        ("route", "label"),
        [
            ({"confidence": 0.99}, "refund"),  # it agrees
            ({"category": "complaint"}, "refund"),  # graver than low: never executed by itself
        ],
    )
    def test_what_agrees_or_would_not_be_executed_by_itself_is_not_doubted(
        self, scene: Scene, route: dict[str, object], label: str
    ) -> None:
        (case_id,) = scene.waiting(1, **{"category": "refund", **BLIND, **route})
        rule(scene, case_id, "rita", label)
        assert kinds(scene, case_id) == []
        assert settled(scene) == {case_id: (label, False)}

    def test_an_unsure_prediction_is_contradicted_without_doubt(self, scene: Scene) -> None:
        ids = scene.accepted(1)
        said = pd.DataFrame({"case_id": ids, "label": "refund", "confidence": 0.9, "novelty": 0.1, "novel": False})
        predict(scene, said, VERSION, "champion")
        scene.assign(ids, **{**BLIND, "confidence": 0.9})
        rule(scene, ids[0], "rita", "tracking")
        assert kinds(scene, ids[0]) == []

    def test_a_label_that_is_no_trained_persons_or_not_blind_opens_nothing(self, scene: Scene) -> None:
        (blind,), (seen,) = scene.waiting(1, **BLIND), scene.waiting(1)
        rule(scene, blind, NOVICE, "tracking")
        rule(scene, seen, "rita", "tracking")
        assert kinds(scene, blind) == kinds(scene, seen) == []

    def test_a_challenger_in_shadow_is_contradicted_too(self, scene: Scene) -> None:
        scene.add_version("2", cause="by_hand")
        ids = scene.waiting(1, **BLIND)
        said = pd.DataFrame({"case_id": ids, "label": "tracking", "confidence": 0.99, "novelty": 0.1, "novel": False})
        predict(scene, said, "2", "challenger")
        rule(scene, ids[0], "rita", "refund")
        assert kinds(scene, ids[0]) == ["doubt"]
        rule(scene, ids[0], "ruth", "refund")
        assert settled(scene) == {ids[0]: ("refund", False)}

    def test_a_denial_is_a_contradiction_and_none_for_reasons_that_cannot_wait(self, scene: Scene) -> None:
        out, legal = scene.waiting(2, **BLIND)
        rule(scene, out, "rita", None, "out_of_scope")
        rule(scene, legal, "rita", None, "legal")
        assert (kinds(scene, out), kinds(scene, legal)) == (["doubt"], ["escalation"])
        rule(scene, out, "ruth", None, "out_of_scope")
        assert settled(scene) == {out: (None, False), legal: (None, False)}
        assert slips(scene) == []


class TestItIsSettled:
    def test_two_against_the_model_are_an_error_of_it(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        rule(scene, case_id, "ruth", "tracking")
        assert (settled(scene), slips(scene), kinds(scene, case_id)) == ({case_id: ("tracking", False)}, [], [])
        assert labels(scene, case_id)[-1] == ("tracking", "consensus", "adjudicated")
        (event,) = scene.events("difference.settled", case_id)
        assert (event["label"], event["looks"]) == ("tracking", 2)

    def test_who_contradicts_a_model_that_another_agrees_with_has_slipped(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        rule(scene, case_id, "ruth", "refund")
        assert (settled(scene), slips(scene)) == ({case_id: ("refund", False)}, [(case_id, "rita")])

    def test_a_third_person_looks_where_two_differ_from_all(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        rule(scene, case_id, "ruth", "complaint")
        assert (kinds(scene, case_id), settled(scene)) == (["doubt"], {case_id: ("tracking", True)})
        rule(scene, case_id, "ron", "complaint")
        assert (settled(scene), slips(scene)) == ({case_id: ("complaint", False)}, [(case_id, "rita")])

    def test_where_nobody_agrees_with_anybody_the_manager_settles(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        for actor, label in (("rita", "tracking"), ("ruth", "complaint"), ("ron", "cancel")):
            rule(scene, case_id, actor, label)
        assert (kinds(scene, case_id), settled(scene)) == (["adjudication"], {case_id: ("tracking", True)})
        rule(scene, case_id, MANAGER, "complaint")
        assert settled(scene) == {case_id: ("complaint", False)}
        assert slips(scene) == [(case_id, "rita"), (case_id, "ron")]

    def test_a_curator_settles_it_too(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        labelling.adjudicate(scene.store, case_id, "refund", actor=FOUNDER, **scene.known)
        assert (settled(scene), kinds(scene, case_id)) == ({case_id: ("refund", False)}, [])

    def test_what_is_settled_stands_whatever_version_serves_meanwhile(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        serve(scene, "2")
        rule(scene, case_id, "ruth", "refund")
        assert (settled(scene), slips(scene)) == ({case_id: ("refund", False)}, [(case_id, "rita")])


class TestOneLookServesBoth:
    def test_a_random_recheck_is_the_look_and_says_so(self, scene: Scene) -> None:
        scene.policy = scene.known["policy"] = DRAWN
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        assert kinds(scene, case_id) == ["recheck"]
        assert scene.row(schema.Contradiction)["drawn"] is True
        rule(scene, case_id, "ruth", "tracking")
        assert (settled(scene), kinds(scene, case_id)) == ({case_id: ("tracking", False)}, [])

    @pytest.mark.parametrize("trained", [True, False])
    def test_whom_model_and_recheck_contradict_is_judged_by_it_though_nobody_is_asked_for_a_third_word(
        self, scene: Scene, trained: bool
    ) -> None:
        scene.policy = scene.known["policy"] = DRAWN
        first = "rita" if trained else NOVICE
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, first, "tracking")
        rule(scene, case_id, "ruth", "refund")
        assert kinds(scene, case_id) == [], "two against one: it is settled"
        with scene.store.read() as connection:
            draws = rechecks.draws(connection, since=SINCE)
            opinions = rechecks.opinions(connection, since=SINCE)
        trials = rules.trials(draws, opinions, scene.policy.escalation.reasons)
        judged = [(row["person"], row["wrong"]) for row in trials.to_dict("records")]
        assert judged == [(first, True), *([("ruth", False)] if trained else [])]

    def test_a_recheck_that_differs_from_an_agreement_goes_to_a_third_person(self, scene: Scene) -> None:
        scene.policy = scene.known["policy"] = DRAWN
        both, slip = scene.waiting(2, **BLIND)
        for case_id, third in ((both, "tracking"), (slip, "refund")):
            rule(scene, case_id, "rita", "refund")
            rule(scene, case_id, "ruth", "tracking")
            assert (kinds(scene, case_id), settled(scene)[case_id]) == (["doubt"], ("tracking", True))
            rule(scene, case_id, "ron", third)
        assert settled(scene) == {both: ("tracking", False), slip: ("refund", False)}
        assert slips(scene) == [(both, "rita"), (slip, "ruth")]
        with scene.store.read() as connection:
            found = evidence.repeated_agreements(connection, since=SINCE)
        assert found["wrong"].tolist() == [True, False]
        assert found["chance"].tolist() == [1.0, 1.0]

    def test_an_agreement_stands_for_what_both_draws_could_have_taken(self, scene: Scene) -> None:
        scene.policy = scene.known["policy"] = DRAWN
        rare, asked = scene.waiting(2, **{**BLIND, "blind_chance": 0.5})
        for case_id in (rare, asked):
            rule(scene, case_id, "rita", "refund")
            rule(scene, case_id, "ruth", "refund")
        with scene.store.write() as connection:
            connection.execute(update(schema.Recheck).where(schema.Recheck.case_id == rare).values(chance=0.1))
            connection.execute(delete(schema.Recheck).where(schema.Recheck.case_id == asked))
            found = evidence.repeated_agreements(connection, since=SINCE)
        assert found[["case_id", "chance"]].to_numpy().tolist() == [[rare, pytest.approx(0.05)]]

    def test_a_second_person_whom_the_business_asks_for_is_the_look_if_trained(self, scene: Scene) -> None:
        trained, novice = scene.waiting(2, **BLIND)
        rule(scene, trained, "rita", "cancel")
        rule(scene, novice, "rita", "cancel")
        assert kinds(scene, trained) == kinds(scene, novice) == ["second"]
        rule(scene, trained, "ruth", "cancel")
        rule(scene, novice, NOVICE, "cancel")
        assert (kinds(scene, trained), kinds(scene, novice)) == ([], ["doubt"])
        assert settled(scene) == {trained: ("cancel", False), novice: ("cancel", True)}


class TestFewPeople:
    def alone(self, scene: Scene, *but: str) -> None:
        with scene.store.write() as connection:
            people = schema.Person.__table__
            connection.execute(people.update().where(people.c.name.not_in(but)).values(trained_until=None))

    def test_where_nobody_else_is_trained_the_difference_counts_as_it_stands(self, scene: Scene) -> None:
        self.alone(scene, "rita")
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        assert (kinds(scene, case_id), settled(scene)) == ([], {case_id: ("tracking", False)})
        assert labels(scene, case_id) == [("tracking", "review", "accepted")]
        assert scene.events("difference.stands", case_id)

    def test_where_no_third_is_there_the_manager_settles(self, scene: Scene) -> None:
        self.alone(scene, "rita", "ruth")
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        rule(scene, case_id, "ruth", "complaint")
        assert kinds(scene, case_id) == ["adjudication"]

    def test_no_work_is_left_that_nobody_may_take(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        self.alone(scene, "rita")
        doubting.go_on(scene.store, actor="flow:shadow_scoring", **scene.known)
        assert (kinds(scene, case_id), settled(scene)) == ([], {case_id: ("tracking", False)})
        assert labels(scene, case_id) == [("tracking", "review", "accepted")]

    def test_nor_work_on_a_case_whose_content_is_gone(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        with scene.store.write() as connection:
            retention.INPUTS.erase(connection, [case_id])
        doubting.go_on(scene.store, actor="flow:shadow_scoring", **scene.known)
        assert (kinds(scene, case_id), settled(scene)) == ([], {case_id: ("tracking", False)})

"""A blind label is drawn to be repeated by a chance that is kept, and what others say of it judges both."""

from datetime import timedelta
from typing import Any

import pytest

from handrail import rechecks as rules
from handrail.acts import deciding, labelling, undoing
from handrail.case import Outcome
from handrail.policy import LabelRules
from handrail.ruling import Ruling
from handrail.store import labels, rechecks, reviewer_quality, schema
from handrail.store.engine import Store
from tests.scenes import FOUNDER, NOVICE, NOW, POLICY, Scene

SECRET = b"a key of thirty-two bytes or so."
DAY = timedelta(days=1)
SOME = POLICY.model_copy(update={"labels": LabelRules(second_share=0.05, rechecks_a_day=6, rechecks_known=20)})
ALWAYS = POLICY.model_copy(update={"labels": LabelRules(second_share=1.0)})
BLIND = {"queue": "C", "reason": "stage_shadow", "stage": "shadow", "suggestion_hidden": True}


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store, SOME)


def always(scene: Scene) -> Scene:
    scene.policy = scene.known["policy"] = ALWAYS
    return scene


def rule(scene: Scene, case_id: int, actor: str, label: str, days: int = 0) -> int:
    """Decide the case blindly, on the day it is."""
    known = scene.known | {"now": NOW + days * DAY}
    with scene.when(known["now"]):
        claim = scene.claim(case_id, actor)
        ruling = Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, label=label)
        return deciding.decide(scene.store, [ruling], actor, secret=SECRET, **known)[0]


def drawn(scene: Scene) -> list[dict[str, Any]]:
    return sorted(scene.rows(schema.Recheck), key=lambda row: row["decision_id"])


def trials(scene: Scene) -> list[tuple[str, bool | None]]:
    with scene.store.read() as connection:
        draws = rechecks.draws(connection, since=NOW - DAY)
        opinions = rechecks.opinions(connection, since=NOW - DAY)
    found = rules.trials(draws, opinions, scene.policy.escalation.reasons)
    return [(row["person"], row["wrong"]) for row in found.to_dict("records")]


class TestTheChance:
    def test_it_is_kept_and_the_same_for_every_label_of_a_day_whatever_it_says(self, scene: Scene) -> None:
        ids = scene.waiting(24, **BLIND)
        for number, case_id in enumerate(ids):
            rule(scene, case_id, "rita", ("refund", "tracking")[number % 2])
        kept = drawn(scene)
        assert {(row["person"], row["chance"]) for row in kept} == {("rita", 0.5)}, "of a newcomer every second one"
        assert [row["case_id"] for row in kept] == [one for one in ids if rules.is_drawn(SECRET, one, 0.5)]
        assert {row["case_id"] for row in scene.rows(schema.WorkItem, kind="recheck")} == {
            row["case_id"] for row in kept
        }

    def test_by_number_the_next_day_and_by_share_when_enough_is_known(self, scene: Scene) -> None:
        for case_id in scene.waiting(24, **BLIND):
            rule(scene, case_id, "rita", "refund")
        first = len(drawn(scene))
        for case_id in scene.waiting(40, **BLIND):
            rule(scene, case_id, "rita", "refund", days=1)
        second = drawn(scene)[first:]
        assert {row["chance"] for row in second} == {6 / 24}
        assert len(drawn(scene)) >= 20
        for case_id in scene.waiting(40, **BLIND):
            rule(scene, case_id, "rita", "refund", days=2)
        assert {row["chance"] for row in drawn(scene)[first + len(second) :]} <= {0.05}

    def test_each_person_has_a_chance_of_their_own(self, scene: Scene) -> None:
        for case_id in scene.waiting(12, **BLIND):
            rule(scene, case_id, "rita", "refund")
        with scene.store.read() as connection:
            today = rules.begin_of_day(NOW + DAY)
            counts = {name: rechecks.blind_labels(connection, name, until=today, days=7) for name in ("rita", "ruth")}
        assert counts == {"rita": [0, 0, 0, 0, 0, 0, 12], "ruth": [0] * 7}

    def test_an_undone_decision_leaves_no_draw(self, scene: Scene) -> None:
        (case_id,) = always(scene).waiting(1, **BLIND)
        number = rule(scene, case_id, "rita", "refund")
        assert [row["decision_id"] for row in drawn(scene)] == [number]
        undoing.undo(scene.store, [number], actor="rita", **scene.known)
        assert drawn(scene) == []
        rule(scene, case_id, "rita", "tracking")
        assert len(drawn(scene)) == 1


class TestWhatItSays:
    def test_a_difference_is_settled_by_a_third_before_it_counts_for_either(self, scene: Scene) -> None:
        same, slip = always(scene).waiting(2, **BLIND)
        for case_id in (same, slip):
            rule(scene, case_id, "rita", "refund")
        rule(scene, same, "ruth", "refund")
        rule(scene, slip, "ruth", "tracking")
        assert trials(scene) == [("rita", False), ("ruth", False), ("rita", None), ("ruth", None)]
        labelling.adjudicate(scene.store, slip, "refund", actor=FOUNDER, **scene.known)
        assert trials(scene)[2:] == [("rita", False), ("ruth", True)], "the rechecker's slip is the rechecker's"

    def test_somebody_not_trained_then_is_held_to_a_trained_word_and_is_no_witness_later(self, scene: Scene) -> None:
        mine, hers = always(scene).waiting(2, **BLIND)
        rule(scene, mine, NOVICE, "refund")
        rule(scene, mine, "ruth", "tracking")
        assert trials(scene) == [(NOVICE, True)], "and ruth is not judged by it"
        rule(scene, hers, "rita", "refund")
        with scene.store.write() as connection:
            later = {"trained_until": NOW + 90 * DAY}
            connection.execute(schema.Person.__table__.update().where(schema.Person.name == NOVICE).values(**later))
        assert trials(scene) == [(NOVICE, True)], "not after the test either"

    def test_a_record_begins_anew_with_a_passed_test_that_somebody_else_handed_out(self, scene: Scene) -> None:
        def tested(opener: str, *, passed: bool) -> int:
            with scene.store.write() as connection:
                test = {"person": "rita", "opened_at": NOW, "cases": 1, "right": 1, "passed": passed, "closed_at": NOW}
                row = connection.execute(schema.Qualification.__table__.insert().values(**test))
                number = int(row.inserted_primary_key[0])
                event = reviewer_quality.TEST_OPENED
                told = {"person": "rita", "test": number, "cases": 1}
                labelling.trail.append(connection, [labelling.Event(event, data=told)], at=NOW, actor=opener)
            return number

        def anew() -> dict[str, Any]:
            with scene.store.read() as connection:
                return reviewer_quality.begun_anew(connection)

        tested("rita", passed=True)
        tested(FOUNDER, passed=False)
        assert anew() == {}
        tested(FOUNDER, passed=True)
        assert anew() == {"rita": NOW}

    def test_an_untrained_label_is_accepted_by_no_door_later(self, scene: Scene) -> None:
        always(scene)
        (case_id,) = scene.automatic(1)
        scene.audit([case_id])
        rule(scene, case_id, "rita", "tracking")
        with scene.store.write() as connection:  # an audit of somebody whose training had ended
            said = {"case_id": case_id, "label": "refund", "status": "provisional", "provenance": "audit"}
            connection.execute(
                schema.Label.__table__.insert().values(**said, reviewer=NOVICE, blind=True, labelled_at=NOW)
            )
        second = rule(scene, case_id, "ruth", "refund")
        both = [row["status"] for row in scene.rows(schema.Label) if row["reviewer"] in ("rita", NOVICE)]
        assert both == ["provisional"] * 2
        undoing.undo(scene.store, [second], actor="ruth", **scene.known)
        found = {row["reviewer"]: row["status"] for row in scene.rows(schema.Label)}
        assert (found["rita"], found[NOVICE]) == ("provisional", "provisional"), "the first waits again for others"

    def test_the_consensus_hears_the_trained_alone(self, scene: Scene) -> None:
        always(scene)
        ids = scene.waiting(3, **BLIND)
        for case_id in ids:
            rule(scene, case_id, NOVICE, "refund")
            rule(scene, case_id, "ruth", "tracking")
        with scene.store.read() as connection:
            everybody = labels.opinions(connection, since=NOW - DAY)
            trained = labels.opinions(connection, since=NOW - DAY, trained=True)
        assert (set(everybody["reviewer"]), len(trained)) == ({NOVICE, "ruth"}, 0)

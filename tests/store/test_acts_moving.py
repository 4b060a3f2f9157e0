"""A policy change under live work: refused with what is in the way, or all of it goes along."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handrail.acts import (
    claiming,
    deciding,
    delivering,
    disputing,
    escalating,
    pausing,
    proposing,
    publishing,
    routing,
    settling,
)
from handrail.case import Outcome
from handrail.errors import Conflict, NotFound, PermanentError, Refused
from handrail.policy import DeskRules, Policy, Stage
from handrail.ruling import Ruling
from handrail.store import category_names, schema, stages
from handrail.store.engine import Store
from tests.contesting import TOLD, contest, send
from tests.open_things import nothing_left_open
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, POLICY, VERSION, Scene

HOUR = timedelta(hours=1)
EVIDENCE = {"reviewed": 40, "rejected": 3, "rate": 0.075}
KNOWN = {"actor": FOUNDER, "now": NOW}


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def without(name: str = "refund", new: str | None = None, **entries: Any) -> Policy:  # noqa: ANN401 - of the policy
    """The shop's policy without a category, or with it under another name."""
    body = POLICY.model_dump()
    rules = body["categories"].pop(name)
    if new is not None:
        body["categories"][new] = {**rules, "stage": Stage.SHADOW}
    return Policy.model_validate({**body, **entries})


RENAMED = without(new="money_back", renamed={"refund": "money_back"})
RETIRED = without(retired={"refund": {"to": "complaint"}})
ENDED = without(retired={"refund": {}})
EVERY = {"money_back": RENAMED, "complaint": RETIRED, "nothing": ENDED}


def score(scene: Scene, ids: Sequence[int]) -> None:
    """Let the model say of accepted cases what it has learned: the old name."""
    said = pd.DataFrame({"case_id": ids, "label": "refund", "confidence": 0.99, "novelty": 0.1, "novel": False})
    routing.record_predictions(scene.store, said, version=VERSION, role="champion", advance=True, actor=FLOW, now=NOW)


def pause(scene: Scene, category: str = "refund", **values: object) -> None:
    pausing.pause(scene.store, category, **{"reason": "odd", "policy": scene.policy, **KNOWN, **values})


def settled(scene: Scene) -> None:
    assert nothing_left_open(scene.store, scene.policy, NOW) == []
    assert scene.trail_is_whole()


def busy(scene: Scene) -> None:
    """One of everything that uses the category."""
    scene.add_version(VERSION)
    scene.automatic(1)
    scene.waiting(1)
    scene.decide(2)
    scene.waiting(1)
    scene.scored(1)
    audited = scene.automatic(1)
    scene.audit(audited)
    pause(scene, "tracking")
    with scene.store.write() as connection:
        connection.execute(schema.Certificate.__table__.insert().values(certificate("refund")))


def certificate(category: str | None) -> dict[str, Any]:
    later = NOW + timedelta(days=9)
    return {
        "model_version": VERSION,
        "category": category,
        "threshold": 0.9,
        "max_error": 0.1,
        "delta": 0.1,
        "labels": 9,
        "errors": 0,
        "window_from": NOW,
        "window_to": NOW,
        "issued_at": NOW,
        "expires_at": later,
    }


class TestWhatIsInTheWay:
    def test_a_category_in_use_cannot_go_without_a_word_and_everything_that_uses_it_is_named(
        self, scene: Scene
    ) -> None:
        busy(scene)
        pause(scene)
        before = scene.rows(schema.WorkItem), scene.rows(schema.Route)
        with pytest.raises(Refused) as refusal:
            scene.publish(without())
        scene.policy = POLICY
        for part in (
            "no longer has refund",
            "3 waiting cases",
            "1 scored case",
            "1 action under way",
            "1 pause",
            "1 valid certificate",
            "1 label",
            "`renamed: {refund: NEW}`",
            "`retired: {refund: {to: OTHER}}`",
        ):
            assert part in str(refusal.value)
        assert before == (scene.rows(schema.WorkItem), scene.rows(schema.Route))
        assert len(scene.rows(schema.Policy)) == 1
        settled(scene)

    def test_a_category_that_nothing_uses_may_go(self, scene: Scene) -> None:
        scene.waiting(1, "tracking")
        scene.publish(without())
        settled(scene)

    def test_a_rename_onto_a_category_that_there_is_would_be_a_merger(self, scene: Scene) -> None:
        scene.waiting(1)
        with pytest.raises(Refused, match=r"retired: \{refund: \{to: tracking\}\}"):
            scene.publish(without(renamed={"refund": "tracking"}))

    def test_nothing_takes_the_place_of_a_category_whose_model_review_is_open(self, scene: Scene) -> None:
        pause(scene, kind="breaker", actor=FLOW, evidence=EVIDENCE)
        with pytest.raises(Refused, match="Model review 1 of refund is open"):
            scene.publish(ENDED)

    def test_what_was_changed_outside_is_put_right_before_it_moves(self, scene: Scene) -> None:
        scene.waiting(1)
        with scene.store.write() as connection:
            stages.insert_stage(connection, category="refund", stage="auto", since=NOW, actor="x", reason="x")
        with pytest.raises(Refused, match="changed outside Handrail"):
            scene.publish(RENAMED)


class TestMoving:
    @pytest.mark.parametrize("heir", EVERY)
    def test_whatever_becomes_of_a_category_nothing_stays_open_and_all_can_be_worked_off(
        self, scene: Scene, heir: str
    ) -> None:
        busy(scene)
        pause(scene)
        scene.publish(EVERY[heir])
        settled(scene)
        assert "refund" not in {row["category"] for row in scene.rows(schema.WorkItem, state="open")}
        (moved,) = scene.events("category.moved")
        assert (moved["category"], moved["to"]) == ("refund", None if heir == "nothing" else heir)
        assert moved["waiting"] == 3
        pausing.resume(scene.store, "tracking", reason="fine", policy=scene.policy, **KNOWN)
        if heir != "nothing":
            pausing.resume(scene.store, heir, reason="fine", policy=scene.policy, **KNOWN)
        for case_id in (1, 3, 5):
            scene.decide(case_id, "override", "ruth", label="tracking")
        send(scene)
        settled(scene)
        assert set(scene.states()) == {"done", "scored"}

    def test_a_renamed_category_takes_everything_along(self, scene: Scene) -> None:
        busy(scene)
        key = scene.row(schema.Outbox, case_id=2)["key"]
        scene.publish(RENAMED)
        action = scene.row(schema.Outbox, case_id=2)
        assert (action["key"], action["action"], action["category"]) == (key, "pay_back", "money_back")
        for table, column in (
            (schema.Route, "category"),
            (schema.Decision, "label"),
            (schema.Decision, "proposed"),
            (schema.Label, "label"),
            (schema.Prediction, "label"),
            (schema.WorkItem, "category"),
        ):
            assert "refund" not in {row[column] for row in scene.rows(table)}, column
        assert scene.rows(schema.StageChange)[-1]["stage"] == Stage.AUTO, "it stays where it was"
        assert scene.row(schema.Certificate)["void_reason"] == "policy"
        assert send(scene).count("pay_back") == 3

    def test_an_alarm_goes_along_and_binds_the_new_name(self, scene: Scene) -> None:
        pause(scene, kind="breaker", actor=FLOW, evidence=EVIDENCE)
        scene.publish(RETIRED)
        settled(scene)
        resume = lambda: pausing.resume(scene.store, "complaint", reason="x", policy=RETIRED, **KNOWN)  # noqa: E731
        with pytest.raises(Refused, match="model review 1 is still open"):
            resume()
        pausing.close_review(scene.store, 1, conclusion="a form", **KNOWN)
        resume()
        settled(scene)

    def test_where_nothing_takes_its_place_people_decide_without_a_suggestion(self, scene: Scene) -> None:
        (automatic,), (waiting,) = scene.automatic(1), scene.waiting(1)
        scene.publish(ENDED)
        settled(scene)
        assert scene.state(automatic) == "queued"
        assert {row["category"] for row in scene.rows(schema.Route)} == {None}
        assert scene.row(schema.Outbox)["state"] == "withdrawn"
        scene.decide(waiting, "override", label="tracking")

    def test_a_restored_name_begins_by_hand_and_means_itself(self, scene: Scene) -> None:
        pausing.set_stage(scene.store, "refund", Stage.PARTIAL, reason="x", policy=POLICY, **KNOWN)
        scene.waiting(1)
        scene.publish(RENAMED)
        scene.publish(POLICY.model_copy(update={"categories": {**POLICY.categories, **RENAMED.categories}}))
        with scene.store.read() as connection:
            assert stages.stages(connection, scene.policy)["refund"] is Stage.MANUAL
            assert category_names.current_names(connection) == {}
        settled(scene)

    def test_what_came_in_later_under_the_old_name_follows_at_the_next_publication(self, scene: Scene) -> None:
        scene.waiting(1)
        scene.publish(RENAMED)
        pausing.set_stage(scene.store, "money_back", Stage.SUGGEST, reason="x", policy=RENAMED, **KNOWN)
        scene.waiting(1, "refund")
        assert len(nothing_left_open(scene.store, RENAMED, NOW)) == 2
        scene.publish(RENAMED.model_copy(update={"owner": "somebody"}))
        settled(scene)
        with scene.store.read() as connection:
            assert stages.stages(connection, RENAMED)["money_back"] is Stage.SUGGEST

    def test_skills_follow(self, scene: Scene) -> None:
        with scene.store.write() as connection:
            person = schema.Person.__table__
            connection.execute(person.update().where(person.c.name == "ruth").values(skills=["refund", "cancel"]))
        scene.waiting(1)
        scene.publish(RENAMED)
        assert scene.row(schema.Person, name="ruth")["skills"] == ["cancel", "money_back"]
        assert claiming.claim(scene.store, "ruth", limit=1, policy=scene.policy, now=NOW)

    def test_a_model_that_learned_the_old_name_is_understood(self, scene: Scene) -> None:
        scene.waiting(1)
        scene.publish(RENAMED)
        scene.publish(RENAMED.model_copy(update={"renamed": {}}))
        (case_id,) = scene.accepted(1)
        score(scene, [case_id])
        assert scene.row(schema.Prediction, case_id=case_id)["label"] == "money_back"

    def test_disputes_of_what_was_decided_under_the_old_name_end(self, scene: Scene) -> None:
        ids = scene.automatic(3)
        send(scene)
        for heir, case_id, outcome in ((POLICY, ids[0], "approve"), (RENAMED, ids[1], "approve")):
            contest(scene, case_id)
            scene.publish(heir)
            item = scene.row(schema.Dispute, case_id=case_id)["work_item_id"]
            claim = escalating.take(scene.store, item, MANAGER, policy=heir, now=NOW)
            one = Ruling(item, claim.fence, Outcome(outcome), answer=TOLD)
            disputing.resolve(scene.store, one, MANAGER, policy=heir, now=NOW)
            settled(scene)
            assert [row["state"] for row in scene.rows(schema.Outbox, case_id=case_id)] == ["done"]

    def test_a_dead_action_of_a_category_that_ended_can_be_given_up(self, scene: Scene) -> None:
        class Broken:
            idempotent = True

            def execute(self, _: object) -> None:
                raise PermanentError("no")

        (case_id,) = scene.automatic(1)
        rng = np.random.default_rng(1)
        delivering.deliver(scene.store, Broken(), policy=POLICY, actor=FLOW, now=NOW, rng=rng)
        scene.publish(ENDED)
        settling.abandon(scene.store, 1, reason="gone", policy=scene.policy, **KNOWN)
        settled(scene)
        scene.decide(case_id, "override", label="tracking")
        settled(scene)

    def test_what_a_model_says_that_the_policy_never_had_is_no_suggestion_to_approve(self, scene: Scene) -> None:
        (case_id,) = scene.scored(1, "weather")
        scene.assign([case_id], queue="C", reason="unknown_category", category="weather")
        claim = scene.claim(case_id)
        with pytest.raises(NotFound, match="no category 'weather'"):
            scene.rule(claim)
        scene.rule(claim, "override", label="tracking")
        settled(scene)


class TestAtTheSameMoment:
    def test_who_publishes_second_is_compared_with_the_first(self, store: Store, scene: Scene) -> None:
        scene.waiting(1)
        another = Store(store._url.render_as_string(hide_password=False))
        wrong: list[Exception] = []

        def publish() -> None:
            try:
                publishing.publish(another, without("tracking"), **KNOWN)  # type: ignore[arg-type]
            except Exception as error:  # noqa: BLE001 - told to the test
                wrong.append(error)

        second = Thread(target=publish, daemon=True)
        with store.write() as connection:
            category_names.lock(connection)
            second.start()
            second.join(timeout=1)  # time enough to publish, were it not for the lock
            assert second.is_alive()
        second.join(timeout=30)
        another.dispose()
        assert wrong == []
        assert [row["version"] for row in scene.rows(schema.Policy)][-1] == without("tracking").version

    def test_what_was_planned_under_the_policy_before_is_planned_anew(self, scene: Scene) -> None:
        ids = scene.scored(2)
        scene.publish(RENAMED)
        asked: list[routing.Waiting] = []

        def plan(waiting: routing.Waiting) -> pd.DataFrame:
            asked.append(waiting)
            return pd.DataFrame()

        nothing = {"A": 0, "B": 0, "C": 0}
        assert routing.assign(scene.store, ids, plan, policy=POLICY, actor=FLOW, now=NOW) == nothing
        assert (asked, scene.rows(schema.Route), scene.states()) == ([], [], ["accepted"] * 2)
        score(scene, ids)
        assert scene.assign(ids, queue="B", reason="stage_suggest", category="money_back")["B"] == 2
        assert {row["category"] for row in scene.rows(schema.Route)} == {"money_back"}
        settled(scene)

    def test_a_decision_by_the_policy_before_is_a_conflict_and_loses_nothing(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        claim = scene.claim(case_id)
        scene.publish(RENAMED)
        one = Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, "refund")
        with pytest.raises(Conflict, match="policy has changed"):
            deciding.decide(scene.store, [one], "rita", policy=POLICY, now=NOW)
        scene.rule(claim, "override", label="money_back")
        settled(scene)

    @pytest.mark.parametrize("heir", EVERY)
    def test_a_proposal_for_a_category_that_is_no_more_is_overtaken(self, store: Store, heir: str) -> None:
        two = DeskRules(second_person=("resume",))
        scene = Scene(store, POLICY.model_copy(update={"desk": two}))
        pause(scene)
        known = {"reason": "fine", "policy": scene.policy, **KNOWN}
        proposing.propose(store, "resume", {"category": "refund"}, **known)  # type: ignore[arg-type]
        scene.publish(EVERY[heir].model_copy(update={"desk": two}))
        assert scene.row(schema.Proposal)["outcome"] == "overtaken"
        settled(scene)


class TestReadingThePolicy:
    @pytest.mark.parametrize(
        ("entries", "wrong"),
        [
            ({"renamed": {"tracking": "cancel"}}, "still a category"),
            ({"renamed": {"refund": "weather"}}, "no category of this policy"),
            ({"retired": {"refund": {"to": "weather"}}}, "no category of this policy"),
            ({"renamed": {"refund": "cancel"}, "retired": {"refund": {}}}, "renamed and retired"),
            ({"renamed": {"refund": "cancel", "money": "cancel"}}, "renamed to the same one"),
            ({"retired": {"refund": {"into": "cancel"}}}, "into"),
        ],
    )
    def test_entries_that_do_not_fit_are_refused(self, entries: dict[str, Any], wrong: str) -> None:
        with pytest.raises(ValueError, match=wrong):
            without(**entries)

    def test_a_policy_without_entries_keeps_its_version(self) -> None:
        assert {"renamed", "retired"}.isdisjoint(POLICY.model_dump())
        assert RENAMED.model_dump()["renamed"] == {"refund": "money_back"}
        assert RENAMED.version != POLICY.version

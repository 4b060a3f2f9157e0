"""A label that is withdrawn contradicts nobody, settles nothing and audits nothing; reinstated it does so again."""

from typing import Any

import pytest
from sqlalchemy import update

from handrail.acts import claiming, labelling, withdrawing
from handrail.errors import Conflict
from handrail.store import audits, breaker, cases, contradictions, evidence, schema
from handrail.store.engine import Store
from handrail.window import Window
from tests.doubting import BLIND, DRAWN, LATE, SETTLING, SINCE, kinds, labels, rule, serve, settled, slips
from tests.scenes import NOVICE, NOW, VERSION, Scene

WHY: dict[str, Any] = {"reason": "Clicked through.", "policy": SETTLING, "actor": "cora", "now": LATE}


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store, SETTLING)
    serve(found, VERSION)
    found.add_person("cora", "data_curator")
    return found


def withdraw(scene: Scene, name: str) -> int:
    number = withdrawing.withdraw(scene.store, name, SINCE, **WHY).withdrawal
    assert number is not None
    return number


def stands(scene: Scene, case_id: int) -> tuple[object, ...]:
    """What a case proves, who slipped, and which labels count."""
    counting = {(row["label"], row["reviewer"]) for row in counted(scene, case_id)}
    return settled(scene).get(case_id), slips(scene), counting


def counted(scene: Scene, case_id: int) -> list[dict[str, Any]]:
    return [row for row in scene.rows(schema.Label, case_id=case_id) if row["status"] in ("accepted", "adjudicated")]


class TestContradictions:
    def test_one_whose_only_look_is_withdrawn_is_dropped_and_comes_back(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        number = withdraw(scene, "rita")
        assert (settled(scene), kinds(scene, case_id)) == ({}, [])
        assert scene.events("difference.dropped", case_id)
        withdrawing.reinstate(scene.store, number, **WHY)
        assert (settled(scene), kinds(scene, case_id)) == ({case_id: ("tracking", True)}, ["doubt"])

    def test_one_that_the_second_contradicts_too_is_looked_at_again(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        second = rule(scene, case_id, "ruth", "tracking")
        before = stands(scene, case_id)
        number = withdraw(scene, "rita")
        assert (settled(scene), kinds(scene, case_id)) == ({case_id: ("tracking", True)}, ["doubt"])
        assert scene.row(schema.Contradiction)["decision_id"] == second
        assert counted(scene, case_id) == []
        withdrawing.reinstate(scene.store, number, **WHY)
        assert stands(scene, case_id) == before
        assert kinds(scene, case_id) == []

    def test_settled_with_a_withdrawn_look_it_is_settled_from_what_stands(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        rule(scene, case_id, "ruth", "refund")
        assert slips(scene) == [(case_id, "rita")]
        before = stands(scene, case_id)
        number = withdraw(scene, "rita")
        assert stands(scene, case_id) == (("refund", False), [], {("refund", "ruth")})
        withdrawing.reinstate(scene.store, number, **WHY)
        assert stands(scene, case_id) == before

    def test_the_answer_that_others_give_without_it_stays(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        for name, label in (("rita", "tracking"), ("ruth", "complaint"), ("ron", "refund")):
            rule(scene, case_id, name, label)
        number = withdraw(scene, "ruth")
        assert stands(scene, case_id) == (("refund", False), [(case_id, "rita")], {("refund", None)})
        withdrawing.reinstate(scene.store, number, **WHY)
        assert stands(scene, case_id) == (
            ("refund", False),
            [(case_id, "rita"), (case_id, "ruth")],
            {("refund", None)},
        )

    def test_what_a_person_in_charge_settled_stands_and_falls_with_their_word(self, scene: Scene) -> None:
        scene.add_person("curt", "data_curator")
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        rule(scene, case_id, "ruth", "complaint")
        labelling.adjudicate(scene.store, case_id, "complaint", policy=SETTLING, actor="curt", now=NOW)
        withdraw(scene, "rita")
        assert settled(scene) == {case_id: ("complaint", False)}
        number = withdraw(scene, "curt")
        assert (settled(scene), kinds(scene, case_id)) == ({case_id: ("complaint", True)}, ["doubt"])
        withdrawing.reinstate(scene.store, number, **WHY)
        assert (settled(scene), kinds(scene, case_id)) == ({case_id: ("complaint", False)}, [])

    def test_a_label_is_doubted_anew_where_one_was_dropped(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        number = withdraw(scene, "rita")
        with scene.store.write() as connection:
            cases.save_redactions(connection, [cases.Redaction(case_id, "where is my money")])
        withdrawing.label_again(scene.store, number, most=9, policy=SETTLING, actor="cora", now=NOW)
        rule(scene, case_id, "ruth", "tracking")
        assert (settled(scene), kinds(scene, case_id)) == ({case_id: ("tracking", True)}, ["doubt"])
        withdrawing.reinstate(scene.store, number, **WHY)
        assert (settled(scene), kinds(scene, case_id)) == ({case_id: ("tracking", False)}, [])

    def test_a_withdrawn_label_is_never_accepted_again(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        withdraw(scene, "rita")
        with scene.store.write() as connection:
            contradictions.accept_again(connection, case_id)
        assert labels(scene, case_id) == [("tracking", "review", "withdrawn")]

    def test_a_recheck_that_is_withdrawn_repeats_no_agreement(self, scene: Scene) -> None:
        scene.policy = scene.known["policy"] = DRAWN
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        rule(scene, case_id, "ruth", "tracking")
        assert settled(scene)[case_id][1]
        withdraw(scene, "ruth")
        assert stands(scene, case_id) == (("refund", False), [], {("refund", "rita")})
        with scene.store.read() as connection:
            assert evidence.repeated_agreements(connection, since=SINCE).empty


class TestAudits:
    def read(self, scene: Scene) -> list[list[int]]:
        """The cases that count as audited, for each who asks; of all three the draws are kept."""
        with scene.store.read() as connection:
            window = Window.up_to(LATE, since=SINCE)
            drawn = audits.looked_at(connection, window)
            found = [audits.audits(connection, window), drawn[drawn["rejected"].notna()]]
            found += [breaker.uncounted(connection, "refund", LATE, 100)]
            counted = breaker.volumes(connection, window)
        assert len(drawn) == 3
        ids = [frame["case_id"].tolist() for frame in found]
        assert counted.get("refund", 0) == len(ids[0])
        return ids

    def test_a_withdrawn_audit_proves_nothing_until_it_is_reinstated(self, scene: Scene) -> None:
        ids = scene.automatic(3)
        scene.audit(ids)
        for case_id, actor, label in zip(ids, ("rita", "rita", "ruth"), ("refund", "tracking", "refund"), strict=True):
            rule(scene, case_id, actor, label)
        assert self.read(scene) == [ids] * 3
        number = withdraw(scene, "rita")
        assert self.read(scene) == [ids[2:]] * 3
        assert set(settled(scene)) == {ids[2]}
        withdrawing.reinstate(scene.store, number, **WHY)
        assert self.read(scene) == [ids] * 3

    def test_what_was_audited_by_somebody_untrained_proves_nothing(self, scene: Scene) -> None:
        ids = scene.automatic(3)
        scene.audit(ids)
        for case_id in ids:
            rule(scene, case_id, "rita", "tracking")
        assert self.read(scene) == [ids] * 3
        with scene.store.write() as connection:  # as before audits were for the trained alone
            connection.execute(update(schema.Decision).where(schema.Decision.kind == "audit").values(trained=False))
        assert self.read(scene) == [[]] * 3

    def test_audits_wait_for_the_trained(self, scene: Scene) -> None:
        ids = scene.automatic(1)
        scene.audit(ids)
        assert claiming.claim(scene.store, NOVICE, **scene.known) == []
        with pytest.raises(Conflict):
            scene.claim(ids[0], NOVICE)
        assert scene.claim(ids[0], "ruth").kind == "audit"

    def test_a_withdrawn_denial_proves_nothing(self, scene: Scene) -> None:
        ids = scene.automatic(3)
        scene.audit(ids)
        rule(scene, ids[0], "rita", None, "out_of_scope")
        rule(scene, ids[1], "rita", None, "legal")
        withdraw(scene, "rita")
        assert (self.read(scene), settled(scene)) == ([[]] * 3, {})

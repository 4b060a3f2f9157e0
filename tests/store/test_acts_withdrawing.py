"""Labels of one person are withdrawn and reinstated: nothing counts them meanwhile, and nothing is lost."""

from datetime import timedelta
from typing import Any

import pytest

from handrail.acts import claiming, deciding, labelling, withdrawing
from handrail.case import Outcome
from handrail.errors import BadInput, NotFound, NotPermitted, Refused
from handrail.policy import LabelRules
from handrail.ruling import Ruling
from handrail.store import cases, certificates, labels, schema, trail, withdrawals
from handrail.store.engine import Store
from tests.scenes import FOUNDER, NOW, POLICY, VERSION, Scene

SECRET = b"a key of thirty-two bytes or so."
DAY = timedelta(days=1)
ALWAYS = POLICY.model_copy(update={"labels": LabelRules(second_share=1.0)})
BLIND = {"queue": "C", "reason": "stage_shadow", "stage": "shadow", "suggestion_hidden": True}
WHY: dict[str, Any] = {"reason": "He clicked through.", "policy": POLICY, "actor": "cora", "now": NOW + DAY}


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store)
    found.add_person("cora", "data_curator")
    return found


def waiting(scene: Scene, count: int) -> list[int]:
    """Cases with a text that wait to be labelled blindly."""
    ids = scene.waiting(count, **BLIND)
    with scene.store.write() as connection:
        cases.save_redactions(connection, [cases.Redaction(one, "where is my money") for one in ids])
    return ids


def rule(scene: Scene, case_id: int, actor: str, label: str | None) -> int:
    claim = scene.claim(case_id, actor)
    outcome = Outcome.DENY if label is None else Outcome.OVERRIDE
    ruling = Ruling(claim.item_id, claim.fence, outcome, label=label, reason_code=None if label else "out_of_scope")
    return deciding.decide(scene.store, [ruling], actor, secret=SECRET, **scene.known)[0]


def standing(scene: Scene) -> list[tuple[str | None, str, str]]:
    rows = sorted(scene.rows(schema.Label), key=lambda row: row["id"])
    return [(row["reviewer"], row["label"], row["status"]) for row in rows]


def evidence(scene: Scene) -> list[tuple[int, str | None]]:
    with scene.store.read() as connection:
        found = certificates.blind_rulings(connection, since=NOW - DAY)
    return [(row["case_id"], row["label"] or None) for row in found.astype(object).to_dict("records")]


def training(scene: Scene) -> list[int]:
    with scene.store.read() as connection:
        return sorted(labels.labelled(connection, scene.policy)["case_id"].tolist())


def kinds(scene: Scene) -> list[str]:
    with scene.store.read() as connection:
        return [event["kind"] for event in trail.search(connection, limit=9) if event["kind"].startswith("labels.")]


class TestWithdrawing:
    def test_what_is_withdrawn_neither_trains_nor_certifies_and_what_was_decided_stands(self, scene: Scene) -> None:
        his, hers, denied = waiting(scene, 3)
        rule(scene, his, "ron", "refund")
        rule(scene, denied, "ron", None)
        rule(scene, hers, "rita", "refund")
        assert {case_id for case_id, _ in evidence(scene)} == {his, hers, denied}
        seen = withdrawing.preview(scene.store, "ron", NOW, actor="cora", now=NOW + DAY)
        assert (seen.labels, seen.decisions, seen.cases, seen.withdrawal) == (1, 2, 2, None)
        assert {case_id for case_id, _ in evidence(scene)} == {his, hers, denied}, "a preview writes nothing"
        done = withdrawing.withdraw(scene.store, "ron", NOW, **WHY)
        assert (done.labels, done.decisions, done.withdrawal) == (1, 2, 1)
        assert standing(scene) == [("ron", "refund", "withdrawn"), ("rita", "refund", "accepted")]
        assert [case_id for case_id, _ in evidence(scene)] == [hers]
        assert training(scene) == [hers]
        assert scene.state(his) == "decided"
        assert scene.count(schema.Outbox) == 2

    def test_only_since_that_day(self, scene: Scene) -> None:
        (case_id,) = waiting(scene, 1)
        rule(scene, case_id, "ron", "refund")
        done = withdrawing.withdraw(scene.store, "ron", NOW + timedelta(hours=1), **WHY)
        assert (done.labels, done.withdrawal, kinds(scene)) == (0, None, [])
        assert training(scene) == [case_id]

    def test_reinstated_they_count_as_they_did(self, scene: Scene) -> None:
        his, denied = waiting(scene, 2)
        rule(scene, his, "ron", "refund")
        rule(scene, denied, "ron", None)
        before = standing(scene), evidence(scene), training(scene)
        number = withdrawing.withdraw(scene.store, "ron", NOW, **WHY).withdrawal
        assert number is not None
        assert withdrawing.reinstate(scene.store, number, **WHY) == 1
        assert (standing(scene), evidence(scene), training(scene)) == before
        assert withdrawing.reinstate(scene.store, number, **WHY) == 0
        assert kinds(scene) == [
            "labels.withdrawn",
            "labels.withdrawal_step",
            "labels.reinstated",
            "labels.reinstatement_step",
        ]

    def test_repeated_it_does_nothing_and_stopped_half_way_the_rest(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = waiting(scene, 5)
        for case_id in ids:
            rule(scene, case_id, "ron", "refund")
        monkeypatch.setattr(withdrawing, "CHUNK", 2)
        real, calls = withdrawals.take, []

        def killed(*arguments: Any) -> int:  # noqa: ANN401 - those of `take`
            calls.append(arguments)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real(*arguments)

        with monkeypatch.context() as half:
            half.setattr(withdrawals, "take", killed)
            with pytest.raises(KeyboardInterrupt):
                withdrawing.withdraw(scene.store, "ron", NOW, **WHY)
        assert [status for _, _, status in standing(scene)].count("withdrawn") == 2
        first = withdrawing.withdraw(scene.store, "ron", NOW, **WHY)
        again = withdrawing.withdraw(scene.store, "ron", NOW, **WHY)
        assert (first.withdrawal, again.withdrawal) == (1, 1)
        assert [status for _, _, status in standing(scene)] == ["withdrawn"] * 5
        assert scene.count(schema.LabelWithdrawal) == 1
        assert kinds(scene).count("labels.withdrawn") == 1

    def test_the_newest_is_reinstated_first_for_it_rests_on_what_others_left(self, scene: Scene) -> None:
        first, second = waiting(scene, 2)
        rule(scene, first, "ron", "refund")
        rule(scene, second, "rita", "refund")
        before = standing(scene)
        older = withdrawing.withdraw(scene.store, "ron", NOW, **WHY).withdrawal
        newer = withdrawing.withdraw(scene.store, "rita", NOW, **WHY).withdrawal
        assert older is not None
        assert newer is not None
        with pytest.raises(Refused, match=f"Withdrawal {newer} is newer and stands"):
            withdrawing.reinstate(scene.store, older, **WHY)
        for number in (newer, older):
            withdrawing.reinstate(scene.store, number, **WHY)
        assert standing(scene) == before

    def test_nothing_is_withdrawn_while_a_withdrawal_is_half_reinstated(self, scene: Scene) -> None:
        for case_id in waiting(scene, 3):
            rule(scene, case_id, "ron", "refund")
        number = withdrawing.withdraw(scene.store, "ron", NOW, **WHY).withdrawal
        assert number is not None
        known = {name: WHY[name] for name in ("actor", "now")}
        withdrawing.end(scene.store, number, reason="He was right.", **known)
        with pytest.raises(Refused, match="only half reinstated"):
            withdrawing.withdraw(scene.store, "ron", NOW, **WHY)
        assert withdrawing.reinstate(scene.store, number, **WHY) == 3
        assert withdrawing.withdraw(scene.store, "ron", NOW, **WHY).labels == 3

    def test_a_doubt_that_only_the_withdrawn_one_cast_ends_and_comes_back(self, scene: Scene) -> None:
        scene.policy = scene.known["policy"] = ALWAYS
        (case_id,) = waiting(scene, 1)
        rule(scene, case_id, "rita", "refund")
        rule(scene, case_id, "ron", "tracking")
        assert {status for _, _, status in standing(scene)} == {"provisional"}
        number = withdrawing.withdraw(scene.store, "ron", NOW, **WHY).withdrawal
        assert standing(scene) == [("rita", "refund", "accepted"), ("ron", "tracking", "withdrawn")]
        assert number is not None
        withdrawing.reinstate(scene.store, number, **WHY)
        assert {status for _, _, status in standing(scene)} == {"provisional"}

    def test_what_a_person_settled_stands_and_what_two_said_falls_with_one_of_them(self, scene: Scene) -> None:
        scene.policy = scene.known["policy"] = ALWAYS
        settled, agreed = waiting(scene, 2)
        for case_id in (settled, agreed):
            rule(scene, case_id, "rita", "refund")
            rule(scene, case_id, "ron", "tracking")
        labelling.adjudicate(scene.store, settled, "tracking", actor=FOUNDER, **scene.known)
        with scene.store.write() as connection:
            consensus = labels.NewLabel(
                agreed, "tracking", labels.Status.ADJUDICATED, "consensus", blind=True, labelled_at=NOW
            )
            labels.insert_labels(connection, [consensus])
        withdrawing.withdraw(scene.store, "ron", NOW, **WHY)
        found = {(row["case_id"], row["provenance"]): row["status"] for row in scene.rows(schema.Label)}
        assert found[settled, "adjudication"] == "adjudicated"
        assert found[agreed, "consensus"] == "withdrawn"
        assert found[agreed, "review"] == "accepted"


class TestWhatRestedOnThem:
    def certified(self, scene: Scene, labels: int) -> None:
        """A certificate of the version that predicted the cases, on so many labels."""
        with scene.store.write() as connection:
            values = {
                "model_version": VERSION,
                "category": "refund",
                "threshold": 0.97,
                "max_error": 0.02,
                "delta": 0.05,
            }
            times = {"window_from": NOW - DAY, "window_to": NOW + DAY, "issued_at": NOW, "expires_at": NOW + 60 * DAY}
            certificates.insert_certificate(connection, **values, **times, labels=labels, errors=0)

    @pytest.mark.parametrize(("count", "stands"), [(151, True), (150, False)])
    def test_a_certificate_whose_evidence_falls_short_is_void_and_says_why(
        self, scene: Scene, count: int, stands: bool
    ) -> None:
        for case_id in waiting(scene, 2):
            rule(scene, case_id, "ron", "refund")
        self.certified(scene, count)
        seen = withdrawing.preview(scene.store, "ron", NOW, actor="cora", now=NOW + DAY)
        assert [(one.withdrawn, one.stands) for one in seen.certificates] == [(2, stands)]
        assert scene.row(schema.Certificate)["voided_at"] is None
        withdrawing.withdraw(scene.store, "ron", NOW, **WHY)
        kept = scene.row(schema.Certificate)
        assert (kept["void_reason"] is None) is stands
        assert stands or kept["void_reason"] == "labels of ron withdrawn"

    def test_versions_that_may_have_learnt_from_them_are_named(self, scene: Scene) -> None:
        scene.add_version("0", now=NOW - DAY)
        (case_id,) = waiting(scene, 1)
        rule(scene, case_id, "ron", "refund")
        scene.add_version("1", now=NOW + timedelta(hours=1))
        seen = withdrawing.preview(scene.store, "ron", NOW, actor="cora", now=NOW + DAY)
        assert seen.versions == {"1": 1}
        withdrawing.withdraw(scene.store, "ron", NOW, **WHY)
        with scene.store.read() as connection:
            assert withdrawals.learnt_from_withdrawn(connection) == {"1": 1}

    def test_the_cases_can_be_labelled_again_by_somebody_else(self, scene: Scene) -> None:
        (case_id,) = waiting(scene, 1)
        rule(scene, case_id, "ron", "refund")
        number = withdrawing.withdraw(scene.store, "ron", NOW, **WHY).withdrawal
        asked = {"most": 9, "policy": scene.policy, "actor": "cora", "now": NOW}
        assert withdrawing.label_again(scene.store, number or 0, **asked) == 1
        assert withdrawing.label_again(scene.store, number or 0, **asked) == 0, "it waits already"
        assert claiming.claim(scene.store, "ron", **scene.known) == []
        rule(scene, case_id, "rita", "tracking")
        assert training(scene) == [case_id]
        assert evidence(scene) == [(case_id, "tracking")]


class TestWhoMay:
    def test_nobody_withdraws_or_reinstates_their_own(self, scene: Scene) -> None:
        scene.add_person("curt", "data_curator", "reviewer", trained_until=NOW + 9 * DAY)
        (case_id,) = waiting(scene, 1)
        rule(scene, case_id, "curt", "refund")
        own = WHY | {"actor": "curt"}
        with pytest.raises(Refused, match="your own"):
            withdrawing.withdraw(scene.store, "curt", NOW, **own)
        number = withdrawing.withdraw(scene.store, "curt", NOW, **WHY).withdrawal
        with pytest.raises(Refused, match="your own"):
            withdrawing.reinstate(scene.store, number or 0, **own)

    def test_curators_alone_with_a_reason_and_about_the_past(self, scene: Scene) -> None:
        with pytest.raises(NotPermitted):
            withdrawing.withdraw(scene.store, "ron", NOW, **WHY | {"actor": "rita"})
        with pytest.raises(BadInput, match="reason"):
            withdrawing.withdraw(scene.store, "ron", NOW, **WHY | {"reason": " "})
        with pytest.raises(BadInput, match="lies ahead"):
            withdrawing.withdraw(scene.store, "ron", NOW + 2 * DAY, **WHY)
        with pytest.raises(NotFound, match="no label"):
            withdrawing.preview(scene.store, "nobody", NOW, actor="cora", now=NOW + DAY)
        with pytest.raises(NotFound, match="no withdrawal"):
            withdrawing.reinstate(scene.store, 9, **WHY)

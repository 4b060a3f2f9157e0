"""No act opens work on a case whose content is deleted: it reads in its own transaction whether it is still there."""

from datetime import datetime, timedelta

import pytest

from handrail.acts import deciding, disputing, labelling, purging, settling, undoing
from handrail.case import Outcome
from handrail.errors import Conflict, NotFound, Refused
from handrail.policy import LabelRules
from handrail.ruling import Ruling
from handrail.store import audits, schema, staff
from handrail.store.engine import Store
from tests.contesting import SHOP, contest, resolve, send
from tests.open_things import nothing_left_open
from tests.scenes import FOUNDER, MANAGER, NOW, POLICY, Scene
from tests.store.test_acts_settling import IMPOSSIBLE, Receiver, deliver

SECRET = b"a key of thirty-two bytes or so."
DUE = NOW + timedelta(days=3 * 365)
"""The content of a case of the first day is past its time."""
SECOND = DUE + POLICY.retention.open_work
"""And past the time after a warning."""
TICK = timedelta(seconds=1)
BLIND = {"queue": "C", "reason": "stage_shadow", "stage": "shadow", "suggestion_hidden": True}


@pytest.fixture
def scene(store: Store) -> Scene:
    """Rita is still trained when the content goes, for audits are for the trained alone."""
    scene = Scene(store, SHOP.model_copy(update={"labels": LabelRules(second_share=1)}))
    with store.write() as connection:
        staff.save_person(
            connection, name="rita", roles=["reviewer"], trained_until=SECOND + timedelta(days=1), active=True
        )
    return scene


def purge(scene: Scene, at: datetime) -> int:
    return purging.purge(scene.store, policy=scene.policy, actor=FOUNDER, now=at, dry_run=False).inputs


def purge_after_the_second_period(scene: Scene) -> None:
    """Of a finished case with open work: warned of first."""
    purge(scene, DUE)
    assert purge(scene, SECOND) == 1


def rule(scene: Scene, case: int, actor: str, at: datetime, **ruling: object) -> list[int]:
    claim = scene.claim(case, actor, at)
    one = Ruling(claim.item_id, claim.fence, **ruling)  # type: ignore[arg-type]
    return deciding.decide(scene.store, [one], actor, policy=scene.policy, now=at, secret=SECRET)


def open_kinds(scene: Scene, case: int) -> list[str]:
    return [row["kind"] for row in scene.rows(schema.WorkItem, case_id=case, state="open")]


def left_open(scene: Scene, at: datetime) -> list[str]:
    return nothing_left_open(scene.store, scene.policy, at)


def refund(outcome: Outcome = Outcome.OVERRIDE, label: str = "refund") -> dict[str, object]:
    return {"outcome": outcome, "label": label}


DENIED: dict[str, object] = {"outcome": Outcome.DENY, "reason_code": "out_of_scope"}


class TestAudits:
    def test_what_was_deleted_between_the_look_and_the_draw_is_left_undrawn(self, scene: Scene) -> None:
        (old,) = scene.automatic(1)
        send(scene)
        (young,) = scene.automatic(1, at=DUE - timedelta(days=1))
        with scene.store.read() as connection:
            candidates = audits.undrawn(connection, 10)["case_id"].tolist()
        assert candidates == [old, young]
        assert purge(scene, DUE) == 1
        scene.audit(candidates, DUE)
        assert [row["case_id"] for row in scene.rows(schema.AuditDraw)] == [young]
        assert [row["case_id"] for row in scene.rows(schema.WorkItem, kind="audit")] == [young]
        assert [event["looked_at"] for event in scene.events("audit.draw")] == [1]
        assert left_open(scene, DUE) == []

    def test_what_is_deleted_takes_no_place_among_those_to_look_at(self, scene: Scene) -> None:
        scene.automatic(2)
        send(scene)
        (young,) = scene.automatic(1, at=DUE - timedelta(days=1))
        assert purge(scene, DUE) == 2
        with scene.store.read() as connection:
            assert audits.undrawn(connection, 1)["case_id"].tolist() == [young]


class TestSecondOpinions:
    @pytest.mark.parametrize("is_deleted", [False, True])
    def test_nobody_repeats_the_label_of_a_case_that_nobody_can_read(self, scene: Scene, *, is_deleted: bool) -> None:
        (case,) = scene.automatic(1)
        send(scene)
        scene.audit([case])
        if is_deleted:
            purge_after_the_second_period(scene)
        rule(scene, case, "rita", SECOND, **refund())
        assert open_kinds(scene, case) == ([] if is_deleted else ["recheck"])
        assert left_open(scene, SECOND) == []

    @pytest.mark.parametrize("is_deleted", [False, True])
    def test_two_labels_that_nobody_can_settle_stay_in_doubt(self, scene: Scene, *, is_deleted: bool) -> None:
        scene.add_person("rosa", "reviewer", trained_until=SECOND + timedelta(days=1))
        (case,) = scene.waiting(1, **BLIND)
        rule(scene, case, "rita", NOW, **refund())
        send(scene)
        if is_deleted:
            purge_after_the_second_period(scene)
        rule(scene, case, "rosa", SECOND, **refund(label="tracking"))
        assert open_kinds(scene, case) == ([] if is_deleted else ["adjudication"])
        assert {row["status"] for row in scene.rows(schema.Label)} == {"provisional"}
        assert left_open(scene, SECOND) == []


class TestUndoing:
    def undo(self, scene: Scene, ids: list[int], actor: str = "rita") -> None:
        undoing.undo(scene.store, ids, actor, policy=scene.policy, now=DUE + 2 * TICK)

    def test_a_denied_case_whose_content_went_meanwhile_does_not_wait_again(self, scene: Scene) -> None:
        first, second = scene.waiting(2)
        ids = [*rule(scene, first, "rita", DUE, **DENIED), *rule(scene, second, "rita", DUE, **DENIED)]
        purging.hold(scene.store, second, reason="a lawsuit", actor=FOUNDER, now=DUE)
        assert purge(scene, DUE + TICK) == 1
        with pytest.raises(Conflict, match=f"on case {first} stands: what was read of the case is deleted"):
            self.undo(scene, ids)
        assert scene.states() == ["done", "done"]
        assert left_open(scene, DUE + TICK) == []
        self.undo(scene, ids[1:])
        assert scene.state(second) == "queued"

    def test_an_audit_whose_case_lost_its_content_meanwhile_is_not_open_again(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        send(scene)
        scene.audit([case])
        scene.policy = SHOP.model_copy(update={"labels": LabelRules(second_share=0)})
        ids = rule(scene, case, "rita", DUE, **refund())
        assert purge(scene, DUE + TICK) == 1
        with pytest.raises(Conflict, match="is deleted by now"):
            self.undo(scene, ids)
        assert open_kinds(scene, case) == []
        assert left_open(scene, DUE + TICK) == []


class TestGivenUp:
    def test_an_action_is_not_given_up_when_nobody_could_decide_its_case_again(self, scene: Scene) -> None:
        number = self.dead_after_its_content_went(scene)
        with pytest.raises(Refused, match=r"case 1 would go to a person again, and what was read of it is deleted"):
            self.abandon(scene, number)
        assert (scene.row(schema.Outbox, id=number)["state"], scene.state(1)) == ("dead", "decided")
        assert left_open(scene, SECOND) == []
        settling.retry(scene.store, number, reason="it is open", actor=FOUNDER, now=SECOND)
        assert send(scene, SECOND) == ["pay_back"]

    def dead_after_its_content_went(self, scene: Scene) -> int:
        """Denied, contested, left lying until the content went, overturned at last, and refused by the receiver."""
        (case,) = scene.waiting(1)
        rule(scene, case, "rita", NOW, **DENIED)
        dispute = contest(scene, case)
        purge_after_the_second_period(scene)
        resolve(scene, dispute, "override", at=SECOND, label="refund")
        deliver(scene, Receiver(IMPOSSIBLE), SECOND)
        return int(scene.row(schema.Outbox)["id"])

    def abandon(self, scene: Scene, number: int) -> None:
        at = SECOND + timedelta(hours=1)
        settling.abandon(scene.store, number, reason="gone", policy=scene.policy, actor=FOUNDER, now=at)


def test_what_is_deleted_is_neither_contested_nor_attested(scene: Scene) -> None:
    (case,) = scene.automatic(1)
    send(scene)
    assert purge(scene, DUE) == 1
    with pytest.raises(Refused, match="is deleted"):
        disputing.open_dispute(scene.store, case, "no", actor=MANAGER, policy=scene.policy, now=DUE)
    with pytest.raises(NotFound, match="has no text any more"):
        labelling.attest(scene.store, case, "refund", policy=scene.policy, actor=FOUNDER, now=DUE)
    assert scene.count(schema.WorkItem) == 0

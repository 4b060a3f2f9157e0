"""What happens to a difference while others look: a newer version, an undo, a race, a rename."""

from datetime import timedelta
from threading import Thread

import pandas as pd
import pytest

from handrail.acts import claiming, deciding, doubting, handing, intake, pausing, revising, undoing
from handrail.case import Outcome
from handrail.errors import Conflict, HandrailError
from handrail.policy import LabelRules
from handrail.ruling import Ruling
from handrail.store import retention, schema
from handrail.store.engine import Store
from tests.doubting import BLIND, DRAWN, SECRET, SETTLING, SINCE, kinds, labels, predict, rule, serve, settled, slips
from tests.open_things import nothing_left_open
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, VERSION, Scene


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store, SETTLING)
    serve(found, VERSION)
    return found


class TestANewChallenger:
    def challenge(self, scene: Scene, ids: list[int], label: str = "refund", confidence: float = 0.99) -> int:
        scene.add_version("2", cause="by_hand")
        said = pd.DataFrame({"case_id": ids, "label": label, "confidence": confidence, "novelty": 0.1, "novel": False})
        predict(scene, said, "2", "challenger")
        known = {"policy": scene.policy, "actor": "flow:shadow_scoring", "now": NOW + timedelta(hours=1)}
        return doubting.doubt_earlier(scene.store, "2", since=SINCE, **known)

    def unsure(self, scene: Scene, cases: int) -> list[int]:
        """Labelled *tracking* by rita, where the first version was not sure of *refund*."""
        ids = scene.accepted(cases)
        said = pd.DataFrame({"case_id": ids, "label": "refund", "confidence": 0.9, "novelty": 0.1, "novel": False})
        predict(scene, said, VERSION, "champion")
        scene.assign(ids, **{**BLIND, "confidence": 0.9})
        for case_id in ids:
            rule(scene, case_id, "rita", "tracking")
        return ids

    def test_it_has_earlier_labels_looked_at_the_newest_first_as_many_as_a_day_has_room_for(self, scene: Scene) -> None:
        rules = LabelRules(second_share=0, earlier_differences_a_day=2)
        scene.policy = scene.known["policy"] = SETTLING.model_copy(update={"labels": rules})
        ids = self.unsure(scene, 3)
        assert self.challenge(scene, ids) == 2
        assert [kinds(scene, case_id) for case_id in ids] == [[], ["doubt"], ["doubt"]]
        known = {"policy": scene.policy, "actor": "flow:shadow_scoring"}
        for hours, opened in ((2, 0), (26, 1), (27, 0)):
            at = NOW + timedelta(hours=hours)
            assert doubting.doubt_earlier(scene.store, "2", since=SINCE, now=at, **known) == opened
        rule(scene, ids[2], "ruth", "refund", at=NOW + timedelta(hours=28))
        assert settled(scene)[ids[2]] == ("refund", False)

    @pytest.mark.parametrize(("label", "confidence"), [("tracking", 0.99), ("refund", 0.9), ("complaint", 0.99)])
    def test_not_where_it_agrees_or_is_not_sure(self, scene: Scene, label: str, confidence: float) -> None:
        assert self.challenge(scene, self.unsure(scene, 1), label, confidence) == 0

    def test_nor_where_the_content_is_gone(self, scene: Scene) -> None:
        ids = self.unsure(scene, 2)
        with scene.store.write() as connection:
            retention.INPUTS.erase(connection, ids[:1])
        assert self.challenge(scene, ids) == 1
        assert kinds(scene, ids[1]) == ["doubt"]

    def test_two_who_said_so_before_are_asked_no_more(self, scene: Scene) -> None:
        scene.policy = scene.known["policy"] = DRAWN
        (case_id,) = ids = self.unsure(scene, 1)
        rule(scene, case_id, "ruth", "tracking")
        assert self.challenge(scene, ids) == 1
        assert (kinds(scene, case_id), settled(scene)) == ([], {case_id: ("tracking", False)})


class TestItIsTakenBack:
    def undo(self, scene: Scene, number: int, actor: str) -> None:
        undoing.undo(scene.store, [number], actor, policy=scene.policy, now=NOW)

    def test_the_first_label_takes_the_look_with_it(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        self.undo(scene, rule(scene, case_id, "rita", "tracking"), "rita")
        assert (kinds(scene, case_id), settled(scene)) == (["review"], {})
        assert scene.rows(schema.Contradiction) == []

    def test_but_not_while_somebody_looks(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        number = rule(scene, case_id, "rita", "tracking")
        scene.claim(case_id, "ruth")
        with pytest.raises(Conflict, match="works on what followed"):
            self.undo(scene, number, "rita")

    @pytest.mark.parametrize("label", ["tracking", "refund", "complaint"])
    def test_the_second_opinion_leaves_the_difference_as_it_was(self, scene: Scene, label: str) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        before = scene.rows(schema.Contradiction), labels(scene, case_id)
        self.undo(scene, rule(scene, case_id, "ruth", label), "ruth")
        assert (scene.rows(schema.Contradiction), labels(scene, case_id)) == before
        assert (kinds(scene, case_id), settled(scene)) == (["doubt"], {case_id: ("tracking", True)})

    def test_a_recheck_that_put_an_agreement_in_doubt(self, scene: Scene) -> None:
        scene.policy = scene.known["policy"] = DRAWN
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "refund")
        self.undo(scene, rule(scene, case_id, "ruth", "tracking"), "ruth")
        assert (labels(scene, case_id), kinds(scene, case_id)) == ([("refund", "review", "accepted")], ["recheck"])
        assert settled(scene) == {case_id: ("refund", False)}

    def test_the_managers_word(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        for actor, label in (("rita", "tracking"), ("ruth", "complaint"), ("ron", "cancel")):
            rule(scene, case_id, actor, label)
        self.undo(scene, rule(scene, case_id, MANAGER, "refund"), MANAGER)
        assert (kinds(scene, case_id), settled(scene)) == (["adjudication"], {case_id: ("tracking", True)})


class TestMeanwhile:
    def test_a_renamed_category_is_settled_by_its_new_name(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        names = dict(scene.policy.categories)
        names["parcel"] = names.pop("tracking")
        scene.publish(scene.policy.model_copy(update={"categories": names, "renamed": {"tracking": "parcel"}}))
        rule(scene, case_id, "ruth", "parcel")
        assert settled(scene) == {case_id: ("parcel", False)}

    def test_a_request_that_changes_meanwhile_is_not_looked_at_for_the_label_of_its_earlier_text(
        self, scene: Scene
    ) -> None:
        """A pause has returned the case to people; then its customer writes something else."""
        scene.take_in({"external_id": "again"})
        (row,) = scene.rows(schema.Case, external_id="again")
        case_id = row["id"]
        intake.accept(scene.store, [case_id], [], actor=FLOW, now=NOW)
        said = pd.DataFrame(
            {"case_id": [case_id], "label": "refund", "confidence": 0.99, "novelty": 0.1, "novel": False}
        )
        predict(scene, said, VERSION, "champion")
        scene.assign([case_id])
        scene.audit([case_id])
        rule(scene, case_id, "rita", "tracking")
        pausing.pause(scene.store, "refund", reason="a test", actor=FOUNDER, **scene.known)
        scene.take_in({"external_id": "again", "text": "cancel all", "row_digest": "again-2"}, file="file-2")
        batch = scene.rows(schema.Batch)[-1]["id"]
        revising.apply(scene.store, batch, policy=scene.policy, actor=FLOW, now=NOW)
        assert "doubt" not in kinds(scene, case_id)
        assert scene.row(schema.Contradiction)["settled_by"] == "stands"
        assert nothing_left_open(scene.store, scene.policy, NOW) == []

    def test_two_who_look_at_once_settle_it_once(self, scene: Scene) -> None:
        """The case came back to a review by a pause: that and the look because of doubt end at the same moment."""
        (case_id,) = scene.automatic(1)
        scene.audit([case_id])
        rule(scene, case_id, "rita", "tracking")
        pausing.pause(scene.store, "refund", reason="a test", actor=FOUNDER, **scene.known)
        claims = {}
        for actor, kind in (("ruth", "doubt"), ("ron", "review")):
            (claims[actor],) = claiming.claim(scene.store, actor, kinds=[kind], **scene.known)
        faults: list[HandrailError] = []

        def decide(actor: str) -> None:
            claim = claims[actor]
            ruling = Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, label="tracking")
            try:
                deciding.decide(scene.store, [ruling], actor, secret=SECRET, **scene.known)
            except HandrailError as fault:
                faults.append(fault)

        threads = [Thread(target=decide, args=[actor]) for actor in claims]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert settled(scene) == {case_id: ("tracking", False)}
        assert len(scene.events("difference.settled", case_id)) == 1
        assert all(isinstance(fault, Conflict) for fault in faults)
        assert "doubt" not in kinds(scene, case_id)
        assert nothing_left_open(scene.store, scene.policy, NOW) == []

    def test_the_first_is_deactivated(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, **BLIND)
        rule(scene, case_id, "rita", "tracking")
        handing.deactivate(scene.store, "rita", actor=FOUNDER, now=NOW)
        rule(scene, case_id, "ruth", "refund")
        assert (settled(scene), slips(scene)) == ({case_id: ("refund", False)}, [(case_id, "rita")])

"""Work changes hands: nothing is lost, nobody gets what they may not decide, and a stale holder writes nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from handrail.acts import claiming, employing, handing, inviting, signing_in
from handrail.acts.claiming import Claim
from handrail.errors import BadInput, Conflict, HandrailError, NotFound, NotPermitted, Refused
from handrail.store import schema
from handrail.store import staff as people
from handrail.store.engine import Store
from tests.scenes import FOUNDER, MANAGER, NOVICE, NOW, POLICY, Scene

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SKIPPED = POLICY.desk.skip_for
LONGEST = POLICY.desk.longest_snooze
TICK = timedelta(seconds=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def offered(scene: Scene, name: str, at: Any = NOW) -> list[int]:  # noqa: ANN401 - a moment
    with scene.when(at):
        claims = claiming.claim(scene.store, name, policy=scene.policy, now=at, limit=30)
    handing.release(scene.store, [claim.item_id for claim in claims], name, now=at)
    return [claim.case_id for claim in claims]


def hand_over(scene: Scene, claim: Claim, to: str, actor: str = "rita") -> None:
    handing.hand_over(scene.store, claim.item_id, to, reason="she knows the customer", actor=actor, now=NOW)


def item(scene: Scene, claim: Claim) -> dict[str, Any]:
    return scene.row(schema.WorkItem, id=claim.item_id)


def set_skills(scene: Scene, name: str, *skills: str) -> None:
    with scene.store.write() as connection:
        people.change(connection, name, skills=list(skills))


class TestGivingBack:
    def test_released_work_is_free_at_once_and_its_old_fence_writes_nothing(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        claim = scene.claim(case_id)
        assert handing.release(scene.store, [claim.item_id], "rita", now=NOW) == [claim.item_id]
        assert item(scene, claim)["fence"] == claim.fence + 1
        assert offered(scene, "ruth") == [case_id]
        with pytest.raises(Conflict, match="no longer yours"):
            scene.rule(claim)
        assert {event["item"] for event in scene.events("work.released")} == {claim.item_id}

    def test_nobody_releases_what_is_not_theirs(self, scene: Scene) -> None:
        claim = scene.claim(scene.waiting(1)[0])
        assert handing.release(scene.store, [claim.item_id, 99], "ruth", now=NOW) == []
        assert item(scene, claim)["holder"] == "rita"

    def test_skipped_work_goes_to_others_and_comes_back_after_the_policys_time(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        claim = scene.claim(case_id)
        handing.skip(scene.store, claim.item_id, "rita", policy=scene.policy, now=NOW)
        assert offered(scene, "ruth") == [case_id]
        assert offered(scene, "rita", NOW + SKIPPED - TICK) == []
        assert offered(scene, "rita", NOW + SKIPPED) == [case_id]
        again = scene.claim(case_id, at=NOW + HOUR)
        handing.skip(scene.store, again.item_id, "rita", policy=scene.policy, now=NOW + HOUR)
        assert offered(scene, "rita", NOW + HOUR + SKIPPED - TICK) == [], "skipped once more"

    def test_snoozed_work_is_offered_to_nobody_until_then_and_its_due_time_stays(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        claim = scene.claim(case_id)
        handing.snooze(scene.store, claim.item_id, NOW + HOUR, "rita", policy=scene.policy, now=NOW)
        assert (offered(scene, "rita", NOW + HOUR - TICK), offered(scene, "ruth", NOW + HOUR - TICK)) == ([], [])
        assert offered(scene, "ruth", NOW + HOUR) == [case_id]
        assert item(scene, claim)["due_at"] == claim.due_at

    @pytest.mark.parametrize(
        ("later", "fits"), [(timedelta(0), False), (TICK, True), (LONGEST, True), (LONGEST + TICK, False)]
    )
    def test_work_is_put_off_for_no_longer_than_the_policy_says(
        self, scene: Scene, later: timedelta, fits: bool
    ) -> None:
        claim = scene.claim(scene.waiting(1)[0])
        try:
            handing.snooze(scene.store, claim.item_id, NOW + later, "rita", policy=scene.policy, now=NOW)
        except BadInput:
            assert not fits
        assert (item(scene, claim)["snoozed_until"] is not None) is fits

    @pytest.mark.parametrize("act", ["skip", "snooze"])
    def test_only_the_holder_passes_work_on(self, scene: Scene, act: str) -> None:
        claim = scene.claim(scene.waiting(1)[0])
        acts: dict[str, Callable[[str], None]] = {
            "skip": lambda actor: handing.skip(scene.store, claim.item_id, actor, policy=scene.policy, now=NOW),
            "snooze": lambda actor: handing.snooze(
                scene.store, claim.item_id, NOW + HOUR, actor, policy=scene.policy, now=NOW
            ),
        }
        with pytest.raises(Conflict, match="no longer yours"):
            acts[act]("ruth")
        scene.rule(claim)
        with pytest.raises(Conflict, match="decided already"):
            acts[act]("rita")


class TestHandingOver:
    def test_a_colleague_alone_gets_it_and_the_sentence_is_kept(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        claim = scene.claim(case_id)
        hand_over(scene, claim, "ruth")
        assert (offered(scene, "rita"), offered(scene, "ron")) == ([], [])
        assert offered(scene, "ruth") == [case_id]
        with pytest.raises(Conflict, match="no longer yours"):
            scene.rule(claim)
        (event,) = scene.events("work.handed_over")
        assert (event["to"], event["because"]) == ("ruth", "she knows the customer")

    def test_it_may_be_outside_their_skills_and_skipped_before(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        skipped = scene.claim(case_id, "ruth")
        handing.skip(scene.store, skipped.item_id, "ruth", policy=scene.policy, now=NOW)
        set_skills(scene, "ruth", "tracking")
        hand_over(scene, scene.claim(case_id), "ruth")
        assert offered(scene, "ruth") == [case_id]

    def test_who_may_hand_out_takes_it_from_any_holder_and_others_do_not(self, scene: Scene) -> None:
        claim = scene.claim(scene.waiting(1)[0])
        with pytest.raises(NotPermitted, match="hand out"):
            hand_over(scene, claim, "ruth", "ron")
        hand_over(scene, claim, "ruth", MANAGER)
        assert item(scene, claim)["assigned_to"] == "ruth"

    def test_it_needs_a_reason(self, scene: Scene) -> None:
        claim = scene.claim(scene.waiting(1)[0])
        with pytest.raises(BadInput, match="reason"):
            handing.hand_over(scene.store, claim.item_id, "ruth", reason=" ", actor="rita", now=NOW)

    def test_nobody_is_given_what_they_may_not_decide(self, scene: Scene) -> None:
        first, second = scene.waiting(2)
        scene.decide(first, "override", "ruth", label="cancel")
        scene.decide(second, "deny", "ruth", reason_code="legal")
        scene.add_person("cara", "data_curator")
        handing.set_away(scene.store, "ron", NOW, None, actor="ron", now=NOW)
        claim = scene.claim(first)
        refusals: list[tuple[Claim, str, type[HandrailError], str]] = [
            (claim, "ruth", Refused, "decided case"),
            (claim, "ron", Refused, "on leave"),
            (claim, "cara", Refused, "this kind of work"),
            (claim, "eve", NotFound, "eve"),
            (claim, "rita", Conflict, "with rita already"),
            (scene.claim(second, MANAGER), "rita", Refused, "this kind of work"),
        ]
        for one, to, refusal, sentence in refusals:
            with pytest.raises(refusal, match=sentence):
                hand_over(scene, one, to, MANAGER)
        assert scene.events("work.handed_over") == []


class TestLeave:
    def test_nothing_is_offered_from_the_first_moment_to_the_last(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        handing.set_away(scene.store, "rita", NOW + HOUR, NOW + DAY, actor="rita", now=NOW)
        assert offered(scene, "rita", NOW + HOUR - TICK) == [case_id]
        assert offered(scene, "rita", NOW + HOUR) == []
        assert offered(scene, "rita", NOW + DAY - TICK) == []
        assert offered(scene, "rita", NOW + DAY) == [case_id]
        with pytest.raises(Refused, match="on leave"):
            scene.claim(case_id, at=NOW + HOUR)

    def test_what_they_hold_is_free_at_once(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        claim = scene.claim(case_id)
        assert handing.set_away(scene.store, "rita", NOW, NOW + DAY, actor="rita", now=NOW) == 1
        assert offered(scene, "ruth") == [case_id]
        with pytest.raises(Conflict, match="no longer yours"):
            scene.rule(claim)

    def test_what_was_assigned_goes_to_the_least_loaded_who_may_take_it(self, scene: Scene) -> None:
        ids = scene.waiting(4)
        for case_id in ids[:2]:
            hand_over(scene, scene.claim(case_id), "ruth")
        scene.claim(ids[2], "ron")
        scene.claim(ids[3], "remo")
        set_skills(scene, NOVICE, "tracking")
        set_skills(scene, MANAGER, "tracking")
        handing.set_away(scene.store, "ruth", NOW, None, actor=FOUNDER, now=NOW)
        assigned = [row["assigned_to"] for row in scene.rows(schema.WorkItem) if row["assigned_to"]]
        assert sorted(assigned) == sorted([FOUNDER, "rita"]), "who held nothing, one each"

    def test_during_a_leave_that_begins_later_colleagues_are_offered_what_is_assigned(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1)
        hand_over(scene, scene.claim(case_id), "ruth")
        handing.set_away(scene.store, "ruth", NOW + HOUR, NOW + DAY, actor="ruth", now=NOW)
        assert offered(scene, "ron", NOW + HOUR - TICK) == []
        assert offered(scene, "ron", NOW + HOUR) == [case_id]

    def test_a_leave_ends_early_and_another_may_note_it_only_who_manages_people(self, scene: Scene) -> None:
        with pytest.raises(NotPermitted):
            handing.set_away(scene.store, "rita", NOW, None, actor="ruth", now=NOW)
        handing.set_away(scene.store, "rita", NOW, None, actor=FOUNDER, now=NOW)
        handing.set_away(scene.store, "rita", None, None, actor="rita", now=NOW)
        (case_id,) = scene.waiting(1)
        assert offered(scene, "rita") == [case_id]

    @pytest.mark.parametrize(("begins", "ends"), [(None, NOW + DAY), (NOW + DAY, NOW + HOUR), (NOW - DAY, NOW)])
    def test_impossible_dates_are_refused(self, scene: Scene, begins: Any, ends: Any) -> None:  # noqa: ANN401
        with pytest.raises(BadInput, match="leave"):
            handing.set_away(scene.store, "rita", begins, ends, actor="rita", now=NOW)


class TestLeaving:
    def test_who_is_deactivated_holds_nothing_and_is_out_at_the_next_click(self, scene: Scene) -> None:
        held, assigned = scene.waiting(2)
        claim = scene.claim(held)
        hand_over(scene, scene.claim(assigned, "ruth"), "rita", "ruth")
        secret = signing_in.open_session(scene.store, "rita", policy=scene.policy, now=NOW)
        assert handing.deactivate(scene.store, "rita", actor=FOUNDER, now=NOW) == 2
        assert signing_in.visitor(scene.store, secret, policy=scene.policy, now=NOW) is None
        assert scene.row(schema.Session)["ended_at"] == NOW
        with pytest.raises(NotPermitted):
            scene.rule(claim)
        assert all(row["holder"] is None for row in scene.rows(schema.WorkItem))
        assert scene.row(schema.WorkItem, case_id=assigned)["assigned_to"] not in (None, "rita")
        assert offered(scene, "ron")[:1] == [held]

    def test_a_link_that_was_not_used_opens_nothing_when_they_come_back(self, scene: Scene) -> None:
        secret = inviting.invite(scene.store, "rita", actor=FOUNDER, now=NOW)
        handing.deactivate(scene.store, "rita", actor=FOUNDER, now=NOW)
        scene.add_person("rita", "reviewer")
        with pytest.raises(NotFound, match="has run out"):
            inviting.invited(scene.store, secret, now=NOW)

    def test_the_last_product_owner_stays(self, scene: Scene) -> None:
        with pytest.raises(Refused, match="last product owner"):
            handing.deactivate(scene.store, FOUNDER, actor=FOUNDER, now=NOW)
        scene.add_person("olga", "product_owner")
        handing.deactivate(scene.store, FOUNDER, actor="olga", now=NOW)
        with pytest.raises(Refused, match="last product owner"):
            handing.deactivate(scene.store, "olga", actor="olga", now=NOW)

    def test_only_who_manages_people_deactivates_and_only_who_is_there(self, scene: Scene) -> None:
        with pytest.raises(NotPermitted):
            handing.deactivate(scene.store, "ruth", actor=MANAGER, now=NOW)
        with pytest.raises(NotFound):
            handing.deactivate(scene.store, "eve", actor=FOUNDER, now=NOW)
        employing.add_person(scene.store, "ruth", roles=["reviewer"], trained_until=None, actor=FOUNDER, now=NOW)
        assert scene.events("person.deactivated") == []

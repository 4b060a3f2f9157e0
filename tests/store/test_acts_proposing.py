"""Where the policy asks for a second person, one person alone does nothing, from whichever face."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from handrail.acts import models, pausing, proposing
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted, Refused
from handrail.policy import DeskRules, Stage
from handrail.store import schema
from handrail.store.engine import Store
from tests.scenes import BETTER, FLOW, FOUNDER, NOW, POLICY, Scene

ALL = ("resume", "promote", "roll_back", "set_stage")
ASKING = POLICY.model_copy(update={"desk": DeskRules(second_person=ALL)})
OWNER = "olga"
SECOND_STEWARD = "sam"
HOUR = timedelta(hours=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    """The shop under a policy that asks a second person for everything it can; refunds are paused, version 2 serves."""
    found = Scene(store, ASKING)
    found.add_person(OWNER, "product_owner")
    found.add_person(SECOND_STEWARD, "model_steward")
    pausing.pause(store, "refund", reason="odd", actor=FOUNDER, **found.known)
    for version in ("1", "2", "3"):
        found.add_version(version, metrics=BETTER)
        if version != "3":
            models.set_champion(store, version, actor=FLOW, reason="its gates", now=NOW)
    return found


Act = Callable[[Scene, str, int | None], object]
DONE: dict[str, Act] = {
    "resume": lambda scene, actor, proposal: pausing.resume(
        scene.store, "refund", reason="fine", actor=actor, proposal=proposal, **scene.known
    ),
    "set_stage": lambda scene, actor, proposal: pausing.set_stage(
        scene.store, "refund", Stage.SUGGEST, reason="fine", actor=actor, proposal=proposal, **scene.known
    ),
    "promote": lambda scene, actor, proposal: models.set_champion(
        scene.store, "3", reason="fine", actor=actor, now=NOW, proposal=proposal
    ),
    "roll_back": lambda scene, actor, proposal: models.roll_back(
        scene.store, reason="fine", actor=actor, now=NOW, proposal=proposal
    ),
}
ASKED: dict[str, dict[str, Any]] = {
    "resume": {"category": "refund"},
    "set_stage": {"category": "refund", "stage": "suggest"},
    "promote": {"version": "3"},
    "roll_back": {},
}


def propose(scene: Scene, act: str = "resume", actor: str = FOUNDER, at: Any = NOW, **asked: object) -> int:  # noqa: ANN401 - a moment
    return proposing.propose(
        scene.store, act, asked or ASKED[act], reason="it is mended", policy=scene.policy, actor=actor, now=at
    )


def second(act: str) -> str:
    """Somebody else who may: a product owner promotes nothing."""
    return SECOND_STEWARD if act == "promote" else OWNER


@pytest.mark.parametrize("act", ALL)
class TestEveryActThatTakesTwo:
    def test_one_person_alone_is_told_how_to_propose(self, scene: Scene, act: str) -> None:
        before = scene.count(schema.TrailEvent)
        with pytest.raises(Refused, match=r"second person.*handrail proposals confirm"):
            DONE[act](scene, FOUNDER, None)
        assert scene.count(schema.TrailEvent) == before

    def test_a_second_person_does_it_by_confirming(self, scene: Scene, act: str) -> None:
        number = propose(scene, act)
        DONE[act](scene, second(act), number)
        row = scene.row(schema.Proposal)
        assert (row["outcome"], row["settled_by"], row["settled_at"]) == ("confirmed", second(act), NOW)
        (event,) = scene.events("proposal.confirmed")
        assert (event["proposal"], event["proposer"], event["actor"]) == (number, FOUNDER, second(act))

    def test_nobody_confirms_what_they_proposed(self, scene: Scene, act: str) -> None:
        number = propose(scene, act)
        with pytest.raises(Refused, match="your own"):
            DONE[act](scene, FOUNDER, number)
        assert scene.row(schema.Proposal)["outcome"] is None

    def test_nobody_confirms_what_they_may_not_do(self, scene: Scene, act: str) -> None:
        number = propose(scene, act)
        with pytest.raises(NotPermitted):
            DONE[act](scene, "rita", number)

    def test_nobody_proposes_what_they_may_not_do(self, scene: Scene, act: str) -> None:
        with pytest.raises(NotPermitted):
            propose(scene, act, actor="rita")

    def test_it_is_confirmed_once(self, scene: Scene, act: str) -> None:
        number = propose(scene, act)
        DONE[act](scene, second(act), number)
        with pytest.raises((Conflict, Refused, NotFound)):
            DONE[act](scene, second(act), number)
        assert len(scene.events("proposal.confirmed")) == 1

    def test_a_proposal_for_another_act_opens_no_door(self, scene: Scene, act: str) -> None:
        other = next(name for name in ("set_stage", "resume") if name != act)
        number = propose(scene, other)
        with pytest.raises(Conflict, match="has changed meanwhile"):
            DONE[act](scene, second(act), number)
        assert scene.row(schema.Proposal)["outcome"] is None

    def test_where_the_policy_asks_nobody_one_person_suffices(self, sqlite_store: Store, act: str) -> None:
        alone = Scene(sqlite_store)
        pausing.pause(sqlite_store, "refund", reason="odd", actor=FOUNDER, **alone.known)
        with pytest.raises(Refused, match="Do it at once"):
            propose(alone, act)


class TestTheStateMayChange:
    def test_a_newer_pause_is_not_lifted_by_an_older_proposal(self, scene: Scene) -> None:
        number = propose(scene)
        again = propose(scene, "set_stage")
        DONE["set_stage"](scene, OWNER, again)
        with scene.store.write() as connection:  # the pause ends by another way
            connection.execute(update(schema.Pause).values(until=NOW))
        pausing.pause(scene.store, "refund", reason="odd again", actor=FLOW, **scene.known)
        with pytest.raises(Conflict, match="propose anew"):
            DONE["resume"](scene, OWNER, number)
        assert scene.rows(schema.Pause)[-1]["until"] is None

    def test_a_stage_that_has_moved_meanwhile_is_not_moved_on(self, scene: Scene) -> None:
        number, other = propose(scene, "set_stage"), propose(scene, "set_stage", category="refund", stage="shadow")
        pausing.set_stage(scene.store, "refund", Stage.SHADOW, reason="x", actor=OWNER, proposal=other, **scene.known)
        with pytest.raises(Conflict, match="propose anew"):
            DONE["set_stage"](scene, OWNER, number)

    def test_a_rollback_proposed_of_one_version_does_not_bar_the_next(self, scene: Scene) -> None:
        number = propose(scene, "roll_back")
        models.set_champion(scene.store, "3", actor=FLOW, reason="its gates", now=NOW)
        with pytest.raises(Conflict, match="propose anew"):
            DONE["roll_back"](scene, OWNER, number)

    def test_a_rehearsal_that_was_proposed_is_no_rollback_that_bars(self, scene: Scene) -> None:
        number = proposing.propose(
            scene.store, "roll_back", proposing.REHEARSAL, reason="practice", policy=POLICY, actor=FOUNDER, now=NOW
        )
        known = {"reason": "practice", "actor": OWNER, "now": NOW, "proposal": number}
        with pytest.raises(Conflict):
            models.roll_back(scene.store, **known)
        assert models.roll_back(scene.store, rehearsal=True, **known) == "1"
        assert scene.events("model.rolled_back")[-1]["barred"] is None

    def test_a_review_that_opened_meanwhile_is_closed_first(self, scene: Scene) -> None:
        propose(scene)
        pausing.pause(
            scene.store, "tracking", reason="odd", kind="breaker", evidence={"rate": 1}, actor=FLOW, **scene.known
        )
        with pytest.raises(Refused, match="still open"):
            propose(scene, category="tracking")


class TestTime:
    def test_a_proposal_may_be_confirmed_until_its_time_is_over(self, scene: Scene) -> None:
        number = propose(scene)
        end = NOW + ASKING.desk.proposal_for
        with pytest.raises(Conflict, match="time to confirm"):
            confirm_at(scene, number, end)
        confirm_at(scene, number, end - timedelta(microseconds=1))

    def test_one_that_ran_out_may_be_proposed_again(self, scene: Scene) -> None:
        propose(scene)
        with pytest.raises(Refused, match="has proposed the same"):
            propose(scene, at=NOW + ASKING.desk.proposal_for - HOUR)
        assert propose(scene, at=NOW + ASKING.desk.proposal_for) == 2


def confirm_at(scene: Scene, number: int, at: Any) -> None:  # noqa: ANN401 - a moment
    known = {**scene.known, "now": at}
    pausing.resume(scene.store, "refund", reason="fine", actor=OWNER, proposal=number, **known)


class TestRefusingAndWithdrawing:
    def test_another_person_refuses_with_a_reason(self, scene: Scene) -> None:
        number = propose(scene)
        with pytest.raises(BadInput, match="needs a reason"):
            proposing.refuse(scene.store, number, reason="", actor=OWNER, now=NOW)
        proposing.refuse(scene.store, number, reason="too early", actor=OWNER, now=NOW)
        assert scene.row(schema.Proposal)["outcome"] == "refused"
        with pytest.raises(Conflict, match="refused already"):
            DONE["resume"](scene, OWNER, number)

    def test_the_proposer_withdraws_and_nobody_else(self, scene: Scene) -> None:
        number = propose(scene)
        with pytest.raises(Refused, match="handrail proposals refuse 1"):
            proposing.withdraw(scene.store, number, actor=OWNER, now=NOW)
        with pytest.raises(Refused, match="handrail proposals withdraw 1"):
            proposing.refuse(scene.store, number, reason="mine", actor=FOUNDER, now=NOW)
        proposing.withdraw(scene.store, number, actor=FOUNDER, now=NOW)
        assert scene.row(schema.Proposal)["outcome"] == "withdrawn"

    def test_who_may_not_do_it_may_not_refuse_it(self, scene: Scene) -> None:
        number = propose(scene)
        with pytest.raises(NotPermitted):
            proposing.refuse(scene.store, number, reason="no", actor="rita", now=NOW)


class TestFlows:
    def test_a_flow_rolls_back_to_safety_by_itself(self, scene: Scene) -> None:
        assert models.roll_back(scene.store, actor=FLOW, reason="errors rise", now=NOW) == "1"

    def test_the_first_version_needs_no_second_person(self, sqlite_store: Store) -> None:
        fresh = Scene(sqlite_store, ASKING)
        fresh.add_version("1", actor=FOUNDER, metrics=BETTER)
        assert models.set_champion(fresh.store, "1", actor=FOUNDER, reason="the first", now=NOW) == "first"


def test_a_proposal_that_makes_no_sense_is_refused(scene: Scene) -> None:
    with pytest.raises(BadInput, match="cannot be proposed"):
        propose(scene, "pause", category="refund")
    with pytest.raises(BadInput, match="cannot be proposed"):
        propose(scene, "resume", version="2")
    with pytest.raises(NotFound):
        propose(scene, "set_stage", category="weather", stage="auto")


def test_the_trail_holds_what_was_proposed_and_not_why(scene: Scene) -> None:
    propose(scene)
    (event,) = scene.events("proposal.made")
    assert (event["act"], event["category"], event["actor"]) == ("resume", "refund", FOUNDER)
    assert scene.trail_is_whole()

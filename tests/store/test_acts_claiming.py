"""Who is offered what, in which order, and how much of it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from handrail.acts import claiming
from handrail.errors import Conflict, Refused
from handrail.staff import Person, least_loaded, spared
from handrail.store import schema, work
from handrail.store import staff as people
from handrail.store.engine import Store
from tests.scenes import MANAGER, NOW, POLICY, Scene

MINUTE = timedelta(minutes=1)
LEASE = POLICY.leases.duration
MOST = POLICY.desk.most_held
TWO = POLICY.model_copy(update={"desk": POLICY.desk.model_copy(update={"most_held": 2})})


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def next_one(scene: Scene, name: str = "rita", *, besides_held: bool = True) -> int | None:
    found = claiming.claim(scene.store, name, besides_held=besides_held, **scene.known)
    return found[0].case_id if found else None


def set_skills(scene: Scene, name: str, *skills: str) -> None:
    with scene.store.write() as connection:
        people.change(connection, name, skills=list(skills))


class TestOrder:
    def test_earliest_due_comes_first_then_the_oldest_case_then_the_first_written(self, scene: Scene) -> None:
        ages = {"young": MINUTE, "old": MINUTE * 9, "old too": MINUTE * 9}
        ids = {name: scene.scored(1, received_at=NOW - age)[0] for name, age in ages.items()}
        urgent = scene.scored(1, received_at=NOW - MINUTE)[0]
        scene.assign([*ids.values()], queue="B", reason="stage_suggest", due_at=NOW + LEASE)
        scene.assign([urgent], queue="B", reason="stage_suggest", due_at=NOW + LEASE - MINUTE)
        found = [next_one(scene) for _ in range(5)]
        assert found == [urgent, ids["old"], ids["old too"], ids["young"], None]

    def test_more_due_at_one_moment_than_are_compared_are_all_offered(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(work, "WINDOW", 2)
        ids = scene.waiting(5)
        assert sorted(str(next_one(scene)) for _ in range(5)) == sorted(map(str, ids))


class TestTwoTabs:
    def test_a_second_claim_prolongs_the_first_and_takes_nothing_from_it(self, scene: Scene) -> None:
        scene.waiting(1)
        (first,) = claiming.claim(scene.store, "rita", **scene.known)
        with scene.when(NOW + MINUTE):
            (second,) = claiming.claim(scene.store, "rita", policy=scene.policy, now=NOW)
        assert second.fence == first.fence
        assert second.lease_until == first.lease_until + MINUTE
        scene.rule(first)
        with pytest.raises(Conflict, match="decided already"):
            scene.rule(second)

    def test_one_more_is_claimed_besides_what_is_held(self, scene: Scene) -> None:
        first, second = scene.waiting(2)
        assert [next_one(scene), next_one(scene), next_one(scene)] == [first, second, None]
        assert [claim.case_id for claim in claiming.held(scene.store, "rita")] == [first, second]
        assert claiming.held(scene.store, "ruth") == []
        with scene.when(NOW + LEASE):
            assert claiming.held(scene.store, "rita") == []

    def test_a_heartbeat_prolongs_what_is_still_theirs_and_nothing_else(self, scene: Scene) -> None:
        scene.waiting(2)
        mine, lost = claiming.claim(scene.store, "rita", limit=2, **scene.known)
        later = NOW + LEASE
        scene.claim(lost.case_id, "ruth", later)
        with scene.when(later):
            kept = claiming.renew(scene.store, "rita", [lost.item_id, mine.item_id, 99], policy=scene.policy)
        assert [(claim.item_id, claim.fence, claim.lease_until) for claim in kept] == [
            (mine.item_id, mine.fence, later + LEASE)
        ]
        assert scene.row(schema.WorkItem, id=lost.item_id)["holder"] == "ruth"
        scene.rule(mine, at=later)

    def test_a_heartbeat_does_not_wake_what_was_decided(self, scene: Scene) -> None:
        claim = scene.decide(scene.waiting(1)[0])
        assert claiming.renew(scene.store, "rita", [claim.item_id], policy=scene.policy) == []


class TestLimit:
    def test_nobody_holds_more_than_the_policy_allows(self, scene: Scene) -> None:
        scene.waiting(MOST + 1)
        assert len(claiming.claim(scene.store, "rita", limit=MOST + 1, **scene.known)) == MOST
        with pytest.raises(Refused, match=f"You hold {MOST} cases"):
            next_one(scene)
        assert len(claiming.claim(scene.store, "rita", limit=MOST, **scene.known)) == MOST, "what they hold comes again"
        assert next_one(scene, "ruth") is not None

    def test_what_was_decided_or_has_lapsed_makes_room(self, scene: Scene) -> None:
        scene.waiting(4)
        known = {"policy": TWO, "besides_held": True}
        first, _ = claiming.claim(scene.store, "rita", limit=4, now=NOW, **known)
        scene.rule(first)
        assert len(claiming.claim(scene.store, "rita", limit=4, now=NOW, **known)) == 1
        with scene.when(NOW + LEASE):
            assert len(claiming.claim(scene.store, "rita", limit=4, now=NOW, **known)) == 2

    def test_two_tabs_at_once_do_not_pass_it_together(self, scene: Scene) -> None:
        scene.waiting(12)

        def take(_: int) -> int:
            try:
                return len(claiming.claim(scene.store, "rita", policy=TWO, now=NOW, besides_held=True))
            except Refused:
                return 0

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(take, range(6))) == 2


class TestSkills:
    @pytest.fixture
    def skilled(self, scene: Scene) -> Scene:
        set_skills(scene, "rita", "tracking")
        return scene

    def test_only_what_they_know_is_offered(self, skilled: Scene) -> None:
        (refund,), (tracking,) = skilled.waiting(1, "refund"), skilled.waiting(1, "tracking")
        assert [next_one(skilled), next_one(skilled)] == [tracking, None]
        with pytest.raises(Conflict):
            skilled.claim(refund)
        assert next_one(skilled, "ruth") == refund

    def test_a_hidden_suggestion_routes_nothing(self, skilled: Scene) -> None:
        (hidden,) = skilled.waiting(1, "refund", suggestion_hidden=True)
        audited = skilled.automatic(1)
        skilled.audit(audited)
        assert {next_one(skilled), next_one(skilled)} == {hidden, *audited}

    def test_a_case_without_a_category_is_everybodys(self, skilled: Scene) -> None:
        ids = skilled.scored(1)
        skilled.assign(ids, queue="C", reason="no_model", category=None, confidence=None)
        assert next_one(skilled) == ids[0]

    def test_what_is_escalated_goes_to_whom_it_concerns_whatever_they_know(self, scene: Scene) -> None:
        (case_id,) = scene.waiting(1, "refund")
        scene.decide(case_id, "deny", "ruth", reason_code="legal")
        assert next_one(scene, "rita") is None
        assert next_one(scene, MANAGER) == case_id


class TestBalance:
    def test_who_knows_all_leaves_what_others_know_too_when_both_are_due_at_once(self, scene: Scene) -> None:
        set_skills(scene, "rita", "refund")
        refunds, rest = scene.waiting(10, "refund"), scene.waiting(10, "tracking")
        order = [next_one(scene, name) for _ in range(10) for name in ("ruth", "rita")]
        assert order[::2] == rest
        assert order[1::2] == refunds, "both are busy to the end; by age alone one would have run dry half-way"

    def test_what_is_due_earlier_goes_first_all_the_same(self, scene: Scene) -> None:
        set_skills(scene, "rita", "refund")
        (late,) = scene.waiting(1, "tracking", due_at=NOW + LEASE * 3)
        (early,) = scene.waiting(1, "refund", due_at=NOW + LEASE)
        assert [next_one(scene, "ruth"), next_one(scene, "ruth")] == [early, late]

    def test_nothing_is_left_to_who_is_on_leave_or_knows_as_much(self) -> None:
        reviewer = frozenset({"reviewer"})
        every = Person("ruth", reviewer)
        refunds = Person("rita", reviewer, skills=frozenset({"refund"}))
        away = Person("ron", reviewer, skills=frozenset({"cancel"}), away_from=NOW)
        curator = Person("cara", frozenset({"data_curator"}), skills=frozenset({"tracking"}))
        everybody = [every, refunds, away, curator]
        assert spared(every, everybody, NOW) == {"refund"}
        assert spared(refunds, everybody, NOW) == frozenset()
        both = Person("remo", reviewer, skills=frozenset({"refund", "tracking"}))
        assert spared(both, [*everybody, both], NOW) == {"refund"}

    def test_the_least_loaded_is_the_first_by_name_of_equals(self) -> None:
        ruth, rita = Person("ruth", frozenset()), Person("rita", frozenset())
        assert least_loaded([ruth, rita], {}) == rita
        assert least_loaded([ruth, rita], {"rita": 1}) == ruth
        assert least_loaded([], {}) is None

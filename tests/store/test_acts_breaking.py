"""The breaker's memory: every audit is counted once, whatever happens in between."""

from datetime import timedelta
from threading import Thread
from typing import Any

import pytest

from handrail.acts import breaking, pausing, undoing
from handrail.breaker import DetectorState, advance, by_hour
from handrail.errors import NotPermitted
from handrail.policy import BreakerRules
from handrail.store import breaker, schema, staff
from handrail.store.engine import Store
from tests.contesting import send
from tests.scenes import FOUNDER, NOW, POLICY, Scene

FLOW = "flow:quality_watch"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DETECTOR = breaking.detector_of(POLICY.breaker)


@pytest.fixture
def floor(store: Store) -> Scene:
    """The shop with its people."""
    return Scene(store)


def audited(floor: Scene, rejected: list[bool], at: timedelta = MINUTE, *, random: bool = True) -> list[int]:
    """Audits decided at that time after the opening."""
    ids = floor.automatic(len(rejected))
    floor.audit(ids, random=random)
    for case_id, bad in zip(ids, rejected, strict=True):
        decide(floor, case_id, bad=bad, at=at)
    return ids


def decide(floor: Scene, case_id: int, *, bad: bool, at: timedelta) -> None:
    ruling: dict[str, Any] = {"label": "tracking", "reason_code": "wrong_category"} if bad else {"label": "refund"}
    floor.decide(case_id, "override", at=NOW + at, **ruling)


def look(floor: Scene, at: timedelta) -> dict[str, int]:
    known: dict[str, Any] = {"policy": floor.policy, "now": NOW + at}
    waiting = breaking.waiting(floor.store, **known)
    return {name: breaking.count(floor.store, name, actor=FLOW, **known) for name in waiting}


def state(floor: Scene) -> DetectorState | None:
    with floor.store.read() as connection:
        return breaking.detector_state(connection, "refund", floor.policy)


def expected(*reviews: tuple[timedelta, bool]) -> DetectorState | None:
    """The state when everything is folded at once."""
    return advance(DETECTOR, None, by_hour([NOW + at for at, _ in reviews], [bad for _, bad in reviews]))


class TestCounting:
    def test_an_audit_is_counted_once_however_often_one_looks(self, floor: Scene) -> None:
        audited(floor, [True, False, False])
        assert look(floor, HOUR) == {"refund": 3}
        first = state(floor)
        assert first == expected((MINUTE, True), (MINUTE, False), (MINUTE, False))
        assert look(floor, HOUR) == {}
        assert look(floor, 9 * HOUR) == {}
        assert state(floor) == first
        assert [row["counted_at"] for row in floor.rows(schema.AuditDraw)] == [NOW + HOUR] * 3

    def test_pieces_over_many_looks_give_what_one_look_gives(self, floor: Scene) -> None:
        for hour in (1, 2, 5):
            audited(floor, [True, False], hour * HOUR)
            look(floor, hour * HOUR + MINUTE)
        assert state(floor) == expected(*((hour * HOUR, bad) for hour in (1, 2, 5) for bad in (True, False)))

    def test_what_can_still_be_undone_is_not_counted(self, floor: Scene) -> None:
        audited(floor, [True], MINUTE)
        stands = MINUTE + floor.policy.desk.undo_within
        assert look(floor, stands - timedelta(microseconds=1)) == {}
        assert look(floor, stands) == {"refund": 1}

    def test_a_decision_that_was_undone_and_made_again_counts_as_the_last_one(self, floor: Scene) -> None:
        (case_id,) = audited(floor, [True], MINUTE)
        (decision,) = floor.rows(schema.Decision, kind="audit")
        moment = NOW + MINUTE + timedelta(seconds=5)
        (claim,) = undoing.undo(floor.store, [decision["id"]], "rita", policy=floor.policy, now=moment)
        assert look(floor, HOUR) == {}
        floor.rule(claim, "override", at=moment, label="refund")
        assert claim.case_id == case_id
        look(floor, HOUR)
        assert (found := state(floor)) is not None
        assert (found.reviewed, found.rejected) == (1, 0)

    def test_a_late_decision_counts_at_the_first_look_after_it(self, floor: Scene) -> None:
        (late,) = floor.automatic(1)
        floor.audit([late])
        audited(floor, [False], MINUTE)
        look(floor, HOUR)
        decide(floor, late, bad=True, at=30 * HOUR)
        assert look(floor, 31 * HOUR) == {"refund": 1}
        assert state(floor) == expected((MINUTE, False), (30 * HOUR, True))

    def test_a_clock_that_goes_back_counts_nothing_twice_and_makes_no_look(self, floor: Scene) -> None:
        audited(floor, [False], 5 * HOUR)
        look(floor, 6 * HOUR)
        before = state(floor)
        assert look(floor, 2 * HOUR) == {}
        audited(floor, [True], 2 * HOUR)
        assert look(floor, 3 * HOUR) == {"refund": 1}
        assert before is not None
        assert (after := state(floor)) is not None
        assert (after.looked_until, after.reviewed) == (before.looked_until, 2)

    def test_only_the_simple_random_draw_counts(self, floor: Scene) -> None:
        audited(floor, [True] * 3, random=False)
        assert look(floor, HOUR) == {}
        assert state(floor) is None

    def test_categories_are_counted_apart(self, floor: Scene) -> None:
        audited(floor, [True])
        ids = floor.automatic(2, "tracking")
        floor.audit(ids, category="tracking")
        for case_id in ids:
            floor.decide(case_id, "override", at=NOW + MINUTE, label="tracking")
        assert look(floor, HOUR) == {"refund": 1, "tracking": 2}
        assert (found := state(floor)) is not None
        assert (found.reviewed, found.rejected) == (1, 1)

    def test_a_look_that_catches_up_counts_in_pieces(self, floor: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(breaking, "AT_ONCE", 2)
        for hour in range(1, 4):
            audited(floor, [True, False], hour * HOUR)
        assert look(floor, 9 * HOUR) == {"refund": 6}
        assert state(floor) == expected(*((hour * HOUR, bad) for hour in range(1, 4) for bad in (True, False)))

    def test_who_may_not_watch_counts_nothing(self, floor: Scene) -> None:
        audited(floor, [True])
        with pytest.raises(NotPermitted):
            breaking.count(floor.store, "refund", policy=floor.policy, actor="rita", now=NOW + HOUR)
        assert floor.row(schema.AuditDraw)["counted_at"] is None


class TestBeginningAfresh:
    def resume(self, floor: Scene, at: timedelta) -> None:
        known: dict[str, Any] = {"policy": floor.policy, "actor": FOUNDER}
        pausing.pause(floor.store, "refund", reason="odd", now=NOW + at, **known)
        pausing.resume(floor.store, "refund", reason="good again", now=NOW + at + MINUTE, **known)

    def test_a_resume_begins_afresh_and_older_approvals_count_for_nothing(self, floor: Scene) -> None:
        audited(floor, [True] * 5)
        (old,) = floor.automatic(1)
        floor.audit([old])
        send(floor)
        look(floor, HOUR)
        self.resume(floor, 2 * HOUR)
        assert state(floor) is None
        decide(floor, old, bad=True, at=3 * HOUR)
        assert look(floor, 4 * HOUR) == {"refund": 0}
        assert state(floor) is None
        assert look(floor, 5 * HOUR) == {}, "it is past for good"

    def test_after_a_resume_the_state_holds_from_the_first_hour_on(self, floor: Scene) -> None:
        self.resume(floor, 2 * HOUR)
        ids = floor.automatic(2, at=NOW + 2 * HOUR + 2 * MINUTE)
        floor.audit(ids, NOW + 2 * HOUR + 2 * MINUTE)
        decide(floor, ids[0], bad=True, at=2 * HOUR + 3 * MINUTE)
        look(floor, 3 * HOUR)
        decide(floor, ids[1], bad=True, at=4 * HOUR)
        look(floor, 5 * HOUR)
        assert (found := state(floor)) is not None
        assert (found.reviewed, found.rejected, found.since) == (2, 2, NOW + 2 * HOUR + MINUTE)

    def test_other_rules_begin_afresh_without_counting_again(self, floor: Scene) -> None:
        audited(floor, [True] * 5)
        look(floor, HOUR)
        floor.publish(POLICY.model_copy(update={"breaker": BreakerRules(healthy_rate=0.01)}))
        assert state(floor) is None
        assert look(floor, 2 * HOUR) == {}
        audited(floor, [False], 3 * HOUR)
        look(floor, 4 * HOUR)
        assert (found := state(floor)) is not None
        assert (found.reviewed, found.rejected) == (1, 0)

    @pytest.mark.parametrize(("silence", "reviewed"), [(timedelta(days=30), 2), (timedelta(days=30, hours=1), 1)])
    def test_a_horizon_without_an_audit_begins_afresh(self, floor: Scene, silence: timedelta, reviewed: int) -> None:
        with floor.store.write() as connection:
            staff.save_person(connection, name="rita", roles=["reviewer"], trained_until=NOW + 2 * silence, active=True)
        audited(floor, [True], HOUR)
        look(floor, 2 * HOUR)
        audited(floor, [True], HOUR + silence)
        look(floor, 2 * HOUR + silence)
        assert (found := state(floor)) is not None
        assert found.reviewed == reviewed


class TestKeeping:
    def test_the_state_survives_a_restart(self, floor: Scene) -> None:
        audited(floor, [True, False])
        look(floor, HOUR)
        before = state(floor)
        floor.store.dispose()
        assert state(floor) == before

    def test_an_alarm_is_kept(self, floor: Scene) -> None:
        audited(floor, [True] * 20)
        look(floor, HOUR)
        assert (found := state(floor)) is not None
        assert found.alarm_at == NOW + HOUR
        with floor.store.read() as connection:
            assert breaker.state(connection, "refund", DETECTOR.rules) == found


def test_a_look_waits_for_another_and_counts_nothing_twice(store: Store, floor: Scene) -> None:
    audited(floor, [True, False] * 3)
    another = Store(store._url.render_as_string(hide_password=False))
    looks: list[int] = []
    known: dict[str, Any] = {"policy": POLICY, "actor": FLOW, "now": NOW + HOUR}
    second = Thread(target=lambda: looks.append(breaking.count(another, "refund", **known)), daemon=True)
    with store.write() as connection:
        breaker.lock(connection)
        found = breaker.uncounted(connection, "refund", NOW + HOUR, 10)
        second.start()
        second.join(timeout=1)  # time enough to count, were it not for the lock
        breaker.mark_counted(connection, found["case_id"].tolist(), NOW + HOUR)
    second.join(timeout=30)
    another.dispose()
    assert len(found) == 6
    assert looks == [0]

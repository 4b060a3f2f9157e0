"""What is skipped waits on: it is counted, offered again, late like any other, and lost by nothing."""

from datetime import timedelta

from handrail.acts import claiming, escalating, handing
from handrail.store import schema
from handrail.store.engine import Store
from handrail.work import PutAside
from tests.scenes import FLOW, MANAGER, NOW, POLICY, Scene

BACK_AT = NOW + POLICY.desk.skip_for
NOTHING = PutAside(skipped=0, snoozed=0, back_at=None)


def skipped(scene: Scene, *cases: int, by: str = "rita") -> list[int]:
    """The work items of these cases, skipped."""
    items = [scene.claim(case, by).item_id for case in cases]
    for item in items:
        handing.skip(scene.store, item, by, policy=POLICY, now=NOW)
    return items


def offered(scene: Scene, name: str = "rita", now: object = NOW) -> list[int]:
    return [one.case_id for one in claiming.claim(scene.store, name, policy=POLICY, now=now, limit=9)]


def test_what_one_skipped_is_counted_for_them_alone_and_told_when_it_comes_back(store: Store) -> None:
    scene = Scene(store)
    first, second, third = scene.waiting(3)
    skipped(scene, first, second)
    snoozed = scene.claim(third)
    handing.snooze(store, snoozed.item_id, NOW + timedelta(hours=3), "rita", policy=POLICY, now=NOW)
    assert offered(scene) == []
    assert claiming.put_aside(store, "rita", now=NOW) == PutAside(skipped=2, snoozed=1, back_at=BACK_AT)
    assert claiming.put_aside(store, "ruth", now=NOW) == PutAside(0, 1, NOW + timedelta(hours=3))
    assert claiming.put_aside(store, MANAGER, now=NOW, kinds=("escalation",)) == NOTHING


def test_what_a_colleague_took_or_decided_meanwhile_is_counted_no_longer(store: Store) -> None:
    scene = Scene(store)
    held, decided, left = scene.waiting(3)
    skipped(scene, held, decided, left)
    scene.claim(held, "ruth")
    scene.decide(decided, "approve", "ruth")
    assert claiming.put_aside(store, "rita", now=NOW).skipped == 1


def test_skipped_cases_are_had_back_at_once_and_by_their_skipper_alone(store: Store) -> None:
    scene = Scene(store)
    first, second = scene.waiting(2)
    skipped(scene, first, second)
    skipped(scene, first, by="ruth")
    assert handing.recall(store, "rita", now=NOW) == 2
    assert offered(scene) == [first, second]
    assert claiming.put_aside(store, "ruth", now=NOW) == NOTHING  # rita works on it
    assert handing.recall(store, "rita", now=NOW) == 0
    assert [event["actor"] for event in scene.events("work.recalled")] == ["rita"]
    assert scene.trail_is_whole()


def test_skipped_cases_come_back_by_themselves_and_no_restart_loses_one(store: Store) -> None:
    scene = Scene(store)
    cases = scene.waiting(2)
    skipped(scene, *cases)
    again = Store(store._url.render_as_string(hide_password=False))
    try:
        assert claiming.put_aside(again, "rita", now=NOW).skipped == 2
        assert claiming.put_aside(again, "rita", now=BACK_AT) == NOTHING
        back = claiming.claim(again, "rita", policy=POLICY, now=BACK_AT, limit=9)
    finally:
        again.dispose()
    assert [one.case_id for one in back] == cases


def test_the_sla_of_a_skipped_case_runs_on_and_its_breach_escalates(store: Store) -> None:
    scene = Scene(store)
    (case,) = scene.waiting(1)
    (item,) = skipped(scene, case)
    assert scene.row(schema.WorkItem, id=item)["due_at"] == NOW + timedelta(hours=4)
    late = NOW + timedelta(hours=4, minutes=1)
    escalating.escalate_breaches(store, policy=POLICY, actor=FLOW, now=late)
    assert scene.row(schema.Escalation)["cause"] == "sla_breach"
    assert scene.row(schema.Escalation)["case_id"] == case


def test_who_is_on_leave_hears_of_that(store: Store) -> None:
    scene = Scene(store)
    scene.waiting(1)
    handing.set_away(store, "rita", NOW, None, actor="rita", now=NOW)
    assert offered(scene) == []
    assert claiming.put_aside(store, "rita", now=NOW).is_away

from datetime import timedelta

import pytest

from handrail.store import customers
from handrail.store.engine import Store
from tests.scenes import NOW, Scene

BEFORE = NOW - timedelta(hours=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def earlier(scene: Scene, case_id: int, **known: int) -> list[dict[str, object]]:
    with scene.store.read() as connection:
        return customers.earlier(connection, case_id, **known)


def test_only_cases_of_the_same_customer_that_came_before_are_told_newest_first(scene: Scene) -> None:
    (oldest,) = scene.scored(1, received_at=BEFORE - timedelta(days=2))
    (middle,) = scene.scored(1, received_at=BEFORE - timedelta(days=1))
    (this,) = scene.scored(1, received_at=BEFORE)
    scene.scored(1, received_at=BEFORE + timedelta(seconds=1))
    scene.scored(1, received_at=BEFORE - timedelta(days=1), customer_id="c-2")
    assert [one.case_id for one in earlier(scene, this)] == [middle, oldest]
    assert [one.case_id for one in earlier(scene, this, limit=1)] == [middle]


def test_a_case_without_a_customer_has_no_earlier_ones(scene: Scene) -> None:
    scene.scored(1, customer_id=None)
    (this,) = scene.scored(1, customer_id=None)
    assert earlier(scene, this) == []


def test_each_tells_what_became_of_it(scene: Scene) -> None:
    (automatic,) = scene.automatic(1)
    approved, denied, changed, waiting = scene.waiting(4)
    scene.decide(approved)
    scene.decide(denied, "deny", reason_code="duplicate")
    scene.decide(changed, "override", label="tracking")
    (this,) = scene.waiting(1)
    told = {one.case_id: (one.outcome, one.category, one.automatic) for one in earlier(scene, this)}
    assert told == {
        automatic: ("approve", "refund", True),
        approved: ("approve", "refund", False),
        denied: ("deny", None, False),
        changed: ("override", "tracking", False),
        waiting: ("waiting", None, False),
    }


def test_an_audit_does_not_change_what_became_of_a_case(scene: Scene) -> None:
    (audited,) = scene.automatic(1)
    scene.audit([audited])
    scene.decide(audited, "override", label="tracking")
    (this,) = scene.waiting(1)
    assert [(one.outcome, one.category) for one in earlier(scene, this)] == [("approve", "refund")]

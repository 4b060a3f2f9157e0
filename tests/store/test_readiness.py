"""What the readiness checks read: predictions with the chance of a blind look, stages, audits that are late."""

from datetime import timedelta

import pytest

from handrail.acts import pausing
from handrail.policy import Stage
from handrail.store import readiness
from handrail.store.engine import Store
from tests.scenes import FOUNDER, NOW, VERSION, Scene

DAY = timedelta(days=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def test_each_prediction_comes_with_the_chance_of_its_first_look(scene: Scene) -> None:
    (shadow,) = scene.scored(1)
    scene.assign([shadow], queue="C", stage="shadow", reason="stage_shadow", suggestion_hidden=True)
    (shown,), passed = scene.waiting(1, stage="suggest"), scene.automatic(2)
    scene.audit(passed[:1])
    scene.scored(1)  # it is nowhere yet
    with scene.store.read() as connection:
        found = readiness.predicted(connection, VERSION, since=NOW, received_after=None).set_index("case_id")
        later = readiness.predicted(connection, VERSION, since=NOW + timedelta(seconds=1), received_after=None)
        other = readiness.predicted(connection, "another", since=NOW, received_after=None)
    assert list(found.index) == [shadow, shown, *passed]
    assert found.loc[shadow, "blind_chance"] == 1.0
    assert found.loc[shown, "blind_chance"] == scene.policy.queues.blind_share
    assert found.loc[passed[0], "inclusion_probability"] == 0.05
    assert found.loc[passed, "blind_chance"].isna().all(), "in queue A the audit decides who is looked at"
    assert found["own"].eq(True).all()
    assert later.empty
    assert other.empty


def test_an_audit_is_late_after_its_time_and_no_more_once_it_is_done(scene: Scene) -> None:
    passed = scene.automatic(2)
    scene.audit(passed)
    due = NOW + scene.policy.sla.audit

    def late(at: object) -> int:
        with scene.store.read() as connection:
            return readiness.overdue_audits(connection, at)  # type: ignore[arg-type]

    assert (late(due), late(due + 10 * DAY)) == (0, 2), "at its moment it is not late yet"
    scene.decide(passed[0], "override", label="refund")
    assert late(due + 10 * DAY) == 1


def test_a_stage_counts_from_its_newest_change(scene: Scene) -> None:
    for day, stage in enumerate((Stage.SHADOW, Stage.PARTIAL)):
        pausing.set_stage(
            scene.store, "refund", stage, reason="plan", policy=scene.policy, actor=FOUNDER, now=NOW + day * DAY
        )
    with scene.store.read() as connection:
        assert readiness.staged_at(connection) == {"refund": NOW + DAY}

"""A trouble that people answered by a pause or a review is none any more; what is seen afterwards counts anew."""

from datetime import datetime, timedelta

import pytest

from handrail.acts import alerting, pausing, reading
from handrail.alerts import troubles
from handrail.reading import Reading, Verdict
from handrail.store import schema
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, NOW, Scene

MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)
OF_APPROVALS = pytest.mark.parametrize("watch", ["breaker", "audits"])


@pytest.fixture
def scene(store: Store) -> Scene:
    """The shop."""
    return Scene(store)


def rise(scene: Scene, watch: str, at: datetime = NOW) -> None:
    """A watch of automatic approvals sees too many of refunds rejected."""
    seen = Reading(watch, "refund", (at - timedelta(days=2), at), Verdict.ALARM)
    reading.record(scene.store, [seen], actor=FLOW, now=at)


def found(scene: Scene, at: datetime) -> list[tuple[str, str]]:
    """Kind and subject of what is wrong at a moment."""
    with scene.store.read() as connection:
        seen = alerting.survey(connection, policy=scene.policy, channels=(), now=at)
    return [(one.kind, one.subject) for one in troubles(seen)]


@OF_APPROVALS
@pytest.mark.parametrize("category", ["refund", None])
def test_who_pauses_the_category_or_everything_as_the_alert_says_ends_the_error_spike(
    scene: Scene, watch: str, category: str | None
) -> None:
    rise(scene, watch)
    assert found(scene, NOW) == [("error_spike", "refund")]
    pausing.pause(scene.store, category, reason="as the alert says", policy=scene.policy, actor=FOUNDER, now=NOW)
    assert found(scene, NOW + MINUTE) == []


def test_a_pause_of_another_category_ends_nothing(scene: Scene) -> None:
    rise(scene, "breaker")
    pausing.pause(scene.store, "tracking", reason="why not", policy=scene.policy, actor=FOUNDER, now=NOW)
    assert found(scene, NOW + MINUTE) == [("error_spike", "refund")]


@OF_APPROVALS
def test_what_was_seen_before_a_resume_is_no_error_spike_and_what_is_seen_after_it_is(scene: Scene, watch: str) -> None:
    back = NOW + 2 * MINUTE
    rise(scene, watch, NOW)
    pausing.pause(
        scene.store, "refund", reason="audits", kind="breaker", evidence={}, policy=scene.policy, actor=FLOW, now=NOW
    )
    assert found(scene, NOW) == [("breaker", "refund")]
    review = scene.row(schema.ModelReview)["id"]
    pausing.close_review(scene.store, review, conclusion="a new model", actor=FOUNDER, now=NOW + MINUTE)
    pausing.resume(scene.store, "refund", reason="a new model", policy=scene.policy, actor=FOUNDER, now=back)
    assert found(scene, back) == []
    rise(scene, watch, back)
    assert found(scene, back) == [], "a look at that very moment still saw what was before it"
    rise(scene, watch, back + INSTANT)
    assert found(scene, back + INSTANT) == [("error_spike", "refund")]


def test_a_resume_answers_no_alarm_of_what_people_decide(scene: Scene) -> None:
    rise(scene, "blind_share")
    pausing.pause(scene.store, "refund", reason="why not", policy=scene.policy, actor=FOUNDER, now=NOW)
    pausing.resume(scene.store, "refund", reason="why not", policy=scene.policy, actor=FOUNDER, now=NOW + MINUTE)
    assert found(scene, NOW + 2 * MINUTE) == [("blind_share", "refund")]

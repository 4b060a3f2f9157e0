"""What the watches saw is kept and found again."""

from datetime import timedelta

import pytest

from handrail.acts import reading
from handrail.errors import NotPermitted
from handrail.reading import Reading, Verdict
from handrail.store import readings
from handrail.store.engine import Store
from tests.scenes import FLOW, NOW, Scene


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


WINDOW = (NOW - timedelta(days=7), NOW)


def seen(subject: str, rate: float, verdict: Verdict = Verdict.QUIET) -> Reading:
    return Reading("breaker", subject, WINDOW, verdict, {"rate": rate})


def test_the_newest_look_at_each_subject_is_shown(scene: Scene) -> None:
    store: Store = scene.store
    reading.record(store, [seen("refund", 0.01), seen("tracking", 0.02)], actor=FLOW, now=NOW)
    later = NOW + timedelta(hours=1)
    reading.record(store, [seen("refund", 0.20, Verdict.ALARM)], actor=FLOW, now=later)
    with store.read() as connection:
        newest = readings.newest(connection, "breaker")
        refund = readings.history(connection, "breaker", subject="refund", since=WINDOW[0])
        assert readings.newest(connection, "drift").empty
    assert newest["subject"].tolist() == ["refund", "tracking"]
    assert newest["verdict"].tolist() == ["alarm", "quiet"]
    assert [body["rate"] for body in refund["body"]] == [0.01, 0.20]
    assert refund["at"].tolist() == [NOW, later]


def test_the_history_keeps_to_its_limit_and_begins_where_asked(scene: Scene) -> None:
    for hour in range(5):
        reading.record(scene.store, [seen("refund", hour / 10)], actor=FLOW, now=NOW + timedelta(hours=hour))
    with scene.store.read() as connection:
        newest_two = readings.history(connection, "breaker", since=NOW, limit=2)
        late = readings.history(connection, "breaker", since=NOW + timedelta(hours=4))
    assert [body["rate"] for body in newest_two["body"]] == [0.3, 0.4]
    assert len(late) == 1


def test_nobody_but_a_flow_or_the_steward_writes_readings(scene: Scene) -> None:
    with pytest.raises(NotPermitted):
        reading.record(scene.store, [seen("refund", 0.0)], actor="rita", now=NOW)

"""An incident is recorded when it begins and when it is over, however many batches it lasts."""

from datetime import timedelta

import pytest

from handrail.acts import incidents
from handrail.acts import models as acts
from handrail.acts.incidents import Cause
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, NOW, Scene


@pytest.fixture
def scene(sqlite_store: Store) -> Scene:
    scene = Scene(sqlite_store)
    for version in ("1", "2"):
        scene.add_version(version, cause="by_hand", trained_until=NOW)
        acts.set_champion(scene.store, version, actor=FOUNDER, reason="a test", now=NOW)
    return scene


def is_news(scene: Scene, version: str, cause: Cause) -> bool:
    return incidents.note_unavailable(scene.store, version, cause, actor=FLOW, now=NOW)


def is_over(scene: Scene, version: str) -> bool:
    return incidents.note_available(scene.store, version, actor=FLOW, now=NOW)


def test_the_same_trouble_is_news_once_until_it_is_over(scene: Scene) -> None:
    assert [is_news(scene, "2", "corrupt") for _ in range(3)] == [True, False, False]
    assert [is_over(scene, "2") for _ in range(2)] == [True, False]
    assert is_news(scene, "2", "corrupt")
    assert [event["kind"] for event in scene.events()][-3:] == [
        incidents.UNAVAILABLE,
        incidents.AVAILABLE,
        incidents.UNAVAILABLE,
    ]
    assert scene.trail_is_whole()


def test_another_trouble_or_another_version_is_news(scene: Scene) -> None:
    assert is_news(scene, "2", "corrupt")
    assert is_news(scene, "2", "predictions")
    assert is_news(scene, "1", "predictions")
    assert not is_news(scene, "2", "predictions")


def test_nothing_is_over_that_never_began(scene: Scene) -> None:
    assert not is_over(scene, "2")
    assert scene.events(incidents.AVAILABLE) == []


def test_what_is_wrong_with_another_version_is_no_trouble_of_the_serving_one(scene: Scene) -> None:
    is_news(scene, "2", "missing")
    with scene.store.read() as connection:
        found = incidents.unavailable(connection)
    assert found is not None
    assert (found.body["version"], found.body["cause"]) == ("2", "missing")
    acts.roll_back(scene.store, actor=FOUNDER, reason="it cannot be read", now=NOW)
    with scene.store.read() as connection:
        assert incidents.unavailable(connection) is None


def test_a_deletion_is_news_once_while_the_version_serves(scene: Scene) -> None:
    assert [incidents.note_deleted(scene.store, "2", actor=FLOW, now=NOW) for _ in range(2)] == [True, False]
    later = NOW + timedelta(hours=1)
    acts.roll_back(scene.store, actor=FOUNDER, reason="a test", now=later)
    assert incidents.note_deleted(scene.store, "1", actor=FLOW, now=later)

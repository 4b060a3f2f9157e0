"""A channel that does not take messages stays a trouble until it takes one, whatever becomes of the message."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from handrail.acts import alerting, attending, reading
from handrail.acts.alerting import CALM, LONGEST_WAIT, TRIES
from handrail.dead_mans_switch import WATCHES
from handrail.reading import Reading, Verdict
from handrail.store import alerts
from handrail.store.engine import Store
from tests.scenes import FLOW, MANAGER, NOW, Scene

CHANNELS = ("mail", "ops")
REFUSED = {"ops": "Connection refused."}
PAUSE = LONGEST_WAIT + timedelta(minutes=1)
WHEN_BROKEN = NOW + TRIES * PAUSE


@pytest.fixture
def scene(store: Store) -> Scene:
    """An error spike that was told by mail, while the channel ops failed just often enough to be a trouble."""
    found = Scene(store)
    say(found, Verdict.ALARM, NOW)
    at = NOW
    for _ in range(TRIES):
        sweep(found, at)
        tell(found, at, REFUSED)
        at += PAUSE
    sweep(found, WHEN_BROKEN)
    assert standing(found) == [("error_spike", "refund"), ("channel", "ops")]
    return found


def say(scene: Scene, verdict: Verdict, at: datetime) -> None:
    """The breaker's reading of refunds."""
    reading.record(scene.store, [Reading("breaker", "refund", (NOW, NOW), verdict)], actor=FLOW, now=at)


def sweep(scene: Scene, at: datetime) -> None:
    """A sweep while every watch is alive."""
    for name in WATCHES:
        attending.note_watch(scene.store, name, actor=FLOW, now=at)
    with scene.when(at):
        alerting.sweep(scene.store, policy=scene.policy, channels=CHANNELS, actor=FLOW, now=at)


def tell(scene: Scene, at: datetime, errors: dict[str, str]) -> set[tuple[str, str]]:
    """Send what is due; channel and kind of what was taken."""
    taken = alerting.take(scene.store, CHANNELS, actor=FLOW, now=at)
    alerting.settle(scene.store, taken, errors, actor=FLOW, now=at, rng=np.random.default_rng(1))
    return {(one.channel, one.kind) for one in taken if one.channel not in errors}


def standing(scene: Scene) -> list[tuple[str, str]]:
    """Kind and subject of what stands, oldest first."""
    with scene.store.read() as connection:
        return [(row.kind, row.subject) for row in alerts.open_alerts(connection)]


def errors(scene: Scene) -> str | None:
    """What the channel ops said last."""
    with scene.store.read() as connection:
        return alerts.last_error(connection, "ops")


def test_it_stands_when_what_it_did_not_take_is_over(scene: Scene) -> None:
    say(scene, Verdict.QUIET, WHEN_BROKEN)
    for minutes in range(0, 30, 2):
        sweep(scene, WHEN_BROKEN + timedelta(minutes=minutes))
    assert standing(scene) == [("channel", "ops")], "nobody has seen it take anything"


def test_it_stands_when_somebody_takes_care_of_what_it_did_not_take(scene: Scene) -> None:
    alerting.acknowledge(scene.store, 1, actor=MANAGER, now=WHEN_BROKEN)
    for minutes in range(0, 30, 2):
        sweep(scene, WHEN_BROKEN + timedelta(minutes=minutes))
    assert ("channel", "ops") in standing(scene)


@pytest.mark.parametrize("wait", [timedelta(seconds=1), PAUSE], ids=["before", "after"])
def test_it_is_over_when_another_message_is_taken_also_before_the_next_try_was_due(
    scene: Scene, wait: timedelta
) -> None:
    tell(scene, WHEN_BROKEN, REFUSED)
    alerting.acknowledge(scene.store, 1, actor=MANAGER, now=WHEN_BROKEN)
    later = WHEN_BROKEN + wait
    reading.record(scene.store, [Reading("breaker", "tracking", (NOW, NOW), Verdict.ALARM)], actor=FLOW, now=later)
    sweep(scene, later)
    assert ("ops", "error_spike") in tell(scene, later, {})
    sweep(scene, later + CALM)
    assert ("channel", "ops") not in standing(scene)
    assert errors(scene) is None


def test_it_is_over_when_it_takes_a_test_with_nothing_left_to_tell(scene: Scene) -> None:
    alerting.acknowledge(scene.store, 1, actor=MANAGER, now=WHEN_BROKEN)
    assert errors(scene) == REFUSED["ops"]
    alerting.try_channel(scene.store, "ops", lambda: None, actor=MANAGER, now=WHEN_BROKEN)
    sweep(scene, WHEN_BROKEN + CALM)
    assert ("channel", "ops") not in standing(scene)
    assert errors(scene) is None

"""The dead-man's switch: automation runs only while somebody watches it."""

from datetime import UTC, datetime, timedelta

import pytest

from handrail.hold import WATCHES, held_since

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
SILENT = timedelta(hours=30)
SECOND = timedelta(seconds=1)


def alive(at: datetime) -> dict[str, datetime]:
    return dict.fromkeys(WATCHES, at)


def test_living_watches_hold_nothing() -> None:
    now = START + timedelta(days=3)
    assert held_since(alive(now - timedelta(hours=1)), START, SILENT, now) is None


@pytest.mark.parametrize("silent", WATCHES)
def test_one_silent_watch_is_enough_and_is_named(silent: str) -> None:
    now = START + timedelta(days=3)
    last = now - SILENT
    beats = {**alive(now), silent: last}
    assert held_since(beats, START, SILENT, now) is None, "exactly the policy's time is still alive"
    assert held_since(beats, START, SILENT, now + SECOND) == (silent, last + SILENT)


def test_the_watch_that_is_silent_for_longest_is_named() -> None:
    now = START + timedelta(days=9)
    beats = {"audit_sampling": now - SILENT * 2, "quality_watch": now - SILENT * 4, "sla_watch": now}
    assert held_since(beats, START, SILENT, now) == ("quality_watch", now - SILENT * 3)


def test_a_watch_that_never_ran_has_its_time_from_the_last_stage_change() -> None:
    assert held_since({}, START, SILENT, START + SILENT) is None
    found = held_since({}, START, SILENT, START + SILENT + SECOND)
    assert found is not None
    assert found[1] == START + SILENT


def test_a_stage_change_begins_the_clock_anew() -> None:
    old, now = alive(START - timedelta(days=30)), START + timedelta(hours=1)
    assert held_since(old, START, SILENT, now) is None


def test_a_watch_that_only_others_stand_in_for_is_silent() -> None:
    now = START + timedelta(days=3)
    beats = {name: now for name in WATCHES if name != "sla_watch"} | {"something_else": now}
    found = held_since(beats, START, SILENT, now)
    assert found is not None
    assert found[0] == "sla_watch"

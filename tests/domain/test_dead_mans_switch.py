"""The dead-man's switch: automation runs only while somebody watches it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.dead_mans_switch import WATCHES, Silence, holding, silences

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
SILENT = timedelta(hours=30)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
RAISED = {"refund": START}


def alive(at: datetime) -> dict[str, datetime]:
    return dict.fromkeys(WATCHES, at)


def test_living_watches_hold_nothing() -> None:
    now = START + 3 * DAY
    assert silences(alive(now - timedelta(hours=1)), RAISED, SILENT, now) == ()


@pytest.mark.parametrize("silent", WATCHES)
def test_one_silent_watch_is_enough_and_is_named(silent: str) -> None:
    now = START + 3 * DAY
    last = now - SILENT
    beats = {**alive(now), silent: last}
    assert silences(beats, RAISED, SILENT, now) == (), "exactly the policy's time is still alive"
    assert silences(beats, RAISED, SILENT, now + SECOND) == (Silence(silent, last, last + SILENT),)


def test_the_watch_that_is_silent_for_longest_comes_first() -> None:
    now = START + 9 * DAY
    beats = {"audit_sampling": now - SILENT * 2, "quality_watch": now - SILENT * 4, "sla_watch": now}
    found = silences(beats, RAISED, SILENT, now)
    assert [(one.watch, one.since) for one in found] == [
        ("quality_watch", now - SILENT * 3),
        ("audit_sampling", now - SILENT),
    ]
    assert holding(found, "refund") == found[0]


@given(raised=st.dictionaries(st.sampled_from(["refund", "tracking"]), st.integers(-200, 200)))
def test_what_has_succeeded_once_is_judged_by_that_alone(raised: dict[str, int]) -> None:
    """Whatever is raised, and whenever: 160 silent days stay 160 silent days."""
    now = START + 160 * DAY
    starts = {name: now + timedelta(days=days) for name, days in raised.items()}
    found = silences(alive(START), starts, SILENT, now)
    assert [(one.watch, one.categories) for one in found] == [(name, None) for name in sorted(WATCHES)]
    assert silences(alive(now), starts, SILENT, now) == ()


def test_a_watch_that_never_ran_has_its_time_from_the_first_raise_of_each_category() -> None:
    raised, now = {"refund": START, "tracking": START + SILENT}, START + SILENT
    assert silences({}, raised, SILENT, now) == ()
    found = silences({}, raised, SILENT, now + SECOND)
    assert {one.watch for one in found} == set(WATCHES)
    assert {(one.since, one.categories, one.has_run) for one in found} == {(START + SILENT, ("refund",), False)}
    assert holding(found, "refund") is not None
    assert holding(found, "tracking") is None, "its clock started later"
    both = silences({}, raised, SILENT, START + 2 * SILENT + SECOND)
    assert both[0].categories == ("refund", "tracking")


def test_where_nothing_was_ever_raised_there_is_nothing_to_hold() -> None:
    assert silences({}, {}, SILENT, START) == ()


def test_a_watch_that_only_others_stand_in_for_is_silent() -> None:
    now = START + 3 * DAY
    beats = {name: now for name in WATCHES if name != "sla_watch"} | {"something_else": now}
    assert [one.watch for one in silences(beats, RAISED, SILENT, now)] == ["sla_watch"]


def test_a_success_that_is_still_to_come_does_not_hold_the_switch_open_until_then() -> None:
    ahead = {**alive(START), "sla_watch": START + SILENT}
    assert silences(ahead, RAISED, SILENT, START) == (), "clocks of two machines differ a little"
    (found,) = silences({**ahead, "sla_watch": START + SILENT + SECOND}, RAISED, SILENT, START)
    assert (found.watch, found.ahead, found.since, found.categories) == ("sla_watch", True, None, None)
    assert "a clock was wrong" in found.sentence


def test_a_raise_that_is_still_to_come_does_not_either() -> None:
    found = silences({}, {"refund": START + SILENT + SECOND}, SILENT, START)
    assert {(one.ahead, one.categories) for one in found} == {(True, ("refund",))}
    assert silences({}, {"refund": START + SILENT}, SILENT, START) == ()


def test_a_silence_names_its_watch_and_its_categories() -> None:
    never, once = Silence("sla_watch", START, START, ("billing_question",)), Silence("quality_watch", START, START)
    assert never.sentence == (
        "The watch “sla watch” has never run since 2026-03-02 08:00 UTC."
        " Automatic approval is held for billing question."
    )
    assert once.sentence.startswith("The watch “quality watch” was last heard at 2026-03-02 08:00 UTC.")
    assert once.sentence.endswith("held for everything.")

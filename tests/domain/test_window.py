"""Windows that follow each other share no moment and leave none out."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import BadInput
from handrail.window import INSTANT, Window

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEEK = timedelta(weeks=1)
MOMENTS = st.integers(-(10**12), 10**12).map(lambda micros: NOW + timedelta(microseconds=micros))


def test_its_first_moment_is_in_it_and_its_end_is_the_next_ones() -> None:
    first, second = Window(NOW - WEEK, NOW), Window(NOW, NOW + WEEK)
    assert (NOW - WEEK in first, NOW - INSTANT in first, NOW in first, NOW in second) == (True, True, False, True)


def test_the_last_week_holds_this_moment_and_not_the_one_a_week_ago() -> None:
    found = Window.last(WEEK, NOW)
    assert (NOW in found, NOW + INSTANT in found) == (True, False)
    assert (NOW - WEEK in found, NOW - WEEK + INSTANT in found) == (False, True)
    assert found.length == WEEK
    assert found.shown == (NOW - WEEK + INSTANT, NOW)


@given(MOMENTS, st.integers(1, 8))
def test_a_moment_lies_in_exactly_one_of_the_weeks_that_end_one_after_the_other(moment: datetime, weeks: int) -> None:
    by_end = [Window.last(WEEK, NOW - WEEK * back) for back in range(weeks)]
    whole = Window.last(WEEK * weeks, NOW)
    assert sum(moment in one for one in by_end) == (moment in whole)
    assert list(whole.cut(WEEK)) == by_end[::-1]


@given(MOMENTS, st.integers(0, 3 * 10**12))
def test_the_weeks_of_a_window_hold_it_whole_and_are_no_more_than_needed(moment: datetime, micros: int) -> None:
    window = Window(NOW - timedelta(microseconds=micros), NOW)
    weeks = list(window.cut(WEEK))
    assert weeks[-1].until == window.until
    assert all(one.until == following.since for one, following in pairwise(weeks))
    assert weeks[0].since <= window.since
    assert len(weeks) == 1 or weeks[1].since > window.since
    if moment in window:
        assert sum(moment in one for one in weeks) == 1


def test_what_begins_later_than_now_holds_nothing_but_this_moment() -> None:
    assert Window.up_to(NOW, since=NOW + WEEK) == Window(NOW, NOW + INSTANT)
    with pytest.raises(BadInput, match="before it begins"):
        Window(NOW, NOW - INSTANT)

from datetime import UTC, datetime, timedelta

import pytest

from handrail.clock import LONGEST_REST, TOLERANCE, jump, starting_at

NOW = datetime(2026, 4, 14, 8, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def test_a_clock_that_starts_in_the_past_runs_on_from_there() -> None:
    start = datetime(2026, 4, 14, 8, tzinfo=UTC)
    clock = starting_at(start)
    first, second = clock(), clock()
    assert start <= first <= second < start + timedelta(minutes=1)


@pytest.mark.parametrize("by", [-TOLERANCE, timedelta(0), timedelta(hours=1), LONGEST_REST])
def test_a_clock_that_goes_on_or_is_set_right_has_not_jumped(by: timedelta) -> None:
    assert jump(NOW, NOW + by) is None
    assert jump(None, NOW + by) is None


@pytest.mark.parametrize("by", [-TOLERANCE - TICK, -timedelta(hours=1), LONGEST_REST + TICK])
def test_a_clock_that_went_back_or_far_ahead_has(by: timedelta) -> None:
    assert jump(NOW, NOW + by) == by

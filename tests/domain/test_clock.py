from datetime import UTC, datetime, timedelta

from handrail.clock import starting_at


def test_a_clock_that_starts_in_the_past_runs_on_from_there() -> None:
    start = datetime(2026, 4, 14, 8, tzinfo=UTC)
    clock = starting_at(start)
    first, second = clock(), clock()
    assert start <= first <= second < start + timedelta(minutes=1)

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.breaker import by_hour, first_trip, literal
from handrail.errors import BadInput

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

reviews = st.lists(st.tuples(st.integers(0, 900), st.booleans()), min_size=1, max_size=60)
"""Minutes after the start, and whether rejected."""


def look_by_look(at: list[datetime], rejected: list[bool], window: timedelta, min_reviewed: int) -> datetime | None:
    """The first tripped look, by reading the rule at every full hour."""
    now = min(at).replace(minute=0) + (HOUR if min(at).minute else 0 * HOUR)
    while now <= max(at) + HOUR - timedelta(microseconds=1):
        known = [(moment, bad) for moment, bad in zip(at, rejected, strict=True) if moment <= now]
        moments, flags = [moment for moment, _ in known], [bad for _, bad in known]
        rules = {"window": window, "limit": 0.3, "min_reviewed": min_reviewed}
        if literal(moments, flags, now=now, **rules).tripped:  # type: ignore[arg-type]
            return now
        now += HOUR
    return None


@given(reviews, st.sampled_from([HOUR, 150 * timedelta(minutes=1), 6 * HOUR]), st.integers(1, 8))
def test_the_first_trip_is_that_of_reading_the_rule_every_hour(
    given_reviews: list[tuple[int, bool]], window: timedelta, min_reviewed: int
) -> None:
    at = [START + timedelta(minutes=minutes) for minutes, _ in given_reviews]
    rejected = [bad for _, bad in given_reviews]
    found = first_trip(at, rejected, window=window, limit=0.3, min_reviewed=min_reviewed)
    assert found == look_by_look(at, rejected, window, min_reviewed)


def test_good_reviews_that_leave_the_window_can_trip_it() -> None:
    at = [START, START, START + 5 * HOUR, START + 8 * HOUR]
    found = first_trip(at, [False, False, True, False], window=6 * HOUR, limit=0.5, min_reviewed=1)
    assert found == START + 6 * HOUR


def test_no_review_trips_nothing() -> None:
    assert first_trip([], [], window=DAY, limit=0.05, min_reviewed=1) is None
    assert len(by_hour([], [])) == 0


def test_an_hour_holds_its_end_and_not_its_start() -> None:
    at = [START, START + timedelta(microseconds=1), START + HOUR]
    folded = by_hour(at, [True, False, True])
    assert folded.reviewed.tolist() == [1, 2]
    assert folded.rejected.tolist() == [1, 1]
    assert np.diff(folded.hours).tolist() == [1]


@given(st.lists(st.tuples(st.integers(0, 60 * 24 * 3), st.booleans()), max_size=50), st.randoms(use_true_random=False))
def test_order_and_zones_do_not_matter(minutes: list[tuple[int, bool]], shuffling: object) -> None:
    # The night in which clocks go back: 02:30 comes twice in Berlin.
    night = datetime(2026, 10, 24, 12, tzinfo=UTC)
    zones = [UTC, ZoneInfo("Europe/Berlin"), timezone(timedelta(hours=5, minutes=30))]
    rows = [(night + timedelta(minutes=after), bad) for after, bad in minutes]
    moved = [(moment.astimezone(zones[number % 3]), bad) for number, (moment, bad) in enumerate(rows)]
    shuffling.shuffle(moved)  # type: ignore[attr-defined]
    one, other = (by_hour([at for at, _ in some], [bad for _, bad in some]) for some in (rows, moved))
    assert list(one) == list(other)
    assert int(one.reviewed.sum()) == len(minutes)
    assert int(one.rejected.sum()) == sum(bad for _, bad in minutes)


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(BadInput, match="aware"):
        by_hour([START.replace(tzinfo=None)], [True])
    with pytest.raises(BadInput, match="equal length"):
        first_trip([START], [], window=DAY, limit=0.05, min_reviewed=1)

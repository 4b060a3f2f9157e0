from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.errors import BadInput
from handrail.policy import Calendar, SlaRules, for_labels
from handrail.queues import Queue, Reason, Route
from handrail.sla import breached, due, duration_for, durations_for

VIENNA = ZoneInfo("Europe/Vienna")
OFFICE = Calendar(
    timezone="Europe/Vienna",
    opens=time(9),
    closes=time(17),
    days=("mon", "tue", "wed", "thu", "fri"),
    holidays=(date(2026, 1, 6),),
)
NIGHT_AND_DAY = Calendar(timezone="Europe/Vienna", holidays=(date(2026, 1, 6),))
HOURS = timedelta(hours=1)


def vienna(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=VIENNA)


def test_around_the_clock_the_sla_is_plain_time() -> None:
    assert due(vienna(2026, 3, 28, 12), 24 * HOURS, Calendar()) == vienna(2026, 3, 28, 12).astimezone(UTC) + timedelta(
        hours=24
    )


@pytest.mark.parametrize(
    ("assigned", "hours", "expected"),
    [
        (vienna(2026, 1, 5, 10), 4, vienna(2026, 1, 5, 14)),
        (vienna(2026, 1, 5, 10), 7, vienna(2026, 1, 5, 17)),  # ends with the day: due at closing time
        (vienna(2026, 1, 5, 10), 8, vienna(2026, 1, 7, 10)),  # over the holiday of the 6th
        (vienna(2026, 1, 5, 8, 59), 1, vienna(2026, 1, 5, 10)),
        (vienna(2026, 1, 5, 9), 1, vienna(2026, 1, 5, 10)),
        (vienna(2026, 1, 5, 17), 1, vienna(2026, 1, 7, 10)),
        (vienna(2026, 1, 9, 16), 2, vienna(2026, 1, 12, 10)),  # over the weekend
        (vienna(2026, 1, 10, 12), 24, vienna(2026, 1, 14, 17)),  # from a Saturday: three whole days
    ],
)
def test_time_runs_only_in_working_hours(assigned: datetime, hours: int, expected: datetime) -> None:
    answer = due(assigned, hours * HOURS, OFFICE)
    assert answer == expected
    assert answer.tzinfo is UTC


@pytest.mark.parametrize(("day", "length"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_a_day_on_which_clocks_change_counts_its_real_hours(day: date, length: int) -> None:
    midnight = datetime.combine(day, time(0), tzinfo=VIENNA)
    assert due(midnight, length * HOURS, NIGHT_AND_DAY) == midnight.astimezone(UTC) + length * HOURS
    opening_next_day = datetime.combine(day + timedelta(days=1), time(9), tzinfo=VIENNA)
    week = OFFICE.model_copy(update={"days": ("mon", "tue", "wed", "thu", "fri", "sat", "sun")})
    closing = datetime.combine(day, time(17), tzinfo=VIENNA)
    assert due(closing - HOURS, 2 * HOURS, week) == opening_next_day + HOURS


def _minute_by_minute(start: datetime, duration: timedelta, calendar: Calendar) -> datetime:
    """The oracle: walk on in steps of fifteen minutes, and count those in which the office is open."""
    step, left, at = timedelta(minutes=15), duration, start.astimezone(UTC)
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    while left > timedelta(0):
        local = at.astimezone(VIENNA)
        is_day = names[local.weekday()] in calendar.days and local.date() not in calendar.holidays
        if is_day and calendar.opens <= local.time() < calendar.closes:
            left -= step
        at += step
    return at


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 4 * 24 * 90), st.integers(1, 4 * 20))
def test_due_times_agree_with_a_walk_through_the_calendar(start_quarters: int, quarters: int) -> None:
    start = datetime(2026, 2, 1, tzinfo=UTC) + start_quarters * timedelta(minutes=15)
    duration = quarters * timedelta(minutes=15)
    assert due(start, duration, OFFICE) == _minute_by_minute(start, duration, OFFICE)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="time zone"):
        due(datetime(2026, 1, 5), HOURS, OFFICE)  # noqa: DTZ001 - the mistake under test


def test_work_is_late_only_after_its_due_time() -> None:
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert not breached(at, at - timedelta(microseconds=1))
    assert not breached(at, at)
    assert breached(at, at + timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("queue", "reason", "hours"),
    [
        (Queue.A, Reason.AUTO, 1),
        (Queue.B, Reason.MEDIUM_CONSEQUENCE, 24),
        (Queue.C, Reason.FLAGGED, 4),
        (Queue.C, Reason.NO_MODEL, 4),
        (Queue.C, Reason.STAGE_SHADOW, 72),
        (Queue.C, Reason.STAGE_MANUAL, 72),
    ],
)
def test_the_sla_follows_queue_and_deciding_reason(queue: Queue, reason: Reason, hours: int) -> None:
    policy = for_labels(["a"]).model_copy(update={"sla": SlaRules()})
    route = Route(queue, reason, (reason,), None, None, control=False, flags=())
    assert duration_for(route, policy) == hours * HOURS
    frame = pd.DataFrame({"queue": [queue.value] * 2, "reason": [reason.value] * 2})
    assert durations_for(frame, policy) == [hours * HOURS] * 2

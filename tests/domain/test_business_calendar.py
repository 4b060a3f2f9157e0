"""Hours over midnight, breaks and half days, against a walk through every minute on the clock on the wall."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from handrail.business_calendar import is_always_open, working_hours
from handrail.errors import BadInput
from handrail.policy import Calendar
from handrail.sla import due

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CHANGES = [
    ("Europe/Vienna", date(2026, 3, 29)),
    ("Europe/Vienna", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # at midnight
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("Asia/Kolkata", date(2026, 6, 1)),  # never
]
WALKED = timedelta(days=12)
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@lru_cache
def first_shown(zone: str, around: date) -> dict[datetime, datetime]:
    """When each minute is first on the wall; one that is skipped is when the clock before the change would show it."""
    shown: dict[datetime, datetime] = {}
    at = datetime.combine(around, time(), UTC) - 5 * DAY
    wall = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for _ in range(int((WALKED + 6 * DAY) / MINUTE)):
        now = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        while wall < now:  # skipped on the wall
            skipped = now - wall
            for late in range(int(skipped / MINUTE)):
                shown.setdefault(wall + late * MINUTE, at + late * MINUTE)
            wall = now
        shown.setdefault(now, at)
        at, wall = at + MINUTE, now + MINUTE
    return shown


def walk(start: datetime, duration: timedelta, calendar: Calendar, around: date) -> datetime | None:
    """The oracle: minute by minute, each one counts that lies in the hours of any day; None past the walk's end."""
    shown = first_shown(calendar.timezone, around)
    spans = []
    for step in range(-3, WALKED.days - 3):
        day = around + step * DAY
        midnight = datetime.combine(day, time())
        if day in calendar.special_days:
            hours = calendar.special_days[day]
        elif day in calendar.holidays or WEEK[day.weekday()] not in calendar.days:
            continue
        else:
            hours = calendar.weekdays.get(WEEK[day.weekday()]) or calendar.hours or (calendar,)  # type: ignore[call-overload, assignment]
        for one in hours:
            opens, closes = datetime.combine(day, one.opens), datetime.combine(day, one.closes)
            spans.append((shown[opens], shown[closes if closes > opens else midnight + DAY + (closes - midnight)]))
    at, left = start, duration
    while left > timedelta(0):
        if at >= datetime.combine(around, time(), UTC) + WALKED - 5 * DAY:
            return None
        left -= MINUTE if any(opens <= at < closes for opens, closes in spans) else timedelta(0)
        at += MINUTE
    return at


def clock(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)


@st.composite
def day_hours(draw: Callable[..., Any]) -> list[dict[str, time]]:
    """One to three spans, without overlaps, the last perhaps over midnight."""
    points = draw(st.lists(st.integers(0, 4 * 30), min_size=2, max_size=6, unique=True).map(sorted))
    spans = list(zip(points[::2], points[1::2], strict=False))
    assume(spans[-1][0] < 4 * 24 and spans[-1][1] - spans[-1][0] < 4 * 24)
    return [{"opens": clock(15 * opens), "closes": clock(15 * closes)} for opens, closes in spans]


@st.composite
def calendars(draw: Callable[..., Any]) -> tuple[Calendar, date]:
    zone, around = draw(st.sampled_from(CHANGES))
    near = st.integers(-3, 5).map(lambda step: around + step * DAY)
    special = draw(st.dictionaries(near, day_hours(), max_size=2))
    days = draw(st.lists(st.sampled_from(WEEK), min_size=3, unique=True))
    values = {
        "timezone": zone,
        "days": days,
        "hours": draw(day_hours()),
        "holidays": [day for day in draw(st.lists(near, max_size=1)) if day not in special],
        "weekdays": draw(st.dictionaries(st.sampled_from(days), day_hours(), max_size=2)),
        "special_days": special,
    }
    try:
        return Calendar(**values), around
    except ValidationError:
        assume(False)  # hours that overlap: the policy refuses them
        raise


NIGHTS = Calendar(timezone="Europe/Vienna", hours=({"opens": "18:00", "closes": "02:30"},))


@settings(deadline=None, max_examples=150)
@given(calendars(), st.integers(0, 3 * 24 * 60), st.integers(1, 20 * 60))
@example((NIGHTS, date(2026, 3, 29)), 0, 18 * 60)
@example((NIGHTS, date(2026, 10, 25)), 0, 18 * 60)
def test_due_times_agree_with_a_walk_through_every_minute(
    calendar_around: tuple[Calendar, date], start_minutes: int, minutes: int
) -> None:
    calendar, around = calendar_around
    start = datetime.combine(around, time(), UTC) - 2 * DAY + start_minutes * MINUTE
    expected = walk(start, minutes * MINUTE, calendar, around)
    assume(expected is not None)
    assert due(start, minutes * MINUTE, calendar) == expected


def vienna(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo("Europe/Vienna"))


@pytest.mark.parametrize(
    ("assigned", "hours", "expected"),
    [
        (vienna(2026, 1, 9, 23), 2, vienna(2026, 1, 10, 1)),  # over midnight into a day that is none
        (vienna(2026, 1, 10, 1), 2, vienna(2026, 1, 12, 19)),  # the rest of Friday's night, then Monday's
        (vienna(2026, 1, 10, 2), 1, vienna(2026, 1, 12, 19)),
        (vienna(2026, 1, 5, 12), 8, vienna(2026, 1, 6, 2)),  # ends with the night: due at closing
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(assigned: datetime, hours: int, expected: datetime) -> None:
    calendar = Calendar(timezone="Europe/Vienna", opens="18:00", closes="02:00", days=WEEK[:5])  # type: ignore[arg-type]
    assert due(assigned, hours * HOUR, calendar) == expected


def test_a_holiday_takes_its_own_evening_and_not_the_end_of_the_night_before() -> None:
    calendar = Calendar(timezone="Europe/Vienna", opens="18:00", closes="02:00", holidays=[date(2026, 1, 6)])  # type: ignore[arg-type]
    assert due(vienna(2026, 1, 5, 23), 4 * HOUR, calendar) == vienna(2026, 1, 7, 19)


def test_a_break_a_short_friday_and_half_a_christmas_eve_take_their_time() -> None:
    calendar = Calendar.model_validate(
        {
            "timezone": "Europe/Vienna",
            "days": ["mon", "tue", "wed", "thu", "fri"],
            "hours": [{"opens": "08:00", "closes": "12:00"}, {"opens": "13:00", "closes": "17:00"}],
            "weekdays": {"fri": [{"opens": "08:00", "closes": "14:00"}]},
            "special_days": {
                "2026-12-24": [{"opens": "09:00", "closes": "12:00"}],
                "2026-12-26": [{"opens": "10:00", "closes": "11:00"}],
            },
            "holidays": ["2026-12-25"],
        }
    )
    assert due(vienna(2026, 12, 21, 11), 2 * HOUR, calendar) == vienna(2026, 12, 21, 14)
    assert due(vienna(2026, 12, 18, 13), 2 * HOUR, calendar) == vienna(2026, 12, 21, 9)
    assert due(vienna(2026, 12, 24, 11), 3 * HOUR, calendar) == vienna(2026, 12, 28, 9)  # Thursday, Saturday, Monday
    assert not is_always_open(calendar)


@pytest.mark.parametrize(
    "other",
    [
        {"weekdays": {"mon": [{"opens": "08:00", "closes": "12:00"}]}},
        {"special_days": {"2026-01-01": [{"opens": "08:00", "closes": "12:00"}]}},
        {"hours": [{"opens": "08:00", "closes": "12:00"}]},
    ],
)
def test_a_business_with_other_hours_somewhere_is_not_always_open(other: dict[str, Any]) -> None:
    assert is_always_open(Calendar())
    assert not is_always_open(Calendar.model_validate(other))


def test_hours_around_the_clock_never_overlap_when_clocks_change() -> None:
    spans = working_hours(vienna(2026, 3, 27), Calendar(timezone="Europe/Vienna", opens="06:00", closes="05:00"))  # type: ignore[arg-type]
    listed = [next(spans) for _ in range(5)]
    assert all(before[1] <= after[0] for before, after in pairwise(listed))


def test_a_calendar_without_so_much_time_is_refused() -> None:
    with pytest.raises(BadInput, match="Shorten the SLA"):
        due(datetime(9998, 12, 1, tzinfo=UTC), 100_000 * HOUR, NIGHTS)

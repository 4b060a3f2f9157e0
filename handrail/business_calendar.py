"""The business calendar: when the business works, in real hours, whatever its clocks do."""

from collections.abc import Iterator
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from handrail.policy import Calendar

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)


def is_always_open(calendar: Calendar) -> bool:
    """Whether the business never closes.

    Args:
        calendar: the policy's days, hours and holidays.

    Returns:
        True where it works every day around the clock, without holidays.

    Source: docs/concepts.md, *SLA*.

    >>> is_always_open(Calendar(timezone="UTC", days=["mon"], opens="09:00", closes="17:00"))
    False
    """
    around_the_clock = calendar.opens == time(0) == calendar.closes
    return around_the_clock and set(calendar.days) == set(_WEEKDAYS) and not calendar.holidays


def working_days(start: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """When the business opens and closes, working day by working day.

    A night in which clocks change makes a day an hour shorter or longer. Closing at midnight ends the day.

    Args:
        start: an aware moment.
        calendar: the policy's days, hours, holidays and time zone.

    Returns:
        Pairs of moments in UTC, from the local day of `start` on.

    Source: docs/concepts.md, *SLA*.

    >>> office = Calendar(timezone="UTC", days=["mon"], opens="09:00", closes="17:00")
    >>> opens, closes = next(working_days(datetime(2026, 3, 3, tzinfo=UTC), office))
    >>> f"{opens:%a %d.%m. %H:%M} to {closes:%H:%M}"
    'Mon 09.03. 09:00 to 17:00'
    """
    zone = ZoneInfo(calendar.timezone)
    day = start.astimezone(zone).date()
    while day.year < MAXYEAR:
        if _WEEKDAYS[day.weekday()] in calendar.days and day not in calendar.holidays:
            end = day + _DAY if calendar.closes == time(0) else day
            yield _instant(day, calendar.opens, zone), _instant(end, calendar.closes, zone)
        day += _DAY


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)

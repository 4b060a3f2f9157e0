"""The business calendar: when the business works, in real hours, whatever its clocks do."""

from collections.abc import Iterator
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from handrail.policy import Calendar
from handrail.policy.calendar import WEEKDAYS

_DAY = timedelta(days=1)


def is_always_open(calendar: Calendar) -> bool:
    """Whether the business never closes.

    Args:
        calendar: the policy's days, hours and holidays.

    Returns:
        True where it works every day around the clock, without holidays or other hours.

    Source: docs/concepts.md, *SLA*.

    >>> is_always_open(Calendar(timezone="UTC", days=["mon"], opens="09:00", closes="17:00"))
    False
    """
    around_the_clock = calendar.opens == time(0) == calendar.closes and not calendar.hours
    other_hours = calendar.holidays or calendar.weekdays or calendar.special_days
    return around_the_clock and set(calendar.days) == set(WEEKDAYS) and not other_hours


def working_hours(start: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """When the business opens and closes after a moment, span by span, without overlaps.

    A span belongs to the day on which it opens: a holiday takes its own evening, not the end of the night before. A
    night in which clocks change makes it an hour shorter or longer: a time that clocks skip is read on the old clock,
    one that they show twice counts the first time.

    Args:
        start: an aware moment.
        calendar: the policy's days, hours, holidays, special days and time zone.

    Returns:
        Pairs of moments in UTC, in order; hours that have begun before `start` begin there.

    Source: docs/concepts.md, *SLA*.

    >>> office = Calendar(timezone="UTC", days=["mon"], opens="09:00", closes="17:00")
    >>> opens, closes = next(working_hours(datetime(2026, 3, 3, tzinfo=UTC), office))
    >>> f"{opens:%a %d.%m. %H:%M} to {closes:%H:%M}"
    'Mon 09.03. 09:00 to 17:00'
    """
    zone = ZoneInfo(calendar.timezone)
    # Yesterday's hours may last into today.
    day, past = start.astimezone(zone).date() - _DAY, start.astimezone(UTC)
    while day.year < MAXYEAR:
        spans = [(_instant(day, one.begin, zone), _instant(day, one.end, zone)) for one in calendar.hours_on(day)]
        # Times that clocks skip may come in another order than on the wall.
        for opens, closes in sorted(spans):
            if (begin := max(opens, past)) < closes:
                yield begin, closes
                past = closes
        day += _DAY


def _instant(day: date, since_midnight: timedelta, zone: ZoneInfo) -> datetime:
    """A time on the wall as a moment, with the date that the wall shows then."""
    return (datetime.combine(day, time()) + since_midnight).replace(tzinfo=zone).astimezone(UTC)

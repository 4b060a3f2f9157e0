"""The audits that a business day asks at least, however few are approved: what is left, and the chance of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from handrail.policy import Calendar
from handrail.window import INSTANT, Window

_DAY = timedelta(days=1)
_LONGEST = 60
"""Closed days in a row after which a day counts as one of its own."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What a business day asks at least: `asked` audits at random, `drawn` of them so far.

    `later` approvals are expected after this draw until the day ends, and `whole` in all of it, None where nothing is
    known of such days. Nothing of it depends on what an audit came to.
    """

    asked: int
    drawn: int = 0
    later: float = 0.0
    whole: float | None = None

    @property
    def left(self) -> int:
        """Audits that the day still asks."""
        return max(self.asked - self.drawn, 0)

    def chance(self, approvals: int) -> float:
        """The chance that each of the approvals of this draw needs, for the day to come to its number.

        Never below the even chance of the day: a case whose chance falls once the number is reached would weigh as much
        as many others, and the audits would say less than half of what they could.

        >>> Floor(8).chance(40), Floor(8, drawn=7, later=15, whole=40).chance(5), Floor(8).chance(3)
        (0.2, 0.2, 1.0)
        """
        if not approvals:
            return 0.0
        even = 0.0 if self.whole is None else self.asked / self.whole
        return min(1.0, max(even, self.left / (approvals + self.later)))


def business_day(moment: datetime, calendar: Calendar) -> Window:
    """The business day of a moment, from midnight to midnight where the business is.

    What is approved on closed days belongs to the next working day, whose people look at it.

    Args:
        moment: an aware moment.
        calendar: the policy's working days and time zone.

    Returns:
        A window of one day, or of a working day with the closed ones before it.

    Source: docs/concepts.md, *Audit sample*.

    >>> from datetime import UTC
    >>> week = Calendar(timezone="UTC", days=["mon", "tue", "wed", "thu", "fri"])
    >>> day = business_day(datetime(2026, 3, 7, 12, tzinfo=UTC), week)
    >>> f"{day.since:%a %d} to {day.until:%a %d}"
    'Sat 07 to Tue 10'
    """
    zone = ZoneInfo(calendar.timezone)
    today = moment.astimezone(zone).date()
    ahead = [today + back * _DAY for back in range(_LONGEST)]
    last = next((day for day in ahead if calendar.hours_on(day)), today)
    first = last
    while (last - first).days < _LONGEST and not calendar.hours_on(first - _DAY):
        first -= _DAY
    begin, end = (datetime.combine(day, time(), zone) for day in (min(first, today), last + _DAY))
    return Window(begin.astimezone(moment.tzinfo), end.astimezone(moment.tzinfo))


def past_days(today: Window, calendar: Calendar, over: timedelta) -> list[Window]:
    """The business days before one, newest first.

    Args:
        today: a business day.
        calendar: the policy's working days and time zone.
        over: how far back they may begin.

    Returns:
        Windows that follow each other, each a business day.

    Source: docs/concepts.md, *Audit sample*.

    >>> from datetime import UTC
    >>> today = business_day(datetime(2026, 3, 9, 12, tzinfo=UTC), Calendar())
    >>> [f"{day.since:%d}" for day in past_days(today, Calendar(), timedelta(days=3))]
    ['08', '07', '06']
    """
    days, day = list[Window](), today
    while (day := business_day(day.since - INSTANT, calendar)).since >= today.since - over:
        days.append(day)
    return days


@dataclass(frozen=True, slots=True)
class PastDay:
    """How many approvals a past business day held in all, and how many of them later than now."""

    day: Window
    whole: int
    later: int


def expected(floor: Floor, today: Window, so_far: int, past: Sequence[PastDay], calendar: Calendar) -> Floor:
    """A floor with the approvals that are expected after a draw, and in all of its day.

    The means of past days with approvals, of the same weekday where there are any. What is still to come is no more
    than the day lacks of its whole: a draw that is early on its day would wait for approvals that it has just seen.

    Args:
        floor: what the day asks, and what was drawn.
        today: the business day.
        so_far: approvals of the day, with those of this draw.
        past: its business days before.
        calendar: the policy's time zone.

    Returns:
        The floor; as it was without past days.

    Source: docs/decisions/0041-weights.md.

    >>> from datetime import UTC
    >>> today = business_day(datetime(2026, 3, 9, 12, tzinfo=UTC), Calendar())
    >>> past = [PastDay(day, 40, 20) for day in past_days(today, Calendar(), timedelta(days=3))]
    >>> expected(Floor(8), today, 25, past, Calendar())
    Floor(asked=8, drawn=0, later=15.0, whole=40.0)
    """
    zone = ZoneInfo(calendar.timezone)

    def weekday(one: Window) -> int:
        return (one.until - INSTANT).astimezone(zone).weekday()

    lively = [one for one in past if one.whole]
    alike = [one for one in lively if weekday(one.day) == weekday(today)] or lively
    if not alike:
        return floor
    whole = max(sum(one.whole for one in alike) / len(alike), float(so_far))
    later = min(sum(one.later for one in alike) / len(alike), whole - so_far)
    return replace(floor, later=later, whole=whole)

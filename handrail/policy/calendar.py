"""When the business works: hours that may be several a day, differ by weekday or date, and end after midnight."""

from collections.abc import Mapping
from datetime import date, time, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from handrail.policy.base import Strict, TimeOfDay, TimeZone

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
_MIDNIGHT = time(0)
_LATER_FIELDS = ("hours", "weekdays", "special_days")


def _require_time_between(opens: time, closes: time) -> None:
    if opens == closes != _MIDNIGHT:
        raise ValueError("closes must be later than opens, or earlier where the business closes after midnight")


class Hours(Strict):
    """From opening to closing without a break; a closing time before the opening one is on the next day."""

    opens: TimeOfDay
    closes: TimeOfDay = Field(description="00:00 means the end of the day")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        _require_time_between(self.opens, self.closes)
        return self

    @property
    def begin(self) -> timedelta:
        """From the day's midnight to opening, as the clock on the wall shows it."""
        return _since_midnight(self.opens)

    @property
    def end(self) -> timedelta:
        """From the same midnight to closing: more than a day where the business closes after the next one."""
        closes = _since_midnight(self.closes)
        return closes if closes > self.begin else closes + DAY

    def __str__(self) -> str:
        """As people write hours."""
        return f"{self.opens:%H:%M} to {self.closes:%H:%M}"


def _since_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)


def _in_order(hours: tuple[Hours, ...]) -> tuple[Hours, ...]:
    ordered = tuple(sorted(hours, key=lambda one: one.begin))
    for earlier, later in pairwise(ordered):
        if later.begin < earlier.end:
            raise ValueError(f"{earlier} and {later} overlap")
    return ordered


def _not_closed(hours: tuple[Hours, ...]) -> tuple[Hours, ...]:
    if not hours:
        raise ValueError("name at least one span of hours; a day without any is no working day, or a holiday")
    return hours


DayHours = Annotated[tuple[Hours, ...], AfterValidator(_in_order)]
OtherHours = Annotated[DayHours, AfterValidator(_not_closed)]


class Calendar(Strict):
    """When the business works; SLA time runs only then. The default is always."""

    timezone: TimeZone = "UTC"
    opens: TimeOfDay = _MIDNIGHT
    closes: TimeOfDay = Field(_MIDNIGHT, description="00:00 means the end of the day; before `opens`, the next day")
    days: tuple[Weekday, ...] = WEEKDAYS
    holidays: tuple[date, ...] = ()
    hours: DayHours = Field((), description="several spans a day, in place of `opens` and `closes`")
    weekdays: dict[Weekday, OtherHours] = Field({}, description="working days of the week with other hours")
    special_days: dict[date, OtherHours] = Field({}, description="dates with other hours, also outside `days`")

    @model_validator(mode="after")
    def _open_some_time(self) -> Self:
        if not self.days:
            raise ValueError("days must name at least one working day")
        _require_time_between(self.opens, self.closes)
        if self.hours and (self.opens, self.closes) != (_MIDNIGHT, _MIDNIGHT):
            raise ValueError("write either opens and closes, or hours")
        if closed := [day for day in self.weekdays if day not in self.days]:
            raise ValueError(f"weekdays has hours for {closed[0]}, which is not among days. Add it there")
        if twice := sorted(set(self.holidays) & set(self.special_days)):
            raise ValueError(f"{twice[0]} is both a holiday and a special day. Keep one of the two")
        self._require_nights_to_end()
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> Mapping[str, Any]:
        """Without the fields that it does not use: what was published before they existed keeps its version."""
        return {name: value for name, value in write(self).items() if value or name not in _LATER_FIELDS}

    @property
    def usual(self) -> tuple[Hours, ...]:
        """The hours of a working day that has no others."""
        return self.hours or (Hours(opens=self.opens, closes=self.closes),)

    def hours_on(self, day: date) -> tuple[Hours, ...]:
        """When the business opens on a date, in order; nothing where it does not."""
        if day in self.special_days:
            return self.special_days[day]
        return () if day in self.holidays else self._hours_of(WEEKDAYS[day.weekday()])

    def _hours_of(self, weekday: Weekday) -> tuple[Hours, ...]:
        return self.weekdays.get(weekday, self.usual) if weekday in self.days else ()

    def _require_nights_to_end(self) -> None:
        """Hours that last into the next day must end before that day's begin."""
        week = [(name, self._hours_of(name)) for name in (*WEEKDAYS, WEEKDAYS[0])]
        dates = sorted({day + step for day in self.special_days for step in (-DAY, timedelta(0))})
        around = [((str(day), self.hours_on(day)), (str(day + DAY), self.hours_on(day + DAY))) for day in dates]
        for (evening, before), (morning, after) in (*pairwise(week), *around):
            if before and after and before[-1].end > after[0].begin + DAY:
                raise ValueError(f"{before[-1]} on {evening} lasts into {after[0]} on {morning}")

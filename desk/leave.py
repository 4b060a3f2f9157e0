"""Leave as two days of a form: the first one away and the first one back, both from midnight where the business is."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Form

from handrail.errors import BadInput


@dataclass(frozen=True, slots=True)
class Leave:
    """From the first moment away to the first one back; an open end has no second, no leave has neither."""

    away_from: datetime | None
    away_until: datetime | None


@dataclass(frozen=True, slots=True)
class LeaveForm:
    """The fields as they were sent."""

    away_from: Annotated[str, Form(max_length=10)] = ""
    away_until: Annotated[str, Form(max_length=10)] = ""
    none: Annotated[bool, Form()] = False

    def read(self, zone: ZoneInfo) -> Leave:
        """What is meant.

        Raises:
            BadInput: a day that there is not, or an end without a beginning.
        """
        if self.none:
            return Leave(None, None)
        away_from, away_until = _midnight(self.away_from, zone), _midnight(self.away_until, zone)
        if away_from is None or (away_until is not None and away_until <= away_from):
            raise BadInput("Give the first day away and, if it is known, a later day of the return.")
        return Leave(away_from, away_until)


def _midnight(text: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), zone)
    except ValueError:
        raise BadInput(f"{text!r} is no day. Write it as 2026-01-31.") from None

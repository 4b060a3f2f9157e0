"""What every rule is made of: frozen models, shares, durations, times of day, money."""

from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _quoted(value: object) -> object:
    """A bare 24 would silently be seconds, and YAML reads a bare 17:30 as the number 1050."""
    if isinstance(value, int | float):
        # pydantic tells the place of a ValueError only.
        raise ValueError(  # noqa: TRY004
            "write it in ISO 8601 and in quotes, such as 'PT24H' for 24 hours or '09:00' for nine o'clock"
        )
    return value


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Vienna") from error
    return name


Share = Annotated[float, Field(ge=0, le=1)]
ProperShare = Annotated[float, Field(gt=0, lt=1)]
Duration = Annotated[timedelta, BeforeValidator(_quoted), Field(gt=timedelta(0))]
TimeOfDay = Annotated[time, BeforeValidator(_quoted)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
Money = Annotated[float, Field(ge=0)]


class Consequence(StrEnum):
    """What an error in this category costs the customer; the `automation map`'s first axis."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Stage(StrEnum):
    """How far a category's rollout has come."""

    MANUAL = "manual"
    SHADOW = "shadow"
    SUGGEST = "suggest"
    PARTIAL = "partial"
    AUTO = "auto"


class Strict(BaseModel):
    """Frozen, and no key that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

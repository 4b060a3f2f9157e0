"""What every body is made of: no field that nobody asked for, and every value within bounds."""

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from handrail import cells
from handrail.acts import disputing

LARGEST_ID = 2**63 - 1
"""What a database can number."""

FIRST_YEAR, LAST_YEAR = 1971, 2199
"""What every time zone and database can write."""


def _writable(text: str) -> str:
    if cells.storable(text) != text:
        raise ValueError("a NUL or half a character stands in it")
    return text


def _of_our_times(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"it lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return at


def _counted(number: object) -> object:
    """Neither `true` nor `1_2` is the number of anything, though Python reads both as one."""
    if isinstance(number, str) and not re.fullmatch(r"-?[0-9]+", number):
        raise ValueError("write it in digits alone, such as 12")
    if isinstance(number, bool | float):
        raise ValueError("write a whole number, such as 12")  # noqa: TRY004 - pydantic tells the place of a ValueError only
    return number


def _written_out(at: object) -> object:
    """A bare number could be seconds or milliseconds, or a day without its hyphens."""
    if isinstance(at, int | float) or (isinstance(at, str) and at.strip().isdecimal()):
        raise ValueError("write a time out, with its offset, such as 2026-03-02T09:00:00Z")
    return at


class Body(BaseModel):
    """A JSON object of this API; a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Number = Annotated[int, BeforeValidator(_counted), Field(ge=1, le=LARGEST_ID)]
InPath = Annotated[int, BeforeValidator(_counted), Path(ge=1, le=LARGEST_ID)]
Fence = Annotated[
    int,
    BeforeValidator(_counted),
    Field(ge=0, le=LARGEST_ID, description="from the claim; a stale one is refused with 409"),
]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_writable)]
Letter = Annotated[
    str,
    StringConstraints(min_length=1, max_length=disputing.LONGEST),
    AfterValidator(_writable),
    Field(examples=["I did pay on the first of March."]),
]
Source = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(_writable), Field(examples=["shop"])
]
Sentence = Annotated[
    str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(_writable), Field(examples=["checked twice"])
]
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_written_out),
    AfterValidator(_of_our_times),
    Field(examples=["2026-03-02T09:00:00Z"]),
]


class Problem(BaseModel):
    """Every refusal: the HTTP status once more, and a sentence that says what to do."""

    status: int = Field(description="the HTTP status", examples=[409])
    problem: str = Field(description="what is wrong and the remedy", examples=["Case 7 is decided already."])


class Done(Body):
    """It happened."""

    done: bool = True


def plain(value: Any) -> Any:  # noqa: ANN401 - a value of a frame
    """A value of a frame as JSON knows it: none where pandas says that there is none."""
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, datetime) and str(value) == "NaT":
        return None
    return value.item() if hasattr(value, "item") else value


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": said}
    for status, said in (
        (400, "The request cannot be used as it is."),
        (401, "No token, or one that is unknown, expired or revoked."),
        (403, "The token's scopes or its person's roles do not allow it."),
        (404, "There is no such thing."),
        (409, "Somebody was first, or a rule of the policy forbids it now."),
        (413, "More than 1,000,000 bytes."),
        (414, "The address is too long, or has too many parameters."),
        (415, "The body is no JSON."),
        (422, "A value is missing or out of bounds."),
        (431, "The headers are too many or too large."),
        (503, "The database is busy or away; nothing was written."),
    )
}
"""What every route may answer instead."""

"""Reviews in time: aware moments as numbers, and hourly bins of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from handrail.errors import BadInput

HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = 3_600_000_000


@dataclass(frozen=True)
class Bins:
    """Reviews by the hour in which they ended, ascending, each hour once; hours without a review are left out.

    `hours` count from 1970 in UTC, so that no hour comes twice or never when clocks change. An hour holds its end:
    a review at noon sharp belongs to the look at noon.
    """

    hours: NDArray[np.int64]
    reviewed: NDArray[np.int64]
    rejected: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.hours)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.hours.tolist(), self.reviewed.tolist(), self.rejected.tolist(), strict=True)


def by_hour(at: Sequence[datetime], rejected: ArrayLike) -> Bins:
    """Count reviews and rejections by hour; `at` in any order and zone, with repetitions.

    Raises:
        BadInput: a time without a zone, or lengths that differ.
    """
    moments, flags = reviews(at, rejected)
    hours, place = np.unique(ends(moments), return_inverse=True)
    counted = np.bincount(place, minlength=len(hours)).astype(np.int64)
    refused = np.bincount(place, weights=flags, minlength=len(hours)).astype(np.int64)
    return Bins(hours, counted, refused)


def reviews(at: Sequence[datetime], rejected: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Times and flags of reviews as arrays: microseconds since 1970 in UTC, and who was rejected.

    Raises:
        BadInput: a time without a zone, or lengths that differ.
    """
    flags = np.asarray(rejected, dtype=bool)
    if len(at) != len(flags):
        raise BadInput("Each review needs one time and one rejected flag. Pass lists of equal length.")
    return moments(at), flags


def moments(at: Sequence[datetime]) -> NDArray[np.int64]:
    """Aware times as microseconds since 1970 in UTC.

    Raises:
        BadInput: a time without a zone.
    """
    naive = next((moment for moment in at if moment.tzinfo is None), None)
    if naive is not None:
        raise BadInput(f"The time {naive} has no zone. Pass aware times, such as 2026-03-01T12:00+00:00.")
    times = pd.to_datetime(list(at), utc=True).tz_localize(None).to_numpy()
    return times.astype("datetime64[us]").astype(np.int64)


def ends(moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """The hour at whose end each moment is looked at, in hours since 1970."""
    return -(-moments // _MICROSECONDS)


def span(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // timedelta(microseconds=1)


def hour_of(at: datetime) -> int:
    """The last full hour at a moment, in hours since 1970."""
    return (at - _EPOCH) // HOUR


def time_of(hour: int) -> datetime:
    """The moment at which an hour ends."""
    return _EPOCH + hour * HOUR

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
    """Reviews and rejections counted by hour.

    Args:
        at: aware times in any order and zone, with repetitions.
        rejected: one flag for each of them.

    Returns:
        The hours that hold a review.

    Raises:
        BadInput: a time without a zone, or lengths that differ.

    Source: docs/decisions/0019-sequential-breaker.md.

    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> bins = by_hour([noon, noon + timedelta(minutes=1), noon + HOUR], [True, False, False])
    >>> bins.reviewed.tolist(), bins.rejected.tolist()
    ([1, 2], [1, 0])
    """
    moments, flags = reviews(at, rejected)
    hours, place = np.unique(ends(moments), return_inverse=True)
    counted = np.bincount(place, minlength=len(hours)).astype(np.int64)
    refused = np.bincount(place, weights=flags, minlength=len(hours)).astype(np.int64)
    return Bins(hours, counted, refused)


def reviews(at: Sequence[datetime], rejected: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Times and flags of reviews as arrays.

    Args:
        at: aware times in any order and zone.
        rejected: one flag for each of them.

    Returns:
        Microseconds since 1970 in UTC, and which reviews were rejections.

    Raises:
        BadInput: a time without a zone, or lengths that differ.

    Source: own definition.

    >>> times, flags = reviews([datetime(1970, 1, 1, tzinfo=UTC)], [1])
    >>> times.tolist(), flags.tolist()
    ([0], [True])
    """
    flags = np.asarray(rejected, dtype=bool)
    if len(at) != len(flags):
        raise BadInput("Each review needs one time and one rejected flag. Pass lists of equal length.")
    return moments(at), flags


def moments(at: Sequence[datetime]) -> NDArray[np.int64]:
    """Aware times as numbers.

    Args:
        at: aware times in any order and zone.

    Returns:
        Microseconds since 1970 in UTC.

    Raises:
        BadInput: a time without a zone.

    Source: own definition.

    >>> moments([datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)]).tolist()
    [1000000]
    """
    naive = next((moment for moment in at if moment.tzinfo is None), None)
    if naive is not None:
        raise BadInput(f"The time {naive} has no zone. Pass aware times, such as 2026-03-01T12:00+00:00.")
    times = pd.to_datetime(list(at), utc=True).tz_localize(None).to_numpy()
    return times.astype("datetime64[us]").astype(np.int64)


def ends(moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """The hour at whose end each moment is looked at; a moment at a full hour belongs to that one.

    Args:
        moments: microseconds since 1970 in UTC.

    Returns:
        Hours since 1970.

    Source: docs/decisions/0019-sequential-breaker.md.

    >>> ends(np.array([0, 1, 3_600_000_000])).tolist()
    [0, 1, 1]
    """
    return -(-moments // _MICROSECONDS)


def span(duration: timedelta) -> int:
    """A duration in microseconds.

    Args:
        duration: any.

    Returns:
        Whole microseconds.

    Source: own definition.

    >>> span(timedelta(seconds=1))
    1000000
    """
    return duration // timedelta(microseconds=1)


def hour_of(at: datetime) -> int:
    """The last full hour at a moment.

    Args:
        at: an aware moment.

    Returns:
        Hours since 1970.

    Source: own definition.

    >>> hour_of(datetime(1970, 1, 1, 2, 30, tzinfo=UTC))
    2
    """
    return (at - _EPOCH) // HOUR


def time_of(hour: int) -> datetime:
    """The moment at which an hour ends.

    Args:
        hour: hours since 1970.

    Returns:
        The moment in UTC.

    Source: own definition.

    >>> time_of(2).isoformat()
    '1970-01-01T02:00:00+00:00'
    """
    return _EPOCH + hour * HOUR

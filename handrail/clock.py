"""The real clock, apart from business time.

Business time, `now`, is an argument everywhere: when something counts as having happened. Leases, heartbeats, the
dead-man's switch and idempotency windows ask a `Clock`, for they tell who is alive and who was first. A store carries
its clock; a rehearsal gives it another.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Tells the moment, aware, whenever it is asked."""
TOLERANCE = timedelta(minutes=5)
"""So far clocks of several machines may lie apart, and one may be set right, without a word."""
LONGEST_REST = timedelta(days=31)
"""Nobody writes to the trail of a working business for so long: a clock that went further ahead has jumped."""


def machine() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


def starting_at(start: datetime) -> Clock:
    """A clock that shows `start` now and runs on from there."""
    ahead = start - machine()
    return lambda: machine() + ahead


def is_set(shown: datetime) -> bool:
    """Does a clock that shows this moment tell another time than the machine?"""
    return abs(shown - machine()) > TOLERANCE


def jump(before: datetime | None, now: datetime) -> timedelta | None:
    """How far a clock jumped that showed `before` when it was last asked; None where it went on as clocks do.

    >>> jump(datetime(2026, 3, 2, 10, tzinfo=UTC), datetime(2026, 3, 2, 9, tzinfo=UTC)) == timedelta(hours=-1)
    True
    """
    if before is None or -TOLERANCE <= now - before <= LONGEST_REST:
        return None
    return now - before

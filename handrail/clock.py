"""The real clock, apart from business time.

Business time, `now`, is an argument everywhere: when something counts as having happened. Leases, heartbeats, the
dead-man's switch and idempotency windows ask a `Clock`, for they tell who is alive and who was first. A store carries
its clock; a rehearsal gives it another.
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Tells the moment, aware, whenever it is asked."""


def machine() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


def starting_at(start: datetime) -> Clock:
    """A clock that shows `start` now and runs on from there."""
    ahead = start - machine()
    return lambda: machine() + ahead

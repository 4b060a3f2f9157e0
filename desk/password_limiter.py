"""Looking at a password costs a core and 64 MiB for a tenth of a second, and anybody may ask for it: few at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from handrail.errors import RetryableError

AT_ONCE = 2
WAITING = 8
"""Whoever comes after them is told to come back, so that the desk's threads stay free for those who work."""


class Crowded(RetryableError):
    """Too many passwords are looked at already. Wait ten seconds and try again."""


_places = BoundedSemaphore(AT_ONCE + WAITING)
_turns = BoundedSemaphore(AT_ONCE)


@contextmanager
def passing() -> Iterator[None]:
    """Wait for one's turn to have a password looked at.

    Raises:
        Crowded: too many wait already.
    """
    if not _places.acquire(blocking=False):
        raise Crowded("Many people sign in at this moment. Wait ten seconds and try again.")
    try:
        with _turns:
            yield
    finally:
        _places.release()

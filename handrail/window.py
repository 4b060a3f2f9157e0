"""A window of time: it begins with its first moment and ends before its last, so that neighbours share none."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from handrail.errors import BadInput

INSTANT = timedelta(microseconds=1)
"""The shortest time that the store tells apart."""


@dataclass(frozen=True, slots=True)
class Window:
    """[since, until), aware moments: what happens at `until` belongs to the next window.

    Whatever is counted by windows that follow each other adds up to what is counted over all of them.

    Raises:
        BadInput: it would end before it begins.
    """

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        """Refuse a window that is turned round."""
        if self.until < self.since:
            raise BadInput(f"The window would end at {self.until:%Y-%m-%d %H:%M}, before it begins. Swap its ends.")

    @classmethod
    def last(cls, length: timedelta, now: datetime) -> "Window":
        """The `length` of time up to and with `now`; what happened exactly `length` ago is past.

        >>> from datetime import UTC
        >>> week, now = timedelta(weeks=1), datetime(2026, 3, 9, tzinfo=UTC)
        >>> now in Window.last(week, now), now - week in Window.last(week, now)
        (True, False)
        """
        end = now + INSTANT
        return cls(end - length, end)

    @classmethod
    def up_to(cls, now: datetime, *, since: datetime) -> "Window":
        """From `since` on, up to and with `now`; one moment where `since` lies after it."""
        return cls(min(since, now), now + INSTANT)

    def __contains__(self, moment: datetime) -> bool:
        """Does the moment lie in it?"""
        return self.since <= moment < self.until

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since

    @property
    def ends(self) -> tuple[datetime, datetime]:
        """Its first moment, and the first that is past it."""
        return self.since, self.until

    @property
    def shown(self) -> tuple[datetime, datetime]:
        """Its first and its last moment, as people name them."""
        return self.since, max(self.since, self.until - INSTANT)

    def cut(self, length: timedelta) -> Iterator["Window"]:
        """Windows of `length` that follow each other and end where this one does, oldest first; the first is whole.

        Together they hold this window and as much before it as makes the oldest one whole.
        """
        for back in range(max(-(-self.length // length), 1) - 1, -1, -1):
            yield Window(self.until - length * (back + 1), self.until - length * back)

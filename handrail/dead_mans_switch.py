"""The dead-man's switch: automation runs only while somebody watches it.

A watch that ever succeeded is judged by that success alone. One that never ran has the policy's time from the moment
its category was first raised to a stage that automates: nothing that is changed later starts this clock again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

WATCHES = ("audit_sampling", "quality_watch", "sla_watch")


@dataclass(frozen=True, slots=True)
class Silence:
    """A watch that is not heard, so that nothing is approved automatically.

    `last` is its last success, or where it never ran the moment its clock started. `categories` names whom that
    concerns; None: everything. `ahead`: that moment lies too far in the future to be believed.
    """

    watch: str
    last: datetime
    since: datetime | None
    categories: tuple[str, ...] | None = None
    ahead: bool = False

    @property
    def has_run(self) -> bool:
        """Has it ever succeeded?"""
        return self.categories is None

    @property
    def sentence(self) -> str:
        """Which watch, since when, and what it holds."""
        name, at = f"The watch “{_words(self.watch)}”", f"{self.last:%Y-%m-%d %H:%M} UTC"
        held = "everything" if self.categories is None else ", ".join(map(_words, self.categories))
        if self.ahead:
            when = (
                f"was heard at {at}, which is still to come: a clock was wrong"
                if self.has_run
                else (f"has never run, and {held} was raised at {at}, which is still to come: a clock was wrong")
            )
        else:
            when = f"was last heard at {at}" if self.has_run else f"has never run since {at}"
        return f"{name} {when}. Automatic approval is held for {held}."


def silences(
    succeeded: Mapping[str, datetime], raised: Mapping[str, datetime], silent_for: timedelta, now: datetime
) -> tuple[Silence, ...]:
    """Every watch that is silent for longer than `silent_for`, the longest silent first.

    `succeeded` maps a watch to its last success, `raised` a category that may be automated to the moment it was first
    raised. A moment further ahead than `silent_for` is a wrong clock and counts as silence: it must not hold the
    switch open until it comes.
    """
    silent = []
    for watch in WATCHES:
        if watch in succeeded:
            if is_silent(succeeded[watch], silent_for, now):
                silent.append(_silence(watch, succeeded[watch], None, silent_for, now))
            continue
        late = sorted(name for name, at in raised.items() if is_silent(at, silent_for, now))
        if late:
            silent.append(_silence(watch, min(raised[name] for name in late), tuple(late), silent_for, now))
    return tuple(sorted(silent, key=lambda one: (one.ahead, one.last, one.watch)))


def is_silent(last: datetime, silent_for: timedelta, now: datetime) -> bool:
    """Is `last` further from now than that? Exactly the policy's time is still alive."""
    return abs(now - last) > silent_for


def holding(silent: tuple[Silence, ...], category: str) -> Silence | None:
    """The silence that holds a category's automatic approval, the longest first; None while every watch is heard."""
    return next((one for one in silent if one.categories is None or category in one.categories), None)


def _silence(
    watch: str, last: datetime, categories: tuple[str, ...] | None, silent_for: timedelta, now: datetime
) -> Silence:
    ahead = last > now
    return Silence(watch, last, None if ahead else last + silent_for, categories, ahead)


def _words(code: str) -> str:
    return code.replace("_", " ")

"""Readings of watches that look every hour: only what has changed is written down, and everything once a day."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from handrail.acts import reading
from handrail.reading import Reading
from handrail.store import readings
from tasks.occasion import Occasion

DAILY = timedelta(days=1)


def record(
    occasion: Occasion, watch: str, seen: Sequence[Reading], *, has_changed: Callable[[Reading, Reading], bool]
) -> None:
    """Write the readings that are new, have another verdict, were not written for a day, or `has_changed` says so.

    It is asked of a reading and the one before.
    """
    with occasion.store.read() as connection:
        before = {one.subject: one for one in readings.kept(readings.newest(connection, watch))}
    telling = [
        one
        for one in seen
        if (last := before.get(one.subject)) is None
        or last.verdict != one.verdict
        or occasion.now - last.at >= DAILY
        or has_changed(one, last)
    ]
    if telling:
        reading.record(occasion.store, telling, actor=occasion.actor, now=occasion.now)

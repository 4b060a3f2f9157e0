"""The dead-man's switch: automation runs only while somebody watches it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

WATCHES = ("audit_sampling", "quality_watch", "sla_watch")


def held_since(
    succeeded: Mapping[str, datetime], clock_start: datetime, silent_for: timedelta, now: datetime
) -> tuple[str, datetime] | None:
    """Return the watch that has been silent for too long and since when, or None while all are alive.

    `clock_start` is the last stage change: a watch that never ran gets `silent_for` from then on.
    """
    newest = {name: max(succeeded.get(name, clock_start), clock_start) for name in WATCHES}
    name, last = min(newest.items(), key=lambda item: item[1])
    return (name, last + silent_for) if now - last > silent_for else None

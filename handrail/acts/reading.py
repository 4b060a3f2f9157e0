"""A watch writes down what it saw."""

from collections.abc import Sequence
from datetime import datetime

from handrail.acts.authority import authorize
from handrail.reading import Reading
from handrail.store import readings
from handrail.store.engine import Store


def record(store: Store, seen: Sequence[Reading], *, actor: str, now: datetime) -> None:
    """Keep a watch's readings for the faces; what follows from an alarm is an act of its own, with its trail event."""
    with store.write() as connection:
        authorize(connection, "watch", actor)
        readings.insert_readings(connection, seen, now)

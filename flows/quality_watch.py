"""Quality watch: the breaker pauses categories whose audited approvals are rejected too often."""

from dataclasses import asdict
from typing import Any

from prefect import flow

from flows.parameters import AsOf, Home
from tasks import publish
from tasks.heartbeat import beat
from tasks.occasion import begin
from tasks.quality import pause_tripped, read_breaker


@flow(name="quality-watch", persist_result=False)
def quality_watch(as_of: AsOf = None, home: Home = None) -> dict[str, Any]:
    """Read the breaker of every category and pause those that tripped, each with a model review."""
    occasion = begin("quality_watch", home=home, as_of=as_of)
    readings = read_breaker(occasion)
    paused = pause_tripped(occasion, readings)
    beat(occasion, "quality_watch")
    publish.table(
        "breaker",
        [asdict(reading) for reading in readings],
        "The literal rule by category; false_alarm_rate: chance to pause a healthy category within 30 days; "
        "detection: chance to see twice the limit within the window at this volume",
    )
    for category in paused:
        publish.event("handrail.category.paused", f"handrail.category.{category}", {"category": category})
    return {"readings": [asdict(reading) for reading in readings], "paused": paused}

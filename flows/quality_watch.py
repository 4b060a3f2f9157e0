"""Quality watch: rejected audits pause a category, and they or enough new labels call for a retraining."""

from dataclasses import asdict
from typing import Any

from prefect import flow

from flows.parameters import AsOf, Home
from tasks import publish
from tasks.heartbeat import beat
from tasks.occasion import begin
from tasks.quality import pause_tripped, read_breaker
from tasks.trigger import crossed

EVENTS = {"error_rate": "handrail.error_rate.exceeded", "new_labels": "handrail.labels.enough"}
"""What starts a retraining in Prefect, by the trigger that crossed its bound."""


@flow(name="quality-watch", persist_result=False)
def quality_watch(as_of: AsOf = None, home: Home = None) -> dict[str, Any]:
    """Read the breaker of every category and pause those that tripped, each with a model review.

    An error rate above the policy's and enough new labels each emit an event that starts a retraining, once a
    crossing.
    """
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
    told = crossed(occasion)
    business = occasion.policy.business
    for trigger in told:
        figures = {name: str(count) for name, count in trigger.figures.items()}
        publish.event(
            EVENTS[trigger.cause],
            f"handrail.business.{business}",
            {"business": business, "as_of": as_of or "", **figures},
        )
    return {
        "readings": [asdict(reading) for reading in readings],
        "paused": paused,
        "retraining": [trigger.cause for trigger in told],
    }

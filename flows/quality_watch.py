"""Quality watch: rejected audits pause a category, and they or enough new labels call for a retraining."""

from dataclasses import dataclass
from typing import Any

from prefect import flow

from flows.parameters import AsOf, Home
from handrail.figures.breaker import BreakerFigures
from handrail.retraining_triggers import Cause
from tasks import publish
from tasks.learning.trigger import crossed
from tasks.occasion import begin
from tasks.watch.attendance import attended
from tasks.watch.blind_share import read_blind_share
from tasks.watch.breaker import Breakers, has_watched, look, pause_tripped
from tasks.watch.heartbeat import beat

EVENTS = {"error_rate": "handrail.error_rate.exceeded", "new_labels": "handrail.labels.enough"}
"""What starts a retraining in Prefect, by the trigger that crossed its bound."""
DESCRIPTION = (
    "Both rules of the breaker by category; the policy's rule pauses. reviewed, rejected: simple-random audits that "
    "the literal rule reads; error_rate: of all audits of its window, each weighted for how it was drawn. level: the "
    "sequential rule's evidence, where 1 suffices; false_alarm_rate: chance to pause a healthy category within the "
    "horizon; detection: chance to see the limit within the window at this volume"
)
UNREAD = (
    "Could not be read ({fault}): nobody watches this category, so nothing of it is approved automatically. The log of "
    "this run says where it failed."
)


@dataclass(frozen=True, slots=True)
class QualityLook:
    """What a look at the breakers saw and did: readings, faults of those unread, whom it paused, what it called for."""

    readings: tuple[BreakerFigures, ...]
    unread: dict[str, str]
    paused: tuple[str, ...]
    retraining: tuple[Cause, ...]


@flow(name="quality-watch", persist_result=False)
@attended("quality_watch")
def quality_watch(as_of: AsOf = None, home: Home = None) -> QualityLook:
    """Read the breaker of every category and pause those that tripped, each with a model review.

    Both of its rules are read, the policy's pauses. Beside it, the blind share of queue B is compared with its past,
    which warns and pauses nothing. An error rate above the policy's and enough new labels each emit an event that
    starts a retraining, once a crossing.
    """
    occasion = begin("quality_watch", home=home, as_of=as_of)
    seen = look(occasion)
    paused = pause_tripped(occasion, seen)
    blind = read_blind_share(occasion)
    if has_watched(occasion, seen):
        beat(occasion, "quality_watch")
    publish.table("breaker", rows_of(seen), DESCRIPTION)
    publish.table(
        "blind-share",
        [{"category": one.subject, "verdict": str(one.verdict), **one.body} for one in blind],
        "Rejections on the blind share of queue B lately, beside those before",
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
    return QualityLook(tuple(seen.readings), seen.unread, tuple(paused), tuple(trigger.cause for trigger in told))


def rows_of(seen: Breakers) -> list[dict[str, Any]]:
    """A look as a table, with those first that could not be read: a hole in it would look like health."""
    sick = [{"category": name, "warnings": UNREAD.format(fault=fault)} for name, fault in seen.unread.items()]
    rows = [row_of(one) for one in seen.readings if one.category not in seen.unread]
    names = list(dict.fromkeys([*sick[0], *rows[0]])) if sick and rows else []
    return [{name: row.get(name) for name in names or row} for row in [*sick, *rows]]


def row_of(reading: BreakerFigures) -> dict[str, Any]:
    """A reading as one row of a table."""
    row = reading.to_json()
    for name in ("reliability", "rate", "error"):
        row.pop(name)
    error = reading.error
    row |= {
        "audited": error.n if error else 0,
        "errors": error.errors if error else 0,
        "error_rate": error.rate if error else None,
    }
    return row | {"warnings": " ".join(reading.warnings)}

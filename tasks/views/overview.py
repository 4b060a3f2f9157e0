"""What an operator wants to know first: counts, holds, model, drift, watches."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from handrail import retraining_triggers
from handrail.acts import attending, incidents
from handrail.queues import Queue
from handrail.store import (
    audits,
    cases,
    drifts,
    escalations,
    inbox,
    models,
    outbox,
    pauses,
    policies,
    routes,
    situation,
    stages,
    worklist,
)
from handrail.store.engine import Connection
from handrail.store.frames import records
from handrail.watches import WatchStatus, in_words
from handrail.window import Window
from tasks.learning.certificate_accounts import certified
from tasks.learning.trigger_facts import trigger_facts
from tasks.occasion import Occasion
from tasks.watch import audit_reading

LATELY = timedelta(days=7)


def overview(occasion: Occasion) -> dict[str, Any]:
    """Counts, pauses, stages, model, drift and watches of the workspace at the occasion's moment."""
    now, policy = occasion.now, occasion.policy
    with occasion.store.read() as connection:
        serving = models.serving(connection)
        version = models.version(connection, serving.model_version) if serving.model_version else None
        week = routes.routed(connection, Window.last(LATELY, now))
        month = Window.last(audit_reading.OVER, now)
        audited = audits.looked_at(connection, month, only_audited=True)
        approvals = audits.count_looked_at(connection, month)
        value = {
            "home": str(occasion.workspace.home),
            "business": policy.business,
            "policy": policy.version,
            "policy_source": _source(connection),
            "cases": cases.state_counts(connection),
            "waiting": records(worklist.waiting(connection, now)),
            "has_arrived": inbox.has_arrived(connection),
            "escalations": sum(count for count, _ in escalations.counts(connection, now).values()),
            "outbox": outbox.counts(connection),
            "stages": {name: str(stage) for name, stage in stages.stages(connection, policy).items()},
            "drifts": records(drifts.drifts(connection, 3)[["id", "found_at", "columns", "raises_audits_until"]]),
            **holds(connection, occasion),
            **watched(connection, occasion),
        }
    certificates, error = certified(occasion), audit_reading.error_rate(audited)
    automatic = int((week["queue"] == Queue.A.value).sum())
    known = trigger_facts(occasion)
    return value | {
        "retraining": {
            "called_for_by": retraining_triggers.called_for(known, policy),
            "held_until": retraining_triggers.held_until(known, policy),
            "triggers": {reading.cause: reading.sentence for reading in retraining_triggers.read(known, policy)},
        },
        "model": None
        if version is None
        else {k: getattr(version, k) for k in ("version", "labels", "registered_at", "metrics")},
        "challenger": serving.challenger,
        "certified": [row["certificate"] for row in certificates if row["threshold"] is not None],
        "certificates": certificates,
        "uncertified": policy.queues.uncertified,
        "automation_share_7d": automatic / len(week) if len(week) else None,
        "routed_7d": {"cases": len(week), "automatic": automatic},
        "audited_28d": {
            "approvals": approvals,
            "audited": error.n,
            "rejected": error.errors,
            "rate": error.rate if error.n else None,
            "low": error.low,
            "high": error.high,
        },
    }


def watched(connection: Connection, occasion: Occasion) -> dict[str, Any]:
    """How much is watched at this moment (`handrail.watches.Sight`), since when, and each watch."""
    seen = attending.seen(connection, occasion.now)
    return {"watched": str(seen.sight), "looked_at": seen.looked_at, "watches": [row_of(look) for look in seen.looks]}


def row_of(look: WatchStatus) -> dict[str, Any]:
    """One watch as a row: when it looked and what is wrong with it, in codes, moments and words."""
    return {
        "watch": look.watch.name,
        "title": look.watch.title,
        "well": look.is_well,
        "looked_at": look.looked_at,
        "due": look.is_due,
        "running": look.is_running,
        "overdue_since": look.overdue_since,
        "failed_since": look.failed_since,
        "error": look.error,
        "off": look.off and str(look.off),
        "off_since": look.off_since,
        "said": in_words(look, lambda at: f"{at:%Y-%m-%d %H:%M} UTC"),
    }


def _source(connection: Connection) -> dict[str, Any] | None:
    source = policies.source(connection)
    return None if source is None else {"from": source.origin, "name": source.name, "at": source.at, "by": source.by}


def holds(connection: Connection, occasion: Occasion) -> dict[str, Any]:
    """What withholds automation now: pauses, watches silent or blind, what was altered, a model that cannot be used."""
    incident = incidents.unavailable(connection)
    found = situation.read(connection, occasion.policy, occasion.now)
    return {
        "pauses": records(pauses.pauses(connection)),
        "held": [asdict(one) | {"has_run": one.has_run, "sentence": one.sentence} for one in found.silent],
        "unwatched": sorted(found.unwatched),
        "altered": [asdict(one) for one in found.altered],
        "unavailable": None if incident is None else {"since": incident.body["at"], "cause": incident.body["cause"]},
    }

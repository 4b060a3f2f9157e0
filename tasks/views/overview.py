"""What an operator wants to know first: counts, holds, model, drift, watches."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from handrail import retraining_triggers
from handrail.acts import attending, incidents
from handrail.dead_mans_switch import Silence
from handrail.estimates import of_audits
from handrail.founding import Founding
from handrail.governing import Alteration
from handrail.policy import Stage
from handrail.queues import Queue
from handrail.readiness import CategoryReadiness
from handrail.retraining_triggers import Cause
from handrail.store import (
    audits,
    batches,
    cases,
    drifts,
    escalations,
    founding,
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
from handrail.store.batches import StoppedBatch
from handrail.store.engine import Connection
from handrail.store.frames import records
from handrail.store.pauses import PauseInForce
from handrail.store.policies import Source
from handrail.watches import Outlook, WatchStatus, in_words
from handrail.window import Window
from tasks.learning.certificate_accounts import CertificateStatus, certified
from tasks.learning.readiness import readiness
from tasks.learning.trigger_facts import trigger_facts
from tasks.occasion import Occasion
from tasks.views import differences
from tasks.views.differences import Differences
from tasks.watch import audit_reading
from tasks.watch.audit import minutes_each

LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Open work of a queue and kind, and how much of it is overdue."""

    queue: str
    kind: str
    waiting: int
    overdue: int
    next_due: datetime


@dataclass(frozen=True, slots=True)
class DriftFound:
    """A drift that was found, in which columns (none: in terms alone), and until when it raises audits."""

    id: int
    found_at: datetime
    columns: list[str]
    raises_audits_until: datetime


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Since when the model cannot be used (ISO 8601), and why."""

    since: str
    cause: str


@dataclass(frozen=True, slots=True)
class Holds:
    """What withholds automation: pauses, watches silent or blind, what was altered, a model that cannot be used."""

    pauses: tuple[PauseInForce, ...]
    held: tuple[Silence, ...]
    unwatched: tuple[str, ...]
    altered: tuple[Alteration, ...]
    unavailable: Unavailable | None

    def to_json(self) -> dict[str, Any]:
        """As JSON can."""
        held = [asdict(one) | {"has_run": one.has_run, "sentence": one.sentence} for one in self.held]
        return asdict(self) | {"held": held}


@dataclass(frozen=True, slots=True)
class Calls:
    """What calls for a training, until when the next attempt is held, and each trigger's reading in a sentence."""

    called_for_by: Cause | None
    held_until: datetime | None
    triggers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ServingVersion:
    """The version that serves, from how many labels, and its figures."""

    version: str
    labels: int
    registered_at: datetime
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Routed:
    """Cases of the last seven days, and how many of them went to queue A."""

    cases: int
    automatic: int

    @property
    def share(self) -> float | None:
        """The automatic share; None without a case."""
        return self.automatic / self.cases if self.cases else None


@dataclass(frozen=True, slots=True)
class Audited:
    """Auto-approvals of four weeks, the audits of them so far, and the rate of rejections with its interval.

    Rate and interval are weighted for how the audits were drawn; `rate` is None without any, and `pending`
    contradictions wait for another person. A business day asks `at_least_a_day` audits, each of so many minutes.
    """

    approvals: int
    audited: int
    rejected: int
    rate: float | None
    low: float
    high: float
    pending: int
    at_least_a_day: int
    minutes_each: float


@dataclass(frozen=True, slots=True)
class Overview:
    """The workspace at one moment; counts are by state, `stages` by category."""

    home: str
    business: str
    founding: Founding
    policy: str
    source: Source | None
    cases: Mapping[str, int]
    waiting: tuple[Waiting, ...]
    has_arrived: bool
    stopped: tuple[StoppedBatch, ...]
    escalations: int
    outbox: Mapping[str, int]
    stages: Mapping[str, Stage]
    readiness: tuple[CategoryReadiness, ...]
    drifts: tuple[DriftFound, ...]
    holds: Holds
    watches: Outlook
    retraining: Calls
    model: ServingVersion | None
    challenger: str | None
    certificates: tuple[CertificateStatus, ...]
    uncertified: str
    routed: Routed
    audited: Audited
    differences: Differences

    def to_json(self) -> dict[str, Any]:
        """As JSON can."""
        return {
            "home": self.home,
            "business": self.business,
            "workspace": str(self.founding.kind),
            "policy": self.policy,
            "policy_source": None if self.source is None else _origin(self.source),
            "cases": self.cases,
            "waiting": [asdict(row) for row in self.waiting],
            "has_arrived": self.has_arrived,
            "stopped": [{"batch": one.id, "source": one.source, "started_at": one.started_at} for one in self.stopped],
            "escalations": self.escalations,
            "outbox": self.outbox,
            "stages": {name: str(stage) for name, stage in self.stages.items()},
            "readiness": [row.to_json() for row in self.readiness],
            "drifts": [asdict(drift) for drift in self.drifts],
            **self.holds.to_json(),
            "watched": str(self.watches.sight),
            "looked_at": self.watches.looked_at,
            "watches": [row_of(look) for look in self.watches.looks],
            "retraining": asdict(self.retraining),
            "model": None if self.model is None else asdict(self.model),
            "challenger": self.challenger,
            "certified": [status.certificate for status in self.certificates if status.is_certified],
            "certificates": [asdict(status) for status in self.certificates],
            "uncertified": self.uncertified,
            "automation_share_7d": self.routed.share,
            "routed_7d": asdict(self.routed),
            "audited_28d": asdict(self.audited),
            "differences_28d": self.differences.to_json(),
        }


def overview(occasion: Occasion) -> Overview:
    """Counts, pauses, stages, model, drift and watches of the workspace at the occasion's moment."""
    now, policy = occasion.now, occasion.policy
    known, certificates, each = trigger_facts(occasion), certified(occasion), minutes_each(occasion)
    checked = readiness(occasion, certificates)
    with occasion.store.read() as connection:
        serving = models.serving(connection)
        week = routes.routed(connection, Window.last(LATELY, now))
        month = Window.last(audit_reading.OVER, now)
        error = of_audits(audits.looked_at(connection, month, only_audited=True))
        found = drifts.drifts(connection, 3)[["id", "found_at", "columns", "raises_audits_until"]]
        return Overview(
            home=str(occasion.workspace.home),
            business=policy.business,
            founding=founding.read(connection),
            policy=policy.version,
            source=policies.source(connection),
            cases=cases.state_counts(connection),
            waiting=tuple(Waiting(**row) for row in records(worklist.waiting(connection, now))),
            has_arrived=inbox.has_arrived(connection),
            stopped=tuple(batches.stopped(connection)),
            escalations=sum(count for count, _ in escalations.counts(connection, now).values()),
            outbox=outbox.counts(connection),
            stages=stages.stages(connection, policy),
            readiness=tuple(checked),
            drifts=tuple(DriftFound(**row) for row in records(found)),
            holds=holds(connection, occasion),
            watches=attending.seen(connection, occasion.store.clock()),
            retraining=Calls(
                retraining_triggers.called_for(known, policy),
                retraining_triggers.held_until(known, policy),
                {reading.cause: reading.sentence for reading in retraining_triggers.read(known, policy)},
            ),
            model=_serving(connection, serving.model_version),
            challenger=serving.challenger,
            certificates=tuple(certificates),
            uncertified=policy.queues.uncertified,
            routed=Routed(len(week), int((week["queue"] == Queue.A.value).sum())),
            audited=Audited(
                approvals=audits.count_looked_at(connection, month),
                audited=error.n,
                rejected=error.errors,
                rate=error.rate if error.n else None,
                low=error.low,
                high=error.high,
                pending=error.pending,
                at_least_a_day=policy.sampling.at_least_a_day,
                minutes_each=each,
            ),
            differences=differences.read(connection, occasion),
        )


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
        "said": sentence_of(look),
    }


def sentence_of(look: WatchStatus) -> str:
    """When a watch looked and what is wrong with it, in words."""
    return in_words(look, lambda at: f"{at:%Y-%m-%d %H:%M} UTC")


def holds(connection: Connection, occasion: Occasion) -> Holds:
    """What withholds automation at the occasion's moment."""
    incident = incidents.unavailable(connection)
    found = situation.read(connection, occasion.policy, occasion.now)
    return Holds(
        pauses=tuple(PauseInForce(**row) for row in records(pauses.pauses(connection))),
        held=tuple(found.silent),
        unwatched=tuple(sorted(found.unwatched)),
        altered=tuple(found.altered),
        unavailable=None if incident is None else Unavailable(incident.body["at"], incident.body["cause"]),
    )


def _serving(connection: Connection, name: str | None) -> ServingVersion | None:
    row = models.version(connection, name) if name else None
    return None if row is None else ServingVersion(row.version, row.labels, row.registered_at, row.metrics)


def _origin(source: Source) -> dict[str, str | datetime | None]:
    return {"from": source.origin, "name": source.name, "at": source.at, "by": source.by}

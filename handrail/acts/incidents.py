"""What goes wrong with registered models: recorded once when it begins and once when it is over, not every batch."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from handrail.store import escalations, models, pauses, trail
from handrail.store.engine import Connection, Store
from handrail.store.frames import records
from handrail.store.trail import Event, Sought, Written

Cause = Literal["corrupt", "missing", "unreadable", "predictions"]
"""Why a model cannot be used: its files were changed, are nowhere, do not load, or what it says is no prediction."""
UNAVAILABLE, AVAILABLE = "model.unavailable", "model.available"
DELETED = "model.deleted_in_registry"
Kind = Literal["model_unavailable", "model_deleted", "model_review", "dead_action", "unknown_action"]
STUCK: dict[str, Kind] = {"dead": "dead_action", "unknown": "unknown_action"}
"""States of actions that wait for a person."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that is wrong with the machinery: a model, a category's breaker, an action that does not go out."""

    kind: Kind
    since: datetime
    subject: str
    case_id: int | None = None


def open_incidents(connection: Connection) -> list[Incident]:
    """Everything that is wrong now, oldest first; of stuck actions the oldest fifty."""
    found = []
    broken, serving = unavailable(connection), models.serving(connection)
    if broken is not None:
        found.append(Incident("model_unavailable", broken.at, broken.body["version"]))
    if registry_lost(connection):
        (deleted,) = trail.newest(connection, Sought(kind=DELETED, since=serving.since), limit=1)
        found.append(Incident("model_deleted", deleted.at, deleted.body["version"]))
    found += [
        Incident("model_review", row["opened_at"], row["category"]) for row in records(pauses.reviews(connection))
    ]
    found += [
        Incident(STUCK[stuck.state], stuck.created_at, stuck.action, stuck.case_id)
        for stuck in escalations.stuck_actions(connection)
    ]
    return sorted(found, key=lambda incident: incident.since)


def note_unavailable(store: Store, version: str, cause: Cause, *, actor: str, now: datetime) -> bool:
    """Record that a version cannot be used, unless that is known; says whether it was news."""
    with store.read() as connection:
        if _is_open(connection, version, cause):
            return False
    with store.write() as connection:
        trail.lock(connection)
        if _is_open(connection, version, cause):
            return False
        _append(connection, UNAVAILABLE, {"version": version, "cause": cause}, actor, now)
    return True


def note_available(store: Store, version: str, *, actor: str, now: datetime) -> bool:
    """Record that a version can be used again, where it could not; says whether it was news."""
    with store.read() as connection:  # nearly always nothing is open: no batch need wait for the write lock
        if _open(connection, version) is None:
            return False
    with store.write() as connection:
        trail.lock(connection)
        if _open(connection, version) is None:
            return False
        _append(connection, AVAILABLE, {"version": version}, actor, now)
    return True


def note_refetched(store: Store, version: str, *, actor: str, now: datetime) -> None:
    """Record that a version's damaged local copy was replaced by the registry's."""
    with store.write() as connection:
        _append(connection, "model.refetched", {"version": version}, actor, now)


def note_deleted(store: Store, version: str, *, actor: str, now: datetime) -> bool:
    """Record that the registry no longer has the serving version; says whether it was news since it began to serve."""
    with store.read() as connection:
        if registry_lost(connection):
            return False
    with store.write() as connection:
        trail.lock(connection)
        _append(connection, DELETED, {"version": version}, actor, now)
    return True


def unavailable(connection: Connection) -> Written | None:
    """The event by which the serving version cannot be used (it tells version and cause), or None."""
    version = models.serving(connection).model_version
    return None if version is None else _open(connection, version)


def registry_lost(connection: Connection) -> bool:
    """Was the serving version found to be deleted in the registry since it began to serve?"""
    serving = models.serving(connection)
    if serving.model_version is None:
        return False
    found = trail.newest(connection, Sought(kind=DELETED, since=serving.since), limit=1)
    return bool(found) and found[0].body["version"] == serving.model_version


def _is_open(connection: Connection, version: str, cause: Cause) -> bool:
    found = _open(connection, version)
    return found is not None and found.body["cause"] == cause


def _open(connection: Connection, version: str) -> Written | None:
    """The last word on a version, if it says that it cannot be used."""
    said = [
        event
        for kind in (UNAVAILABLE, AVAILABLE)
        for event in trail.newest(connection, Sought(kind=kind), limit=100)
        if event.body["version"] == version
    ]
    last = max(said, key=lambda event: event.seq, default=None)
    return last if last is not None and last.body["kind"] == UNAVAILABLE else None


def _append(connection: Connection, kind: str, data: dict[str, str], actor: str, now: datetime) -> None:
    trail.append(connection, [Event(kind, data=data)], at=now, actor=actor)

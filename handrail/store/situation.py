"""What holds at the moment of routing and of sending, read in the transaction that acts on it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from handrail.dead_mans_switch import WATCHES, Silence, silences
from handrail.governing import (
    AUTOMATING,
    KINDS,
    PUBLISHED,
    SERVES,
    Alteration,
    Change,
    TrailState,
    altered_rows,
    first_raised,
    replay,
)
from handrail.policy import Policy, Stage
from handrail.queues import Situation
from handrail.store import certificates, heartbeats, models, pauses, policies, readings, trail
from handrail.store import stages as stored_stages
from handrail.store.engine import Connection, real_time


def read(connection: Connection, policy: Policy, now: datetime) -> Situation:
    """Stages, pauses, silent watches, alterations and the certificates of the version that serves, for `policy`.

    Whether a watch is silent the real clock says: a run that acts at another moment neither hides a silence nor makes
    one.
    """
    changes = trail.changes(connection, KINDS)
    rows, paused = stored_stages.stage_rows(connection), pauses.paused(connection)
    stages = stored_stages.in_stages(policy, rows)
    version = models.serving(connection).model_version
    return Situation(
        stages=stages,
        paused=frozenset(name for name in paused if name is not None),
        all_paused=None in paused,
        silent=_silent(connection, policy, changes, stages),
        unwatched=frozenset(readings.unwatched(connection)),
        altered=tuple(_altered(connection, policy, replay(changes), rows, paused, version)),
        certified=certificates.thresholds(connection, version, now, rules=policy.certificate),
        contradicted=certificates.contradicted(connection, version),
    )


def raised(connection: Connection, policy: Policy) -> dict[str, datetime]:
    """When each category that may be automated now was first raised: the clock of a watch that never ran."""
    stages = stored_stages.in_stages(policy, stored_stages.stage_rows(connection))
    return _raised(connection, policy, trail.changes(connection, KINDS), stages)


def began(connection: Connection) -> datetime | None:
    """When the workspace was begun; None in an empty one."""
    first = next(iter(trail.changes(connection, sorted(PUBLISHED))), None)
    return None if first is None else first.at


def rightful_version(connection: Connection) -> str | None:
    """The version that serves as the trail tells it."""
    return replay(trail.changes(connection, sorted(SERVES))).serving


def altered(connection: Connection, policy: Policy) -> tuple[Alteration, ...]:
    """What governs automation and was changed past Handrail."""
    rows, paused = stored_stages.stage_rows(connection), pauses.paused(connection)
    version = models.serving(connection).model_version
    return tuple(_altered(connection, policy, replay(trail.changes(connection, KINDS)), rows, paused, version))


def _silent(
    connection: Connection, policy: Policy, changes: Sequence[Change], stages: Mapping[str, Stage]
) -> tuple[Silence, ...]:
    beats = heartbeats.watches(connection)
    # Only a watch that never ran asks when its categories were raised.
    raised = {} if beats.keys() >= set(WATCHES) else _raised(connection, policy, changes, stages)
    return silences(beats, raised, policy.watches.silent_for, real_time(connection))


def _raised(
    connection: Connection, policy: Policy, changes: Sequence[Change], stages: Mapping[str, Stage]
) -> dict[str, datetime]:
    found = first_raised(changes, policies.raised_by(connection, replay(changes)), policy.categories)
    return {name: at for name, at in found.items() if stages.get(name) in AUTOMATING}


def _altered(
    connection: Connection,
    policy: Policy,
    known: TrailState,
    rows: Mapping[str, str],
    paused: frozenset[str | None],
    version: str | None,
) -> list[Alteration]:
    in_force = policies.in_force(connection, known)
    wrong = [in_force.altered] if in_force is not None and in_force.altered is not None else []
    return wrong + altered_rows(known, stages=rows, paused=paused, serving=version, categories=list(policy.categories))

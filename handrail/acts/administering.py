"""Policies are published, people get their roles, outcomes come in, old inputs go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from handrail import cells
from handrail.acts.authority import authorize
from handrail.acts.employing import require_another_owner
from handrail.acts.intake import CHUNK
from handrail.errors import BadInput
from handrail.policy import Policy
from handrail.roles import SYSTEM, Role
from handrail.store import cases, evidence, policies, rollout, trail
from handrail.store.engine import Connection, Store
from handrail.store.frames import records
from handrail.store.trail import Event

EVERY_ROLE = tuple(role for role in Role if role is not Role.FLOW)


@dataclass(frozen=True, slots=True)
class Made:
    """From what a policy was made: `name` is the business, or the file without its folder."""

    origin: policies.Origin
    name: str


def found(store: Store, policy: Policy, *, founder: str, now: datetime, made: Made | None = None) -> bool:
    """Begin a workspace: its first person, with every role, and its policy. False when it was begun before."""
    with store.write() as connection:
        trail.lock(connection)
        if policies.in_force(connection) is not None:
            return False
        rollout.save_person(connection, name=founder, roles=list(EVERY_ROLE), trained_until=None, active=True)
        policies.insert_policy(connection, policy, actor=founder, now=now)
        data = {"policy": policy.version, "business": policy.business}
        _tell(connection, "workspace.begun", data, made, actor=founder, now=now)
    return True


def publish(store: Store, policy: Policy, *, actor: str, now: datetime, made: Made | None = None) -> bool:
    """Put a policy into force for the next batch; False when the same content is in force already.

    What was changed past Handrail is not in force: publishing the right policy replaces it, whatever it says by now.
    """
    with store.write() as connection:
        authorize(connection, "publish_policy", actor)
        before = policies.in_force(connection)
        if before is not None and before.altered is None and before.policy.version == policy.version:
            return False
        policies.insert_policy(connection, policy, actor=actor, now=now)
        data = {"policy": policy.version, "previous": before.policy.version if before else None}
        _tell(connection, "policy.published", data, made, actor=actor, now=now)
    return True


def _tell(
    connection: Connection, kind: str, data: Mapping[str, Any], made: Made | None, *, actor: str, now: datetime
) -> None:
    """A file's name is a person's words: it stands beside the trail, where it can be erased, and not in it."""
    source = {"source": made.origin} if made else {}
    seq = trail.append(connection, [Event(kind, data={**data, **source})], at=now, actor=actor)
    if made:
        trail.give_reason(connection, seq, cells.storable(made.name))


def add_person(
    store: Store,
    name: str,
    *,
    roles: Sequence[str],
    trained_until: datetime | None,
    actor: str,
    now: datetime,
) -> None:
    """Add a person, or change their roles and training.

    Raises:
        BadInput: no role, or one that does not exist; a name that would pass for a flow's.
    """
    known = [str(role) for role in EVERY_ROLE]
    unknown = [role for role in roles if role not in known]
    if unknown or not roles:
        raise BadInput(f"{', '.join(unknown) or 'No role'} is not a role. Use one or more of: {', '.join(known)}.")
    if name.startswith(SYSTEM) or not name.strip():
        raise BadInput(f"{name!r} cannot be a person's name: {SYSTEM} marks the flows. Choose another one.")
    with store.write() as connection:
        authorize(connection, "manage_people", actor)
        if Role.PRODUCT_OWNER not in roles:
            require_another_owner(connection, name)
        rollout.save_person(connection, name=name, roles=list(roles), trained_until=trained_until, active=True)
        saved = Event("person.saved", data={"person": name, "roles": list(roles)})
        trail.append(connection, [saved], at=now, actor=actor)


def import_outcomes(store: Store, outcomes: pd.DataFrame, *, actor: str, now: datetime) -> dict[str, int]:
    """Join what happened afterwards to its cases.

    `outcomes` has case_id, kind, value, at. Returns how many were imported and how many were known before.
    """
    imported = 0
    for start in range(0, len(outcomes), CHUNK):
        rows = records(outcomes.iloc[start : start + CHUNK])
        with store.write() as connection:
            authorize(connection, "import_outcomes", actor)
            trail.lock(connection)
            new = evidence.insert_outcomes(connection, rows, now)
            events = [Event("outcomes.imported", data={"outcomes": new})] if new else []
            trail.append(connection, events, at=now, actor=actor)
        imported += new
    return {"imported": imported, "duplicates": len(outcomes) - imported}


def purge(store: Store, *, policy: Policy, actor: str, now: datetime, dry_run: bool = True) -> dict[str, int]:
    """Delete inputs, notes and quarantined rows that are past the policy's retention; counts what was or would be.

    The trail keeps its digests, which without the deleted salts say nothing any more.
    """
    before_inputs = now - policy.retention.inputs
    if dry_run:
        with store.read() as connection:
            inputs = len(cases.expired_inputs(connection, before_inputs, limit=10_000_000))
            rest = evidence.expired(connection, policy, now)
        return {"inputs": inputs, **rest}
    purged = 0
    while True:
        with store.write() as connection:
            authorize(connection, "purge", actor)
            ids = cases.expired_inputs(connection, before_inputs, limit=CHUNK)
            cases.delete_inputs(connection, ids)
            trail.append(connection, [Event("input.purged", case_id) for case_id in ids], at=now, actor=actor)
        purged += len(ids)
        if not ids:
            break
    with store.write() as connection:
        authorize(connection, "purge", actor)
        rest = evidence.purge_expired(connection, policy, now)
        if any(rest.values()):
            trail.append(connection, [Event("notes.purged", data=dict(rest))], at=now, actor=actor)
    return {"inputs": purged, **rest}

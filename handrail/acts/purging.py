"""Inputs, notes and quarantined rows past their retention are deleted."""

from datetime import datetime

from handrail.acts.authority import authorize
from handrail.acts.intake import CHUNK
from handrail.policy import Policy
from handrail.store import cases, retention, trail
from handrail.store.engine import Store
from handrail.store.trail import Event


def purge(store: Store, *, policy: Policy, actor: str, now: datetime, dry_run: bool = True) -> dict[str, int]:
    """Delete inputs, notes and quarantined rows that are past the policy's retention; counts what was or would be.

    The trail keeps its digests, which without the deleted salts say nothing any more.
    """
    before_inputs = now - policy.retention.inputs
    if dry_run:
        with store.read() as connection:
            inputs = len(cases.expired_inputs(connection, before_inputs, limit=10_000_000))
            rest = retention.expired(connection, policy, now)
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
        rest = retention.purge_expired(connection, policy, now)
        if any(rest.values()):
            trail.append(connection, [Event("notes.purged", data=dict(rest))], at=now, actor=actor)
    return {"inputs": purged, **rest}

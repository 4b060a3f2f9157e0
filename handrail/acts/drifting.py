"""Reference profiles are saved; a drift is recorded with its consequences."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from handrail.acts.authority import authorize
from handrail.policy import Policy
from handrail.store import certificates, drifts, models, trail
from handrail.store.engine import Store
from handrail.store.trail import Event


def save_profile(
    store: Store, body: str, *, cause: str, cases: int, window: tuple[datetime, datetime], actor: str, now: datetime
) -> int:
    """Save a reference profile for the drift watch; earlier ones stay."""
    with store.write() as connection:
        authorize(connection, "watch", actor)
        profile_id = drifts.insert_profile(
            connection,
            model_version=models.serving(connection).model_version,
            cause=cause,
            built_at=now,
            window_from=window[0],
            window_to=window[1],
            cases=cases,
            body=body,
        )
        saved = Event("profile.saved", data={"profile": profile_id, "cause": cause, "cases": cases})
        trail.append(connection, [saved], at=now, actor=actor)
    return profile_id


def record_drift(
    store: Store,
    *,
    profile_id: int,
    columns: list[str],
    terms: list[Mapping[str, Any]],
    window: tuple[datetime, datetime],
    policy: Policy,
    actor: str,
    now: datetime,
) -> tuple[int, int]:
    """Record a drift and its consequences: audits raised for the policy's time, certificates voided.

    Returns the drift's id and the number of certificates voided. The terms stand in the drift's row, where they can
    be erased, and in the trail only as a count.
    """
    with store.write() as connection:
        authorize(connection, "watch", actor)
        until: datetime = now + (policy.drift.audit_factor_for or timedelta())
        drift_id = drifts.insert_drift(
            connection,
            profile_id=profile_id,
            window_from=window[0],
            window_to=window[1],
            columns=columns,
            terms=list(terms),
            found_at=now,
            raises_audits_until=until,
        )
        voided = certificates.void_certificates(connection, f"drift {drift_id}", now)
        event = Event(
            "drift.detected",
            data={"drift": drift_id, "columns": columns, "terms": len(terms), "certificates_voided": voided},
        )
        trail.append(connection, [event], at=now, actor=actor)
    return drift_id, voided

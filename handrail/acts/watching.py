"""What the watches do to the state: audit draws, escalated breaches, drifts and their consequences."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from handrail.acts.authority import authorize
from handrail.acts.intake import CHUNK
from handrail.policy import Policy
from handrail.queues import Queue
from handrail.sampling import SamplingRules
from handrail.sla import due
from handrail.store import certificates, models, queue, trail, work
from handrail.store.engine import Store
from handrail.store.frames import records
from handrail.store.trail import Event

PPM = 1_000_000


def draw_audits(
    store: Store,
    draws: pd.DataFrame,
    *,
    seed: int,
    policy: Policy,
    actor: str,
    now: datetime,
    rules: SamplingRules | None = None,
) -> int:
    """Write down which auto-approvals were drawn and with which chance; opens a blind audit for each drawn one.

    `draws` has case_id, category, drawn, random, stratum, inclusion_probability. With the `rules` that drew, seed and
    rates stand in the trail, and the draw can be repeated from there. Returns how many were drawn.
    """
    told = {"seed": seed, **(_told(rules) if rules else {})}
    due_at = due(now, policy.sla.audit, policy.sla.calendar)
    opened = 0
    for start in range(0, len(draws), CHUNK):
        rows = records(draws.iloc[start : start + CHUNK])
        with store.write() as connection:
            authorize(connection, "draw_audits", actor)
            trail.lock(connection)
            # A pause may have returned some meanwhile: those are no automatic approvals any more.
            returned = work.with_open_work(connection, [row["case_id"] for row in rows])
            rows = [row for row in rows if row["case_id"] not in returned]
            drawn = [row for row in rows if row["drawn"]]
            ids = work.insert_work(
                connection,
                [
                    {
                        "case_id": row["case_id"],
                        "kind": "audit",
                        "queue": Queue.A,
                        "category": row["category"],
                        "suggestion_hidden": True,
                        "opened_at": now,
                        "due_at": due_at,
                    }
                    for row in drawn
                ],
            )
            item_of = dict(zip([row["case_id"] for row in drawn], ids, strict=True))
            queue.insert_draws(
                connection,
                [
                    {
                        "case_id": row["case_id"],
                        "work_item_id": item_of.get(row["case_id"]),
                        "drawn": row["drawn"],
                        "random": row["random"],
                        "stratum": row["stratum"],
                        "inclusion_probability": row["inclusion_probability"],
                        "drawn_at": now,
                        "seed": seed,
                    }
                    for row in rows
                ],
            )
            events = [
                Event(
                    "audit.drawn",
                    row["case_id"],
                    {"stratum": row["stratum"], "probability_ppm": round(row["inclusion_probability"] * PPM)},
                )
                for row in drawn
            ]
            summary = Event("audit.draw", data={**told, "looked_at": len(rows), "drawn": len(drawn)})
            trail.append(connection, [summary, *events], at=now, actor=actor)
            opened += len(drawn)
    return opened


def _told(rules: SamplingRules) -> dict[str, Any]:
    """What a draw was made by, in whole millionths."""
    return {
        "rates_ppm": {name: round(rate * PPM) for name, rate in rules.rates.items()},
        "low_confidence_below_ppm": round(rules.low_confidence_below * PPM),
        "high_value_above_ppm": round(rules.high_value_above * PPM),
        "watched": sorted(rules.watched),
    }


def escalate_breaches(store: Store, *, policy: Policy, actor: str, now: datetime, limit: int = 100_000) -> pd.DataFrame:
    """Hand every newly missed SLA to the escalation manager; returns the breached work items."""
    due_at = due(now, policy.escalation.due_within, policy.sla.calendar)
    with store.read() as connection:
        rows = work.breached(connection, now, limit)
    marked: set[int] = set()
    for start in range(0, len(rows), CHUNK):
        part = rows.iloc[start : start + CHUNK]
        with store.write() as connection:
            authorize(connection, "escalate", actor)
            trail.lock(connection)
            marked |= work.mark_breached(connection, part["id"].tolist(), now)
            late = part[part["id"].isin(marked)]
            opened = queue.insert_escalations(
                connection,
                [
                    {
                        "case_id": case_id,
                        "cause": "sla_breach",
                        "first_decider": None,
                        "opened_at": now,
                        "due_at": due_at,
                        "resolved_at": None,
                        "resolved_by": None,
                    }
                    for case_id in dict.fromkeys(late["case_id"].tolist())
                ],
            )
            events = [Event("case.escalated", case_id, {"cause": "sla_breach"}) for case_id in sorted(opened)]
            trail.append(connection, events, at=now, actor=actor)
    return rows[rows["id"].isin(marked)]


def save_profile(
    store: Store, body: str, *, cause: str, cases: int, window: tuple[datetime, datetime], actor: str, now: datetime
) -> int:
    """Save a reference profile for the drift watch; earlier ones stay."""
    with store.write() as connection:
        authorize(connection, "draw_audits", actor)
        profile_id = models.insert_profile(
            connection,
            model_version=models.serving(connection)["model_version"],
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
        authorize(connection, "draw_audits", actor)
        until: datetime = now + (policy.drift.audit_factor_for or timedelta())
        drift_id = models.insert_drift(
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

"""The audit draw is written down with each approval's chance, and opens blind audits."""

from datetime import datetime
from typing import Any

import pandas as pd

from handrail.acts.authority import authorize
from handrail.acts.intake import CHUNK
from handrail.policy import Policy
from handrail.ppm import PPM
from handrail.queues import Queue
from handrail.sampling import SamplingRules
from handrail.sla import due
from handrail.store import audits, trail, work
from handrail.store.audits import Draw
from handrail.store.engine import Store
from handrail.store.frames import records
from handrail.store.trail import Event
from handrail.work import NewWork


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
                    NewWork(
                        row["case_id"],
                        "audit",
                        Queue.A,
                        row["category"],
                        suggestion_hidden=True,
                        opened_at=now,
                        due_at=due_at,
                    )
                    for row in drawn
                ],
            )
            item_of = dict(zip([row["case_id"] for row in drawn], ids, strict=True))
            audits.insert_draws(
                connection,
                [
                    Draw(
                        row["case_id"],
                        item_of.get(row["case_id"]),
                        drawn=row["drawn"],
                        random=row["random"],
                        stratum=row["stratum"],
                        inclusion_probability=row["inclusion_probability"],
                    )
                    for row in rows
                ],
                seed=seed,
                now=now,
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

"""The audit sample: at random, and by strata where errors would hurt or hide."""

from datetime import datetime, timedelta

import pandas as pd

from handrail import sampling
from handrail.acts import watching
from handrail.store import models, queue
from tasks.occasion import Occasion, log
from tasks.step import step

SEGMENT = "channel"


def rules(occasion: Occasion) -> sampling.SamplingRules:
    """The policy's rates, multiplied while a drift is young."""
    policy = occasion.policy.sampling
    with occasion.store.read() as connection:
        raised = models.audits_raised(connection, occasion.now)
    return sampling.SamplingRules(
        random_rate=policy.random_rate,
        low_confidence_below=policy.strata.low_confidence_below,
        low_confidence_rate=policy.strata.low_confidence_rate,
        high_value_above=policy.strata.high_value_above,
        high_value_rate=policy.strata.high_value_rate,
        new_segment_rate=policy.strata.new_segment_rate,
        factor=occasion.policy.drift.audit_factor if raised else 1.0,
    )


@step
def draw(occasion: Occasion, limit: int = 100_000) -> dict[str, int]:
    """Draw audits among the auto-approvals that no draw has looked at; each gets its chance written down."""
    with occasion.store.read() as connection:
        candidates = queue.undrawn(connection, limit)
        seen = queue.first_seen(connection, SEGMENT) if len(candidates) else {}
    if candidates.empty:
        return {"looked_at": 0, "drawn": 0}
    candidates = candidates.assign(
        segment=[str(values.get(SEGMENT) or "") for values in candidates["fields"]],
        amount=pd.to_numeric(candidates["amount"]),
    )
    known = established(seen, occasion.now - timedelta(days=occasion.policy.sampling.strata.new_segment_days))
    rates = sampling.stratum_rates(candidates, rules(occasion), known)
    drawn = sampling.draw(candidates, rules(occasion), occasion.rng("audit"), known_segments=known)
    looked_at = candidates[["case_id", "category"]].assign(inclusion_probability=1 - (1 - rates).prod(axis=1))
    looked_at = looked_at.merge(drawn[["case_id", "stratum", "random"]], on="case_id", how="left")
    looked_at = looked_at.assign(drawn=looked_at["stratum"].notna(), random=looked_at["random"].eq(True))  # noqa: FBT003
    opened = watching.draw_audits(
        occasion.store, looked_at, seed=occasion.seed("audit"),
        policy=occasion.policy, actor=occasion.actor, now=occasion.now,
    )  # fmt: skip
    log.info("looked at %d auto-approvals, drew %d", len(candidates), opened)
    return {"looked_at": len(candidates), "drawn": opened}


def established(first_seen: dict[str, datetime], young: datetime) -> set[str] | None:
    """Segments known since before `young`; None while the workspace itself is younger, and every segment is new."""
    old = {name for name, at in first_seen.items() if at <= young}
    return old or None

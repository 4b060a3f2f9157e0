"""Missed SLAs go to the escalation manager."""

from handrail.acts import escalating
from handrail.store.frames import records
from tasks.occasion import Occasion, log
from tasks.step import step


@step
def escalate_breaches(occasion: Occasion) -> list[dict[str, object]]:
    """Escalate every newly missed SLA; returns the breached work, by id and due time only."""
    breached = escalating.escalate_breaches(
        occasion.store, policy=occasion.policy, actor=occasion.actor, now=occasion.now
    )
    log.info("%d SLAs newly missed", len(breached))
    return [
        {
            "case": int(row["case_id"]),
            "work": row["kind"],
            "queue": row["queue"],
            "due": row["due_at"].isoformat(),
        }
        for row in records(breached)
    ]

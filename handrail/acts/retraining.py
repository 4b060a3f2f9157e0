"""What a retraining leaves in the trail beside the version: who called for it, and attempts that failed."""

from collections.abc import Mapping
from datetime import datetime

from handrail.acts.authority import authorize
from handrail.policy import Policy
from handrail.retraining_triggers import Cause, TriggerFacts, is_news
from handrail.store import retraining, trail
from handrail.store.engine import Store
from handrail.store.trail import Event


def tell(
    store: Store,
    cause: Cause,
    figures: Mapping[str, int],
    *,
    facts: TriggerFacts,
    policy: Policy,
    actor: str,
    now: datetime,
) -> bool:
    """Record that a trigger calls for a retraining, once a crossing; False when that was told already."""
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        trail.lock(connection)
        if not is_news(retraining.last_told(connection, cause), facts, policy):
            return False
        event = Event(retraining.TOLD, data={"cause": cause, **figures})
        trail.append(connection, [event], at=now, actor=actor)
    return True


def note_failed(store: Store, cause: Cause, *, code: str, actor: str, now: datetime) -> None:
    """Record that an attempt to train failed, and on what kind of error; the champion goes on serving."""
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        trail.append(connection, [Event(retraining.FAILED, data={"cause": cause, "code": code})], at=now, actor=actor)

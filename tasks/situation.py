"""What holds at the moment of routing: stages, pauses, certificates and the dead-man's switch."""

from handrail.hold import held_since
from handrail.queues import Situation
from handrail.store import certificates, models, rollout
from handrail.store.engine import Connection
from handrail.store.frames import records
from tasks.occasion import Occasion


def situation(occasion: Occasion) -> Situation:
    """Read from the store everything that routing asks beside the policy."""
    with occasion.store.read() as connection:
        return seen(connection, occasion)


def seen(connection: Connection, occasion: Occasion) -> Situation:
    """The same within a snapshot: its certificates are those of the version that serves there."""
    pauses = rollout.pauses(connection)["category"]
    stages = rollout.stages(connection, occasion.policy)
    beats = rollout.watches(connection)
    started = rollout.last_stage_change(connection) or occasion.now
    version = models.serving(connection)["model_version"]
    valid = certificates.certificates(connection, version, occasion.now, rules=occasion.policy.certificate)
    held = held_since(beats, started, occasion.policy.watches.silent_for, occasion.now)
    return Situation(
        stages=stages,
        paused=frozenset(pauses.dropna()),
        all_paused=bool(pauses.isna().any()),
        held=held[0] if held else None,
        certified={row["category"]: float(row["threshold"]) for row in records(valid)},
    )

"""Actions of decided cases go out."""

from handrail.acts import delivering
from tasks.occasion import Occasion, log
from tasks.routing.receiver import Ledger
from tasks.step import step


@step
def deliver(occasion: Occasion) -> int:
    """Send every due action to the receiver; returns how many it acknowledged."""
    sent = delivering.deliver(
        occasion.store,
        Ledger(occasion.workspace.actions_path),
        policy=occasion.policy,
        actor=occasion.actor,
        now=occasion.now,
        rng=occasion.rng("jitter"),
    )
    log.info("delivered %d actions", sent)
    return sent

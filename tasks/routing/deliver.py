"""Actions of decided cases go out."""

from handrail.acts import delivering
from tasks.occasion import Occasion, log
from tasks.routing.receiver import Ledger
from tasks.step import step


@step
def deliver(occasion: Occasion, *, alone: bool = True) -> int:
    """Send every due action to the receiver; returns how many it acknowledged.

    `alone` says that nobody else sends at this time: what is leased was left by a killed sender.
    """
    sent = delivering.deliver(
        occasion.store,
        Ledger(occasion.workspace.actions_path),
        policy=occasion.policy,
        actor=occasion.actor,
        now=occasion.now,
        rng=occasion.rng("jitter"),
        alone=alone,
    )
    log.info("delivered %d actions", sent)
    return sent

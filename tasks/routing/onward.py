"""What was accepted goes on to its queue, by whatever holds when it gets there."""

from collections import Counter
from dataclasses import dataclass, replace

from handrail.queues import Queue
from handrail.store import inbox, policies
from tasks.intake.redact import redact
from tasks.occasion import Occasion, log
from tasks.routing.assign import assign
from tasks.routing.score import score

ROUNDS = 5
"""Each further one is needed only where another version or policy came while the one before was at work."""


@dataclass(frozen=True, slots=True)
class Onward:
    """How many cases went to each queue, and the occasion as it stands by now: its policy may be another one."""

    queues: dict[str, int]
    occasion: Occasion


def bring_on(occasion: Occasion) -> Onward:
    """Redact, score and route what was accepted, and again what was read or scored by what holds no more meanwhile."""
    counts: Counter[str] = Counter({str(name): 0 for name in Queue})
    for _ in range(ROUNDS):
        redact(occasion)
        score(occasion)
        counts.update(assign(occasion))
        occasion, waits = _by_now(occasion)
        if not waits:
            break
    else:
        log.warning("some cases are in no queue yet: models or policies changed all the while. The next run goes on.")
    return Onward(dict(counts), occasion)


def _by_now(occasion: Occasion) -> tuple[Occasion, bool]:
    """The occasion under the policy in force, and whether any case is on its way to its queue."""
    with occasion.store.read() as connection:
        in_force, waits = policies.in_force(connection), inbox.is_on_the_way(connection)
    if in_force is None or in_force.altered is not None or in_force.policy.version == occasion.policy.version:
        return occasion, waits
    log.warning("policy %s was published meanwhile: what is in no queue yet follows it", in_force.policy.version)
    return replace(occasion, policy=in_force.policy), waits

"""Inputs and notes past their retention are deleted."""

from handrail.acts import purging
from handrail.acts.purging import Purged
from tasks.occasion import Occasion, log
from tasks.step import step


@step
def purge(occasion: Occasion, *, dry_run: bool) -> Purged:
    """Delete, or with `dry_run` count, what is past the policy's retention."""
    counts = purging.purge(
        occasion.store, policy=occasion.policy, actor=occasion.actor, now=occasion.now, dry_run=dry_run
    )
    log.info("%s: %s", "would purge" if dry_run else "purged", counts)
    return counts

"""Differences between people and models go on: looks that are missing are opened, also at labels given earlier."""

from datetime import timedelta

from handrail.acts import doubting
from handrail.store import models
from tasks.occasion import Occasion, log
from tasks.step import step


@step
def settle_on(occasion: Occasion, length: timedelta) -> int:
    """Have others look at what the challenger surely contradicts of the last `length`; how many looks were opened.

    Contradictions that nobody can look at any more count as they stand from now on.
    """
    known = {"policy": occasion.policy, "actor": occasion.actor, "now": occasion.now}
    stands = doubting.go_on(occasion.store, **known)
    if stands:
        log.warning("%d differences count as they stand: nobody else is trained, or the text is deleted", len(stands))
    with occasion.store.read() as connection:
        challenger = models.serving(connection).challenger
    if challenger is None:
        return 0
    return doubting.doubt_earlier(occasion.store, challenger, since=occasion.now - length, **known)

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
    store, policy, actor, now = occasion.store, occasion.policy, occasion.actor, occasion.now
    stands = doubting.go_on(store, policy=policy, actor=actor, now=now)
    if stands:
        log.warning("%d differences count as they stand: nobody else is trained, or the text is deleted", len(stands))
    with store.read() as connection:
        challenger = models.serving(connection).challenger
    if challenger is None:
        return 0
    return doubting.doubt_earlier(store, challenger, since=now - length, policy=policy, actor=actor, now=now)

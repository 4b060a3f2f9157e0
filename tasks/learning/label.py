"""Gold cases come in, reviewers are tested on them."""

from collections.abc import Sequence

import pandas as pd

from handrail import pii
from handrail.acts import labelling
from tasks.occasion import Occasion, log


def write_gold(occasion: Occasion, texts: Sequence[str], labels: Sequence[str]) -> dict[str, int]:
    """Store gold cases written by hand, redacted like any other text; counts the new and the known ones."""
    privacy = occasion.policy.privacy
    redacted = [found.text for found in pii.redact_many(list(texts), privacy.redact, region=privacy.phone_region)]
    rows = pd.DataFrame({"text": redacted, "label": list(labels)}, dtype=object)
    written = labelling.write(occasion.store, rows, policy=occasion.policy, actor=occasion.actor, now=occasion.now)
    log.info("%d gold cases written, %d known", written["written"], written["duplicates"])
    return written


def give_test(occasion: Occasion, person: str) -> int:
    """Hand a person gold cases to label; the draw's seed follows from who and when."""
    handed = labelling.test(
        occasion.store,
        person,
        policy=occasion.policy,
        actor=occasion.actor,
        now=occasion.now,
        rng=occasion.rng(f"test {person}"),
    )
    log.info("%d gold cases handed out", handed)
    return handed

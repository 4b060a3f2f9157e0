"""Models that the shop has registered, and who serves."""

from dataclasses import asdict

import pandas as pd

from handrail.acts import publishing
from handrail.store import models
from models import classifier
from tasks.learning import retrain
from tests.scenes import FOUNDER
from tests.shop import HISTORY, NOW, Shop, letters, true_category

SWAPPED = {"refund": "tracking", "tracking": "refund"}


def serving(shop: Shop) -> dict[str, object]:
    with shop.at().store.read() as connection:
        return asdict(models.serving(connection))


def register(shop: Shop, moment: object, *, right: bool) -> str:
    """Register a model that learned the truth, or that takes refunds for tracking and back."""
    occasion = shop.at(moment)
    labels = [SWAPPED.get(name, name) if not right else name for name in map(_truth, letters(HISTORY))]
    rows = pd.DataFrame(letters(HISTORY)).assign(case_id=range(HISTORY), label=labels, channel="web")
    trained = classifier.train(rows, occasion.policy.model, ("channel",), occasion.policy.novelty)
    return retrain.register(occasion, trained, rows, "by_hand").version


def _truth(letter: dict[str, object]) -> str:
    return true_category(str(letter["text"]))


def allow_without_evidence(shop: Shop) -> None:
    promotion = shop.policy.promotion.model_copy(update={"without_evidence": "allow"})
    changed = shop.policy.model_copy(update={"promotion": promotion})
    publishing.publish(shop.at().store, changed, actor=FOUNDER, now=NOW)

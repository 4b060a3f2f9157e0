"""Models that the shop has registered, and who serves."""

from dataclasses import asdict
from functools import cache

import pandas as pd

from handrail.acts import publishing
from handrail.policy import ModelRules
from handrail.policy.learning import NoveltyRules
from handrail.store import models
from models import classifier
from models.classifier import TrainedModel
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
    trained = _trained(occasion.policy.model, occasion.policy.novelty, right=right)
    return retrain.register(occasion, trained, _rows(right=right), "by_hand").version


@cache
def _trained(rules: ModelRules, novelty: NoveltyRules, *, right: bool) -> TrainedModel:
    """Of the same letters by the same rules it is the same model, and none is changed by being registered."""
    return classifier.train(_rows(right=right), rules, ("channel",), novelty)


def _rows(*, right: bool) -> pd.DataFrame:
    labels = [SWAPPED.get(name, name) if not right else name for name in map(_truth, letters(HISTORY))]
    return pd.DataFrame(letters(HISTORY)).assign(case_id=range(HISTORY), label=labels, channel="web")


def _truth(letter: dict[str, object]) -> str:
    return true_category(str(letter["text"]))


def allow_without_evidence(shop: Shop) -> None:
    promotion = shop.policy.promotion.model_copy(update={"without_evidence": "allow"})
    changed = shop.policy.model_copy(update={"promotion": promotion})
    publishing.publish(shop.at().store, changed, actor=FOUNDER, now=NOW)

"""The first version: it serves by itself only where it is better than always saying the commonest category."""

import numpy as np
import pandas as pd
import pytest

from flows.deployment import deployment
from handrail.errors import Refused
from handrail.store import schema
from models import classifier
from tasks.learning import retrain
from tasks.learning.judge import judge
from tests.learned import allow_without_evidence, register, serving
from tests.scenes import FOUNDER
from tests.shop import HISTORY, LATER, Shop, letters


def noise(shop: Shop) -> None:
    """Register a model whose labels have nothing to do with its texts."""
    occasion = shop.at()
    labels = np.random.default_rng(7).choice(["refund", "tracking"], size=HISTORY, p=[0.75, 0.25])
    rows = pd.DataFrame(letters(HISTORY)).assign(case_id=range(HISTORY), label=labels, channel="web")
    trained = classifier.train(rows, occasion.policy.model, ("channel",), occasion.policy.novelty)
    registered = retrain.register(occasion, trained, rows, "by_hand")
    assert not registered.serves
    assert "promotion.without_evidence" in registered.notes[0] or "model promote 1" in registered.notes[0]


def test_a_first_version_that_does_not_beat_the_commonest_category_waits_until_a_better_one_comes(
    empty_shop: Shop,
) -> None:
    shop = empty_shop
    noise(shop)
    assert (serving(shop)["model_version"], serving(shop)["challenger"]) == (None, "1")
    assert "no version serves" in judge(shop.at(LATER)).reasons[0]
    with pytest.raises(Refused, match=r"not demonstrably better\. Train on more labels, or let the policy say"):
        shop.run(deployment, act="promote", version="1", reason="I like it", person=FOUNDER)
    shop.deliver("live.csv", letters(4))
    assert shop.rows(schema.Prediction) == []
    assert {row["reason"] for row in shop.rows(schema.Route)} == {"no_model"}
    register(shop, LATER, right=True)
    assert (serving(shop)["model_version"], serving(shop)["challenger"]) == ("2", None)
    assert [row["status"] for row in shop.rows(schema.ModelVersion)] == ["superseded", "champion"]


def test_only_a_person_lets_a_worthless_first_version_serve_where_the_policy_allows(empty_shop: Shop) -> None:
    allow_without_evidence(empty_shop)
    noise(empty_shop)
    with pytest.raises(Refused, match="never a flow"):
        empty_shop.run(deployment, act="promote", version="1", reason="a schedule")
    done = empty_shop.run(deployment, act="promote", version="1", reason="I like it", person=FOUNDER)
    assert (done.serves, done.evidence) == ("1", "none")

"""Training, shadow and judgement once most cases go by themselves: what labels stand for, and who may automate what."""

import re
from datetime import timedelta

import pandas as pd
import pytest

from flows.retraining import retraining
from handrail.acts import publishing
from handrail.policy import ModelRules, Stage
from handrail.store import certificates, schema
from models import classifier
from tasks.learning import rebuild, retrain, shadow, withheld_cases
from tasks.learning.judge import judge
from tests.learned import register, serving
from tests.scenes import FOUNDER
from tests.shop import HISTORY, LATER, NOW, UNSEEN, WORDS, Shop, in_stage, letters, true_category

DAY = timedelta(days=1)
SOON, LATE = LATER + timedelta(hours=1), LATER + 20 * DAY
SENTENCE = (
    r"version 2 would automate nothing: its \d+ withheld labels certify no threshold; \d+ more without an error would"
)


def blindly(shop: Shop, cases: int, moment: object = LATER) -> list[int]:
    """Cases in shadow, decided blind and rightly."""
    for category in WORDS:
        in_stage(shop, category, Stage.SHADOW, moment)
    before = len(shop.rows(schema.Case))
    shop.deliver(f"shadow-{cases}.csv", letters(cases, seed=UNSEEN), moment)
    shop.work(moment)
    return [row["id"] for row in shop.rows(schema.Case)[before:]]


def certify(shop: Shop, version: str, threshold: float) -> None:
    with shop.at().store.write() as connection:
        certificates.insert_certificate(
            connection,
            model_version=version,
            category=None,
            threshold=threshold,
            max_error=0.02,
            delta=0.05,
            labels=300,
            errors=0,
            window_from=NOW,
            window_to=NOW,
            issued_at=NOW,
            expires_at=NOW + 60 * DAY,
            voided_at=None,
            void_reason=None,
        )


@pytest.fixture
def strict(shop: Shop) -> Shop:
    """A business that automates nothing without a certificate."""
    queues = shop.policy.queues.model_copy(update={"uncertified": "review"})
    changed = shop.policy.model_copy(update={"queues": queues})
    publishing.publish(shop.at().store, changed, actor=FOUNDER, now=NOW)
    return shop


class TestCertificates:
    def test_a_challenger_that_would_automate_nothing_is_told_so_and_waits(self, strict: Shop) -> None:
        register(strict, LATER, right=True)
        blindly(strict, 100)
        certify(strict, "1", 0.7)
        waits = judge(strict.at(LATER + 2 * DAY))
        assert waits.outcome == "waiting"
        assert re.fullmatch(SENTENCE, waits.reasons[0])
        assert serving(strict)["challenger"] == "2", "a loss that is only lack of evidence refuses nobody"
        certify(strict, "2", 0.99)
        judged = judge(strict.at(LATER + 2 * DAY))
        assert judged.outcome == "refused", "the same model, that would automate less"
        assert judged.verdict.gain < 0

    def test_what_is_withheld_for_ever_is_scored_once_and_nothing_that_was_learnt(self, shop: Shop) -> None:
        ids = blindly(shop, 40)
        shop.run(retraining, LATE, cause="by_hand")
        occasion = shop.at(LATE)
        said = [row["case_id"] for row in shop.rows(schema.Prediction, model_version="2")]
        drawn = [one for one, held in zip(ids, occasion.withholding.draws(ids), strict=True) if held]
        assert sorted(said) == drawn, "received weeks before the challenger, labelled blindly, and never learnt"
        assert {row["role"] for row in shop.rows(schema.Prediction, model_version="2")} == {"challenger"}
        assert not set(said) & set(retrain.training_examples(occasion)["case_id"])
        assert shadow.never_learnt(occasion) == []


class TestWeights:
    def test_an_audits_label_stands_for_its_kind_and_a_rebuild_uses_the_weights_of_then(self, shop: Shop) -> None:
        in_stage(shop, "refund", Stage.AUTO)
        shop.audited(shop.automatic(12), wrong=0)
        occasion = shop.at(LATE)
        rows = retrain.training_examples(occasion)
        assert set(rows.loc[rows["provenance"] == "audit", "chance"]) == {0.05}
        assert set(rows.loc[rows["provenance"] == "history", "chance"]) == {1.0}
        trained = retrain.train(occasion, "by_hand")
        assert trained.metrics["weight_cap"] == pytest.approx(20)
        assert any("at most 20.0, the 95th percentile" in note for note in trained.notes)
        with occasion.store.write() as connection:
            connection.execute(schema.AuditDraw.__table__.update().values(inclusion_probability=0.9))
        assert rebuild.rebuild_version(shop.at(LATE + DAY), trained.version).same


class TestANewCategory:
    def test_it_is_judged_on_the_cases_where_it_matters(self, empty_shop: Shop) -> None:
        shop = empty_shop
        old = pd.DataFrame(letters(HISTORY)).assign(case_id=range(HISTORY), channel="web")
        old = old.assign(label=[true_category(text) for text in old["text"]])
        old = old[old["label"] != "tracking"]
        occasion = shop.at(NOW)
        trained = classifier.train(old, ModelRules.model_validate(occasion.policy.model.model_dump()), ("channel",))
        assert retrain.register(occasion, trained, old, "by_hand").serves
        register(shop, LATER, right=True)
        blindly(shop, 60)
        for category in WORDS:
            in_stage(shop, category, Stage.SUGGEST, SOON)
        shop.deliver("new.csv", letters(40, only="tracking", seed=UNSEEN + 1), SOON)
        with occasion.store.write() as connection:
            in_sight = schema.Route.stage == "suggest"
            values = {"queue": "C", "blind_chance": 0.0, "suggestion_hidden": False}
            connection.execute(schema.Route.__table__.update().where(in_sight).values(**values))
            connection.execute(
                schema.WorkItem.__table__.update()
                .where(schema.WorkItem.state == "open")
                .values(suggestion_hidden=False)
            )
        shop.work(SOON)
        later = shop.at(LATER + 2 * DAY)
        assert retrain.new_categories(later) == ("tracking",)
        fresh = withheld_cases.fresh(later, ("1", "2"), NOW, ("tracking",))
        seen = fresh[fresh["in_sight"]]
        assert len(seen) > 5
        assert set(seen["weight"]) == {1.0}
        assert not set(seen["case_id"]) & set(retrain.training_examples(later, new_categories=["tracking"])["case_id"])
        assert not withheld_cases.fresh(later, ("1", "2"), NOW)["in_sight"].any()
        judgement = judge(later)
        assert judgement.outcome == "promoted"
        (row,) = shop.rows(schema.ModelVersion, version="2")
        assert re.match(r"version 1 does not know tracking: \d+ of the cases are of it", row["judgement"]["notes"][0])

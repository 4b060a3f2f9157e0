"""From labels to a challenger, through its gate or not; and who serves, whatever MLflow's alias says."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from flows.deployment import Paused, Resumed, RolledBack, deployment
from flows.retraining import retraining
from flows.shadow_scoring import shadow_scoring
from handrail.acts import claiming, deciding, pausing
from handrail.alpha_spending import first_look
from handrail.case import Outcome
from handrail.errors import BadInput, GateFailed, NotFound, NotPermitted, Refused
from handrail.policy import Stage
from handrail.ruling import Ruling
from handrail.store import judging, schema, trail
from models import registry, tracking
from tasks.learning import certify, evaluate, rebuild, retrain, shadow
from tasks.learning.judge import judge
from tasks.routing import score
from tests.learned import allow_without_evidence, register, serving
from tests.scenes import FOUNDER, NOVICE
from tests.shop import HISTORY, LATER, NOW, UNSEEN, WORDS, Shop, letters

DAY = timedelta(days=1)


def in_shadow(shop: Shop) -> None:
    occasion = shop.at(LATER, FOUNDER)
    for category in WORDS:
        pausing.set_stage(
            occasion.store, category, Stage.SHADOW, reason="test", policy=occasion.policy, actor=FOUNDER, now=LATER
        )


def blind_labels(shop: Shop, cases: int, moment: object = LATER) -> None:
    """Cases in shadow, decided blind and rightly."""
    in_shadow(shop)
    shop.deliver(f"shadow-{cases}.csv", letters(cases, seed=UNSEEN), moment)
    shop.work(moment)


class TestTrainingSet:
    def test_withheld_cases_and_their_twins_never_train(self, shop: Shop) -> None:
        blind_labels(shop, 40)
        occasion = shop.at()
        examples = retrain.training_examples(occasion)
        blind = [row["case_id"] for row in shop.rows(schema.Label) if row["blind"]]
        withheld = [case_id for case_id, held in zip(blind, occasion.withholding.draws(blind), strict=True) if held]
        assert 5 < len(withheld) < 35
        assert not set(withheld) & set(examples["case_id"])
        texts = {shop.rows(schema.CaseInput, case_id=case_id)[0]["redacted"] for case_id in withheld}
        assert not texts & set(examples["text"]), "the history holds the same letters: they are left out too"
        with occasion.store.read() as connection:
            judged = judging.withheld(connection, shop.policy, since=NOW)
        assert set(withheld) <= set(judged["case_id"])

    def test_a_withheld_case_stays_withheld_when_it_gets_another_label(self, shop: Shop) -> None:
        blind_labels(shop, 12)
        occasion = shop.at()
        blind = [row["case_id"] for row in shop.rows(schema.Label) if row["blind"]]
        withheld = next(c for c, held in zip(blind, occasion.withholding.draws(blind), strict=True) if held)
        with occasion.store.write() as connection:
            connection.execute(
                schema.Label.__table__.insert().values(
                    case_id=withheld,
                    label="refund",
                    status="accepted",
                    provenance="escalation",
                    reviewer="mona",
                    blind=False,
                    labelled_at=LATER,
                )
            )
        assert withheld not in set(retrain.training_examples(occasion)["case_id"])

    def test_the_labels_of_who_is_not_trained_do_not_train(self, shop: Shop) -> None:
        in_shadow(shop)
        shop.deliver("live.csv", letters(6), LATER)
        occasion = shop.at()
        known = {"policy": occasion.policy, "now": LATER}
        claims = claiming.claim(occasion.store, NOVICE, limit=6, **known)
        rulings = [Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, "refund") for claim in claims]
        deciding.decide(occasion.store, rulings, NOVICE, **known)
        assert {row["status"] for row in shop.rows(schema.Label)} == {"imported", "provisional"}
        assert set(retrain.training_examples(occasion)["provenance"]) == {"history"}

    def test_the_share_that_is_withheld_is_the_policys(self, shop: Shop) -> None:
        held = shop.at().withholding.draws(list(range(4000)))
        assert held.mean() == pytest.approx(shop.policy.promotion.withheld_share, abs=0.04)
        assert np.array_equal(held, shop.at(LATER + DAY).withholding.draws(list(range(4000))))

    def test_too_few_labels_train_nothing_and_say_so(self, empty_shop: Shop) -> None:
        empty_shop.deliver("history.csv", letters(30, labelled=True), NOW)
        with pytest.raises((BadInput, GateFailed), match="40"):
            empty_shop.run(retraining, NOW, cause="by_hand")
        assert empty_shop.rows(schema.ModelVersion) == []


class TestServing:
    def test_the_first_version_serves_at_once(self, shop: Shop) -> None:
        assert (serving(shop)["model_version"], serving(shop)["challenger"]) == ("1", None)
        (row,) = shop.rows(schema.ModelVersion)
        assert (row["status"], row["cause"], row["labels"]) == ("champion", "by_hand", HISTORY)

    def test_every_later_version_waits_as_challenger(self, shop: Shop) -> None:
        result = shop.run(retraining, LATER, cause="by_hand")
        assert (result.version, result.serves) == ("2", False)
        assert (serving(shop)["model_version"], serving(shop)["challenger"]) == ("1", "2")

    def test_an_alias_moved_by_hand_is_put_back_recorded_and_never_serves(self, shop: Shop) -> None:
        other = register(shop, LATER, right=False)
        occasion = shop.at()
        tracking.set_alias(occasion.workspace, occasion.model_name, "champion", other)
        shop.deliver("live.csv", letters(4))
        assert {row["model_version"] for row in shop.rows(schema.Prediction)} == {"1"}
        assert tracking.alias(occasion.workspace, occasion.model_name, "champion") == "1"
        with occasion.store.read() as connection:
            (event,) = trail.search(connection, kind="model.alias_moved")
        assert (event["found"], event["serving"]) == (other, "1")
        shop.deliver("more.csv", letters(4))
        with occasion.store.read() as connection:
            assert len(trail.search(connection, kind="model.alias_moved")) == 1

    def test_without_a_registry_the_champion_goes_on_serving(self, shop: Shop) -> None:
        (shop.workspace.home / "mlflow.db").unlink()
        assert shop.deliver("live.csv", letters(8))["queues"]["A"] > 0

    def test_a_challenger_scores_the_same_cases_in_shadow(self, shop: Shop) -> None:
        register(shop, LATER, right=False)
        shop.deliver("live.csv", letters(12))
        result = shop.run(shadow_scoring, LATER)
        assert result.challenger == 12
        assert {row["role"] for row in shop.rows(schema.Prediction)} == {"champion", "challenger"}
        assert score.score_challenger(shop.at(), NOW) == 0, "no case is scored twice"


class TestTheGate:
    def test_without_a_challenger_there_is_nothing_to_judge(self, shop: Shop) -> None:
        assert shop.run(deployment, act="judge").outcome == "none"

    def test_a_challenger_stays_in_shadow_for_the_policys_time(self, shop: Shop) -> None:
        register(shop, LATER, right=True)
        soon = LATER + shop.policy.promotion.shadow_for - timedelta(seconds=1)
        judgement = judge(shop.at(soon))
        assert judgement.outcome == "waiting"
        assert "in shadow until" in judgement.reasons[0]

    def test_too_few_withheld_labels_wait_for_more(self, shop: Shop) -> None:
        register(shop, LATER, right=True)
        blind_labels(shop, 8)
        judgement = judge(shop.at(LATER + DAY))
        assert judgement.outcome == "waiting"
        assert "more fresh withheld labels" in judgement.reasons[0]
        assert serving(shop)["challenger"] == "2"

    def test_a_withheld_case_that_repeats_what_was_learnt_does_not_judge(self, shop: Shop) -> None:
        register(shop, LATER, right=True)
        in_shadow(shop)
        shop.deliver("known.csv", letters(60), LATER)  # the history's own letters, of a later day
        shop.work(LATER)
        asked = shop.policy.promotion.min_withheld
        reasons = judge(shop.at(LATER + 2 * DAY)).reasons
        assert reasons == (f"{asked} more fresh withheld labels are needed",), "not one of some thirty counts"

    def test_a_better_challenger_is_promoted_and_its_labels_are_used_up(self, empty_shop: Shop) -> None:
        shop = empty_shop
        register(shop, NOW, right=False)
        register(shop, LATER, right=True)
        blind_labels(shop, 120)
        result = shop.run(deployment, LATER + DAY, act="judge")
        assert (result.outcome, result.version) == ("promoted", "2")
        assert result.verdict.low > 0
        assert (serving(shop)["model_version"], serving(shop)["previous"]) == ("2", "1")
        occasion = shop.at()
        assert tracking.alias(occasion.workspace, occasion.model_name, "champion") == "2"
        assert tracking.alias(occasion.workspace, occasion.model_name, "challenger") is None
        register(shop, LATER + DAY, right=True)
        assert "fresh withheld labels" in judge(shop.at(LATER + 2 * DAY)).reasons[0], "labels judge once"

    def test_a_worse_challenger_is_refused_and_the_champion_stays(self, shop: Shop) -> None:
        register(shop, LATER, right=False)
        blind_labels(shop, 120)
        result = shop.run(deployment, LATER + DAY, act="judge")
        assert result.outcome == "refused"
        assert (serving(shop)["model_version"], serving(shop)["challenger"]) == ("1", None)
        assert [row["status"] for row in shop.rows(schema.ModelVersion)] == ["champion", "refused"]

    def test_a_rollback_returns_and_bars(self, shop: Shop) -> None:
        register(shop, LATER, right=False)
        occasion = shop.at()
        known = {"actor": FOUNDER, "reason": "a test", "now": LATER}
        registry.promote(occasion.store, occasion.workspace, occasion.model_name, "2", **known)
        assert shop.run(deployment, act="rollback", reason="worse") == RolledBack("1")
        assert tracking.alias(occasion.workspace, occasion.model_name, "champion") == "1"
        with pytest.raises(Refused, match="rolled back"):
            registry.promote(occasion.store, occasion.workspace, occasion.model_name, "2", **known)
        tracking.set_alias(occasion.workspace, occasion.model_name, "champion", "2")
        with pytest.raises(Refused, match="rolled back"):
            shop.run(deployment, act="promote", version="2", reason="it was fine", person=FOUNDER)
        shop.deliver("live.csv", letters(4))
        assert {row["model_version"] for row in shop.rows(schema.Prediction)} == {"1"}

    def test_labels_from_after_a_rollback_may_let_the_version_serve_again(self, empty_shop: Shop) -> None:
        shop = empty_shop
        register(shop, NOW, right=False)
        register(shop, LATER, right=True)
        blind_labels(shop, 120)
        assert shop.run(deployment, LATER + DAY, act="judge").outcome == "promoted"
        left = shop.run(deployment, LATER + DAY, act="rollback", reason="practice", rehearsal=True)
        assert left == RolledBack("1", rehearsal=True)
        again: dict[str, Any] = {"act": "promote", "version": "2", "person": FOUNDER, "reason": "it was right"}
        assert shop.run(deployment, LATER + DAY, **again).evidence == "judged", "practice bars nothing"
        shop.run(deployment, LATER + 2 * DAY, act="rollback", reason="customers complain")
        with pytest.raises(Refused, match=r"rolled back and serves again only once.*more fresh withheld labels"):
            shop.run(deployment, LATER + 2 * DAY, **again)
        assert [row["status"] for row in shop.rows(schema.ModelVersion)] == ["champion", "rolled_back"]
        later = LATER + 3 * DAY
        arrived = [{**letter, "received_at": later.isoformat()} for letter in letters(120, seed=UNSEEN)]
        shop.deliver("after.csv", arrived, later)
        shop.work(later)
        done = shop.run(deployment, LATER + 4 * DAY, **again)
        assert (done.serves, done.evidence) == ("2", "judged")
        assert tracking.alias(shop.workspace, shop.at().model_name, "champion") == "2"

    def test_the_batch_after_a_rollback_is_scored_by_the_earlier_version(self, shop: Shop) -> None:
        register(shop, LATER, right=False)
        occasion = shop.at()
        registry.promote(
            occasion.store, occasion.workspace, occasion.model_name, "2", actor=FOUNDER, reason="a test", now=LATER
        )
        shop.deliver("before.csv", letters(4))
        shop.run(deployment, act="rollback", reason="worse")
        shop.deliver("after.csv", letters(4))
        assert [row["model_version"] for row in shop.rows(schema.Prediction)] == ["2"] * 4 + ["1"] * 4

    def test_where_no_earlier_version_can_be_read_a_rollback_is_refused_and_says_what_to_do(self, shop: Shop) -> None:
        register(shop, LATER, right=True)
        occasion = shop.at()
        registry.promote(
            occasion.store, occasion.workspace, occasion.model_name, "2", actor=FOUNDER, reason="a test", now=LATER
        )
        with occasion.store.write() as connection:
            connection.execute(
                schema.ModelVersion.__table__.update()
                .where(schema.ModelVersion.version == "1")
                .values(artifact_digest="0" * 64)
            )
        with pytest.raises(Refused, match=r"None of the earlier versions \(1\) can be read.*handrail pause --all"):
            shop.run(deployment, act="rollback", reason="worse")
        assert serving(shop)["model_version"] == "2"


class TestPromotionByHand:
    def test_what_nobody_could_judge_is_refused_with_what_is_missing(self, shop: Shop) -> None:
        register(shop, LATER, right=True)
        with pytest.raises(Refused, match="20 more fresh withheld labels are needed"):
            shop.run(deployment, act="promote", version="2", reason="I like it", person=FOUNDER)
        assert serving(shop)["model_version"] == "1"
        assert serving(shop)["challenger"] == "2", "it goes on in shadow"

    def test_where_the_policy_allows_it_a_person_promotes_it_and_every_face_says_so(self, shop: Shop) -> None:
        allow_without_evidence(shop)
        register(shop, LATER, right=True)
        with pytest.raises(Refused, match="never a flow"):
            shop.run(deployment, act="promote", version="2", reason="a schedule")
        done = shop.run(deployment, act="promote", version="2", reason="I like it", person=FOUNDER)
        assert (done.serves, done.evidence) == ("2", "none")
        assert "withheld labels are needed" in done.missing
        occasion = shop.at()
        with occasion.store.read() as connection:
            event = trail.search(connection, kind="model.promoted")[-1]
        assert (event["actor"], event["evidence"], event["because"]) == (FOUNDER, "none", "I like it")
        tags = tracking.tags(occasion.workspace, occasion.model_name, "2")
        assert tags["handrail.evidence"] == "promoted without evidence"

    def test_one_that_can_be_judged_is_judged_first_whatever_its_time_in_shadow(self, empty_shop: Shop) -> None:
        shop = empty_shop
        register(shop, NOW, right=False)
        register(shop, LATER, right=True)
        blind_labels(shop, 120)
        soon = LATER + timedelta(minutes=1)
        assert "in shadow until" in judge(shop.at(soon)).reasons[0]
        done = shop.run(deployment, soon, act="promote", version="2", reason="the old one errs", person=FOUNDER)
        assert (done.serves, done.evidence) == ("2", "judged")
        with shop.at().store.read() as connection:
            assert trail.search(connection, kind="model.promoted")[-1]["because"] == "the old one errs"

    def test_one_that_fails_the_test_is_refused_though_the_policy_would_allow_it_unjudged(self, shop: Shop) -> None:
        allow_without_evidence(shop)
        register(shop, LATER, right=False)
        blind_labels(shop, 120)
        with pytest.raises(Refused, match="was judged now and refused"):
            shop.run(deployment, LATER + DAY, act="promote", version="2", reason="I like it", person=FOUNDER)
        assert serving(shop)["model_version"] == "1"
        assert [row["status"] for row in shop.rows(schema.ModelVersion)] == ["champion", "refused"]

    def test_it_needs_a_version_a_reason_and_a_role(self, shop: Shop) -> None:
        register(shop, LATER, right=True)
        with pytest.raises(BadInput, match="needs a version"):
            shop.run(deployment, act="promote", reason="a test")
        with pytest.raises(BadInput, match="needs a reason"):
            shop.run(deployment, act="promote", version="2", person=FOUNDER)
        with pytest.raises(NotPermitted):
            shop.run(deployment, act="promote", version="2", reason="a test", person=NOVICE)


class TestRebuilding:
    def test_the_same_labels_seed_and_rules_give_the_same_predictions(self, shop: Shop) -> None:
        found = rebuild.rebuild_version(shop.at(), "1")
        assert (found.same, found.digest, found.labels) == (True, found.registered, HISTORY)
        assert found.differs == ()

    def test_a_changed_label_is_named_and_nothing_is_trained(self, shop: Shop) -> None:
        with shop.at().store.write() as connection:
            connection.execute(schema.Label.__table__.update().where(schema.Label.id == 1).values(label="complaint"))
        found = rebuild.rebuild_version(shop.at(), "1")
        assert (found.same, found.digest) == (False, None)
        assert "the training set" in found.differs[0]

    def test_labels_that_came_later_do_not_matter(self, shop: Shop) -> None:
        blind_labels(shop, 12)
        assert rebuild.rebuild_version(shop.at(), "1").same


class TestShadow:
    def test_champion_and_challenger_are_compared_on_the_same_cases(self, shop: Shop) -> None:
        with pytest.raises(NotFound, match="No challenger"):
            shadow.compare(shop.at())
        register(shop, LATER, right=False)
        in_shadow(shop)
        shop.deliver("live.csv", letters(12))
        shop.run(shadow_scoring, LATER)
        assert shadow.compare(shop.at()).decided == 0
        shop.work(LATER)
        found = shadow.compare(shop.at())
        assert (found.cases, found.agree, found.agreement, found.decided) == (12, 6, 0.5, 12)
        assert (found.champion_right, found.challenger_right) == (12, 6)
        assert set(found.disagreements) == {("refund", "tracking", 3), ("tracking", "refund", 3)}


class TestDeploymentByHand:
    def test_a_flow_pauses_but_only_a_person_resumes_and_stages(self, shop: Shop) -> None:
        known = {"category": "refund", "reason": "a test"}
        assert shop.run(deployment, act="pause", **known) == Paused(0)
        for act in ("resume", "stage"):
            with pytest.raises(NotPermitted):
                shop.run(deployment, act=act, stage=Stage.SUGGEST, **known)
        assert shop.run(deployment, act="resume", person=FOUNDER, **known) == Resumed("refund")
        moved = shop.run(deployment, act="stage", stage=Stage.SUGGEST, person=FOUNDER, **known)
        assert (moved.before, moved.to) == (Stage.AUTO, Stage.SUGGEST)

    def test_a_stage_needs_its_category(self, shop: Shop) -> None:
        with pytest.raises(BadInput, match="needs a category and a stage"):
            shop.run(deployment, act="stage", reason="a test", person=FOUNDER)


class TestCertificates:
    def test_blind_labels_in_shadow_certify_once(self, shop: Shop) -> None:
        in_shadow(shop)
        rules = shop.policy.certificate
        shop.deliver("shadow.csv", letters(first_look(rules.max_error, rules.delta), only="refund"))
        shop.work(LATER)
        issued = certify.certify(shop.at())
        assert "overall" in issued
        assert certify.certify(shop.at()) == [], "a valid certificate is not issued again"
        assert [row["category"] for row in shop.rows(schema.Certificate)].count(None) == 1

    def test_labels_that_saw_the_suggestion_certify_nothing(self, shop: Shop) -> None:
        shop.deliver("live.csv", letters(40))
        shop.work(LATER, kinds=["review"])
        assert certify.certify(shop.at()) == []

    def test_agreement_counts_blind_rulings_apart(self, shop: Shop) -> None:
        blind_labels(shop, 20)
        (row,) = evaluate.agreement(shop.at())
        assert (row.model, row.role, row.compared, row.blind) == ("1", "champion", 20, 20)
        assert row.agreed == row.blind_agreed == 1.0

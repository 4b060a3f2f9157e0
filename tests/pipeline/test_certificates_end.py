"""Certificates of the challenger in shadow, and certificates that their own audits contradict."""

import pytest
from sqlalchemy import insert, select, update

from handrail.acts import models as model_acts
from handrail.policy import Stage
from handrail.store import schema
from tasks.learning import certify
from tasks.learning.certificate_accounts import accounts, certified, certified_in_shadow
from tests.pipeline.test_certificates import DAY, FEWEST, HOUR, asked, labelled, publish, to_stage
from tests.scenes import FOUNDER
from tests.shop import LATER, Shop, letters


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop that allows one error in ten: few letters certify that."""
    publish(shop)
    return shop


class TestInShadow:
    def test_the_challenger_has_its_own_account_and_keeps_its_certificate_when_it_serves(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        with shop.at().store.write() as connection:
            (first,) = connection.execute(select(schema.ModelVersion.__table__)).mappings().all()
            values = {**first, "version": "2", "status": "challenger", "run_id": "another"}
            connection.execute(insert(schema.ModelVersion).values(values))
            connection.execute(update(schema.Serving).values(challenger="2"))
            said = connection.execute(select(schema.Prediction.__table__)).mappings().all()
            again = [{**row, "model_version": "2", "role": "challenger"} for row in said]
            connection.execute(
                insert(schema.Prediction), [{k: v for k, v in row.items() if k != "id"} for row in again]
            )
        seen = {(one.version, one.category): len(one.labels) for one in accounts(shop.at())}
        assert seen["1", "refund"] == seen["2", "refund"] == FEWEST
        assert {one.version for one in certified(shop.at())} == {"1"}
        certify.certify(shop.at())
        in_shadow = {one.certificate: one for one in certified_in_shadow(shop.at())}
        assert in_shadow["refund"].population.startswith("cases of refund that version 2 would automate")
        model_acts.set_champion(shop.at().store, "2", actor=FOUNDER, reason="test", now=LATER, under=None)
        assert asked(shop)["refund"].is_certified, "a promotion does not begin from nothing"


class TestContradicted:
    def test_audits_that_speak_against_a_certificate_end_it_and_its_cases_go_to_people(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        certify.certify(shop.at())
        to_stage(shop, Stage.AUTO, LATER + HOUR)
        approved = shop.automatic(30, LATER + DAY)
        shop.audited(approved, wrong=2, moment=LATER + DAY)
        certify.certify(shop.at(LATER + 2 * DAY))
        assert asked(shop, LATER + 2 * DAY)["refund"].is_certified, "two of thirty are no more than one in ten"
        more = shop.automatic(30, LATER + 3 * DAY)
        shop.audited(more, wrong=20, moment=LATER + 3 * DAY)
        certify.certify(shop.at(LATER + 4 * DAY))
        ended = asked(shop, LATER + 4 * DAY)["refund"]
        assert (ended.is_certified, ended.labels) == (False, 0), "what was contradicted certifies nothing again"
        queues = shop.deliver("after.csv", letters(10, only="refund", seed=6), LATER + 5 * DAY)
        assert queues["queues"]["A"] == 0, "the policy's fixed threshold does not stand in for it"

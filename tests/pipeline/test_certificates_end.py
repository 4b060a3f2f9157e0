"""Certificates of the challenger in shadow, and certificates that their own audits contradict."""

from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import insert, select, update

from handrail.acts import models as model_acts
from handrail.certificate import Certificate
from handrail.store import schema
from tasks.learning import certify
from tasks.learning.certificate_accounts import accounts, certified, certified_in_shadow
from tests.pipeline.test_certificates import FEWEST, asked, labelled, publish
from tests.scenes import FOUNDER
from tests.shop import LATER, Shop


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
    def test_settled_random_audits_of_what_was_approved_under_it_test_a_certificate(self) -> None:
        day = timedelta(days=1)
        seen = pd.DataFrame(
            {
                "category": ["refund"] * 6 + ["other"],
                "confidence": [0.99, 0.99, 0.99, 0.99, 0.99, 0.5, 0.99],
                "approved_at": [LATER, LATER, LATER, LATER, LATER - 2 * day, LATER, LATER],
                "audited_at": [LATER + day] * 7,
                "drawn": True,
                "random": [True, True, True, False, True, True, True],
                "rejected": True,
                "pending": [False, True, False, False, False, False, False],
            }
        )
        held = Certificate(1, "1", "refund", 0.9, 0.1, 0.05, 9, 0, LATER, LATER, LATER, LATER + 60 * day, None, None)
        young, old = LATER, LATER + 2 * day
        assert certify.settled_audits(seen, held, since=LATER, old=young) == (2, 2)
        assert certify.settled_audits(seen, held, since=LATER, old=old) == (3, 3), "what waits too long counts"

"""A category is renamed or retired while a model that learned its old name serves: every flow goes on."""

from datetime import timedelta
from typing import Any

import pytest

from flows.agreement_watch import agreement_watch
from flows.alerting import alerting
from flows.audit_sampling import audit_sampling
from flows.drift_detection import drift_detection
from flows.fairness_watch import fairness_watch
from flows.kpi_report import kpi_report
from flows.quality_watch import quality_watch
from flows.retraining import retraining
from flows.sla_watch import sla_watch
from handrail.acts import publishing
from handrail.policy import Policy
from handrail.store import models, schema
from tests.open_things import nothing_left_open
from tests.scenes import FOUNDER
from tests.shop import LATER, UNSEEN, Shop, letters

HOUR = timedelta(hours=1)
FLOWS = (
    quality_watch,
    sla_watch,
    audit_sampling,
    agreement_watch,
    drift_detection,
    fairness_watch,
    kpi_report,
    alerting,
)


def changed(shop: Shop, new: str | None, **entries: Any) -> Policy:  # noqa: ANN401 - of the policy
    """Publish the shop's policy with refunds under another name, or without them."""
    body = shop.policy.model_dump()
    rules = body["categories"].pop("refund")
    if new is not None:
        body["categories"][new] = rules
    policy = Policy.model_validate({**body, **entries})
    assert publishing.publish(shop.at().store, policy, actor=FOUNDER, now=LATER)
    return policy


@pytest.mark.parametrize("heir", ["money_back", "tracking", None])
def test_every_flow_goes_on_under_the_changed_policy(shop: Shop, heir: str | None) -> None:
    shop.audited(shop.automatic(6), wrong=1)
    shop.deliver("waiting.csv", letters(8, only="complaint"))
    renamed = {"renamed": {"refund": heir}} if heir == "money_back" else {"retired": {"refund": {"to": heir}}}
    policy = changed(shop, heir if heir == "money_back" else None, **renamed)
    moment = LATER + HOUR
    queues = shop.deliver("more.csv", letters(5, only="refund", seed=UNSEEN), moment)["queues"]
    said = {row["label"] for row in shop.rows(schema.Prediction)}
    assert ("refund" in said) is (heir is None)
    assert (queues["A"] > 0) is (heir is not None), "what nothing took the place of goes to people"
    for number, flow in enumerate(FLOWS):
        shop.run(flow, moment + timedelta(minutes=number))
    assert nothing_left_open(shop.at().store, policy, moment) == []
    with shop.at().store.read() as connection:
        assert models.serving(connection).model_version == "1"


def test_a_new_model_learns_the_new_name(shop: Shop) -> None:
    changed(shop, "money_back", renamed={"refund": "money_back"})
    shop.run(retraining, LATER + HOUR, cause="by_hand")
    assert {row["label"] for row in shop.rows(schema.Label)} == {"money_back", "tracking", "complaint", "cancel"}
    assert len(shop.rows(schema.ModelVersion)) == 2


@pytest.mark.parametrize(("heir", "entry"), [("money_back", "renamed"), ("tracking", "retired"), (None, "retired")])
def test_an_outcome_under_the_old_name_follows_the_category(shop: Shop, heir: str | None, entry: str) -> None:
    became: object = heir if entry == "renamed" else {"to": heir}
    policy = changed(shop, heir if entry == "renamed" else None, **{entry: {"refund": became}})
    late = [{**row, "label": "refund"} for row in letters(2, only="refund", seed=UNSEEN)]
    result = shop.deliver("late.csv", late, LATER + HOUR)
    assert (result["imported"], result["quarantined"]) == ((2, 0) if heir else (0, 2))
    labels = {one["case_id"]: one["label"] for one in shop.rows(schema.Label)}
    newest = shop.rows(schema.Batch)[-1]["id"]
    said = {labels[case["id"]] for case in shop.rows(schema.Case, batch_id=newest)}
    assert said == ({heir} if heir else set())
    if entry == "renamed":
        forgetful = Policy.model_validate({**policy.model_dump(), "renamed": {}})
        publishing.publish(shop.at().store, forgetful, actor=FOUNDER, now=LATER + HOUR)
        later = [{**row, "external_id": f"L-{number}"} for number, row in enumerate(late)]
        assert shop.deliver("later.csv", later, LATER + 2 * HOUR)["imported"] == 2

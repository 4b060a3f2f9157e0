"""`UPDATE policies` is no publication: nothing is approved until the right policy is published."""

import sqlite3
from contextlib import closing

import pytest

from flows.audit_sampling import audit_sampling
from flows.drift_detection import drift_detection
from flows.kpi_report import kpi_report
from flows.quality_watch import quality_watch
from flows.queue_assignment import queue_assignment
from flows.shadow_scoring import shadow_scoring
from flows.sla_watch import sla_watch
from handrail import policy
from handrail.acts import publishing
from handrail.store import schema
from tasks.routing.receiver import Ledger
from tasks.watch.alert import sweep
from tests.scenes import FOUNDER
from tests.shop import LATER, Shop, letters


def forge(shop: Shop, old: str, new: str) -> None:
    """Change the policy in force past Handrail."""
    with closing(sqlite3.connect(shop.workspace.home / "handrail.db")) as connection, connection:
        connection.execute("UPDATE policies SET body = replace(body, ?, ?)", (old, new))
        assert connection.execute("SELECT instr(body, ?) FROM policies", (new,)).fetchall() != [(0,)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"auto_above":null', '"auto_above":0.01'),
        ('"auto_above":0.6', '"auto_above":0.01'),  # below human_below: it is no valid policy any more
        ('{"business"', "business"),
    ],
)
def test_nothing_is_approved_and_an_alarm_is_raised_until_the_right_one_is_published(
    shop: Shop, old: str, new: str
) -> None:
    forge(shop, old, new)
    result = shop.deliver("live.csv", letters(8))
    assert (result["queues"]["A"], sum(result["queues"].values())) == (0, 8)
    assert result["reasons"]["altered"] >= 4
    assert Ledger(shop.workspace.actions_path).effects() == 0
    sweep(shop.at())
    (alert,) = [row for row in shop.rows(schema.Alert) if row["kind"] == "policy_altered"]
    assert (alert["severity"], alert["subject"]) == ("critical", "all")
    right = policy.read(shop.workspace.home / "policy.yaml")
    assert publishing.publish(shop.at().store, right, actor=FOUNDER, now=LATER)
    again = [{**case, "external_id": f"again-{at}"} for at, case in enumerate(letters(4, only="refund"))]
    assert shop.deliver("again.csv", again)["reasons"] == {"auto": 4}


def test_the_watches_go_on_under_a_policy_that_cannot_be_read(shop: Shop) -> None:
    shop.automatic(4)
    forge(shop, '{"business"', "business")
    for watch in (
        audit_sampling,
        quality_watch,
        sla_watch,
        queue_assignment,
        drift_detection,
        shadow_scoring,
        kpi_report,
    ):
        shop.run(watch, LATER)
    assert {row["name"] for row in shop.rows(schema.Watch)} == {"audit_sampling", "quality_watch", "sla_watch"}

"""Every flow and every page looks where there is nothing, and none of them falls over."""

import importlib
import pkgutil
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from prefect import Flow

import flows
from flows.quality_watch import quality_watch
from handrail.acts import pausing
from handrail.store import schema
from tasks.views import operations, overview
from tasks.watch.breaker import read_breaker
from tests.scenes import FOUNDER
from tests.shop import LATER, Shop

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WITH_A_FILE = {"triage", "sample-rehearsal"}


def every_flow() -> list[Flow[..., Any]]:
    """Each flow that needs nothing but a moment; a new one comes by itself."""
    modules = [importlib.import_module(f"flows.{one.name}") for one in pkgutil.iter_modules(flows.__path__)]
    found = {one.name: one for module in modules for one in vars(module).values() if isinstance(one, Flow)}
    return [flow for name, flow in sorted(found.items()) if name not in WITH_A_FILE]


FLOWS = every_flow()


def once_resumed(shop: Shop) -> datetime:
    """Refunds were paused and resumed, then audited, and not since; a moment at which the window is empty."""
    store, known = shop.at().store, {"actor": FOUNDER, "now": LATER}
    pausing.pause(store, "refund", reason="a look", policy=shop.policy, **known)
    pausing.resume(store, "refund", reason="fine", policy=shop.policy, **known)
    moment = LATER + 2 * HOUR
    shop.audited(shop.automatic(10, moment), wrong=0, moment=moment)
    assert shop.run(quality_watch, moment + HOUR).readings[0].counted == 10
    return moment + shop.policy.breaker.window + DAY


def just_begun(shop: Shop) -> datetime:
    return LATER


def long_after(shop: Shop) -> datetime:
    """Nothing has come for longer than any window; a day later a training would be due, and refused for old labels."""
    return LATER + 29 * DAY


@pytest.mark.parametrize(
    ("workspace", "situation"),
    [("empty_shop", just_begun), ("shop", just_begun), ("shop", long_after), ("shop", once_resumed)],
)
def test_every_flow_runs_where_there_is_nothing_to_see(
    request: pytest.FixtureRequest, workspace: str, situation: Callable[[Shop], datetime]
) -> None:
    shop: Shop = request.getfixturevalue(workspace)
    moment = situation(shop)
    for flow in FLOWS:
        shop.run(flow, moment)
    verdicts = {row["verdict"] for row in shop.rows(schema.Reading, at=moment)}
    assert verdicts
    assert "unreadable" not in verdicts
    occasion = shop.at(moment, FOUNDER)
    assert overview.overview(occasion).holds.unwatched == ()
    assert len(operations.categories(occasion)) == 4


def test_the_flows_are_found() -> None:
    assert len(FLOWS) >= 13


def test_a_category_once_resumed_without_an_audit_in_the_window_is_read_as_every_other(shop: Shop) -> None:
    occasion = shop.at(once_resumed(shop))
    seen = read_breaker(occasion)
    assert seen.unread == {}
    (reading,) = seen.readings
    assert (reading.category, reading.reviewed, reading.counted, reading.tripped) == ("refund", 0, 10, False)

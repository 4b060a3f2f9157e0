"""The fairness watch: each grouping's reading, from what people and the model decided."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.fairness_watch import fairness_watch, findings
from handrail.reading import Verdict
from handrail.store import audits as stored_audits
from handrail.store import decisions, readings, schema
from tasks.watch.fairness import compare_groups
from tests.shop import LATER, Shop

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Two thousand decisions of the window, in which the coast's suggestions are rejected and its people wait."""
    chance, n = np.random.default_rng(6), 2_000
    region = np.array(["north", "south", "coast", None], dtype=object)[chance.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])]
    coast = region == "coast"
    automatic = chance.random(n) < 0.3
    approved = chance.random(n) < np.where(coast, 0.7, 0.92)
    received = LATER - 2 * DAY
    frame = pd.DataFrame(
        {
            "case_id": np.arange(n),
            "kind": np.where(automatic, "automatic", "review"),
            "outcome": np.where(approved | automatic, "approve", "override"),
            "proposed": "refund",
            "received_at": received,
            "fields": [{"region": name} if name else {} for name in region],
            "decided_at": [received + hours * HOUR for hours in chance.exponential(np.where(coast, 20, 6))],
        }
    )
    audits = pd.DataFrame({"case_id": np.flatnonzero(automatic), "rejected": False, "inclusion_probability": 0.05})
    monkeypatch.setattr(decisions, "decided", lambda *_, **__: frame)
    monkeypatch.setattr(stored_audits, "audits", lambda *_, **__: audits)
    return frame


def watched(shop: Shop, moment: datetime) -> list[dict[str, Any]]:
    """A row for each group and metric that a look compared."""
    return [row.to_json() for one in shop.run(fairness_watch, moment) for row in one.rows()]


def reading(shop: Shop) -> dict[str, Any]:
    with shop.at().store.read() as connection:
        newest = readings.newest(connection, "fairness").iloc[-1]
    return {str(name): value for name, value in newest.items()}


@pytest.mark.usefixtures("decided")
class TestGroupsThatAreTreatedDifferently:
    def test_the_group_is_named_in_each_metric_and_only_it(self, shop: Shop) -> None:
        rows = watched(shop, LATER)
        assert {row["metric"] for row in rows} == {"approval", "override", "error", "waiting hours"}
        beyond = {(row["metric"], row["group"]) for row in rows if row["verdict"] == "gap beyond the bound"}
        assert beyond == {("approval", "coast"), ("override", "coast"), ("waiting hours", "coast")}
        assert {row["group"] for row in rows} == {"north", "south", "coast"}, "who has no region is in no region"

    def test_the_reading_is_an_alarm_with_its_figures_and_bounds(self, shop: Shop) -> None:
        rows = watched(shop, LATER)
        kept = reading(shop)
        assert (kept["subject"], kept["verdict"]) == ("region", Verdict.ALARM)
        assert kept["body"]["rows"] == rows
        rules = shop.policy.fairness
        assert kept["body"]["max_gap"] == rules.max_gap
        assert kept["body"]["max_waiting_gap_hours"] == rules.max_waiting_gap / HOUR
        assert kept["body"]["comparisons"] == len(rows)
        assert kept["window_to"] - kept["window_from"] == 28 * DAY

    def test_people_are_told_in_sentences(self, shop: Shop) -> None:
        occasion = shop.at()
        told = findings(occasion, compare_groups(occasion, 28 * DAY))
        assert "### region: alarm" in told
        assert "approval of coast: -" in told
        assert "waiting hours of coast: +" in told
        assert "gap beyond the bound" in told


def test_approval_is_that_of_people_and_error_that_of_audits_weighted_for_how_they_were_drawn(
    shop: Shop, decided: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    automatic = np.flatnonzero(decided["kind"] == "automatic")
    often = np.arange(len(automatic)) < len(automatic) // 2
    chance = np.where(often, 0.5, 0.05)
    audits = pd.DataFrame({"case_id": automatic, "rejected": often, "inclusion_probability": chance})
    monkeypatch.setattr(stored_audits, "audits", lambda *_, **__: audits)
    rows = watched(shop, LATER)
    cases = {name: sum(row["cases"] for row in rows if row["metric"] == name) for name in ("approval", "error")}
    grouped = decided["fields"].map(bool)
    assert cases["approval"] == int((grouped & (decided["kind"] == "review")).sum())
    assert cases["error"] == int(grouped[automatic].sum())
    region = decided["fields"].map(lambda values: values.get("region")).to_numpy()[automatic]
    for row in (row for row in rows if row["metric"] == "error"):
        mine = region == row["group"]
        weighted = (often / chance)[mine].sum() / (1 / chance)[mine].sum()
        assert row["rate"] == pytest.approx(weighted, abs=1e-4)
        assert row["rate"] < 0.2 < often[mine].mean()


def test_a_case_that_is_decided_twice_waited_once(shop: Shop, decided: pd.DataFrame) -> None:
    again = decided.assign(kind="audit", decided_at=decided["decided_at"] + 90 * DAY)
    expected = [row for row in watched(shop, LATER) if row["metric"] == "waiting hours"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decisions, "decided", lambda *_, **__: pd.concat([decided, again], ignore_index=True))
        found = [row for row in watched(shop, LATER) if row["metric"] == "waiting hours"]
    assert found == expected


def test_without_a_decision_nothing_is_measured_and_nobody_is_accused(shop: Shop) -> None:
    assert watched(shop, LATER + 400 * DAY) == []
    assert reading(shop)["verdict"] == Verdict.NOT_MEASURED
    occasion = shop.at(LATER + 400 * DAY)
    assert "No decisions to compare" in findings(occasion, compare_groups(occasion, DAY))


def test_a_few_decisions_are_underpowered_and_not_quiet(shop: Shop) -> None:
    shop.automatic(6)
    rows = watched(shop, LATER + HOUR)
    assert {row["metric"] for row in rows} == {"waiting hours"}
    assert reading(shop)["verdict"] == Verdict.UNDERPOWERED
    assert len(shop.rows(schema.Reading)) == 1

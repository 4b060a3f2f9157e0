"""The KPI report keeps what it saw, and measures the same for whoever asks."""

import json
from datetime import timedelta

import pytest

from flows.kpi_report import kpi_report
from handrail import kpi
from handrail.store import readings
from handrail.store.frames import records
from handrail.window import Window
from tasks.views import measure
from tests.shop import LATER, Shop, letters

WEEK = timedelta(weeks=1)


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A shop with a delivery in which people and the machine have decided."""
    shop.deliver("live.csv", letters(48))
    return shop


def test_each_figure_becomes_a_reading_with_its_groups(busy: Shop) -> None:
    figures = busy.run(kpi_report, LATER)
    with busy.at().store.read() as connection:
        seen = {row["subject"]: row for row in records(readings.newest(connection, "kpi"))}
    assert set(seen) == {figure.name for figure in figures}
    body = seen["automation share"]["body"]
    (week,) = body["by_week"]
    assert (week["value"], week["cases"]) == (body["value"], body["cases"])
    assert sum(row["cases"] for row in body["by_category"]) == body["cases"] > 20
    assert {row["group"] for row in body["by_channel"]} >= {"web"}
    assert len(body["case_ids"]) == measure.FEW_EXAMPLES
    assert (seen["CSAT"]["verdict"], seen["automation share"]["verdict"]) == ("not_measured", "quiet")
    json.dumps([row["body"] for row in seen.values()], allow_nan=False)


def test_a_figure_names_some_of_its_cases_and_all_on_request(busy: Shop) -> None:
    found = measure.kpis(busy.at(LATER), Window.last(WEEK, LATER), ("week",))
    share = next(one for one in found.whole if one.name == "automation share")
    some, every = (measure.row(share, examples=examples)["case_ids"] for examples in (5, None))
    assert some == every[:5]
    assert every == sorted(every)
    assert len(every) == share.cases > 5
    (group,) = next(row for row in measure.rows(found) if row["name"] == "automation share")["by"]["week"]
    assert (group["value"], group["cases"]) == (share.value, share.cases)


def test_the_business_case_begins_with_the_first_routed_case(shop: Shop) -> None:
    assert measure.business_case(shop.at(LATER)).status == kpi.NOT_MEASURED
    shop.deliver("live.csv", letters(48))
    found = measure.business_case(shop.at(LATER + 2 * WEEK))
    assert found.began == LATER
    assert found.deadline == LATER + shop.policy.goal.horizon
    assert len(found.path) == 3
    assert found.status == kpi.NOT_MEASURED, "nobody has audited yet"
    assert found.month is None


def test_on_the_day_of_the_first_case_the_business_case_has_its_first_step(busy: Shop) -> None:
    assert len(measure.business_case(busy.at(LATER)).path) == 1

"""What is shown of audits is weighted for how they were drawn; and so many are drawn a business day at least."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flows.quality_watch import row_of
from handrail.policy import Stage
from handrail.store import readings, schema, trail
from handrail.window import Window
from tasks.learning.trigger_facts import trigger_facts
from tasks.occasion import Occasion
from tasks.views.operations import foresee
from tasks.views.overview import overview
from tasks.watch import audit, audit_reading, audit_repeat, drift_readings
from tasks.watch.blind_share import read_blind_share
from tasks.watch.breaker import read_breaker
from tests.shop import LATER, Shop, letters

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRUTH = pytest.approx((1 * 20 + 6 * 2) / (8 * 20 + 8 * 2))
"""Of sixteen audits one error among eight that were drawn at 5 %, six among eight drawn at 50 %."""


@pytest.fixture
def audited(shop: Shop) -> Shop:
    """A week in which the chance was raised tenfold, because errors rose."""
    ids = shop.automatic(16)
    shop.audited(ids[:8], 1, LATER)
    shop.audited(ids[8:], 6, LATER, chance=0.5)
    return shop


def body(shop: Shop, watch: str, subject: str) -> dict[str, Any]:
    with shop.at().store.read() as connection:
        kept = readings.newest(connection, watch).set_index("subject")
    found: dict[str, Any] = kept.loc[subject, "body"]
    return found


class TestEveryFace:
    def test_the_audits_of_a_week_and_of_four_read_the_same_weighted_rate(self, audited: Shop) -> None:
        audit_reading.read_audits(audited.at(LATER + HOUR))
        found = body(audited, "audits", "refund")
        week = found["trend"]["by_week"][-1]
        for rate in (found, week):
            assert (rate["audited"], rate["errors"], rate["rate"]) == (16, 7, TRUTH)
        assert week["low"] < week["rate"] < week["high"]

    def test_the_breaker_shows_the_weighted_rate_beside_the_counts_that_it_reads(self, audited: Shop) -> None:
        (found,) = read_breaker(audited.at(LATER + HOUR)).readings
        assert (found.rejected, found.reviewed) == (7, 16), "what an alarm reads is not weighted"
        assert found.error is not None
        assert (found.error.errors, found.error.n, found.error.rate) == (7, 16, TRUTH)
        row = row_of(found)
        assert (row["errors"], row["audited"], row["error_rate"]) == (7, 16, TRUTH)
        assert "rate" not in row

    def test_the_trigger_of_a_retraining_the_status_and_a_forecast_read_it_too(self, audited: Shop) -> None:
        occasion = audited.at(LATER + HOUR)
        assert trigger_facts(occasion).error_rate == TRUTH
        assert overview(occasion).audited.rate == TRUTH
        then = foresee(occasion, "refund", Stage.AUTO).then
        assert then is not None
        assert then.error_cost == pytest.approx(then.automatic * (32 / 176) * occasion.policy.costs.error, rel=1e-6)

    def test_drift_sets_the_weighted_error_beside_the_expected_one_of_the_same_cases(self, audited: Shop) -> None:
        found = drift_readings._errors(audited.at(LATER + HOUR), Window.last(7 * DAY, LATER + HOUR))
        assert (found.audited, found.audited_error) == (16, TRUTH)
        confidence = {row["case_id"]: row["confidence"] for row in audited.rows(schema.Route)}
        weight = {row["case_id"]: 1 / row["inclusion_probability"] for row in audited.rows(schema.AuditDraw)}
        expected = sum(weight[case] * (1 - confidence[case]) for case in weight) / sum(weight.values())
        assert found.estimated_error == pytest.approx(expected)

    def test_the_blind_share_weighs_each_case_by_the_chance_it_was_hidden_with(self, shop: Shop) -> None:
        shop.deliver("b.csv", letters(20, only="complaint"))
        shop.work(kinds=["review"], right=False)
        table, ids = schema.Route.__table__, [row["case_id"] for row in shop.rows(schema.Decision, kind="review")]
        with shop.at().store.write() as connection:
            connection.execute(table.update().values(queue="B", category="refund", blind_chance=0.1))
            connection.execute(table.update().where(table.c.case_id.in_(ids[:10])).values(blind_chance=0.5))
            decided = schema.Decision.__table__
            connection.execute(decided.update().where(decided.c.kind == "review").values(blind=True, outcome="approve"))
            connection.execute(decided.update().where(decided.c.case_id.in_(ids[:5])).values(outcome="override"))
        (found,) = read_blind_share(shop.at(LATER + HOUR))
        n = len(ids)
        assert (found.body["rejected"], found.body["reviewed"]) == (5, n)
        assert found.body["rate"] == pytest.approx(5 * 2 / (10 * 2 + (n - 10) * 10))


def draws(shop: Shop) -> list[dict[str, Any]]:
    return shop.rows(schema.AuditDraw)


def asking(occasion: Occasion, **rules: object) -> Occasion:
    sampled = occasion.policy.sampling.model_copy(update=rules)
    return replace(occasion, policy=occasion.policy.model_copy(update={"sampling": sampled}))


class TestTheNumberOfADay:
    def test_a_day_of_forty_approvals_has_its_eight_audits_and_each_case_its_chance(self, shop: Shop) -> None:
        shop.automatic(40)
        found = audit.draw(shop.at())
        rows = draws(shop)
        assert sum(row["random"] for row in rows) == 8
        assert min(row["inclusion_probability"] for row in rows) == pytest.approx(0.2)
        assert found.plan is not None
        assert found.plan.drawn_today == 0

    def test_what_it_asks_of_people_is_said_in_minutes(self, shop: Shop) -> None:
        shop.automatic(9)
        audit_reading.read_audits(shop.at())
        found = body(shop, "audits", "all")
        assert (found["at_least_a_day"], found["floor_minutes"]) == (8, 8.0)
        seen = overview(shop.at()).audited
        assert (seen.at_least_a_day, seen.minutes_each, seen.pending) == (8, 1.0, 0)

    def test_a_day_with_fewer_approvals_has_all_of_them_looked_at(self, shop: Shop) -> None:
        shop.automatic(5)
        audit.draw(shop.at())
        assert {(row["random"], row["inclusion_probability"]) for row in draws(shop)} == {(True, 1.0)}

    def test_a_second_draw_of_the_day_asks_what_is_left_and_the_next_day_begins_anew(self, shop: Shop) -> None:
        shop.automatic(5)
        audit.draw(shop.at(LATER))
        assert audit.floor(shop.at(LATER), 30).left == 3, "also at the very moment of the first"
        shop.automatic(30, category="tracking")
        audit.draw(shop.at(LATER + HOUR))
        assert sum(row["random"] for row in draws(shop)) == 8
        assert audit.floor(shop.at(LATER + DAY), 30).left == 8

    def test_the_rest_of_a_day_is_expected_from_the_days_before(self, shop: Shop) -> None:
        for count, category, at in ((20, "refund", LATER), (30, "tracking", LATER + 3 * HOUR)):
            shop.automatic(count, category=category)
            audit.draw(shop.at(at))
        asked = audit.floor(shop.at(LATER + DAY), 20)
        assert (asked.later, asked.whole) == (30.0, 50.0)
        assert asked.chance(20) == pytest.approx(8 / 50)
        late = audit.floor(shop.at(LATER + DAY + 4 * HOUR), 20)
        assert (late.later, late.chance(20)) == (0.0, 0.4)

    def test_a_share_that_comes_to_more_is_the_draw(self, shop: Shop) -> None:
        shop.automatic(60)
        audit.draw(asking(shop.at(), at_least_a_day=2))
        assert sum(row["random"] for row in draws(shop)) == 3
        assert min(row["inclusion_probability"] for row in draws(shop)) == pytest.approx(0.05)

    def test_a_budget_that_cannot_pay_the_number_cuts_it_last_and_says_what_it_takes(self, shop: Shop) -> None:
        shop.automatic(40)
        found = audit.draw(asking(shop.at(), minutes_a_day=4.0))
        assert found.plan is not None
        assert found.plan.minutes_each == 1
        assert sum(row["random"] for row in draws(shop)) == 4
        assert found.plan.cut == (
            "The budget pays 50% of the audits that a day asks at least, and no stratum: for 8 a day "
            "sampling.minutes_a_day has to be 8."
        )

    def test_the_draw_is_made_again_from_the_trail_and_a_moved_bound_is_found(self, shop: Shop) -> None:
        shop.automatic(40)
        audit.draw(shop.at())
        (again,) = audit_repeat.repeat_all(shop.at())
        assert (again.looked_at, again.differing, again.repeatable) == (40, (), True)
        with shop.at().store.read() as connection:
            (event,) = trail.search(connection, kind="audit.draw")
        assert (event["random_of"], event["rates_ppm"]["random"]) == (40, 200_000)
        assert event["seed"] == shop.at().keyed_seed("audit") != shop.at(LATER + HOUR).keyed_seed("audit")
        swapped = [next(row for row in draws(shop) if row["drawn"] is drawn)["case_id"] for drawn in (True, False)]
        table = schema.AuditDraw.__table__
        with shop.at().store.write() as connection:
            for case, drawn in zip(swapped, (False, True), strict=True):
                connection.execute(table.update().where(table.c.case_id == case).values(drawn=drawn, random=drawn))
        (again,) = audit_repeat.repeat_all(shop.at())
        assert set(again.differing) == set(swapped)

"""An estimate before the start: sums reckoned by hand, in three columns, each error at its category's price."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from handrail.kpi.estimate import DAYS_A_MONTH, EstimateTerms, estimate, price_of_error
from handrail.policy import CategoryRules, CostRules, KpiGoal, Policy
from handrail.proportions import wilson
from handrail.recommendation import Recommendation, recommend
from handrail.rehearsed import Events, Rehearsed, measure
from handrail.running import CategoryPlayed, Ratio, Running, ratio, running

SHARE, ERROR, LOOKS = Ratio(0.6, 0.5, 0.7, 1000), Ratio(0.01, 0.0, 0.02, 600), Ratio(0.3, 0.2, 0.4, 1000)
WEEKS = Running(4, 30, 1000, SHARE, ERROR, LOOKS, 2, {"a": CategoryPlayed(500, 5)}, 21, 120.0, 1)
TERMS = EstimateTerms(1000 / DAYS_A_MONTH, 5.0, 0.5, 20.0, "EUR")
PRICED = replace(TERMS, steward_minutes_a_week=70.0, licences_a_month=50.0, retraining=10.0, set_up=200.0)


def test_a_month_is_the_sum_that_one_reckons_by_hand() -> None:
    found = estimate(WEEKS, TERMS)
    # By hand: 1,000 cases of 5 minutes at 0.5. Expected: 400 by people, 300 minutes of looks, 6 errors at 20.
    assert found.expected.by_hand == pytest.approx(2500)
    assert found.expected.cost == pytest.approx(400 * 5 * 0.5 + 300 * 0.5 + 6 * 20)
    assert found.expected.net == pytest.approx(1230)
    assert found.expected.hours_saved == pytest.approx((600 * 5 - 300) / 60)
    # Conservative: 500 by people, 400 minutes, 10 errors. Optimistic: 300, 200 minutes, none.
    assert found.conservative.net == pytest.approx(2500 - (500 * 2.5 + 200 + 200))
    assert found.optimistic.net == pytest.approx(2500 - (300 * 2.5 + 100))
    assert found.conservative.net < found.expected.net < found.optimistic.net


def test_steward_licences_and_trainings_are_costs_and_what_was_spent_comes_back() -> None:
    month = estimate(WEEKS, PRICED).expected
    steward = 70 * DAYS_A_MONTH / 7 * 0.5
    trainings = 2 / 30 * DAYS_A_MONTH * 10
    assert month.net == pytest.approx(1230 - steward - 50 - trainings)
    assert sum(month.parts.values()) == pytest.approx(month.cost)
    # Three weeks: 120 minutes of looks and 210 of the steward, licences for 21 days, one training, and the set-up.
    assert month.spent == pytest.approx(200 + (120 + 210) * 0.5 + 50 * 21 / DAYS_A_MONTH + 10)
    assert month.months_to_repay == pytest.approx(month.spent / month.net)
    never = estimate(WEEKS, replace(PRICED, licences_a_month=5000.0)).expected
    assert (never.months_to_repay, never.break_even_error) == (None, None)


def test_at_the_break_even_nothing_is_gained_or_lost() -> None:
    month = estimate(WEEKS, PRICED).expected
    assert month.break_even_error is not None
    assert month.break_even_cases_a_day is not None
    at_rate = replace(WEEKS, error=replace(ERROR, value=month.break_even_error))
    assert estimate(at_rate, PRICED).expected.net == pytest.approx(0, abs=1e-9)
    at_volume = replace(PRICED, cases_a_day=month.break_even_cases_a_day)
    assert estimate(WEEKS, at_volume).expected.net == pytest.approx(0, abs=1e-9)
    dear = estimate(replace(WEEKS, error=replace(ERROR, value=0.5)), PRICED).expected
    assert dear.break_even_cases_a_day is None, "what loses on every case gains at no volume"


def test_errors_cost_what_their_category_says() -> None:
    weeks = replace(WEEKS, outcomes={"a": CategoryPlayed(400, 4), "b": CategoryPlayed(200, 1)})
    assert price_of_error(weeks, replace(TERMS, error_costs={"b": 120.0})) == pytest.approx((4 * 20 + 120) / 5)
    none = replace(WEEKS, outcomes={"a": CategoryPlayed(400, 0), "b": CategoryPlayed(200, 0)})
    assert price_of_error(none, replace(TERMS, error_costs={"b": 50.0})) == pytest.approx((400 * 20 + 200 * 50) / 600)
    assert price_of_error(replace(WEEKS, outcomes={}), TERMS) == 20.0


def test_where_nothing_is_automated_looks_are_all_it_costs() -> None:
    idle = replace(WEEKS, share=Ratio(0.0, 0.0, 0.0, 1000), error=None, outcomes={})
    month = estimate(idle, TERMS).expected
    assert (month.net, month.errors, month.break_even_error) == (pytest.approx(-150), 0.0, None)
    assert month.months_to_repay is None


@pytest.mark.parametrize("seed", [1, 2])
def test_a_ratio_over_weeks_covers_what_a_bootstrap_over_weeks_covers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    under = rng.integers(400, 700, 12)
    over = rng.binomial(under, rng.beta(20, 10, 12))
    found = ratio(over, under, counts=True)
    assert found is not None
    picks = rng.integers(0, 12, (4000, 12))
    low, high = np.quantile(over[picks].sum(axis=1) / under[picks].sum(axis=1), [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.03)
    assert found.high == pytest.approx(high, abs=0.03)
    assert ratio([0, 0], [0, 0], counts=True) is None


def test_ordinary_weeks_begin_with_the_fourth_and_what_went_before_is_what_was_spent() -> None:
    rows = [
        {"week": week, "automated": week > 3 and at < 6, "wrong": week == 5 and at == 0, "decided": "ab"[at % 2]}
        for week in range(1, 7)
        for at in range(10)
    ]
    minutes = {1: 30.0, 21: 10.0, 22: 5.0, 43: 7.0}
    found = running(pd.DataFrame(rows), minutes, {1: 1, 30: 2}, days=42)
    assert found is not None
    assert (found.cases, found.days, found.spent_days) == (30, 21, 21)
    assert found.share.value == pytest.approx(0.6)
    assert found.error is not None
    assert (found.error.value, found.error.of) == (pytest.approx(1 / 18), 18)
    assert found.minutes.value == pytest.approx(7 / 30), "the last morning's looks belong to the last week"
    assert (found.spent_minutes, found.trainings, found.spent_trainings) == (45.0, 2, 1)
    assert found.outcomes == {"a": CategoryPlayed(9, 1), "b": CategoryPlayed(9, 0)}
    assert running(pd.DataFrame(rows), minutes, {}, days=21) is None


def test_as_many_mornings_of_looks_as_days_of_cases() -> None:
    rows = [
        {"week": day // 7 + 1, "automated": True, "wrong": False, "decided": "a"}
        for day in range(42)
        for _ in range(10)
    ]
    every = dict.fromkeys(range(2, 44), 10.0)  # people look at a day's cases on the morning after
    found = running(pd.DataFrame(rows), every, {}, days=42, tests=dict.fromkeys(range(1, 44), 1.0))
    assert found is not None
    assert (found.days, found.minutes.value) == (21, pytest.approx(1.0))
    assert (found.minutes.low, found.minutes.high) == (pytest.approx(1.0), pytest.approx(1.0)), "no week has a day more"
    assert found.spent_minutes == pytest.approx(210)
    assert found.test_minutes is not None
    assert found.test_minutes.value == pytest.approx(0.1)
    assert found.spent_test_minutes == pytest.approx(22), "the tests of the first day among them"
    part = running(pd.DataFrame(rows), every, {}, days=28)
    assert part is not None
    assert (part.cases, part.minutes.value) == (70, pytest.approx(1.0))


def test_test_cases_are_a_cost_of_their_own() -> None:
    weeks = replace(WEEKS, test_minutes=Ratio(0.1, 0.05, 0.2, 1000), spent_test_minutes=30.0)
    with_tests, without = estimate(weeks, TERMS), estimate(WEEKS, TERMS)
    assert with_tests.expected.parts["test cases"] == pytest.approx(1000 * 0.1 * 0.5)
    assert with_tests.expected.net == pytest.approx(without.expected.net - 50)
    assert with_tests.conservative.net == pytest.approx(without.conservative.net - 100)
    assert with_tests.expected.hours_saved == pytest.approx(without.expected.hours_saved - 100 / 60)
    assert with_tests.expected.spent == pytest.approx(without.expected.spent + 15)
    at_rate = replace(weeks, error=replace(ERROR, value=with_tests.expected.break_even_error or 0.0))
    assert estimate(at_rate, TERMS).expected.net == pytest.approx(0, abs=1e-9)


def rehearsed(automated: int, wrong: int) -> Rehearsed:
    """Eight weeks of a hundred cases a week; from week 4 on so many are automatic, and so many of these wrong."""
    rows = [
        {
            "id": f"{week}-{at}",
            "day": (date(2026, 3, 2) + timedelta(days=7 * (week - 1))).isoformat(),
            "queue": "A",
            "reason": "auto",
            "predicted": "x",
            "confidence": 0.99,
            "automated": int(week >= 4 and at < automated),
            "decided": "y" if week >= 4 and at < wrong else "x",
            "truth": "x",
        }
        for week in range(1, 9)
        for at in range(100)
    ]
    cases = pd.DataFrame(rows)
    plain = pd.DataFrame({"id": cases["id"], "label": "x", "confidence": 0.97})
    none = Events(pd.DataFrame(columns=["day", "error", "chance"]))
    return measure(cases, plain, none, began=date(2026, 3, 2), days=56)


GOAL = KpiGoal(automation_share=0.5, error_rate_at_most=0.03)


def advise(found: Rehearsed, waiting: int = 0, **prices: float) -> Recommendation:
    assert found.running is not None
    month = estimate(found.running, replace(TERMS, **prices))
    return recommend(found, GOAL, month, waiting)


def test_switch_on_takes_every_rule_by_the_worse_end() -> None:
    good = advise(rehearsed(80, 0))
    assert good.switch_on, good.sentence
    assert good.sentence.startswith("Switch on: safe: 0.0% wrong")


@pytest.mark.parametrize(
    ("automated", "wrong", "more", "why"),
    [
        (80, 2, {}, "safe"),  # 2.5 % is within the goal of 3 %, its upper end is not
        (52, 0, {}, "enough"),  # 52 % reaches the goal of 50 %, its lower end does not
        (80, 0, {"licences_a_month": 9000.0}, "pays"),
        (80, 0, {"waiting": 29}, "people keep up"),
    ],
)
def test_each_rule_alone_can_say_not_yet(automated: int, wrong: int, more: dict[str, float], why: str) -> None:
    advice = advise(rehearsed(automated, wrong), **more)
    assert [one.name for one in advice.unmet] == [why]
    assert advice.sentence.startswith("Not yet, because ")
    assert advice.unmet[0].remedy


def test_a_short_rehearsal_recommends_nothing_but_a_longer_one() -> None:
    found = replace(rehearsed(80, 0), running=None)
    advice = recommend(found, GOAL, None, 0)
    assert [one.name for one in advice.unmet] == ["safe", "enough", "pays"]


def test_policies_without_the_later_prices_keep_their_version() -> None:
    rules = CategoryRules(action="send")
    policy = Policy(business="shop", categories={"a": rules})
    content = policy.model_dump(mode="json")
    assert "error_cost" not in content["categories"]["a"]
    assert not {"steward_minutes_a_week", "licences_a_month", "retraining"} & content["costs"].keys()
    priced = policy.model_copy(update={"costs": CostRules(licences_a_month=10.0)})
    assert priced.version != policy.version
    own = policy.model_copy(update={"categories": {"a": rules.model_copy(update={"error_cost": 40.0})}})
    assert own.version != policy.version
    assert own.error_costs == {"a": 40.0}
    assert Policy.model_validate(content).version == policy.version


def weekly(wrong: list[int], automated: list[int], came: list[int]) -> Running:
    """Weeks from the fourth on with these counts."""
    rows = [
        {"week": 4 + at, "automated": case < automated[at], "wrong": case < wrong[at], "decided": "a"}
        for at, cases in enumerate(came)
        for case in range(cases)
    ]
    found = running(pd.DataFrame(rows), {}, {}, days=7 * (3 + len(came)))
    assert found is not None
    return found


def test_wrong_cases_a_month_have_a_range_of_their_own() -> None:
    wrong = [2, 2, 0, 4, 8, 5, 6, 7, 4]
    automated = [365, 355, 381, 373, 373, 341, 336, 366, 72]
    came = [620, 608, 604, 629, 699, 683, 673, 686, 641]
    found = weekly(wrong, automated, came)
    terms = EstimateTerms(found.cases / found.days, 8.0, 0.75, 15.0, "EUR")
    month = estimate(found, terms)
    low, value, high = month.optimistic.errors, month.expected.errors, month.conservative.errors
    counted = sum(wrong) / found.days * DAYS_A_MONTH
    assert value == pytest.approx(counted)
    assert 10 < low < 14
    assert 25 < high < 30, "never the lower share times the upper error"
    assert month.conservative.parts["errors"] == pytest.approx(high * 15)


@pytest.mark.parametrize("wrong", [[2, 2, 0, 4], [8, 0, 0, 0], [1, 0, 0, 0]])
def test_a_lower_end_is_above_nothing_where_errors_were_counted(wrong: list[int]) -> None:
    found = weekly(wrong, [365, 355, 381, 373], [600] * 4)
    assert found.error is not None
    assert 0 < found.error.low < found.error.value < found.error.high
    low, high = wilson([sum(wrong)], [1474])
    assert found.error.low <= float(low[0])
    assert found.error.high >= float(high[0])

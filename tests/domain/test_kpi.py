"""Each figure against a hand-computed world and a naive loop, and *not measured* where there is nothing to measure."""

import json
import math
from collections import defaultdict
from dataclasses import asdict
from datetime import timedelta
from statistics import fmean
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from handrail import kpi
from handrail.estimates import hajek
from handrail.kpi import figure as figures
from tests.kpi_worlds import COSTS, MONDAY, audits, baseline, by_hand, decision, world

NAMES = {
    "time saved per case",
    "error rate of auto-approvals",
    "error-rate reduction",
    "mean time to resolution",
    "escalation rate",
    "CSAT",
    "complaints and reversals",
    "cost per case",
    "automation share",
}


def measured(name: str, trace: kpi.Trace, past: kpi.Baseline | None = None) -> kpi.Kpi:
    found = kpi.measure(trace, past or baseline())
    return next(one for one in found if one.name == name)


class TestTimeSaved:
    name = "time saved per case"

    def test_without_a_measured_baseline_the_policys_minutes_count_and_it_says_so(self) -> None:
        # 0 automatic + 2 min review + 1 min audit of the automatic one, on two cases: 6 − 3/2
        rows = [decision(1, "automatic"), decision(2, "review", 120), decision(1, "audit", 60)]
        found = measured(self.name, world(rows))
        assert (found.value, found.cases, found.unit) == (pytest.approx(4.5), 2, "minutes")
        assert (found.before, found.before_cases) == (6, 0)
        assert "policy" in found.basis
        assert found.case_ids == (1, 2)

    @pytest.mark.parametrize(("cases", "before"), [(29, 6.0), (30, 2.0)])
    def test_the_measured_minutes_of_shadow_replace_the_policys_once_there_are_enough(
        self, cases: int, before: float
    ) -> None:
        found = measured(self.name, world([decision(1, "automatic")]), baseline(by_hand(cases, seconds=120)))
        assert (found.before, found.value) == (pytest.approx(before), pytest.approx(before))
        assert ("measured" in found.basis.split(";")[0]) == (cases == 30)

    def test_rechecks_are_no_part_of_the_work_by_hand(self) -> None:
        past = baseline(by_hand(40, seconds=120, rechecks=40))
        assert measured(self.name, world([decision(1, "automatic")]), past).before == pytest.approx(2.0)

    @pytest.mark.parametrize("kind", ["second", "escalation", "dispute", "audit", "recheck", "adjudication"])
    def test_whatever_people_do_about_a_case_costs_time(self, kind: str) -> None:
        alone = measured(self.name, world([decision(1, "automatic")])).value
        more = measured(self.name, world([decision(1, "automatic"), decision(1, kind, 90)])).value
        assert alone is not None
        assert more == pytest.approx(alone - 1.5)

    def test_an_unmeasured_decision_counts_with_the_policys_minutes(self) -> None:
        rows = [decision(1, "review", None, queue="B"), decision(2, "review", None), decision(1, "audit", None)]
        found = measured(self.name, world(rows))
        assert found.value == pytest.approx(6 - (1 + 6 + 6) / 2)
        assert found.parts["assumed share"] == 1

    def test_an_unmeasured_decision_counts_as_its_like_where_enough_were_measured(self) -> None:
        rows = [decision(n, "review", 120, queue="B") for n in range(30)] + [decision(99, "review", None, queue="B")]
        assert measured(self.name, world(rows)).value == pytest.approx(4)
        assert measured(self.name, world(rows[1:])).value == pytest.approx(6 - (29 * 2 + 1) / 30)

    @pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf, -5.0])
    def test_no_time_at_all_is_an_unmeasured_one(self, seconds: float) -> None:
        assert measured(self.name, world([decision(1, "review", seconds)])).value == 0

    def test_checks_without_a_settled_case_measure_nothing(self) -> None:
        found = measured(self.name, world([decision(1, "audit", 60)]))
        assert (found.value, found.cases, found.shown(), dict(found.parts)) == (None, 0, "not measured", {})

    def test_the_interval_is_welchs(self) -> None:
        past = by_hand(40, seconds=120)
        past.work["seconds"] = [float(60 + 5 * n) for n in range(40)]
        rows = [decision(n, "review", 30.0 + 3 * n) for n in range(25)]
        found = measured(self.name, world(rows), baseline(past))
        old, new = past.work["seconds"] / 60, pd.Series([30.0 + 3 * n for n in range(25)]) / 60
        reach = stats.norm.ppf(0.975) * math.sqrt(old.var() / 40 + new.var() / 25)
        assert found.value == pytest.approx(old.mean() - new.mean())
        assert (found.low, found.high) == pytest.approx((found.value - reach, found.value + reach))


class TestErrors:
    def test_the_rate_weighs_every_audit_for_how_it_was_drawn(self) -> None:
        stratum = [decision(at, "audit", 60, chance=0.5, differs=at > 1) for at in (1, 2, 3, 4)]
        found = measured("error rate of auto-approvals", world([*audits(1, 3), *stratum]))
        assert found.value == pytest.approx((20 + 3 * 2) / (4 * 20 + 4 * 2))
        assert (found.cases, found.case_ids) == (8, (1, 2, 3, 4, 1000, 1001, 1002, 1003))
        weighted = hajek([True] + [False] * 4 + [True] * 3, [0.05] * 4 + [0.5] * 4)
        assert (found.low, found.high) == pytest.approx((weighted.low, weighted.high))

    def test_a_week_whose_rate_was_raised_with_its_errors_does_not_stand_for_the_month(self) -> None:
        """3/3/3/9 % drawn with 1/1/1/5 % errors: the plain share of the audits is 3 %, the truth 2 %."""
        calm = [decision(at, "audit", 60, chance=0.03, differs=at % 100 == 0) for at in range(900)]
        raised = [decision(5000 + at, "audit", 60, chance=0.09, differs=at % 20 == 0) for at in range(900)]
        month = world([*calm, *raised])
        assert measured("error rate of auto-approvals", month).value == pytest.approx(0.02)
        past = baseline(by_hand(50, wrong=5, rechecks=50))
        assert measured("error-rate reduction", month, past).value == pytest.approx(0.8)

    def test_without_audits_nothing_is_measured(self) -> None:
        assert measured("error rate of auto-approvals", world()).value is None
        assert measured("error rate of auto-approvals", world([decision(1, "recheck", 6, differs=True)])).value is None

    def test_the_reduction_compares_with_what_rechecks_found_in_shadow(self) -> None:
        past = baseline(by_hand(50, wrong=20, rechecks=50))
        found = measured("error-rate reduction", world(audits(1, 9)), past)
        assert (found.value, found.before, found.before_cases) == (pytest.approx(0.75), 0.4, 50)
        worse = measured("error-rate reduction", world(audits(8, 2)), past)
        assert worse.value == pytest.approx(-1.0), "more errors than before"

    @pytest.mark.parametrize("past", [by_hand(40), by_hand(40, wrong=0, rechecks=40), world()])
    def test_without_errors_to_compare_with_there_is_no_reduction(self, past: kpi.Trace) -> None:
        found = measured("error-rate reduction", world(audits(1, 9)), baseline(past))
        assert (found.value, found.cases, found.case_ids) == (None, 0, ())

    @given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
    def test_the_interval_of_a_reduction_holds_it(self, hits: int, more: int, past: int, others: int) -> None:
        found = figures.reduction((hits, hits + more), (past, past + others))
        if past == 0:
            assert found is None
            return
        assert found is not None
        value, low, high = found
        assert low <= value <= high < 1 + 1e-12

    def test_with_many_cases_the_interval_is_scipys(self) -> None:
        found = figures.reduction((2000, 100_000), (5000, 90_000))
        ratio = stats.contingency.relative_risk(2000, 100_000, 5000, 90_000)
        limits = ratio.confidence_interval(0.95)
        assert found == pytest.approx((1 - ratio.relative_risk, 1 - limits.high, 1 - limits.low), abs=1e-4)


class TestTimeToResolution:
    name = "mean time to resolution"

    def test_the_decision_that_settled_the_case_counts(self) -> None:
        rows = [
            decision(1, "automatic", None, 1),
            decision(1, "audit", 30, 50),  # settled after one hour
            decision(2, "review", 60, 2),
            decision(2, "second", 60, 5),  # settled by the second person
        ]
        found = measured(self.name, world(rows))
        assert (found.value, found.cases, found.unit) == (pytest.approx(3.0), 2, "hours")

    def test_a_denial_whose_escalation_is_open_is_not_resolved(self) -> None:
        rows = [decision(1, "review", 60, 2), decision(2, "review", 60, 4)]
        found = measured(self.name, world(rows, pending=[1]))
        assert (found.value, found.case_ids) == (4.0, (2,))
        assert found.parts == {"decided, not resolved (cases)": 1.0}
        settled = measured(self.name, world([*rows, decision(1, "escalation", 60, 10)]))
        assert settled.value == pytest.approx((10 + 4) / 2)

    def test_audits_alone_settle_nothing(self) -> None:
        assert measured(self.name, world([decision(1, "audit", 30, 50)])).value is None
        assert measured(self.name, world()).value is None

    def test_a_clock_that_went_back_makes_no_negative_time(self) -> None:
        assert measured(self.name, world([decision(1, "review", 60, -3)])).value == 0


class TestEscalations:
    def test_a_case_counts_once_and_only_among_the_routed(self) -> None:
        routes = [{"case_id": n} for n in range(1, 9)]
        escalated = [{"case_id": 1}, {"case_id": 1, "cause": "policy"}, {"case_id": 2}, {"case_id": 99}]
        found = measured("escalation rate", world(routes=routes, escalations=escalated))
        wilson = stats.binomtest(2, 8).proportion_ci(method="wilson")
        assert (found.value, found.cases) == (0.25, 8)
        assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high))

    def test_no_escalation_is_a_rate_of_zero_and_no_case_is_none(self) -> None:
        assert measured("escalation rate", world(routes=[{"case_id": 1}])).value == 0.0
        assert measured("escalation rate", world(escalations=[{"case_id": 1}])).value is None


class TestOutcomes:
    def test_csat_is_the_mean_of_what_customers_said(self) -> None:
        said = [{"value": 5.0}, {"case_id": 2, "value": 2.0}, {"case_id": 3, "kind": "reversal"}, {"value": None}]
        found = measured("CSAT", world(outcomes=said))
        assert (found.value, found.cases) == (3.5, 2)

    def test_complaints_and_reversals_count_cases_among_those_followed_up(self) -> None:
        rows = [
            {"kind": "complaint"},
            {"kind": "reversal"},
            {"case_id": 2, "value": 5.0},
            {"case_id": 3, "kind": "closed"},
        ]
        found = measured("complaints and reversals", world(outcomes=rows))
        assert (found.value, found.cases) == (pytest.approx(1 / 3), 3)

    def test_without_outcomes_nothing_is_measured(self) -> None:
        assert measured("CSAT", world(outcomes=[{"kind": "closed"}])).value is None
        assert measured("complaints and reversals", world()).value is None


class TestCost:
    name = "cost per case"

    def test_minutes_and_expected_errors_are_priced_per_case(self) -> None:
        # three automatic, one review of 2 min; four audits of a minute find a quarter of auto-approvals wrong
        rows = [*[decision(n, "automatic") for n in (1, 2, 3)], decision(4, "review", 120), *audits(1, 3)]
        found = measured(self.name, world(rows))
        assert found.value == pytest.approx((2 * 0.5 + 4 * 0.5 + 0.25 * 3 * 20) / 4)
        assert (found.unit, found.cases, found.before) == ("EUR", 4, 3.0)
        assert sum(found.parts.values()) == pytest.approx(found.value)

    def test_peoples_errors_count_on_both_sides_or_on_neither(self) -> None:
        rows = [decision(1, "automatic"), decision(2, "review", 60), *audits(0, 2)]
        few = measured(self.name, world(rows), baseline(by_hand(40, 60, wrong=3, rechecks=29)))
        enough = measured(self.name, world(rows), baseline(by_hand(40, 60, wrong=3, rechecks=30)))
        assert (few.value, few.before) == (pytest.approx((0.5 + 2 * 0.5) / 2), pytest.approx(0.5))
        assert "left out" in few.basis
        assert enough.before == pytest.approx(0.5 + 0.1 * 20)
        assert enough.value == pytest.approx((0.5 + 2 * 0.5) / 2 + 0.5 * 0.1 * 20)

    def test_auto_approvals_that_nobody_audited_have_no_cost(self) -> None:
        assert measured(self.name, world([decision(1, "automatic")])).value is None

    def test_work_by_hand_costs_the_manual_minutes(self) -> None:
        assert measured(self.name, world([decision(1, "review", None)])).value == pytest.approx(3.0)


def test_the_automation_share_is_queue_a_among_the_routed() -> None:
    routes = [{"case_id": n, "queue": queue} for n, queue in enumerate("ABCA")]
    found = measured("automation share", world(routes=routes))
    assert (found.value, found.cases, found.shown()) == (0.5, 4, "50.0%")


def test_an_empty_world_says_not_measured_everywhere() -> None:
    found = kpi.measure(world(), baseline())
    assert {one.name for one in found} == NAMES
    assert {one.shown() for one in found} == {kpi.NOT_MEASURED}
    assert all(one.formula and one.cases == 0 for one in found)
    assert all(kpi.measure_by(world(), baseline(), name, MONDAY) == {} for name in kpi.GROUPINGS)


class TestGroups:
    until = MONDAY + timedelta(days=14)

    def test_a_week_ends_where_the_next_begins(self) -> None:
        routes = [
            {"case_id": n, "at": self.until - back}
            for n, back in enumerate([timedelta(days=7), timedelta(days=7, microseconds=1), timedelta(seconds=1)])
        ]
        found = kpi.measure_by(world(routes=routes), baseline(), "week", self.until)
        cases = {
            name: next(one for one in ones if one.name == "automation share").case_ids for name, ones in found.items()
        }
        assert cases == {"2026-03-02": (1,), "2026-03-09": (0, 2)}

    def test_cases_without_a_channel_are_a_group_of_their_own(self) -> None:
        routes = [{"case_id": 1}, {"case_id": 2, "channel": None}]
        assert list(kpi.measure_by(world(routes=routes), baseline(), "channel", self.until)) == ["none", "web"]

    def test_a_category_is_compared_with_its_own_past_where_enough_was_measured(self) -> None:
        later = MONDAY + timedelta(days=3)
        own = [decision(-n - 1, "review", 300, category="cancel") for n in range(30)]
        few = [decision(-n - 100, "review", 60, category="refund") for n in range(29)]
        afterwards = [decision(-n - 200, "review", 6, category="refund", assigned_at=later) for n in range(40)]
        past = baseline(world([*own, *few, *afterwards]), {"refund": later})
        now = world([decision(1, "review", 60), decision(2, "review", 60, category="cancel")])
        found = kpi.measure_by(now, past, "category", self.until)
        before = {name: ones[0].before for name, ones in found.items()}
        assert before == {"cancel": pytest.approx(5.0), "refund": pytest.approx((30 * 5 + 29) / 59)}

    def test_a_category_still_in_shadow_when_another_left_keeps_its_own_time(self) -> None:
        early, late = MONDAY + timedelta(days=1), MONDAY + timedelta(days=9)
        own = [decision(-n - 1, "review", 180, category="cancel", assigned_at=late - timedelta(1)) for n in range(30)]
        past = baseline(world(own), {"refund": early, "cancel": late})
        found = kpi.measure_by(world([decision(2, "review", 60, category="cancel")]), past, "category", self.until)
        assert found["cancel"][0].before == pytest.approx(3.0)
        assert past.whole.minutes.n == 0


MORE = st.tuples(st.sampled_from(["second", "escalation", "audit", "recheck"]), st.floats(0, 900))
CASES = st.lists(
    st.fixed_dictionaries(
        {
            "category": st.sampled_from(["refund", "cancel", None]),
            "automatic": st.booleans(),
            "seconds": st.one_of(st.none(), st.floats(0, 3600)),
            "hours": st.floats(-5, 500),
            "more": st.lists(MORE, max_size=3),
            "audited": st.sampled_from([None, True, False]),
            "escalated": st.booleans(),
            "pending": st.booleans(),
        }
    ),
    max_size=25,
)


def grown(cases: list[dict[str, Any]]) -> kpi.Trace:
    """The trace of generated cases."""
    work, routes, escalations = [], [], []
    for n, case in enumerate(cases):
        kind, place = "automatic" if case["automatic"] else "review", {"category": case["category"]}
        seconds = None if case["automatic"] else case["seconds"]
        work.append(decision(n, kind, seconds, case["hours"], **place))
        work += [decision(n, other, spent, case["hours"] + 1, **place) for other, spent in case["more"]]
        if case["automatic"] and case["audited"] is not None:
            work.append(decision(n, "audit", 60, case["hours"], chance=0.05, differs=case["audited"], **place))
        routes.append({"case_id": n, "queue": "A" if case["automatic"] else "C", **place})
        escalations += [{"case_id": n, **place}] if case["escalated"] else []
    return world(
        work, routes=routes, escalations=escalations, pending=[n for n, case in enumerate(cases) if case["pending"]]
    )


def naive(cases: list[dict[str, Any]]) -> dict[str, float | None]:
    """The figures by a loop over the cases, in the words of their formulas; fewer than 30 cases: policy minutes."""
    if not cases:
        return dict.fromkeys(NAMES)
    minutes, hours, looked, wrong = 0.0, [], 0, 0
    for case in cases:
        if not case["automatic"]:
            minutes += COSTS.minutes_manual if case["seconds"] is None else case["seconds"] / 60
        minutes += sum(spent / 60 for _, spent in case["more"])
        if case["automatic"] and case["audited"] is not None:
            minutes, looked, wrong = minutes + 1, looked + 1, wrong + case["audited"]
        settled_again = any(kind in ("second", "escalation") for kind, _ in case["more"])
        if not case["pending"]:
            hours.append(max(0.0, case["hours"] + settled_again))
    rate, share = wrong / looked if looked else None, fmean(case["automatic"] for case in cases)
    each = minutes / len(cases)
    known = rate is not None or not share
    return {
        "time saved per case": COSTS.minutes_manual - each,
        "error rate of auto-approvals": rate,
        "mean time to resolution": fmean(hours) if hours else None,
        "escalation rate": fmean(case["escalated"] for case in cases),
        "cost per case": each * COSTS.minute + (rate or 0.0) * share * COSTS.error if known else None,
        "automation share": share,
    }


SAME_AGAIN = {"category": "refund", "automatic": False, "seconds": None, "hours": 0.0, "more": [("second", 302.0)]}
SAME_AGAIN |= {"audited": None, "escalated": False, "pending": False}
"""Two of it have an interval without width, whose ends must not miss the value by a last digit."""


@settings(deadline=None, max_examples=30)
@example([SAME_AGAIN] * 2)
@given(CASES)
def test_every_figure_is_what_a_loop_over_the_cases_finds(cases: list[dict[str, Any]]) -> None:
    expected = naive(cases)
    for one in kpi.measure(grown(cases), baseline()):
        wanted = expected.get(one.name)
        assert one.value == (None if wanted is None else pytest.approx(wanted, abs=1e-6)), one.name
        assert one.cases == len(one.case_ids)
        assert one.low is None or one.high is None or one.value is None or one.low <= one.value <= one.high
        json.dumps(asdict(one), allow_nan=False)


@settings(deadline=None, max_examples=12)
@given(CASES)
def test_the_categories_add_up_to_the_whole(cases: list[dict[str, Any]]) -> None:
    trace = grown(cases)
    whole = {one.name: one for one in kpi.measure(trace, baseline())}
    parts = defaultdict(list)
    for ones in kpi.measure_by(trace, baseline(), "category", MONDAY).values():
        for one in ones:
            parts[one.name].append(one)
    for name in ("time saved per case", "mean time to resolution", "escalation rate", "error rate of auto-approvals"):
        assert sorted(case for one in parts[name] for case in one.case_ids) == list(whole[name].case_ids)
        total = sum(one.value * one.cases for one in parts[name] if one.value is not None)
        value = whole[name].value
        assert value is None or total == pytest.approx(value * whole[name].cases, abs=1e-6)

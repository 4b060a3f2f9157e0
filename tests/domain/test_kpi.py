"""Each figure against a hand-computed example, and *not measured* where there is nothing to measure."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail import kpi
from handrail.policy import CostRules

COSTS = CostRules(currency="EUR", minutes_manual=6, minutes_quick=1, minute=0.5, error=20)
MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
DECISION_COLUMNS = ["case_id", "kind", "queue", "seconds", "received_at", "decided_at"]


def decisions(*rows: tuple[int, str, str, float | None, float]) -> pd.DataFrame:
    """Rows of case, kind, queue, seconds, and hours from receipt to decision."""
    return pd.DataFrame(
        [
            (case_id, kind, queue, seconds, MONDAY, MONDAY + timedelta(hours=hours))
            for case_id, kind, queue, seconds, hours in rows
        ],
        columns=DECISION_COLUMNS,
    )


def audits(*rows: tuple[bool, bool]) -> pd.DataFrame:
    """Rows of (drawn at random, rejected)."""
    return pd.DataFrame(list(rows), columns=["random", "rejected"]).astype(bool)


def outcomes(*rows: tuple[int, str, float | None]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["case_id", "kind", "value"])


NO_DECISIONS, NO_AUDITS, NO_OUTCOMES = decisions(), audits(), outcomes()


class TestTimeSaved:
    def test_what_people_spent_is_taken_from_the_manual_minutes(self) -> None:
        # 0 automatic + 2 min review + 1 min audit of the automatic one, on two cases: 6 − 3/2
        rows = decisions((1, "automatic", "A", None, 0), (2, "review", "B", 120, 1), (1, "audit", "A", 60, 2))
        found = kpi.time_saved(rows, COSTS)
        assert (found.value, found.cases, found.unit) == (pytest.approx(4.5), 2, "minutes")

    def test_an_unmeasured_review_counts_with_its_queues_minutes(self) -> None:
        rows = decisions((1, "review", "B", None, 1), (2, "review", "C", None, 1))
        assert kpi.time_saved(rows, COSTS).value == pytest.approx(6 - (1 + 6) / 2)

    def test_all_automatic_saves_everything(self) -> None:
        assert kpi.time_saved(decisions((1, "automatic", "A", None, 0)), COSTS).value == 6

    def test_without_decisions_nothing_is_measured(self) -> None:
        found = kpi.time_saved(NO_DECISIONS, COSTS)
        assert (found.value, found.cases, found.shown()) == (None, 0, "not measured")


class TestErrors:
    def test_the_rate_counts_the_simple_random_draw_only(self) -> None:
        rows = audits((True, True), (True, False), (True, False), (True, False), (False, True), (False, True))
        found = kpi.error_rate(rows)
        assert (found.value, found.cases, found.shown()) == (0.25, 4, "25.0%")

    def test_without_random_audits_nothing_is_measured(self) -> None:
        assert kpi.error_rate(NO_AUDITS).value is None
        assert kpi.error_rate(audits((False, True))).value is None

    def test_the_reduction_compares_with_the_error_in_shadow(self) -> None:
        rows = audits((True, True), *[(True, False)] * 9)
        assert kpi.error_reduction(rows, 0.4).value == pytest.approx(0.75)
        assert kpi.error_reduction(rows, 0.05).value == pytest.approx(-1.0), "more errors than before"

    @pytest.mark.parametrize("baseline", [None, 0.0])
    def test_without_a_baseline_there_is_no_reduction(self, baseline: float | None) -> None:
        assert kpi.error_reduction(audits((True, False)), baseline).value is None

    def test_without_audits_there_is_no_reduction(self) -> None:
        assert kpi.error_reduction(NO_AUDITS, 0.4).value is None


class TestTimeToResolution:
    def test_the_decision_that_settled_the_case_counts(self) -> None:
        rows = decisions(
            (1, "automatic", "A", None, 1), (1, "audit", "A", 30, 50),  # settled after one hour
            (2, "review", "C", 60, 2), (2, "second", "C", 60, 5),  # settled by the second person
        )  # fmt: skip
        found = kpi.time_to_resolution(rows)
        assert (found.value, found.cases, found.unit) == (pytest.approx(3.0), 2, "hours")

    def test_audits_alone_settle_nothing(self) -> None:
        assert kpi.time_to_resolution(decisions((1, "audit", "A", 30, 50))).value is None
        assert kpi.time_to_resolution(NO_DECISIONS).value is None


class TestEscalations:
    def test_a_case_counts_once_however_often_it_was_escalated(self) -> None:
        found = kpi.escalation_rate(8, pd.DataFrame({"case_id": [1, 1, 2]}))
        assert (found.value, found.cases) == (0.25, 8)

    def test_no_escalation_is_a_rate_of_zero_and_no_case_is_none(self) -> None:
        nothing = pd.DataFrame({"case_id": []})
        assert kpi.escalation_rate(8, nothing).value == 0.0
        assert kpi.escalation_rate(0, nothing).value is None


class TestOutcomes:
    def test_csat_is_the_mean_of_what_customers_said(self) -> None:
        found = kpi.satisfaction(outcomes((1, "csat", 5.0), (2, "csat", 2.0), (3, "reversal", None)))
        assert (found.value, found.cases) == (3.5, 2)

    def test_complaints_and_reversals_count_cases_among_those_followed_up(self) -> None:
        rows = outcomes((1, "complaint", None), (1, "reversal", None), (2, "csat", 5.0), (3, "closed", None))
        found = kpi.complaint_rate(rows)
        assert (found.value, found.cases) == (pytest.approx(1 / 3), 3)

    def test_without_outcomes_nothing_is_measured(self) -> None:
        assert kpi.satisfaction(NO_OUTCOMES).value is None
        assert kpi.satisfaction(outcomes((1, "closed", None))).value is None
        assert kpi.complaint_rate(NO_OUTCOMES).value is None


class TestCost:
    def test_minutes_and_expected_errors_are_priced_per_case(self) -> None:
        # four cases: three automatic, one review of 2 min; a quarter of auto-approvals is wrong
        rows = decisions(*[(n, "automatic", "A", None, 0) for n in (1, 2, 3)], (4, "review", "B", 120, 1))
        found = kpi.cost_per_case(rows, audits((True, True), *[(True, False)] * 3), COSTS)
        assert found.value == pytest.approx((2 * 0.5 + 0.25 * 3 * 20) / 4)
        assert (found.unit, found.cases) == ("EUR", 4)

    def test_work_by_hand_costs_the_manual_minutes(self) -> None:
        assert kpi.cost_per_case(decisions((1, "review", "C", None, 1)), NO_AUDITS, COSTS).value == pytest.approx(3.0)

    def test_without_decisions_nothing_is_measured(self) -> None:
        assert kpi.cost_per_case(NO_DECISIONS, NO_AUDITS, COSTS).value is None


def test_the_automation_share_is_queue_a_among_the_routed() -> None:
    found = kpi.automation_share(pd.DataFrame({"queue": ["A", "B", "C", "A"]}))
    assert (found.value, found.cases, found.shown()) == (0.5, 4, "50.0%")
    assert kpi.automation_share(pd.DataFrame({"queue": []})).value is None


def test_an_empty_window_says_not_measured_everywhere() -> None:
    figures = kpi.all_kpis(
        decisions=NO_DECISIONS, audits=NO_AUDITS, outcomes=NO_OUTCOMES, escalations=pd.DataFrame({"case_id": []}),
        routes=pd.DataFrame({"queue": []}), baseline=None, costs=COSTS,
    )  # fmt: skip
    assert len({figure.name for figure in figures}) == len(figures) == 9
    assert {figure.shown() for figure in figures} == {kpi.NOT_MEASURED}
    assert all(figure.formula for figure in figures)


@given(st.lists(st.floats(0, 3600), min_size=1, max_size=30))
def test_time_saved_is_linear_in_what_people_spend(seconds: list[float]) -> None:
    rows = decisions(*[(n, "review", "B", spent, 1) for n, spent in enumerate(seconds)])
    found = kpi.time_saved(rows, COSTS).value
    assert found == pytest.approx(COSTS.minutes_manual - sum(seconds) / 60 / len(seconds))

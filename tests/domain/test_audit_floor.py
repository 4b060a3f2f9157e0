"""The audits that a business day asks at least: their chances are what is stated, and the number is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail import keyed_draws
from handrail.audit_floor import Floor, PastDay, business_day, expected, past_days
from handrail.policy import Calendar, SamplingPolicy, for_labels
from handrail.sampling import RANDOM, SamplingRules, allocate, chances, draw, in_number

DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 9, 12, tzinfo=UTC)
OFFICE = Calendar(timezone="Europe/Berlin", days=("mon", "tue", "wed", "thu", "fri"))
RULES = SamplingRules(0.03, 0.9, 0.0, 1e9, 0.0, 0.0)


def cases(count: int, start: int = 0) -> pd.DataFrame:
    ids = range(start, start + count)
    return pd.DataFrame({"case_id": ids, "confidence": 0.99, "amount": 1.0, "segment": None, "category": "refund"})


def taken(frame: pd.DataFrame, rules: SamplingRules, seed: int) -> pd.DataFrame:
    fixed = in_number(frame, rules, np.random.default_rng(seed))
    return draw(frame, fixed, np.random.default_rng(seed))


class TestTheNumber:
    @pytest.mark.parametrize(("approvals", "drawn"), [(40, 8), (37, 8), (9, 8), (8, 8), (5, 5), (1, 1), (0, 0)])
    def test_a_day_in_one_draw_comes_to_its_number_and_to_all_where_it_holds_fewer(
        self, approvals: int, drawn: int
    ) -> None:
        rules = replace(RULES, at_least=Floor(8).chance(approvals))
        assert {len(taken(cases(approvals), rules, seed)) for seed in range(30)} == {drawn}

    def test_the_larger_of_number_and_share_is_drawn(self) -> None:
        rules = replace(RULES, random_rate=0.05, at_least=Floor(8).chance(1000))
        assert {len(taken(cases(1000), rules, seed)) for seed in range(5)} == {50}
        assert rules.rates[RANDOM] == 0.05

    def test_every_case_is_drawn_as_often_as_its_chance_says_and_the_total_is_unbiased(self) -> None:
        """Of eleven cases 2.2 are wanted: two or three, and each case in a fifth of all draws."""
        frame, rules, draws = cases(11), replace(RULES, at_least=0.2), 500
        count, sizes, total = np.zeros(11), set(), []
        error = np.arange(11) < 3
        for seed in range(draws):
            found = taken(frame, rules, seed)
            count[found["case_id"]] += 1
            sizes.add(len(found))
            total.append((error[found["case_id"]] / found["inclusion_probability"]).sum())
        assert sizes == {2, 3}
        assert count / draws == pytest.approx(np.full(11, 0.2), abs=4.5 * np.sqrt(0.16 / draws))
        assert np.mean(total) == pytest.approx(3, abs=4 * np.std(total) / np.sqrt(draws))

    def test_strata_keep_their_chances_beside_it(self) -> None:
        frame = cases(40).assign(confidence=np.where(np.arange(40) < 20, 0.5, 0.99))
        rules = replace(RULES, low_confidence_rate=0.5, at_least=0.2)
        count = np.zeros(40)
        for seed in range(120):
            found = taken(frame, rules, seed)
            count[found["case_id"]] += 1
            assert found["random"].sum() == 8
        assert count[:20].mean() / 120 == pytest.approx(0.6, abs=0.04)
        assert count[20:].mean() / 120 == pytest.approx(0.2, abs=0.03)
        assert chances(frame, rules)[[0, 39]].tolist() == pytest.approx([0.6, 0.2])

    def test_a_case_that_is_taken_back_meanwhile_changes_nobody_elses_draw(self) -> None:
        frame = cases(40)
        fixed = in_number(frame, replace(RULES, at_least=0.2), np.random.default_rng(7))
        whole, part = (draw(each, fixed, np.random.default_rng(7)) for each in (frame, frame.iloc[::2]))
        assert set(part["case_id"]) == set(whole["case_id"]) & set(frame["case_id"].iloc[::2])

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 60), st.floats(0, 1), st.integers(0, 10**6))
    def test_the_number_is_the_chance_times_the_approvals_to_less_than_one(
        self, approvals: int, chance: float, seed: int
    ) -> None:
        rules = replace(RULES, at_least=chance)
        found = taken(cases(approvals), rules, seed)
        assert abs(len(found) - approvals * rules.rates[RANDOM]) < 1

    def test_the_seed_is_the_workspaces_own_and_differs_by_moment(self) -> None:
        seeds = {
            keyed_draws.seed(secret, "audit", at) for secret in (b"one", b"other") for at in (MONDAY, MONDAY + DAY)
        }
        assert len(seeds) == 4
        assert keyed_draws.seed(b"one", "audit", MONDAY.astimezone(ZoneInfo("Asia/Tokyo"))) in seeds


class TestTheDay:
    def test_closed_days_belong_to_the_next_working_day_at_the_business_own_midnight(self) -> None:
        saturday, sunday, monday = (business_day(MONDAY - back * DAY, OFFICE) for back in (2, 1, 0))
        assert saturday == sunday == monday
        assert (monday.since.isoformat(), monday.until.isoformat()) == (
            "2026-03-06T23:00:00+00:00",
            "2026-03-09T23:00:00+00:00",
        )
        assert business_day(datetime(2026, 3, 9, 23, 30, tzinfo=UTC), OFFICE).since == monday.until

    def test_days_follow_each_other_without_a_gap_also_where_clocks_change(self) -> None:
        today = business_day(datetime(2026, 4, 2, 12, tzinfo=UTC), OFFICE)
        days = past_days(today, OFFICE, 14 * DAY)
        assert [later.since for later in (today, *days[:-1])] == [day.until for day in days]
        assert len(days) == 10

    def test_a_business_that_is_closed_for_good_still_has_days(self) -> None:
        closed = Calendar(days=("mon",), holidays=tuple((MONDAY + back * 7 * DAY).date() for back in range(-9, 10)))
        assert MONDAY in business_day(MONDAY, closed)

    def test_what_is_expected_is_that_of_the_same_weekday_and_never_more_than_the_day_lacks(self) -> None:
        today = business_day(MONDAY, OFFICE)
        past = [
            PastDay(day, 90 if (today.since - day.since) % (7 * DAY) == timedelta(0) else 40, 30)
            for day in past_days(today, OFFICE, 14 * DAY)
        ]
        assert expected(Floor(8), today, 50, past, OFFICE) == Floor(8, 0, 30.0, 90.0)
        assert expected(Floor(8, 3), today, 85, past, OFFICE) == Floor(8, 3, 5.0, 90.0)
        assert expected(Floor(8), today, 120, past, OFFICE) == Floor(8, 0, 0.0, 120.0)
        assert expected(Floor(8), today, 5, [PastDay(today, 0, 0)], OFFICE) == Floor(8)

    def test_the_chance_does_not_fall_below_the_days_even_one_once_the_number_is_reached(self) -> None:
        assert Floor(8, drawn=8, later=20, whole=40).chance(5) == 0.2
        assert Floor(8, drawn=2, later=5, whole=40).chance(5) == 0.6
        assert Floor(8, drawn=2, later=0, whole=40).chance(3) == 1.0
        assert Floor(0, whole=40).chance(5) == 0.0


class TestTheBudget:
    def test_strata_give_way_then_the_share_and_the_number_last(self) -> None:
        frame = cases(200).assign(confidence=0.5)
        rules = replace(RULES, random_rate=0.05, low_confidence_rate=0.2, at_least=0.04)
        ample, strata, share, number = (allocate(frame, rules, minutes) for minutes in (None, 20, 9, 4))
        assert (ample.number_kept, ample.rules.rates[RANDOM]) == (1, 0.05)
        assert (strata.random_kept, strata.number_kept) == (1, 1)
        assert 0 < strata.strata_kept < 1
        assert (share.strata_kept, share.number_kept) == (0, 1)
        assert share.expected == pytest.approx(9, abs=0.01)
        assert (number.number_kept, number.expected, number.fits) == (
            pytest.approx(0.5),
            pytest.approx(4, abs=0.01),
            True,
        )

    @settings(max_examples=30, deadline=None)
    @given(st.floats(0, 60), st.floats(0, 1))
    def test_any_budget_is_kept_or_said_to_be_short(self, affordable: float, at_least: float) -> None:
        rules = replace(RULES, low_confidence_rate=0.2, at_least=at_least)
        plan = allocate(cases(50).assign(confidence=0.5), rules, affordable)
        assert plan.expected <= plan.wanted + 1e-3
        assert plan.rules.rates[RANDOM] >= 0.01
        assert plan.fits == (plan.expected <= affordable + 1e-3)


def test_a_policy_that_says_nothing_of_the_number_keeps_its_version() -> None:
    policy = for_labels(["refund"])
    assert policy.sampling.at_least_a_day == 8
    assert "at_least_a_day" not in policy.model_dump_json()
    other = policy.model_copy(update={"sampling": SamplingPolicy(at_least_a_day=0)})
    assert other.version != policy.version
    assert type(policy).model_validate_json(other.model_dump_json()).sampling.at_least_a_day == 0

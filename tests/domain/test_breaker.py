from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail.breaker import BreakerReading, detectable, false_alarm_rate, literal
from handrail.errors import BadInput

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TWO_DAYS = timedelta(hours=48)


def read(rejected: list[bool], *, at: list[datetime] | None = None, min_reviewed: int = 1) -> BreakerReading:
    times = [NOW - timedelta(minutes=i) for i in range(len(rejected))] if at is None else at
    return literal(times, rejected, now=NOW, window=TWO_DAYS, limit=0.05, min_reviewed=min_reviewed)


def test_the_limit_itself_trips_and_just_below_does_not() -> None:
    assert read([True] + [False] * 19) == BreakerReading(20, 1, 0.05, tripped=True)
    assert not read([True] + [False] * 20).tripped


@given(st.integers(1, 20), st.integers(1, 99))
def test_a_rate_equal_to_the_limit_trips_despite_rounding(hundreds: int, percent: int) -> None:
    n, k = hundreds * 100, hundreds * percent
    times = [NOW] * n
    flags = np.arange(n) < k
    reading = literal(times, flags, now=NOW, window=TWO_DAYS, limit=percent / 100, min_reviewed=1)
    one_less = literal(times, np.arange(n) < k - 1, now=NOW, window=TWO_DAYS, limit=percent / 100, min_reviewed=1)
    assert (reading.tripped, one_less.tripped) == (True, False)


def test_the_window_leaves_out_its_start_and_holds_its_end() -> None:
    at = [NOW - TWO_DAYS, NOW - TWO_DAYS + timedelta(microseconds=1), NOW, NOW + timedelta(microseconds=1)]
    assert read([True] * 4, at=at).reviewed == 2


def test_fewer_reviews_than_the_minimum_never_trip() -> None:
    assert not read([True] * 9, min_reviewed=10).tripped
    assert read([True] * 10, min_reviewed=10).tripped
    assert read([], min_reviewed=0) == BreakerReading(0, 0, 0.0, tripped=False)


def test_zones_and_order_do_not_matter() -> None:
    abroad = timezone(timedelta(hours=9))
    at = [NOW - timedelta(hours=i) for i in range(60)]
    flags = [i % 7 == 0 for i in range(60)]
    moved = [moment.astimezone(abroad) for moment in at]
    assert read(flags[::-1], at=moved[::-1]) == read(flags, at=at)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="aware"):
        read([True], at=[NOW.replace(tzinfo=None)])
    with pytest.raises(BadInput, match="equal length"):
        read([True, False], at=[NOW])


@pytest.mark.parametrize(("per_hour", "expected"), [(1, 0.999), (5, 0.95), (20, 0.48)])
def test_the_literal_rule_falsely_pauses_a_healthy_category_as_often_as_known(per_hour: int, expected: float) -> None:
    rate = false_alarm_rate(
        0.03,
        per_hour,
        limit=0.05,
        window=TWO_DAYS,
        min_reviewed=1,
        horizon=timedelta(days=30),
        rng=np.random.default_rng(7),
        runs=1500,
    )
    assert rate == pytest.approx(expected, abs=0.04)


def test_the_simulation_agrees_with_the_rule_read_hour_by_hour() -> None:
    # A window of one hour and 24 looks: each look is a fresh Poisson count, so the answer is known.
    alone = sum(stats.poisson.pmf(n, 3) * stats.binom.sf(np.ceil(0.5 * n) - 1, n, 0.1) for n in range(2, 40))
    expected = 1 - (1 - alone) ** 24
    rate = false_alarm_rate(
        0.1,
        3,
        limit=0.5,
        window=timedelta(hours=1),
        min_reviewed=2,
        horizon=timedelta(days=1),
        rng=np.random.default_rng(2),
        runs=20_000,
    )
    assert rate == pytest.approx(expected, abs=0.012)


def test_a_horizon_shorter_than_the_window_and_no_reviews_are_defined() -> None:
    def alarms(per_hour: float, horizon: timedelta) -> float:
        chance = np.random.default_rng(1)
        return false_alarm_rate(
            0.03, per_hour, limit=0.05, window=TWO_DAYS, min_reviewed=1, horizon=horizon, rng=chance, runs=50
        )

    assert alarms(0, timedelta(days=5)) == 0
    assert 0 < alarms(5, timedelta(hours=10)) < 1
    with pytest.raises(BadInput, match="an hour or more"):
        alarms(1, timedelta(minutes=5))


def test_detection_power_is_the_exact_binomial_tail() -> None:
    by_hand = sum(stats.binom.pmf(k, 60, 0.1) for k in range(3, 61))
    assert detectable(60, 0.05, 20) == pytest.approx(by_hand)
    assert detectable(19, 0.05, 20) == 0
    assert detectable(20, 0.05, 20, true_rate=0.0) == 0
    assert detectable(0, 0.05, 0) == 0

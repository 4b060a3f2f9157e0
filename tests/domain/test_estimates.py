import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail.errors import BadInput
from handrail.estimates import (
    Direction,
    assisted,
    clopper_pearson,
    effective,
    exceeds,
    expected_error,
    hajek,
    needed,
    trend,
)
from handrail.proportions import in_percent

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "estimates.json").read_text("utf-8"))


@pytest.mark.parametrize("one", GOLDEN["proportions"])
def test_intervals_of_counts_are_those_of_statsmodels(one: dict[str, Any]) -> None:
    exact = clopper_pearson(one["errors"], one["n"])
    assert (exact.low, exact.high) == pytest.approx(one["beta"], abs=1e-9)
    even = hajek(np.arange(one["n"]) < one["errors"], np.full(one["n"], 0.1))
    assert (even.low, even.high) == pytest.approx(one["wilson"], abs=1e-9)


@pytest.mark.parametrize("one", GOLDEN["trends"])
def test_the_slope_is_that_of_weighted_least_squares(one: dict[str, Any]) -> None:
    found = trend(one["errors"], one["audited"])
    assert found.slope == pytest.approx(one["slope"], abs=1e-9)
    assert found.p == pytest.approx(one["p"], abs=1e-9)


class TestTrend:
    def test_a_rise_a_fall_and_a_level_are_told_apart(self) -> None:
        n = [400] * 6
        assert trend([4, 8, 12, 16, 20, 24], n).direction is Direction.RISING
        assert trend([24, 20, 16, 12, 8, 4], n).direction is Direction.FALLING
        assert trend([12, 11, 13, 12, 11, 13], n).direction is Direction.NONE_SHOWN

    @pytest.mark.parametrize("errors", [[0] * 6, [1, 0, 1, 0, 1, 1]])
    def test_too_few_errors_show_no_trend_of_either_kind(self, errors: list[int]) -> None:
        assert trend(errors, [400] * 6).direction is Direction.TOO_FEW

    def test_too_few_weeks_are_said_to_be(self) -> None:
        assert trend([5, 9], [50, 50]).direction is Direction.TOO_FEW
        assert trend([5, 0, 9, 0], [50, 0, 50, 0]).direction is Direction.TOO_FEW
        assert trend([], []).direction is Direction.TOO_FEW

    def test_weeks_that_contradict_themselves_are_refused(self) -> None:
        for errors, audited in (([2], [1]), ([1, 1], [2]), ([-1], [3])):
            with pytest.raises(BadInput, match="period"):
                trend(errors, audited)


class TestWithoutLabels:
    def test_the_expected_error_is_the_mean_doubt_and_missing_confidences_are_left_out(self) -> None:
        found = expected_error([0.9, 0.98, np.nan])
        assert (found.rate, found.n) == (pytest.approx(0.06), 2)
        assert (expected_error([]).n, expected_error([np.nan]).high) == (0, 1.0)
        with pytest.raises(BadInput, match="between 0 and 1"):
            expected_error([0.9, 1.2])

    def test_the_interval_holds_the_error_of_calibrated_approvals(self) -> None:
        rng = np.random.default_rng(8)
        sure = rng.uniform(0.9, 1, 3_000)
        found = expected_error(sure)
        worlds = (rng.random((2_000, 3_000)) >= sure).mean(axis=1)
        assert 0.93 <= ((found.low <= worlds) & (worlds <= found.high)).mean() <= 0.97


class TestAssisted:
    @staticmethod
    def world(bias: float) -> tuple[list[Any], list[Any], float]:
        rng = np.random.default_rng(3)
        doubt = rng.beta(0.2, 3, 20_000)
        truth = rng.random(20_000) < doubt
        said, chance = np.clip(doubt + bias, 0, 1), np.where(doubt > 0.3, 0.3, 0.05)
        with_model, plain = [], []
        for _ in range(400):
            drawn = rng.random(20_000) < chance
            with_model.append(assisted(truth[drawn], chance[drawn], said[drawn], said))
            plain.append(hajek(truth[drawn], chance[drawn]))
        return with_model, plain, float(truth.mean())

    @pytest.mark.parametrize("bias", [0.0, 0.2])
    def test_it_is_unbiased_and_narrower_whatever_the_calibration(self, bias: float) -> None:
        both, plain, truth = self.world(bias)
        assert np.mean([one.rate for one in both]) == pytest.approx(truth, abs=0.002)
        assert 0.92 <= np.mean([one.low <= truth <= one.high for one in both]) <= 0.98
        width = [np.mean([one.high - one.low for one in ones]) for ones in (both, plain)]
        assert width[0] < 0.97 * width[1]

    def test_a_model_that_knows_nothing_costs_next_to_nothing(self) -> None:
        rng = np.random.default_rng(4)
        wrong, chance, said = rng.random(600) < 0.1, np.full(600, 0.05), rng.random(600)
        both, plain = assisted(wrong, chance, said, rng.random(12_000)), hajek(wrong, chance)
        assert both is not None
        assert both.high - both.low <= 1.05 * (plain.high - plain.low)
        constant = assisted(wrong, chance, np.full(600, 0.1), [0.1])
        assert constant is not None
        assert constant.rate == pytest.approx(plain.rate)

    def test_few_errors_or_missing_guesses_give_none_and_unequal_lengths_are_refused(self) -> None:
        assert assisted([True] * 19 + [False] * 9, [0.5] * 28, [0.1] * 28, [0.1]) is None
        assert assisted([True] * 20 + [False] * 9, [0.5] * 29, [np.nan] * 29, [0.1]) is None
        with pytest.raises(BadInput, match="equal length"):
            assisted([True], [0.5], [], [])


class TestNeeded:
    def test_with_so_many_more_the_interval_is_as_narrow_as_asked(self) -> None:
        for errors, n in ((2, 100), (8, 100), (30, 600)):
            now = hajek(np.arange(n) < errors, np.full(n, 0.03))
            total = n + needed(now)
            then = hajek(np.arange(total) < round(total * errors / n), np.full(total, 0.03))
            assert (then.high - then.low) / 2 <= 0.0105
            assert needed(then, 0.0105) == 0

    def test_no_audit_or_none_with_an_error_still_needs_some(self) -> None:
        assert needed(hajek([], [])) == 9_604
        assert needed(hajek([False] * 10, [0.1] * 10)) > 100

    def test_audits_that_are_worth_half_their_number_need_twice_as_many(self) -> None:
        wrong = np.arange(400) % 21 == 0
        even, uneven = hajek(wrong, np.full(400, 0.05)), hajek(wrong, np.tile([0.02, 0.02, 0.5, 0.5], 100))
        assert uneven.effective == pytest.approx(200, rel=0.1)
        assert needed(uneven) + 400 > 1.7 * (needed(even) + 400)

    def test_an_impossible_precision_is_refused(self) -> None:
        for reach in (0.0, 0.5, np.nan):
            with pytest.raises(BadInput, match="precision"):
                needed(hajek([], []), reach)


@given(st.integers(0, 19), st.integers(20, 400), st.floats(0.01, 1))
def test_more_audits_of_the_same_rate_narrow_the_interval(errors: int, n: int, chance: float) -> None:
    once, thrice = (hajek(np.arange(n * k) < errors, np.full(n * k, chance)) for k in (1, 3))
    assert thrice.high <= once.high + 1e-12


def test_no_sample_leaves_the_rate_unknown() -> None:
    estimate = hajek([], [])
    assert (estimate.n, estimate.low, estimate.high) == (0, 0.0, 1.0)


@given(st.integers(0, 60), st.integers(1, 60))
def test_few_errors_get_the_exact_binomial_interval(errors: int, n: int) -> None:
    errors = min(errors, n)
    exact = stats.binomtest(errors, n).proportion_ci(0.95, method="exact")
    found = clopper_pearson(errors, n)
    assert (found.low, found.high) == (pytest.approx(exact.low), pytest.approx(exact.high))


@pytest.mark.parametrize("in_strata", [15, 16])
def test_the_rate_is_that_of_every_audit_counted_beside_it_however_few_were_wrong(in_strata: int) -> None:
    random = np.arange(200) < 100
    wrong = np.isin(np.arange(200), [*range(4), *range(100, 100 + in_strata)])
    found = hajek(wrong, np.where(random, 0.05, 0.3))
    assert (found.n, found.errors) == (200, 4 + in_strata)
    assert found.rate == pytest.approx((4 / 0.05 + in_strata / 0.3) / (100 / 0.05 + 100 / 0.3))


@given(st.lists(st.tuples(st.booleans(), st.floats(0.01, 1)), min_size=1, max_size=60))
def test_a_rate_is_nothing_exactly_where_the_count_behind_it_is(audits: list[tuple[bool, float]]) -> None:
    wrong, chance = [one for one, _ in audits], [one for _, one in audits]
    weighted, plain = hajek(wrong, chance), clopper_pearson(sum(wrong), len(wrong))
    for found in (weighted, plain):
        assert (found.rate == 0) == (found.errors == 0)
        assert (found.rate == 1) == (found.errors == found.n)
        assert (in_percent(found.rate) == "0.0%") == (found.errors == 0)
        assert (found.n, found.errors) == (len(wrong), sum(wrong))


@pytest.mark.parametrize("regimes", [((0.05, 0.04), (0.3, 0.04)), ((0.03, 0.01), (0.09, 0.05))])
def test_with_few_errors_and_mixed_chances_the_interval_covers_too(regimes: tuple[tuple[float, float], ...]) -> None:
    """Strata of one rate, and a raised audit rate while the errors rose: the unweighted share misses the second."""
    rng = np.random.default_rng(11)
    chance, error = (np.repeat([regime[at] for regime in regimes], [1800, 400]) for at in (0, 1))
    truth = rng.random(len(error)) < error
    found = []
    for _ in range(600):
        drawn = rng.random(len(truth)) < chance
        found.append(hajek(truth[drawn], chance[drawn]))
    assert max(one.errors for one in found) < 20
    assert np.mean([one.low <= truth.mean() <= one.high for one in found]) >= 0.93


WORLDS = {
    "the drift factor rises with the errors": [(1500, 0.03, 0.01)] * 3 + [(1500, 0.09, 0.05)],
    "a shadow fortnight, then audits of 5 %": [(900, 1.0, 0.005), (2300, 0.05, 0.03)],
    "thirty audits": [(1000, 0.03, 0.05)],
    "a constant chance": [(5000, 0.03, 0.02)],
    "the budget cuts the chance": [(1500, 0.05, 0.02)] * 3 + [(1500, 0.01, 0.02)],
    "a floor on days of unlike volume": [(40, 0.2, 0.01), (12, 0.67, 0.01), (160, 0.05, 0.03)] * 12,
    "many errors where few are drawn": [(15_000, 0.05, 0.01), (5000, 0.01, 0.06)],
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_where_chances_and_errors_change_the_interval_covers_93_to_99_percent(
    world: list[tuple[int, float, float]],
) -> None:
    rng = np.random.default_rng(31)
    sizes, chances, rates = zip(*world, strict=True)
    chance, rate = np.repeat(chances, sizes), np.repeat(rates, sizes)
    held = []
    for _ in range(800):
        truth, drawn = rng.random(len(chance)) < rate, rng.random(len(chance)) < chance
        found = hajek(truth[drawn], chance[drawn])
        held.append(found.low <= truth.mean() <= found.high)
    assert 0.93 <= np.mean(held) <= 0.993


def test_equal_chances_are_worth_as_many_audits_as_there_are_and_unequal_ones_never_more() -> None:
    assert effective([True, False, False], [0.2] * 3) == 3
    assert effective([], []) == 0
    rng = np.random.default_rng(2)
    for _ in range(50):
        wrong, chance = rng.random(80) < 0.1, rng.uniform(0.02, 1, 80)
        kish = (1 / chance).sum() ** 2 / (1 / chance**2).sum()
        assert 0 < effective(wrong, chance) <= kish * (1 + 1e-12)


def test_strata_of_unlike_errors_are_weighted_without_bias() -> None:
    chance = np.random.default_rng(6)
    dear = chance.random(20_000) < 0.2
    truth = chance.random(20_000) < np.where(dear, 0.15, 0.05)
    rates = np.column_stack([np.full(20_000, 0.05), np.where(dear, 0.5, 0.0)])
    probability = 1 - (1 - rates).prod(axis=1)
    found = []
    for _ in range(400):
        drawn = chance.random(rates.shape) < rates
        taken = drawn.any(axis=1)
        found.append(hajek(truth[taken], probability[taken]))
    assert {one.method for one in found} == {"wilson on the effective size"}
    assert np.mean([one.low <= truth.mean() <= one.high for one in found]) >= 0.93
    assert np.mean([one.rate for one in found]) == pytest.approx(truth.mean(), abs=0.001)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.01, 1)), max_size=60))
def test_every_sample_gives_a_rate_inside_its_interval(audits: list[tuple[bool, float]]) -> None:
    estimate = hajek([wrong for wrong, _ in audits], [chance for _, chance in audits])
    assert 0 <= estimate.low <= estimate.rate + 1e-9
    assert estimate.rate - 1e-9 <= estimate.high <= 1


def test_probabilities_outside_zero_to_one_are_refused() -> None:
    for probabilities in ([0.0], [1.1], [np.nan], [0.5, 0.5]):
        with pytest.raises(BadInput, match="inclusion probability"):
            hajek([True], probabilities)


@pytest.mark.parametrize(
    ("errors", "n", "surely"),
    [(1, 1, False), (1, 2, False), (1, 3, False), (2, 3, True), (3, 30, False), (6, 30, True), (30, 300, True)],
)
def test_one_error_in_one_audit_is_no_proof_of_a_high_rate(errors: int, n: int, surely: bool) -> None:
    found = hajek(np.arange(n) < errors, np.full(n, 0.05))
    assert exceeds(found, clopper_pearson(errors, n), 0.05) is surely


def test_an_error_rate_at_the_bound_does_not_exceed_it() -> None:
    found = hajek(np.arange(30) < 6, np.full(30, 0.05))
    exact = clopper_pearson(6, 30)
    assert not exceeds(found, exact, max(found.low, exact.low))
    assert exceeds(found, exact, np.nextafter(min(found.low, exact.low), 0))


@pytest.mark.parametrize("n", [1, 3, 10, 40, 150])
def test_of_healthy_categories_the_exact_interval_lets_few_alarm(n: int) -> None:
    """At a true 3 % and a bound of 5 % at most one look in forty alarms, whatever the number of audits."""
    chance = sum(
        stats.binom.pmf(errors, n, 0.03)
        for errors in range(n + 1)
        if exceeds(hajek(np.arange(n) < errors, np.full(n, 0.05)), clopper_pearson(errors, n), 0.05)
    )
    assert chance <= 0.025

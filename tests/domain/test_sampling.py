import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail.errors import BadInput
from handrail.sampling import SamplingRules, clopper_pearson, draw, hajek, stratum_rates

RULES = SamplingRules(
    random_rate=0.05,
    low_confidence_below=0.96,
    low_confidence_rate=0.2,
    high_value_above=1000,
    high_value_rate=0.5,
    new_segment_rate=0.4,
)
CASES = pd.DataFrame(
    {
        "case_id": ["plain", "unsure", "edge", "dear", "new", "all"],
        "category": "refund",
        "confidence": [0.99, 0.95, 0.96, 0.99, 0.99, 0.95],
        "amount": [10.0, 10.0, 1000.0, 1000.01, np.nan, 2000.0],
        "segment": ["north", "north", "north", "north", "south", "south"],
    }
)


def many(n: int, seed: int = 0) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "case_id": [f"c{i:06}" for i in range(n)],
            "category": "refund",
            "confidence": chance.uniform(0.95, 1, n),
            "amount": chance.lognormal(5, 1.5, n),
            "segment": chance.choice(["north", "south"], n),
        }
    )


def test_each_case_is_drawn_with_its_stored_probability() -> None:
    expected = {
        "plain": 0.05,
        "unsure": 1 - 0.95 * 0.8,
        "edge": 0.05,
        "dear": 1 - 0.95 * 0.5,
        "new": 1 - 0.95 * 0.6,
        "all": 1 - 0.95 * 0.8 * 0.5 * 0.6,
    }
    many_of_each = pd.concat([CASES.assign(case_id=CASES["case_id"] + f"-{i}") for i in range(4_000)])
    drawn = draw(many_of_each, RULES, np.random.default_rng(3), known_segments={"north"})
    kind = drawn["case_id"].str.split("-").str[0]
    stored = drawn.groupby(kind)["inclusion_probability"].agg(["min", "max", "size"])
    for case, probability in expected.items():
        low, high, count = stored.loc[case]
        assert low == high == pytest.approx(probability)
        assert count / 4_000 == pytest.approx(probability, abs=4 * np.sqrt(0.25 / 4_000))


def test_the_simple_random_draw_is_marked_and_independent_of_the_strata() -> None:
    drawn = draw(many(60_000), RULES, np.random.default_rng(5))
    at_random = drawn[drawn["random"]]
    assert len(at_random) == pytest.approx(3_000, abs=4 * np.sqrt(60_000 * 0.05 * 0.95))
    assert set(at_random["stratum"]) == {"random"}
    assert set(drawn["stratum"]) == {"random", "low_confidence", "high_value"}
    assert not drawn.loc[drawn["stratum"] != "random", "random"].any()


def test_the_draw_depends_on_seed_and_cases_but_not_on_their_order() -> None:
    cases = many(500)
    first = draw(cases, RULES, np.random.default_rng(9))
    shuffled = draw(cases.sample(frac=1, random_state=1), RULES, np.random.default_rng(9))
    pd.testing.assert_frame_equal(first, shuffled)
    assert not first.equals(draw(cases, RULES, np.random.default_rng(10)))


def test_a_drift_factor_multiplies_the_rates_up_to_certainty() -> None:
    rules = SamplingRules(**(vars(RULES) | {"factor": 20.0}))
    drawn = draw(CASES, rules, np.random.default_rng(1))
    assert list(drawn["case_id"]) == sorted(CASES["case_id"])
    assert (drawn["inclusion_probability"] == 1).all()


def test_no_candidates_give_an_empty_draw_with_its_columns() -> None:
    drawn = draw(CASES.iloc[:0], RULES, np.random.default_rng(1))
    assert list(drawn.columns) == ["case_id", "stratum", "inclusion_probability", "random"]
    assert drawn.empty


def test_impossible_rates_and_candidates_are_refused() -> None:
    with pytest.raises(BadInput, match="between 0 and 1"):
        SamplingRules(**(vars(RULES) | {"random_rate": 1.5}))
    with pytest.raises(BadInput, match="amount"):
        draw(CASES.drop(columns="amount"), RULES, np.random.default_rng(1))
    with pytest.raises(BadInput, match="distinct"):
        draw(pd.concat([CASES, CASES]), RULES, np.random.default_rng(1))


def test_no_sample_leaves_the_rate_unknown() -> None:
    estimate = hajek([], [])
    assert (estimate.n, estimate.low, estimate.high) == (0, 0.0, 1.0)


@given(st.integers(0, 60), st.integers(1, 60))
def test_few_errors_get_the_exact_binomial_interval(errors: int, n: int) -> None:
    errors = min(errors, n)
    exact = stats.binomtest(errors, n).proportion_ci(0.95, method="exact")
    found = clopper_pearson(errors, n)
    assert (found.low, found.high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_below_twenty_errors_the_simple_random_draw_decides_and_from_twenty_all_do() -> None:
    random = np.arange(200) < 100
    probabilities = np.where(random, 0.05, 0.3)
    wrong = np.isin(np.arange(200), [*range(4), *range(100, 115)])
    few = hajek(wrong, probabilities, random=random)
    assert (few.n, few.errors, few.rate) == (100, 4, 0.04)
    wrong[115] = True
    enough = hajek(wrong, probabilities, random=random)
    assert (enough.n, enough.errors) == (200, 20)
    assert enough.rate == pytest.approx((4 / 0.05 + 16 / 0.3) / (100 / 0.05 + 100 / 0.3))


def test_nominal_95_percent_intervals_cover_93_to_97_percent() -> None:
    cases, chance = many(20_000, seed=4), np.random.default_rng(6)
    truth = chance.random(20_000) < np.where(cases["amount"] > 1000, 0.15, 0.05)
    rates = stratum_rates(cases, RULES).to_numpy()
    probability = 1 - (1 - rates).prod(axis=1)
    estimates = []
    for _ in range(800):
        drawn = chance.random(rates.shape) < rates
        taken = drawn.any(axis=1)
        estimates.append(hajek(truth[taken], probability[taken], random=drawn[taken, 0]))
    assert {estimate.method for estimate in estimates} == {"hajek, design-based"}
    assert 0.93 <= np.mean([e.low <= truth.mean() <= e.high for e in estimates]) <= 0.97
    assert np.mean([e.rate for e in estimates]) == pytest.approx(truth.mean(), abs=0.001)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.01, 1)), max_size=60))
def test_every_sample_gives_a_rate_inside_its_interval(audits: list[tuple[bool, float]]) -> None:
    estimate = hajek([wrong for wrong, _ in audits], [chance for _, chance in audits])
    assert 0 <= estimate.low <= estimate.rate + 1e-9
    assert estimate.rate - 1e-9 <= estimate.high <= 1


def test_probabilities_outside_zero_to_one_are_refused() -> None:
    for probabilities in ([0.0], [1.1], [np.nan], [0.5, 0.5]):
        with pytest.raises(BadInput, match="inclusion probability"):
            hajek([True], probabilities)

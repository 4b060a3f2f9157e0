import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.errors import BadInput
from handrail.sampling import SamplingRules, allocate, chances, draw

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


def test_whether_a_case_is_drawn_depends_on_no_other_case() -> None:
    cases = many(2_000)
    whole = draw(cases, RULES, np.random.default_rng(9))
    part = draw(cases.iloc[::3], RULES, np.random.default_rng(9))
    assert set(part["case_id"]) == set(whole["case_id"]) & set(cases["case_id"].iloc[::3])


def test_a_watched_category_is_looked_at_more_and_only_that_one() -> None:
    cases = many(20_000).assign(confidence=0.99, amount=1.0)
    cases["category"] = np.where(np.arange(20_000) % 2, "refund", "tracking")
    rules = SamplingRules(**(vars(RULES) | {"watched": frozenset({"refund"}), "watched_rate": 0.2}))
    drawn = draw(cases, rules, np.random.default_rng(2)).merge(cases, on="case_id")
    assert set(drawn.loc[drawn["stratum"] == "watched", "category"]) == {"refund"}
    of = drawn.groupby("category")["inclusion_probability"].agg(["min", "max"])
    assert of.loc["refund"].tolist() == pytest.approx([1 - 0.95 * 0.8] * 2)
    assert of.loc["tracking"].tolist() == pytest.approx([0.05] * 2)
    assert (drawn["category"] == "refund").sum() == pytest.approx(2_400, abs=180)
    with pytest.raises(BadInput, match="category"):
        draw(cases.drop(columns="category"), rules, np.random.default_rng(2))


class TestBudget:
    def test_without_a_budget_or_within_it_nothing_is_cut(self) -> None:
        cases = many(3_000)
        wanted = chances(cases, RULES).sum()
        for affordable in (None, wanted):
            plan = allocate(cases, RULES, affordable)
            assert (plan.strata_kept, plan.random_kept, plan.fits, plan.is_cut) == (1, 1, True, False)
            assert plan.expected == plan.wanted == pytest.approx(wanted)

    def test_the_strata_give_way_in_proportion_before_the_random_draw(self) -> None:
        cases = many(3_000)
        plan = allocate(cases, RULES, 300)
        assert (plan.random_kept, plan.fits) == (1, True)
        assert plan.expected == pytest.approx(300, abs=0.1)
        kept, full = plan.rules.rates, RULES.rates
        for name in ("low_confidence", "high_value", "new_segment"):
            assert kept[name] / full[name] == pytest.approx(plan.strata_kept, abs=1e-4)

    def test_then_the_random_draw_gives_way_but_never_below_one_percent(self) -> None:
        cases = many(3_000)
        plan = allocate(cases, RULES, 90)
        assert (plan.strata_kept, plan.fits) == (0, True)
        assert plan.rules.rates["random"] == pytest.approx(0.03)
        short = allocate(cases, RULES, 5)
        assert (short.rules.rates["random"], short.fits) == (0.01, False)
        assert short.expected == pytest.approx(30)
        assert allocate(cases, RULES, 0).rules.rates["random"] == 0.01

    def test_what_was_cut_stands_in_the_probabilities_and_the_factor_is_worked_in(self) -> None:
        cases = many(60_000)
        plan = allocate(cases, SamplingRules(**(vars(RULES) | {"factor": 2.0})), 2_000)
        assert plan.rules.factor == 1
        drawn = draw(cases, plan.rules, np.random.default_rng(1))
        assert len(drawn) == pytest.approx(2_000, abs=180)
        assert (1 / drawn["inclusion_probability"]).sum() == pytest.approx(60_000, rel=0.1)

    @settings(max_examples=30, deadline=None)
    @given(st.floats(0, 2_000), st.integers(0, 3))
    def test_any_budget_is_kept_or_said_to_be_short(self, affordable: float, seed: int) -> None:
        cases = many(400, seed)
        plan = allocate(cases, RULES, affordable)
        assert plan.rules.rates["random"] >= 0.01
        assert plan.expected <= plan.wanted + 1e-3
        assert plan.fits == (plan.expected <= affordable + 1e-3)

    def test_no_candidates_cost_nothing(self) -> None:
        plan = allocate(CASES.iloc[:0], RULES, 0)
        assert (plan.wanted, plan.expected, plan.fits) == (0, 0, True)

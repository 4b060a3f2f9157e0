"""A challenger that is no better passes at most as often as stated; one that is better passes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from handrail.policy import CostRules, PromotionRules, QueueRules, for_labels
from models import promotion_test
from models.promotion_test import Bands, Sides

BANDS = Bands(auto_above=0.95, human_below=0.7)
COSTS = CostRules(minutes_manual=6, minutes_quick=1, minute=0.75, error=25)
RULES = PromotionRules()


def withheld(rng: np.random.Generator, cases: int, discordant: float, gain: float) -> pd.DataFrame:
    """Two models of which one alone is right on a share of `discordant` cases; the challenger's lead is `gain`."""
    turn = rng.random(cases)
    wins, loses = turn < (discordant + gain) / 2, (turn >= (discordant + gain) / 2) & (turn < discordant)
    both = rng.random(cases) < 0.85
    frame = {"truth": np.full(cases, "a")}
    for model, alone in (("challenger", wins), ("champion", loses)):
        right = np.where(wins | loses, alone, both)
        frame[f"{model}_label"] = np.where(right, "a", "b")
        frame[f"{model}_confidence"] = np.where(right, rng.beta(20, 1, cases), rng.beta(6, 2, cases))
    return pd.DataFrame(frame)


def promoted_share(cases: int, discordant: float, gain: float, rounds: int = 400, **options: object) -> float:
    rng = np.random.default_rng(11)
    given = {"costs": COSTS, "rules": RULES, "bands": BANDS, **options}
    return float(
        np.mean([promotion_test.judge(withheld(rng, cases, discordant, gain), **given).passed for _ in range(rounds)])
    )


# Every case worth 1 when right and 0 when wrong: value is accuracy.
ACCURACY = {"costs": CostRules(minutes_manual=1, minutes_quick=0, minute=1, error=0), "bands": Bands(0.0, 0.0)}


@pytest.mark.parametrize(("cases", "discordant"), [(200, 0.02), (200, 0.1), (1000, 0.08)])
def test_an_equal_challenger_is_promoted_in_at_most_five_of_a_hundred(cases: int, discordant: float) -> None:
    # The share is itself measured: 400 rounds scatter by 1.1 points around 5 %.
    assert promoted_share(cases, discordant, 0.0) <= 0.05 + 2.5 * 0.011
    assert promoted_share(cases, discordant, 0.0, **ACCURACY) <= 0.05 + 2.5 * 0.011


def test_two_points_more_are_found_on_two_thousand_cases_nine_times_in_ten() -> None:
    assert promoted_share(2000, 0.08, 0.02, rounds=150, **ACCURACY) >= 0.85


def test_models_that_never_differ_are_not_exchanged() -> None:
    frame = withheld(np.random.default_rng(1), 300, 0.0, 0.0)
    frame["challenger_label"], frame["challenger_confidence"] = frame["champion_label"], frame["champion_confidence"]
    verdict = promotion_test.judge(frame, costs=COSTS, rules=RULES, bands=BANDS)
    assert not verdict.passed
    assert verdict.discordant == 0
    assert "nothing to gain" in verdict.reasons[0]


@pytest.mark.parametrize(("cases", "judged"), [(199, False), (200, True)])
def test_too_few_withheld_cases_are_refused_with_the_number_missing(cases: int, judged: bool) -> None:
    frame = withheld(np.random.default_rng(1), cases, 0.3, 0.3)
    verdict = promotion_test.judge(frame, costs=COSTS, rules=RULES, bands=BANDS)
    assert verdict.passed is judged
    assert judged or "1 more blind labels" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("confidence", "right", "value"),
    [
        (0.96, True, 6 * 0.75),
        (0.96, False, -25),
        (0.95, True, 5 * 0.75),
        (0.95, False, -0.75),
        (0.70, True, 5 * 0.75),
        (0.69, True, 0),
        (0.69, False, 0),
    ],
)
def test_the_value_of_a_case_follows_its_band(confidence: float, right: bool, value: float) -> None:
    frame = pd.DataFrame(
        {"truth": ["a"], "champion_label": ["a" if right else "b"], "champion_confidence": [confidence]}
    )
    assert promotion_test.case_value(frame, "champion", COSTS, BANDS)[0] == pytest.approx(value)


def test_a_category_that_is_never_automatic_is_only_ever_looked_at() -> None:
    frame = pd.DataFrame({"truth": ["a", "z"], "champion_label": ["a", "z"], "champion_confidence": [1.0, 1.0]})
    value = promotion_test.case_value(frame, "champion", COSTS, Bands({"a": 1.0}, 0.7))
    assert value.tolist() == [3.75, 3.75]


def test_the_bounds_are_students_on_the_discordant_cases_and_two_more() -> None:
    frame = withheld(np.random.default_rng(5), 400, 0.2, 0.05)
    verdict = promotion_test.judge(frame, costs=ACCURACY["costs"], rules=RULES, bands=ACCURACY["bands"])
    difference = (frame["challenger_label"] == "a").astype(float) - (frame["champion_label"] == "a")
    assert verdict.gain == pytest.approx(difference.mean())
    doubted = np.append(difference, [1, -1])  # all that a case can bring or cost
    reach = stats.t.ppf(0.95, verdict.discordant + 2 - 1) * np.std(doubted) / np.sqrt(402)
    assert verdict.low == pytest.approx(doubted.mean() - reach)
    assert verdict.high == pytest.approx(doubted.mean() + reach)


@pytest.mark.parametrize("cases", [200, 400])
def test_a_bolder_model_whose_rare_errors_eat_its_gain_is_not_promoted_for_want_of_errors(cases: int) -> None:
    # A tenth of the cases is executed instead of looked at: 0.75 more when right, 24.25 less in one of 33.
    rng, promoted = np.random.default_rng(3), 0
    for _ in range(200):
        bold = rng.random(cases) < 0.10
        label = np.where(bold & (rng.random(cases) < 0.75 / 25), "b", "a")
        frame = pd.DataFrame({"truth": "a", "champion_label": label, "challenger_label": label})
        frame = frame.assign(champion_confidence=0.9, challenger_confidence=np.where(bold, 0.97, 0.9))
        promoted += promotion_test.judge(frame, costs=COSTS, rules=RULES, bands=BANDS).passed
    assert promoted / 200 <= 0.05


def test_what_a_differing_case_puts_at_stake_needs_no_truth() -> None:
    frame = pd.DataFrame(
        {
            "truth": ["a", "a", "b"],
            "champion_label": ["a", "a", "b"],
            "champion_confidence": [0.9, 0.99, 0.9],
            "challenger_label": ["a", "b", "b"],
            "challenger_confidence": [0.96, 0.99, 0.9],
        }
    )
    differing = np.array([True, True, False])
    # Executed instead of looked at, wrongly: -25 + 0.75. Executed wrongly instead of rightly: -25 - 4.5.
    expected = np.sqrt((24.25**2 + 2 * 29.5**2) / 3)
    stake = promotion_test._stake(frame, np.array([1.0, 2.0, 9.0]), differing, COSTS, Sides(BANDS, BANDS))
    assert stake == pytest.approx(expected)
    assert (
        promotion_test._stake(frame.assign(truth="z"), np.array([1.0, 2.0, 9.0]), differing, COSTS, Sides(BANDS, BANDS))
        == stake
    )


def test_weights_count_cases_as_often_as_they_stand_for() -> None:
    frame = withheld(np.random.default_rng(5), 250, 0.2, 0.05)
    times = np.random.default_rng(6).integers(1, 4, 250)
    weighted = promotion_test.judge(frame.assign(weight=times), costs=COSTS, rules=RULES, bands=BANDS)
    repeated = promotion_test.judge(frame.loc[frame.index.repeat(times)], costs=COSTS, rules=RULES, bands=BANDS)
    assert weighted.gain == pytest.approx(repeated.gain)
    assert weighted.low < repeated.low  # a weight is no further evidence


def test_a_group_that_demonstrably_gets_worse_refuses_a_challenger_that_gains() -> None:
    frame = withheld(np.random.default_rng(5), 2000, 0.3, 0.3).assign(region="north")
    frame.loc[:59, "region"] = "south"
    south = frame["region"] == "south"
    frame.loc[south, "challenger_label"], frame.loc[south, "champion_label"] = "b", "a"
    verdict = promotion_test.judge(frame, costs=COSTS, rules=RULES, bands=BANDS, groups=["region"])
    assert verdict.low > 0
    assert [reason.split()[1] for reason in verdict.reasons] == ["'south'"]
    assert verdict.codes == ("group_worse",)
    assert verdict.underpowered == ()
    few = frame.drop(frame.index[3:60])  # three cases of the group prove nothing
    verdict = promotion_test.judge(few, costs=COSTS, rules=RULES, bands=BANDS, groups=["region"])
    assert verdict.passed
    assert verdict.underpowered == ("region 'south' (3 cases)",)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 20))
def test_the_bounds_scale_with_the_currency_and_not_with_the_weights(seed: int, factor: float) -> None:
    frame = withheld(np.random.default_rng(seed), 250, 0.3, 0.1)
    plain = promotion_test.judge(frame, costs=COSTS, rules=RULES, bands=BANDS)
    dear = COSTS.model_copy(update={"minute": COSTS.minute * factor, "error": COSTS.error * factor})
    assert promotion_test.judge(frame, costs=dear, rules=RULES, bands=BANDS).low == pytest.approx(plain.low * factor)
    heavy = promotion_test.judge(frame.assign(weight=factor), costs=COSTS, rules=RULES, bands=BANDS)
    assert (heavy.low, heavy.high) == pytest.approx((plain.low, plain.high))
    assert plain.low <= plain.gain <= plain.high


class TestSides:
    """Each model is let do what its own certificates let it do."""

    POLICY = for_labels(["refund", "tracking"]).model_copy(
        update={"queues": QueueRules(auto_above=0.9, uncertified="review")}
    )

    def test_a_certificate_raises_the_policys_threshold_and_without_one_nothing_is_executed(self) -> None:
        none = promotion_test.bands(self.POLICY, {})
        assert (none.auto_above, none.automate) == ({"refund": 1.0, "tracking": 1.0}, False)
        own = promotion_test.bands(self.POLICY, {"refund": 0.97})
        assert own.automate
        assert own.auto_above["tracking"] == 1.0
        said = pd.DataFrame({"truth": "refund", "champion_label": "refund", "champion_confidence": [0.9699, 0.97]})
        assert promotion_test.case_value(said, "champion", COSTS, own).tolist() == [3.75, 4.5], "reached, not exceeded"
        lower = promotion_test.bands(self.POLICY, {None: 0.5})
        assert lower.auto_above == {"refund": 0.9, "tracking": 0.9}, "a certificate never lowers it"

    def test_where_the_policy_asks_for_no_certificate_its_own_threshold_holds(self) -> None:
        fixed = self.POLICY.model_copy(update={"queues": QueueRules(auto_above=0.9, uncertified="fixed")})
        assert promotion_test.bands(fixed, {}).auto_above == {"refund": 0.9, "tracking": 0.9}

    def test_an_equal_model_that_would_automate_less_is_worth_less(self) -> None:
        frame = withheld(np.random.default_rng(3), 600, 0.0, 0.0)
        frame = frame.assign(
            challenger_label=frame["champion_label"], challenger_confidence=frame["champion_confidence"]
        )
        sides = Sides(champion=BANDS, challenger=Bands(0.99, 0.7))
        same = promotion_test.judge(frame, costs=COSTS, rules=RULES, bands=BANDS)
        less = promotion_test.judge(frame, costs=COSTS, rules=RULES, bands=sides)
        assert (same.discordant, less.passed) == (0, False)
        assert less.gain < 0

    def test_what_is_novel_goes_to_people_whatever_its_confidence(self) -> None:
        frame = pd.DataFrame({"truth": ["a"], "champion_label": ["b"], "champion_confidence": [0.99]})
        assert promotion_test.case_value(frame, "champion", COSTS, BANDS).tolist() == [-25.0]
        assert promotion_test.case_value(frame.assign(champion_novel=True), "champion", COSTS, BANDS).tolist() == [0.0]

    def test_where_no_category_was_right_whoever_executes_errs(self) -> None:
        said = {"champion_label": [None, "b"], "champion_confidence": [0.99, 0.99]}
        frame = pd.DataFrame({"truth": [None, None], **said}, dtype=object)
        assert promotion_test.case_value(frame, "champion", COSTS, BANDS).tolist() == [-25.0, -25.0]

    def test_a_ruling_that_waits_for_another_person_counts_as_is_worse_for_the_challenger(self) -> None:
        both = {"champion_label": "b", "champion_confidence": 0.99, "challenger_confidence": 0.99}
        frame = pd.DataFrame(
            [{"truth": "a", "challenger_label": "a", **both}, {"truth": "a", "challenger_label": "c", **both}]
        )
        sides = Sides(BANDS, BANDS)
        assert promotion_test.gains(frame, COSTS, sides).tolist() == [29.5, 0.0]
        assert promotion_test.gains(frame.assign(pending=True), COSTS, sides).tolist() == [-29.5, -29.5]
        assert promotion_test.gains(frame.assign(pending=False), COSTS, sides).tolist() == [29.5, 0.0]

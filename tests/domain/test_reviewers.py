"""Signals about reviewers: exact tests of scipy are the oracle, the sample business's five reviewers the rival."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail import dawid_skene, reviewers
from handrail.agreement import collect
from handrail.reading import Verdict
from handrail.reviewers import EVERYBODY, ReviewerRecords, Signal, SignalBounds
from handrail.reviewers.accuracy import at_most
from handrail.reviewers.signal import exact_interval, judge, power_above
from handrail.sample import reviewers as simulated

RULES = SignalBounds()
ALPHA = 0.001


def one(found: list[Signal], reviewer: str) -> Signal:
    (signal,) = [signal for signal in found if signal.reviewer == reviewer]
    return signal


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 0.99))
def test_the_exact_figures_are_those_of_scipy(counts: tuple[int, int], share: float) -> None:
    hits, n = counts
    oracle = stats.binomtest(hits, n).proportion_ci(method="exact")
    assert exact_interval(hits, n) == pytest.approx((oracle.low, oracle.high), abs=1e-9)
    assert at_most(hits, n, share) == pytest.approx(stats.binom.cdf(hits, n, share), abs=1e-9)


@given(st.integers(1, 80), st.floats(0.01, 0.5), st.floats(0.001, 0.1))
def test_the_power_counts_every_number_of_hits_that_would_be_an_alarm(n: int, bound: float, alpha: float) -> None:
    hits = np.arange(n + 1)
    alarms = stats.binom.sf(hits - 1, n, bound) <= alpha
    assert power_above(n, bound, 0.8, alpha) == pytest.approx(stats.binom.pmf(hits, n, 0.8)[alarms].sum(), abs=1e-9)


def timed(**medians: float) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    parts = [
        pd.DataFrame({"reviewer": name, "seconds": rng.lognormal(np.log(m), 0.4, 100)}) for name, m in medians.items()
    ]
    return pd.concat(parts)


class TestGlances:
    def test_who_is_faster_than_the_others_ever_are_is_named_and_a_quick_worker_is_not(self) -> None:
        found = reviewers.glances(timed(ada=40, ben=35, cleo=30, dora=22, eve=3), RULES, ALPHA)
        assert {signal.reviewer for signal in found if signal.p < ALPHA} == {"eve"}
        assert one(found, "eve").value == pytest.approx(1.0, abs=0.05)
        assert one(found, "dora").low < RULES.glances

    def test_a_hasty_colleague_does_not_make_haste_the_measure(self) -> None:
        found = reviewers.glances(timed(ada=40, ben=35, cleo=30, dan=3, eve=3), RULES, ALPHA)
        assert {signal.reviewer for signal in found if signal.p < ALPHA} == {"dan", "eve"}

    @pytest.mark.parametrize(("others", "measured"), [(2, False), (3, True)])
    def test_fewer_than_three_others_are_no_measure(self, others: int, measured: bool) -> None:
        names = dict.fromkeys(["ada", "ben", "cleo"][:others], 30.0)
        assert (one(reviewers.glances(timed(**names, eve=3), RULES, ALPHA), "eve").value is not None) is measured

    def test_times_that_are_none_are_left_out(self) -> None:
        rows = timed(ada=40, ben=35, cleo=30, eve=3)
        odd = pd.DataFrame({"reviewer": "eve", "seconds": [np.nan, np.inf, -5.0]})
        assert reviewers.glances(pd.concat([rows, odd]), RULES, ALPHA) == reviewers.glances(rows, RULES, ALPHA)


class TestRubberStamps:
    def test_seeded_wrong_suggestions_alone_count(self) -> None:
        rows = [("eve", "b", "b")] * 9 + [("eve", "a", "b")] + [("eve", "a", None)] * 50 + [("ada", "a", None)] * 3
        found = reviewers.deceptions(pd.DataFrame(rows, columns=["reviewer", "said", "seeded"]), RULES, ALPHA)
        assert (one(found, "eve").value, one(found, "eve").n) == (0.9, 10)
        assert one(found, "eve").p == pytest.approx(stats.binomtest(9, 10, 0.3, alternative="greater").pvalue)
        assert one(found, "ada").verdict is Verdict.NOT_MEASURED

    def decided(self, seen: tuple[int, int], blind: tuple[int, int]) -> Signal:
        rows = [
            ("eve", visible, number >= rejected)
            for visible, (rejected, n) in ((True, seen), (False, blind))
            for number in range(n)
        ]
        frame = pd.DataFrame(rows, columns=["reviewer", "visible", "approved"])
        return one(reviewers.vanishings(frame, RULES, ALPHA), "eve")

    def test_rejections_that_vanish_where_the_suggestion_shows_are_counted_against_the_blind_ones(self) -> None:
        found = self.decided(seen=(2, 200), blind=(30, 100))
        assert found.value == pytest.approx(1 - (2 / 200) / (30 / 100))
        assert found.p < ALPHA
        assert found.low <= found.value <= found.high  # type: ignore[operator]

    def test_an_equal_rate_is_none_of_it_and_without_any_rejection_nothing_is_measured(self) -> None:
        assert self.decided(seen=(40, 200), blind=(20, 100)).value == pytest.approx(0)
        assert self.decided(seen=(40, 200), blind=(20, 100)).p > 0.9
        assert self.decided(seen=(0, 200), blind=(0, 100)).value is None
        assert self.decided(seen=(3, 200), blind=(0, 100)).value is None

    @given(st.integers(0, 60), st.integers(60, 300), st.integers(1, 40), st.integers(40, 200))
    def test_the_figure_lies_in_its_interval(self, seen: int, seen_n: int, blind: int, blind_n: int) -> None:
        found = self.decided((seen, seen_n), (blind, blind_n))
        assert found.low <= found.value <= found.high  # type: ignore[operator]
        assert 0 <= found.p <= 1
        assert 0 <= found.power <= 1


class TestAccuracy:
    def rulings(self, sure: dict[str, float], items: int, seed: int) -> tuple[pd.DataFrame, dict[str, str]]:
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 4, items)
        rows = []
        for number, label in enumerate(truth):
            for name in rng.choice(list(sure), 2, replace=False):
                right = rng.random() < sure[name]
                rows.append((f"i{number}", name, "abcd"[label if right else (label + 1 + rng.integers(3)) % 4]))
        known = {f"i{number}": "abcd"[label] for number, label in enumerate(truth)}
        return pd.DataFrame(rows, columns=["item", "reviewer", "label"]), known

    def test_with_known_truth_it_is_the_share_right(self) -> None:
        rows, truth = self.rulings({"ada": 0.95, "ben": 0.9, "dev": 0.6}, 200, 1)
        found = reviewers.accuracies(rows, truth, RULES, ALPHA)
        for name in ("ada", "ben", "dev"):
            mine = rows[rows["reviewer"] == name]
            assert one(found, name).value == pytest.approx((mine["label"] == mine["item"].map(truth)).mean())
        assert {signal.reviewer for signal in found if signal.p < ALPHA} == {"dev"}

    def test_without_it_the_consensus_tells_and_its_doubt_makes_the_cases_fewer(self) -> None:
        rows, _ = self.rulings({"ada": 0.97, "ben": 0.95, "cleo": 0.95, "dev": 0.7}, 600, 2)
        found = reviewers.accuracies(rows, {}, RULES, ALPHA)
        assert one(found, "dev").value == pytest.approx(0.7, abs=0.07)
        assert one(found, "ada").value == pytest.approx(0.97, abs=0.05)
        assert dict(one(found, "dev").details)["effective_n"] < one(found, "dev").n

    def test_two_who_differ_are_no_measure_of_each_other(self) -> None:
        rows, _ = self.rulings({"ada": 0.95, "dev": 0.6}, 100, 3)
        assert all(signal.value is None for signal in reviewers.accuracies(rows, {}, RULES, ALPHA))

    def test_known_truth_stands_whatever_all_say(self) -> None:
        rows = pd.DataFrame([(1, who, "a") for who in "xyz"] + [(2, "x", "b")], columns=["item", "rater", "label"])
        found = dawid_skene.estimate(collect(rows), attested={"1": "b", "2": "unheard of"})
        assert found.of("1") == ("b", 1.0)
        assert found.of("2")[0] == "b"


def turns(reviewer: str, group: str, n: int, turned: int, other: str = "complaint") -> pd.DataFrame:
    said = [other] * turned + ["refund"] * (n - turned)
    return pd.DataFrame({"reviewer": reviewer, "group": group, "reference": "refund", "said": said})


class TestBias:
    def test_what_all_do_to_one_group_stands_under_everybody_and_blames_nobody(self) -> None:
        rows = pd.concat(
            [turns(name, "coast", 40, 25) for name in ("ada", "ben")]
            + [turns(name, group, 60, 1) for name in ("ada", "ben") for group in ("north", "south")]
        )
        found = reviewers.biases(rows, RULES, 0.025)
        assert {signal.reviewer for signal in found if signal.verdict is Verdict.ALARM} == {EVERYBODY}
        (turn,) = dict(one(found, EVERYBODY).details)["turns"]
        assert (turn["group"], turn["reference"], turn["said"], turn["hits"], turn["n"]) == (
            "coast",
            "refund",
            "complaint",
            50,
            80,
        )
        assert one(found, EVERYBODY).value == pytest.approx(50 / 80 - 4 / 240)

    def test_what_one_alone_does_is_their_own(self) -> None:
        fair = [turns(name, group, 60, 1) for name in ("ada", "cleo") for group in ("coast", "north")]
        rows = pd.concat([*fair, turns("ben", "coast", 60, 40), turns("ben", "north", 60, 1)])
        found = reviewers.biases(rows, RULES, 0.025)
        assert one(found, "ben").verdict is Verdict.ALARM
        assert {one(found, name).verdict for name in ("ada", "cleo")} == {Verdict.QUIET}

    def test_one_group_alone_cannot_be_compared(self) -> None:
        (found, *_) = reviewers.biases(turns("ada", "coast", 60, 40), RULES, 0.025)
        assert found.verdict is Verdict.NOT_MEASURED

    def test_each_grouping_is_compared_within_itself(self) -> None:
        rows = pd.concat([turns("ada", "coast", 60, 40), turns("ada", "north", 60, 1)]).assign(grouping="region")
        again = rows.assign(grouping="tier", group="basic")
        found = one(reviewers.biases(pd.concat([rows, again]), RULES, 0.025), EVERYBODY)
        assert [turn["grouping"] for turn in dict(found.details)["turns"]] == ["region"]
        assert found.n == 120


class TestLooks:
    def test_nothing_seen_is_nothing_said(self) -> None:
        assert reviewers.look(ReviewerRecords()) == []

    def test_holm_keeps_the_chance_of_a_false_alarm_over_all(self) -> None:
        rng = np.random.default_rng(6)
        false = 0
        for _ in range(400):
            some = [Signal(str(k), "x", Verdict.NOT_MEASURED, 0.1, 0, 1, 50, p=p) for k, p in enumerate(rng.random(12))]
            false += any(signal.verdict is Verdict.ALARM for signal in judge(some, 0.05))
        assert false / 400 <= 0.08

    @pytest.mark.parametrize(("power", "verdict"), [(0.79, Verdict.UNDERPOWERED), (0.8, Verdict.QUIET)])
    def test_silence_is_quiet_only_where_the_trouble_would_have_been_heard(
        self, power: float, verdict: Verdict
    ) -> None:
        (found,) = judge([Signal("ada", "x", Verdict.NOT_MEASURED, 0.1, 0, 1, 50, p=0.7, power=power)], 0.05)
        assert found.verdict is verdict

    def test_four_weeks_of_the_sample_business_name_the_two_planted_ones_alone(self) -> None:
        named = []
        for seed in range(4):
            rng = np.random.default_rng(seed)
            work = []
            for person in simulated():
                truth = rng.choice(["refund_request", "complaint", "delivery_status", "cancellation"], 200)
                suggested = np.where(rng.random(200) < 0.9, truth, "complaint")
                visible, region = rng.random(200) > 0.25, rng.choice(["north", "coast"], 200)
                said, seconds = person.decide(truth, suggested, visible, region, 4, rng)
                work.append(
                    pd.DataFrame(
                        {
                            "reviewer": person.name,
                            "seconds": seconds,
                            "visible": visible,
                            "approved": said == suggested,
                            "group": region,
                            "reference": suggested,
                            "said": said,
                        }
                    )
                )
            rows = pd.concat(work)
            found = reviewers.look(ReviewerRecords(timed=rows[rows["visible"]], mixed=rows, turns=rows))
            named.append({signal.reviewer for signal in found if signal.verdict is Verdict.ALARM})
        assert named == [{"dev", "eve"}] * 4

"""Signals about reviewers: exact tests of scipy are the oracle, the sample business's five reviewers the rival."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from handrail import reviewers
from handrail.reading import Verdict
from handrail.reviewers import EVERYBODY, ReviewerRecords, Signal, SignalBounds
from handrail.reviewers.judged import confidence_sequence, log_evidence
from handrail.reviewers.signal import exact_interval, judge, power_above
from handrail.sample import reviewers as simulated

RULES = SignalBounds()
ALPHA = 0.001


def one(found: list[Signal], reviewer: str) -> Signal:
    (signal,) = [signal for signal in found if signal.reviewer == reviewer]
    return signal


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_exact_figures_are_those_of_scipy(counts: tuple[int, int]) -> None:
    hits, n = counts
    oracle = stats.binomtest(hits, n).proportion_ci(method="exact")
    assert exact_interval(hits, n) == pytest.approx((oracle.low, oracle.high), abs=1e-9)


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


def trials(person: str, wrong: Sequence[bool | None], kind: str = "rechecks", chance: float = 1.0) -> pd.DataFrame:
    """Two trials a day."""
    at = pd.date_range("2026-01-01", periods=len(wrong), freq="12h", tz="UTC")
    frame = pd.DataFrame({"person": person, "kind": kind, "at": at, "chance": chance})
    return frame.assign(wrong=pd.Series(list(wrong), dtype=object))


class TestJudgedWhereChanceChose:
    def test_who_errs_often_is_named_with_counts_and_interval_and_who_errs_as_people_do_is_not(self) -> None:
        rows = pd.concat([trials("r4", [True, False, False, False] * 15), trials("r1", [True] + [False] * 59)])
        found = reviewers.judged(rows, RULES, people=4)
        r4, r1 = one(found, "r4"), one(found, "r1")
        assert (r4.verdict, r4.value, r4.n, dict(r4.details)["wrong"]) == (Verdict.ALARM, 0.25, 60, 15)
        assert r4.low < 0.25 < r4.high
        assert (r1.verdict, r1.n) == (Verdict.QUIET, 60)

    def test_an_honest_reviewer_of_whom_little_is_known_is_neither_accused_nor_cleared(self) -> None:
        (found,) = reviewers.judged(trials("r2", [False] * 10), RULES, people=4)
        assert found.verdict is Verdict.UNDERPOWERED

    def test_what_waits_for_a_third_person_counts_against_nobody(self) -> None:
        (found,) = reviewers.judged(trials("r2", [None] * 12 + [False] * 3), RULES, people=4)
        assert (found.verdict, found.value, found.n) == (Verdict.UNDERPOWERED, 0.0, 3)
        assert dict(found.details)["pending"] == 12
        (found,) = reviewers.judged(trials("r2", [None] * 4), RULES, people=4)
        assert (found.verdict, found.value) == (Verdict.NOT_MEASURED, None)

    def test_the_rate_is_that_of_all_labels_where_the_chances_differed(self) -> None:
        dense = trials("r2", [True] * 10 + [False] * 10, chance=0.5)
        thin = trials("r2", [False] * 20, chance=0.05).assign(at=lambda rows: rows["at"] + pd.Timedelta(days=30))
        (found,) = reviewers.judged(pd.concat([dense, thin]), RULES, people=4)
        assert found.value == pytest.approx(10 * 2 / (20 * 2 + 20 * 20))
        assert found.high - found.low > np.subtract(*confidence_sequence(found.value * 40, 40, 0.95)[::-1])

    def test_who_grows_careless_after_a_good_year_is_found(self) -> None:
        good = [False] * 600
        (before,) = reviewers.judged(trials("r4", good), RULES, people=4)
        (after,) = reviewers.judged(trials("r4", good + [True, False, False] * 20), RULES, people=4)
        assert (before.verdict, after.verdict) == (Verdict.QUIET, Verdict.ALARM)

    def test_once_named_a_person_stays_named_until_the_record_begins_anew(self) -> None:
        rows = trials("r4", [True, False, False] * 15 + [False] * 400)
        assert one(reviewers.judged(rows, RULES, people=4), "r4").verdict is Verdict.ALARM

    def test_more_people_ask_for_more_evidence(self) -> None:
        rows = trials("r4", [True, False, False, False] * 8)
        few, many = (one(reviewers.judged(rows, RULES, people=count), "r4").verdict for count in (2, 2000))
        assert few is Verdict.ALARM
        assert many is not Verdict.ALARM

    def test_taking_over_what_is_wrong_is_judged_by_a_bound_of_its_own(self) -> None:
        stamped = trials("eve", [True] * 9 + [False], "deceived")
        fair = trials("ada", [True, False, False, False] * 5, "deceived")
        found = reviewers.judged(pd.concat([stamped, fair]), RULES, people=4)
        assert one(found, "eve").verdict is Verdict.ALARM
        assert one(found, "ada").verdict is not Verdict.ALARM

    @settings(max_examples=20)
    @given(st.lists(st.booleans(), max_size=20))
    def test_the_evidence_is_the_mixture_of_likelihood_ratios_written_out(self, wrong: list[bool]) -> None:
        at = pd.date_range("2026-01-01", periods=len(wrong), freq="3D", tz="UTC")
        largest = 1.0
        for end in range(1, len(wrong) + 1):
            value = 0.5 * self.ratio(wrong[:end])
            for week in range(1, 10):
                begun = [bad for day, bad in enumerate(wrong[:end]) if 3 * day >= 7 * week]
                value += 0.5 / (week * (week + 1)) * self.ratio(begun)
            largest = max(largest, value + 0.5 / 10)
        assert log_evidence(np.array(wrong, dtype=bool), at, 0.06) == pytest.approx(np.log(largest), abs=1e-9)

    @staticmethod
    def ratio(wrong: list[bool]) -> float:
        rates = [0.06 * times for times in (1.5, 2.0, 3.0, 5.0)]
        return float(np.mean([np.prod([r / 0.06 if bad else (1 - r) / 0.94 for bad in wrong]) for r in rates]))

    @pytest.mark.parametrize("rate", [0.03, 0.06])
    def test_nobody_within_the_bound_is_named_however_often_one_looks(self, rate: float) -> None:
        rng = np.random.default_rng(11)
        at = pd.date_range("2026-01-01", periods=500, freq="4h", tz="UTC")
        named = [log_evidence(rng.random(500) < rate, at, 0.06) >= np.log(1 / 0.05) for _ in range(200)]
        assert np.mean(named) <= 0.05

    def test_the_interval_holds_the_truth_at_every_look(self) -> None:
        rng = np.random.default_rng(12)
        missed = 0
        for _ in range(100):
            wrong = (rng.random(200) < 0.15).cumsum()
            ends = [confidence_sequence(int(wrong[n - 1]), n, 0.95) for n in range(5, 201, 5)]
            missed += any(not low <= 0.15 <= high for low, high in ends)
        assert missed / 100 <= 0.05


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
        assert named == [{"dev", "eve"}] * 4, "by their habits, which name nobody"

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from handrail import own_quality
from handrail.own_quality import Record, Share

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CAP = timedelta(minutes=5)


@pytest.mark.parametrize(("seconds", "worked"), [(-3, 0), (0, 0), (41.5, 41.5), (300, 300), (301, 300), (86_400, 300)])
def test_time_counts_from_the_screen_to_the_decision_and_a_break_does_not(seconds: float, worked: float) -> None:
    assert own_quality.seconds_worked(NOW, NOW + timedelta(seconds=seconds), CAP) == worked


class TestShares:
    @pytest.mark.parametrize(("hits", "n", "rate"), [(3, 3, None), (9, 9, None), (9, 10, 0.9), (0, 0, None)])
    def test_a_few_cases_give_counts_and_no_percentage(self, hits: int, n: int, rate: float | None) -> None:
        assert Share.of(hits, n).rate == rate

    def test_the_interval_is_the_exact_one(self) -> None:
        found, oracle = Share.of(45, 50), stats.binomtest(45, 50).proportion_ci(method="exact")
        assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))


class TestMedians:
    def test_too_few_times_have_no_median(self) -> None:
        assert own_quality.median([1.0] * 9).seconds is None
        assert own_quality.median([1.0] * 10).seconds == 1.0

    def test_what_was_not_measured_is_left_out(self) -> None:
        found = own_quality.median([None, float("nan"), *range(1, 12)])  # type: ignore[list-item]
        assert (found.seconds, found.n) == (6, 11)

    @given(st.lists(st.floats(0, 300), min_size=10, max_size=60))
    def test_it_lies_in_its_interval_and_the_interval_in_the_data(self, values: list[float]) -> None:
        found = own_quality.median(values)
        assert found.low is not None
        assert found.high is not None
        assert min(values) <= found.low <= found.seconds <= found.high <= max(values)  # type: ignore[operator]

    def test_the_interval_covers_the_true_median_at_least_so_often_as_it_says(self) -> None:
        rng = np.random.default_rng(3)
        covered = 0
        for _ in range(600):
            found = own_quality.median(rng.lognormal(3, 0.5, 25))
            covered += found.low <= np.exp(3) <= found.high  # type: ignore[operator]
        assert covered / 600 >= 0.93


def decisions(*rows: tuple[str, str, str, float | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["kind", "queue", "outcome", "seconds"])


class TestRecords:
    def test_work_is_told_apart_by_what_it_asks_of_people(self) -> None:
        found = own_quality.record(
            decisions(
                *[("review", "B", "approve", 10.0)] * 12,
                *[("review", "C", "override", 40.0)] * 11,
                ("audit", "A", "deny", 30.0),
                ("dispute", "C", "deny", None),
            )
        )
        assert found.decided == 25
        assert [found.outcomes[name].hits for name in ("approve", "override", "deny")] == [12, 11, 2]
        assert {name: one.seconds for name, one in found.times.items()} == {
            "quick": 10.0,
            "detailed": 40.0,
            "audit": None,
            "other": None,
        }

    def test_nothing_decided_is_an_empty_record(self) -> None:
        found = own_quality.record(decisions())
        assert (found.decided, found.times) == (0, {})
        assert found.outcomes["approve"].rate is None

    @pytest.mark.parametrize(("people", "median"), [(2, None), (3, 0.5)])
    def test_the_median_of_fewer_than_three_others_is_not_told(self, people: int, median: float | None) -> None:
        rows = decisions(*[("review", "B", "approve", 10.0)] * 10, *[("review", "B", "deny", 10.0)] * 10)
        found = own_quality.team([own_quality.record(rows)] * people)
        assert found.outcomes["approve"] == median
        assert found.times["quick"] == (None if median is None else 10.0)

    def test_who_did_too_little_is_no_part_of_the_median(self) -> None:
        enough: Record = own_quality.record(decisions(*[("review", "B", "approve", 10.0)] * 20))
        little = own_quality.record(decisions(("review", "B", "deny", 1.0)))
        assert own_quality.team([enough, enough, little]).outcomes["approve"] is None


def said(case: int, actor: str, label: str | None, **values: object) -> dict[str, Any]:
    ordinary = {"kind": "recheck", "blind": True, "outcome": "override" if label else "deny", "reason_code": None}
    return {"case_id": case, "actor": actor, "label": label, **ordinary, **values}


def pairs(*rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    found = own_quality.pair(pd.DataFrame(rows), "rita", ("policy", "legal"))
    return sorted(found.itertuples(index=False, name=None))


class TestPairs:
    def test_my_answer_stands_beside_what_another_said_without_seeing_it(self) -> None:
        found = pairs(said(1, "rita", "refund", kind="review", blind=False), said(1, "ruth", "cancel"))
        assert found == [(1, "mine", "refund"), (1, "theirs", "cancel")]

    def test_who_saw_a_suggestion_is_no_witness(self) -> None:
        assert pairs(said(1, "rita", "refund"), said(1, "ruth", "refund", blind=False)) == []

    def test_an_adjudication_counts_before_a_later_second_look(self) -> None:
        found = pairs(
            said(1, "rita", "refund"),
            said(1, "cara", "cancel", kind="adjudication", blind=False),
            said(1, "ruth", "refund"),
        )
        assert found == [(1, "mine", "refund"), (1, "theirs", "cancel")]

    def test_that_no_category_fits_is_an_answer_and_a_denial_for_policy_is_none(self) -> None:
        assert len(pairs(said(1, "rita", None, reason_code="out_of_scope"), said(1, "ruth", None))) == 2
        assert pairs(said(1, "rita", None, reason_code="policy"), said(1, "ruth", "refund")) == []

    def test_that_no_category_fits_is_an_answer_also_beside_answers_with_one(self) -> None:
        found = pairs(said(1, "rita", None), said(1, "ruth", "refund"))
        assert [(mine, whose) for mine, whose, _ in found] == [(1, "mine"), (1, "theirs")]

    def test_cases_of_others_alone_are_left_out(self) -> None:
        assert pairs(said(1, "ron", "refund"), said(1, "ruth", "refund")) == []


class TestAgreement:
    def rated(self, cases: int) -> tuple[pd.DataFrame, list[str], list[str]]:
        rng = np.random.default_rng(5)
        mine = rng.choice(["a", "b", "c"], cases).tolist()
        theirs = [label if rng.random() < 0.8 else "a" for label in mine]
        rows = [(n, who, label) for n in range(cases) for who, label in (("mine", mine[n]), ("theirs", theirs[n]))]
        return pd.DataFrame(rows, columns=["item", "rater", "label"]), mine, theirs

    def test_kappa_is_the_one_of_scikit_learn(self) -> None:
        frame, mine, theirs = self.rated(80)
        found = own_quality.agreeing(frame, np.random.default_rng(1), fewest=50)
        assert found.kappa == pytest.approx(cohen_kappa_score(mine, theirs))
        assert found.same.hits == sum(a == b for a, b in zip(mine, theirs, strict=True))
        assert found.interval.low is not None
        assert found.interval.low < found.kappa < found.interval.high  # type: ignore[operator]

    @pytest.mark.parametrize(("cases", "told"), [(49, False), (50, True)])
    def test_below_the_policys_number_nothing_is_said_beyond_the_counts(self, cases: int, told: bool) -> None:
        found = own_quality.agreeing(self.rated(cases)[0], np.random.default_rng(1), fewest=50)
        assert (found.kappa is not None) is told
        assert found.same.n == cases

    def test_no_common_case_is_no_agreement(self) -> None:
        found = own_quality.agreeing(self.rated(0)[0], np.random.default_rng(1), fewest=50)
        assert (found.same.n, found.kappa) == (0, None)

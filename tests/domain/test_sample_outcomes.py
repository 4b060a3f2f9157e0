"""Outcomes follow from what was executed: errors come back, waiting annoys."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from handrail.errors import BadInput
from handrail.sample import OUT_OF_SCOPE, generate_weeks, outcomes


@pytest.fixture(scope="module")
def cases() -> pd.DataFrame:
    return generate_weeks([1, 2, 3])[0]


def _executed(cases: pd.DataFrame, *, wrong: bool = False, wait: timedelta = timedelta(hours=1)) -> pd.DataFrame:
    truth = cases["truth_label"]
    label = np.where(truth == "complaint", "cancellation", "complaint") if wrong else truth
    return pd.DataFrame(
        {
            "external_id": cases["external_id"],
            "executed_label": label,
            "decided_at": cases["received_at"] + wait,
            "automatic": False,
        }
    )


def _rate(events: pd.DataFrame, kind: str, size: int) -> float:
    return events["kind"].eq(kind).sum() / size


def test_wrong_actions_are_mostly_reversed_and_right_ones_hardly_ever(cases: pd.DataFrame) -> None:
    right, wrong = (outcomes(cases, _executed(cases, wrong=w), np.random.default_rng(1)) for w in (False, True))
    assert _rate(right, "reversal", len(cases)) < 0.015
    assert 0.70 < _rate(wrong, "reversal", len(cases)) < 0.80
    assert _rate(wrong, "complaint", len(cases)) > 5 * _rate(right, "complaint", len(cases))


def test_satisfaction_falls_with_error_and_with_waiting(cases: pd.DataFrame) -> None:
    def mean_score(**how: object) -> float:
        events = outcomes(cases, _executed(cases, **how), np.random.default_rng(2))  # type: ignore[arg-type]
        scores = events.loc[events["kind"].eq("csat"), "value"]
        assert set(scores) <= {1.0, 2.0, 3.0, 4.0, 5.0}
        return float(scores.mean())

    soon = mean_score()
    assert soon > mean_score(wait=timedelta(days=3)) + 0.3
    assert soon > mean_score(wrong=True) + 1.0


def test_every_executed_case_is_closed_after_its_decision(cases: pd.DataFrame) -> None:
    executed = _executed(cases)
    events = outcomes(cases, executed, np.random.default_rng(3))
    closed = events[events["kind"].eq("closed")].set_index("external_id")
    assert sorted(closed.index) == sorted(cases["external_id"])
    decided = executed.set_index("external_id")["decided_at"]
    assert (closed["at"] > decided.loc[closed.index]).all()
    received = cases.set_index("external_id")["received_at"].loc[closed.index]
    hours = (closed["at"] - received).dt.total_seconds() / 3600
    np.testing.assert_allclose(closed["value"], hours, atol=0.02)
    assert events["at"].is_monotonic_increasing


def test_a_case_outside_the_scope_is_never_reversed(cases: pd.DataFrame) -> None:
    executed = _executed(cases).assign(executed_label=OUT_OF_SCOPE)
    events = outcomes(cases, executed, np.random.default_rng(4))
    assert "reversal" not in set(events["kind"])


@pytest.mark.parametrize("nothing", ["", None])
def test_what_was_not_executed_has_no_outcome(cases: pd.DataFrame, nothing: str | None) -> None:
    events = outcomes(cases, _executed(cases).assign(executed_label=nothing), np.random.default_rng(5))
    assert events.empty
    assert list(events.columns) == ["external_id", "kind", "value", "at"]


def test_the_same_generator_gives_the_same_outcomes(cases: pd.DataFrame) -> None:
    one, two = (outcomes(cases, _executed(cases), np.random.default_rng(6)) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_decisions_without_columns_or_without_cases_are_refused(cases: pd.DataFrame) -> None:
    executed = _executed(cases.head(3))
    with pytest.raises(BadInput, match="decided_at"):
        outcomes(cases, executed.drop(columns="decided_at"), np.random.default_rng(7))
    with pytest.raises(BadInput, match="no case"):
        outcomes(cases, executed.assign(external_id="unknown"), np.random.default_rng(7))

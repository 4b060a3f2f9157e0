"""A rehearsal's figures against a reckoning row by row."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from handrail.errors import BadInput
from handrail.rehearsed import CASES, Events, PersonPlayed, PromotionPlayed, ThresholdRule, measure, oracle

BEGAN = date(2026, 5, 25)
NO_AUDITS = pd.DataFrame(
    {"day": pd.Series(dtype=int), "error": pd.Series(dtype=object), "chance": pd.Series(dtype=float)}
)


def stream(seed: int, days: int = 84, a_day: int = 12) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cases as a rehearsal writes them, and what a plain model says of them."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    truth = rng.choice(["a", "b", "new"], n, p=[0.5, 0.4, 0.1]).astype(object)
    confidence = rng.beta(8, 1, n).round(2)
    predicted = np.where(rng.random(n) < confidence, truth, "a").astype(object)
    automated = (confidence > 0.9) & (rng.random(n) < 0.8)
    decided = np.where(automated, predicted, truth).astype(object)
    unread = rng.random(n) < 0.05
    predicted[unread], confidence[unread] = None, np.nan
    automated &= ~unread
    cases = pd.DataFrame(
        {
            "id": [f"r{number}" for number in range(n)],
            "day": [(BEGAN + timedelta(days=int(at))).isoformat() for at in np.repeat(np.arange(days), a_day)],
            "queue": np.where(automated, "A", "B"),
            "reason": "auto",
            "predicted": predicted,
            "confidence": confidence,
            "automated": automated.astype(int),
            "decided": decided,
            "truth": truth,
        }
    )
    plain = pd.DataFrame({"id": cases["id"], "label": predicted, "confidence": np.clip(confidence + 0.03, 0, 1)})
    return cases, plain[~unread].sample(frac=1, random_state=seed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shares_and_errors_are_those_of_the_rows(seed: int) -> None:
    cases, plain = stream(seed)
    found = measure(cases, plain, Events(NO_AUDITS), began=BEGAN, days=84)

    rows = cases.to_dict("records")
    automated = [row for row in rows if row["automated"]]
    wrong = [row for row in automated if row["decided"] != row["truth"]]
    assert found.automated_share == pytest.approx(len(automated) / len(rows))
    assert found.true_error == pytest.approx(len(wrong) / len(automated))
    assert found.error_interval is not None
    assert found.error_interval[0] < found.true_error < found.error_interval[1]
    assert sum(week.automated for week in found.by_week) == len(automated)
    assert sum(week.errors for week in found.by_week) == len(wrong)
    assert [week.cases for week in found.by_week] == [84] * 12

    said = {row["id"]: row for row in plain.to_dict("records")}
    late = [row for row in rows if (date.fromisoformat(row["day"]) - BEGAN).days >= 21]
    passed = [row for row in late if row["id"] in said and said[row["id"]]["confidence"] > 0.95]
    assert found.naive.share == pytest.approx(len(passed) / len(late))
    assert found.naive.error == pytest.approx(np.mean([said[row["id"]]["label"] != row["truth"] for row in passed]))


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_beats_the_oracle(seed: int) -> None:
    cases, _ = stream(seed, days=20)
    best = 0.0
    for threshold in cases["confidence"].dropna().unique():
        above = cases[cases["confidence"] >= threshold]
        if (above["predicted"] != above["truth"]).mean() <= 0.02:
            best = max(best, len(above) / len(cases))
    assert oracle(cases).share == pytest.approx(best)


def test_the_oracle_is_asked_of_weeks_four_to_seven() -> None:
    cases, plain = stream(4)
    number = (pd.to_datetime(cases["day"]) - pd.Timestamp(BEGAN)).dt.days + 1
    assert measure(cases, plain, Events(NO_AUDITS), began=BEGAN, days=84).oracle == oracle(
        cases[number.between(22, 49)]
    )
    early = measure(cases[number <= 7], plain, Events(NO_AUDITS), began=BEGAN, days=7)
    assert (early.oracle, early.naive) == (ThresholdRule(), ThresholdRule())


def test_what_never_automates_is_measured_too() -> None:
    cases, plain = stream(5)
    found = measure(cases.assign(automated=0), plain, Events(NO_AUDITS), began=BEGAN, days=84)
    assert (found.automated_share, found.true_error, found.automated_from_day) == (0.0, None, None)


def test_events_and_audits_stand_beside_their_weeks() -> None:
    cases, plain = stream(6)
    audits = pd.DataFrame({"day": [1, 9, 9, 10], "error": [False, True, False, None], "chance": [0.5, 0.1, 1.0, 1.0]})
    events = Events(
        audits,
        first_certificate_day=14,
        people={"r4": PersonPlayed(12), "r1": PersonPlayed()},
        promotions=(PromotionPlayed(40, "2"),),
        launch="new",
        named_day=3,
        minutes={1: 42.0, 2: 42.0},
    )
    found = measure(cases, plain, events, began=BEGAN, days=84)
    assert [week.audited for week in found.by_week[:2]] == [1, 2]
    assert found.by_week[2].interval is None
    low, high = found.by_week[1].interval or (1.0, 0.0)
    assert low < 10 / 11 < high, "an audit drawn with a tenth stands for ten approvals"
    assert found.launch is not None
    of_it = cases[(cases["automated"] == 1) & (cases["truth"] == "new")]
    assert found.launch.automated_wrong == (of_it["decided"] != "new").sum() > 0
    assert found.minutes_a_day == pytest.approx(1.0)
    told = found.to_json()
    assert told["people"] == {"r4": {"named_day": 12}, "r1": {"named_day": None}}
    assert (told["launch"]["named_day"], told["launch"]["held_day"]) == (3, None)
    assert list(told["promotions"]) == [{"day": 40, "version": "2"}]


def test_a_missing_column_and_a_doubled_case_are_refused() -> None:
    cases, plain = stream(7, days=2)
    with pytest.raises(BadInput, match="no column 'truth'"):
        measure(cases.drop(columns="truth"), plain, Events(NO_AUDITS), began=BEGAN, days=2)
    with pytest.raises(BadInput, match="stands twice"):
        measure(pd.concat([cases, cases.head(1)]), plain, Events(NO_AUDITS), began=BEGAN, days=2)
    assert list(CASES) == list(cases.columns)

"""Figures come back from their JSON as they were, also where an earlier or later release wrote it."""

import json
from datetime import UTC, datetime

import pytest

from handrail.drift import ColumnDrift
from handrail.fairness import GapVerdict, GroupGap
from handrail.figures.audits import AuditFigures, PlanFigures, RateFigures, StratumFigures, TrendFigures, WeekFigures
from handrail.figures.breaker import BreakerEvidence, BreakerLevel, Reliability, reliability_in
from handrail.figures.drift import ColumnFigures
from handrail.figures.fairness import FairnessFigures, FairnessRow
from handrail.figures.reviewers import ReviewerFigures, SignalFigures
from handrail.reading import Figures, KeptReading, Verdict, unreadable
from handrail.reviewers import Signal

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEEK = WeekFigures(weeks_ago=1, auto_approved=9, audited=3, errors=1, rate=1 / 3, low=0.1, high=0.9)
AUDITS = AuditFigures(
    auto_approved=9,
    drawn=3,
    audited=3,
    errors=1,
    rate=1 / 3,
    low=0.1,
    high=0.9,
    needed=None,
    trend=TrendFigures(direction="too few to say", by_week=(WEEK,)),
    estimated=RateFigures(rate=0.2, low=0.1, high=0.3, n=9),
    ppi=None,
    strata={"random": StratumFigures(drawn=3, audited=3, errors=1)},
    error_cases=(7,),
    plan=PlanFigures(rates={"random": 0.05}, watched=("refund",), cut="Nothing was cut."),
)
GAP = GroupGap("approval", "north", 40, 0.123456, 0.1, 0.2, -0.05, -0.1, 0.0, 0.04, GapVerdict.BEYOND, None)
FAIRNESS = FairnessFigures(level=0.95, comparisons=1, rows=(FairnessRow.of_share("region", GAP),))
TURN = {"grouping": "region", "group": "north", "reference": "refund", "said": "denied", "share": 0.5}
SIGNAL = Signal("rita", "bias", Verdict.ALARM, 0.4, float("-inf"), 0.5, 90, details=(("turns", [TURN]), ("tests", 3)))
REVIEWER = ReviewerFigures(signals=(SignalFigures.of(SIGNAL),))


@pytest.mark.parametrize("figures", [AUDITS, FAIRNESS, REVIEWER])
def test_figures_come_back_from_their_json_as_they_were(figures: Figures) -> None:
    assert type(figures).from_json(json.loads(json.dumps(figures.to_json()))) == figures


def test_the_json_has_the_fields_in_their_order_and_plain_values() -> None:
    assert list(AUDITS.to_json())[:3] == ["auto_approved", "drawn", "audited"]
    (row,) = FAIRNESS.to_json()["rows"]
    assert (row["rate"], type(row["verdict"]), "slow" in row, row["needed"]) == (0.1235, str, False, None)


def test_a_figure_without_a_default_must_be_there_and_others_may_lack() -> None:
    body = AUDITS.to_json()
    del body["waiting"], body["estimated"]["errors"]
    assert AuditFigures.from_json({**body, "of a later release": 1}) == AUDITS
    del body["trend"]
    with pytest.raises(KeyError, match="trend"):
        AuditFigures.from_json(body)


def test_a_signals_details_stand_beside_its_figures() -> None:
    (signal,) = REVIEWER.to_json()["signals"]
    assert list(signal) == ["name", "verdict", "value", "low", "high", "n", "p", "power", "turns", "tests"]
    assert signal["low"] is None, "an end that is not bounded"
    (turn,) = SignalFigures.from_json(signal).turns
    assert (turn.said, turn.group) == ("denied", "north")


def test_what_does_not_apply_to_a_column_is_absent() -> None:
    column = ColumnDrift("channel", "categorical", "psi", 0.2, 0.1, moved=(("web", 0.1, 0.3),))
    body = ColumnFigures.of(column).to_json()
    assert "ks" not in body
    assert (body["moved"], body["note"]) == ([["web", 0.1, 0.3]], "")
    assert ColumnFigures(note="the window is empty").to_json() == {"note": "the window is empty"}


def test_a_reliability_in_other_terms_is_none() -> None:
    kept = Reliability("rules", 5.0, 0.1, 0.05, 0.5, 0.6, 0.08, 0.4, None, None)
    assert reliability_in({"reliability": kept.to_json()}) == kept
    for body in ({"reliability": {"rules": "rules"}}, {}, None, {"reliability": {**kept.to_json(), "more": 1}}):
        assert reliability_in(body) is None


def test_evidence_of_an_earlier_release_lacks_most_of_it() -> None:
    old = BreakerEvidence.from_json({"reviewed": 10, "rejected": 3, "rate": 0.3})
    assert (old.rule, old.terms, old.groups, old.path, old.tripped_at) == (None, None, (), (), None)


def test_a_failed_look_has_a_fault_and_no_figures() -> None:
    failed = unreadable("breaker", "refund", (NOW, NOW), "KeyError", rule="esr")
    assert (failed.verdict, failed.fault) == (Verdict.UNREADABLE, "KeyError")
    kept = KeptReading("breaker", "refund", (NOW, NOW), Verdict.QUIET, {"level": 0.5}, id=1, at=NOW)
    assert (kept.fault, kept.figures(BreakerLevel).level, failed.figures(BreakerLevel).level) == (None, 0.5, None)

"""Which labels stand for what: every case like theirs has to have had the same chance."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handrail import blind
from handrail.certification import certify
from handrail.policy import AmountStep, CategoryRules, Consequence, Policy

DAY = date(2026, 3, 2)
OTHER_DAY = date(2026, 3, 3)
POLICY = Policy(
    business="test",
    categories={
        "easy": CategoryRules(
            action="a",
            consequence=Consequence.LOW,
            amount_limit=500,
            consequence_by_amount=(AmountStep(above=100, consequence=Consequence.MEDIUM),),
        ),
        "plain": CategoryRules(action="p", consequence=Consequence.LOW, partial_share=0.25),
        "grave": CategoryRules(action="g", consequence=Consequence.HIGH),
    },
)

SHADOW = {
    "stage": "shadow",
    "queue": "C",
    "reasons": ["stage_shadow", "not_certified", "below_threshold"],
    "hidden": True,
}
AUDITED = {"stage": "auto", "queue": "A", "reasons": ["auto"], "threshold": 0.95, "audited": True}
APPROVED = {**AUDITED, "audited": False, "correct": None}
QUICK = {"stage": "suggest", "queue": "B", "reasons": ["stage_suggest", "not_certified"], "hidden": True}
SHOWN = {**QUICK, "hidden": False, "correct": None}
BELOW = {
    "stage": "auto",
    "queue": "B",
    "reasons": ["below_threshold"],
    "threshold": 0.95,
    "confidence": 0.8,
    "correct": None,
}


def cases(*rows: dict[str, Any]) -> pd.DataFrame:
    """Cases; what a row does not say is ordinary: certain, labelled, right, routed by the version itself."""
    ordinary = {
        "predicted": "easy",
        "amount": 20.0,
        "novel": False,
        "own": True,
        "threshold": None,
        "confidence": 0.99,
        "day": DAY,
        "correct": True,
        "audited": False,
        "hidden": False,
    }
    return pd.DataFrame([{**ordinary, **row} for row in rows])


def floors(*rows: dict[str, Any]) -> dict[int, float]:
    """The rows that count, with their floor."""
    found = blind.evidence_for(blind.population(cases(*rows), POLICY))
    return dict(zip(found.index.tolist(), found["floor"].tolist(), strict=True))


@pytest.mark.parametrize(
    ("row", "counts"),
    [
        ({}, True),
        ({"amount": 100.0}, True),
        ({"amount": 100.01}, False),
        ({"amount": None}, True),
        ({"predicted": "grave"}, False),
        ({"predicted": "unknown"}, False),
        ({"novel": True}, False),
        ({"reasons": ["flagged", "stage_shadow"]}, False),
    ],
)
def test_only_what_could_be_approved_by_itself_belongs_to_the_population(row: dict[str, Any], counts: bool) -> None:
    assert blind.automatable(cases({**SHADOW, **row}), POLICY).tolist() == [counts]
    assert floors({**SHADOW, **row}) == ({0: 0.0} if counts else {})


def test_no_case_stands_for_nothing() -> None:
    empty = cases(SHADOW).iloc[:0]
    assert blind.evidence_for(blind.population(empty, POLICY)).empty


def test_in_shadow_every_label_counts_from_zero_on_whoever_served() -> None:
    assert floors(SHADOW, {**SHADOW, "own": False, "confidence": 0.4}, {**SHADOW, "correct": None}) == {0: 0, 1: 0}


def test_an_audit_counts_above_the_threshold_in_force_and_not_at_the_policys_own() -> None:
    (floor,) = floors(AUDITED, APPROVED, BELOW).values()
    assert 0.95 < floor < 0.95 + 1e-9, "the policy's threshold has to be exceeded"
    assert floors({**AUDITED, "threshold": 0.97}) == {0: 0.97}, "a certified one only reached"


def test_an_audit_chosen_for_its_risk_counts_nowhere() -> None:
    assert floors({**AUDITED, "audited": False}) == {}


def test_another_versions_threshold_says_nothing() -> None:
    assert floors({**AUDITED, "own": False}) == {}
    assert floors({**QUICK, "own": False}) == {}


def test_the_blind_share_of_queue_b_counts_where_the_whole_category_goes_there() -> None:
    assert floors(QUICK, SHOWN) == {0: POLICY.queues.human_below}
    uncertified = {**QUICK, "stage": "auto", "reasons": ["not_certified", "below_threshold"]}
    assert floors(uncertified) == {0: POLICY.queues.human_below}
    assert floors({**SHOWN, "correct": True}) == {}, "a label of who saw the suggestion"
    chosen_for_doubt = {**BELOW, "hidden": True, "correct": True}
    assert floors(chosen_for_doubt) == {}
    assert floors({**QUICK, "confidence": 0.6, "reasons": ["low_confidence", "stage_suggest"]}) == {}


@pytest.mark.parametrize("reason", ["paused", "altered", "held"])
def test_a_day_on_which_some_were_kept_from_the_draw_counts_only_above_them(reason: str) -> None:
    kept = {**APPROVED, "queue": "B", "reasons": [reason]}
    assert floors(AUDITED, kept) == {}
    assert list(floors({**AUDITED, "day": OTHER_DAY}, kept)) == [0], "another day is another draw"


def test_a_day_that_began_in_shadow_counts_where_the_rest_of_it_was_drawn_alike() -> None:
    assert floors(SHADOW, AUDITED) == {}, "the one was seen by all, the other by one in twenty"
    later = floors(SHADOW, {**SHADOW, "confidence": 0.9}, BELOW)
    assert list(later) == [0], "nobody was kept from the draw above 0.95"
    assert later[0] == pytest.approx(0.95)


def test_together_categories_count_only_on_days_on_which_all_had_the_same_chance() -> None:
    plain = {"predicted": "plain"}
    assert list(floors(SHADOW, {**SHADOW, **plain})) == [0, 1]
    assert list(floors(AUDITED, {**AUDITED, **plain})) == [0, 1]
    assert floors(SHADOW, {**AUDITED, **plain}) == {}, "one in shadow, one audited"
    assert floors(AUDITED, {**AUDITED, **plain, "stage": "partial"}) == {}, "one passes whole, one in part"
    higher = floors(AUDITED, {**AUDITED, **plain, "threshold": 0.98})
    assert set(higher.values()) == {0.98}, "the highest threshold of the day holds for all"


def test_the_control_group_of_a_partial_rollout_counts_beside_the_audits() -> None:
    partial = {"stage": "partial", "predicted": "plain"}
    control = {**partial, "queue": "B", "reasons": ["control_group"], "threshold": 0.95, "hidden": True}
    assert list(floors({**AUDITED, **partial}, control, {**control, "hidden": False, "correct": None})) == [0, 1]


def test_the_overall_guarantee_holds_through_a_rollout_of_one_category_before_another() -> None:
    # `easy` hardly errs and stays in shadow, `plain` errs in one of ten above 0.95 and is audited at one in twenty.
    chance, runs, wrong = np.random.default_rng(8), 40, {"standing": 0, "pooled": 0}
    for _ in range(runs):
        rows = pd.concat([cases(*[SHADOW] * 400), cases(*[{**AUDITED, "predicted": "plain"}] * 400)])
        rows = rows.reset_index(drop=True).assign(confidence=chance.uniform(0.955, 1, 800))
        is_plain = rows["predicted"].eq("plain")
        drawn = ~is_plain | (chance.random(800) < 0.05)
        right = pd.Series(chance.random(800) >= np.where(is_plain, 0.1, 0.001), dtype=object)
        rows = rows.assign(correct=right.where(drawn, None), audited=is_plain & drawn)
        pooled = rows[drawn]
        standing = blind.evidence_for(blind.population(rows, POLICY))
        for name, part in (("standing", standing), ("pooled", pooled)):
            found = certify(part["confidence"], part["correct"].astype(bool), max_error=0.02, delta=0.1)
            wrong[name] += found.threshold is not None
    assert wrong["standing"] == 0
    assert wrong["pooled"] > runs / 2

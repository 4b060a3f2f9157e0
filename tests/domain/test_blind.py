"""Which blind labels stand for the cases that would be automated, and for how many of them."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handrail import blind
from handrail.policy import AmountStep, CategoryRules, Consequence, Policy, QueueRules, for_labels

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

SHADOW = {"stage": "shadow", "queue": "C", "reasons": ["stage_shadow"], "hidden": True, "blind_chance": 1.0}
AUDITED = {"stage": "auto", "queue": "A", "reasons": ["auto"], "audited": True, "inclusion": 0.05}
APPROVED = {**AUDITED, "audited": False, "correct": None}
QUICK = {"stage": "suggest", "queue": "B", "reasons": ["stage_suggest"], "hidden": True, "blind_chance": 0.1}
SHOWN = {**QUICK, "hidden": False, "correct": None}
UNSURE = {
    "stage": "auto",
    "queue": "C",
    "reasons": ["low_confidence"],
    "hidden": False,
    "blind_chance": 0.0,
    "correct": None,
}


def cases(*rows: dict[str, Any]) -> pd.DataFrame:
    """Cases; what a row does not say is ordinary: certain, labelled, right."""
    ordinary = {
        "predicted": "easy",
        "amount": 20.0,
        "novel": False,
        "confidence": 0.99,
        "day": DAY,
        "correct": True,
        "audited": False,
        "inclusion": None,
        "hidden": False,
        "blind_chance": None,
    }
    return pd.DataFrame([{**ordinary, **row} for row in rows])


def population(*rows: dict[str, Any]) -> pd.DataFrame:
    return blind.population(cases(*rows), POLICY)


def chances(*rows: dict[str, Any]) -> dict[int, float]:
    """The rows that count, with their chance."""
    counted = blind.evidence_for(population(*rows))
    return dict(zip(counted.index.tolist(), counted["chance"].tolist(), strict=True))


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
        *[
            ({"reasons": [reason, "stage_shadow"]}, False)
            for reason in ("flagged", "no_consent", "no_text", "reopened", "other_currency")
        ],
    ],
)
def test_only_what_could_be_approved_by_itself_belongs_to_the_population(row: dict[str, Any], counts: bool) -> None:
    assert blind.automatable(cases({**SHADOW, **row}), POLICY).tolist() == [counts]
    assert chances({**SHADOW, **row}) == ({0: 1.0} if counts else {})


def test_no_case_stands_for_nothing() -> None:
    empty = cases(SHADOW).iloc[:0]
    assert blind.evidence_for(blind.population(empty, POLICY)).empty


def test_each_label_has_the_chance_of_its_own_route_side_by_side() -> None:
    assert chances(SHADOW, AUDITED, QUICK, APPROVED, SHOWN) == {0: 1.0, 1: 0.05, 2: 0.1}


def test_an_audit_drawn_for_its_risk_counts_by_the_chance_it_had() -> None:
    assert chances({**AUDITED, "inclusion": 0.6}) == {0: 0.6}


@pytest.mark.parametrize(
    ("row", "chance"),
    [
        ({**SHADOW, "blind_chance": None}, 1.0),
        ({**SHADOW, "stage": None, "blind_chance": None}, 1.0),
        ({**QUICK, "blind_chance": None}, POLICY.queues.blind_share),
        ({**UNSURE, "blind_chance": None}, 0.0),
    ],
)
def test_a_route_from_before_chances_were_kept_has_that_of_its_kind(row: dict[str, Any], chance: float) -> None:
    assert blind.chances(cases(row), POLICY).tolist() == [chance]


@pytest.mark.parametrize(
    "row",
    [
        {**SHOWN, "correct": True},
        {**AUDITED, "audited": False, "correct": True},
        {**UNSURE, "correct": True},
    ],
    ids=["suggestion shown", "approved and not drawn", "no chance"],
)
def test_a_label_that_no_draw_asked_for_counts_nowhere(row: dict[str, Any]) -> None:
    assert chances(SHADOW, row) == {0: 1.0}


def test_a_case_without_a_chance_is_unseen_where_others_of_its_day_had_one() -> None:
    seen = population(AUDITED, UNSURE, {**UNSURE, "day": OTHER_DAY})
    assert seen["unseen"].tolist() == [False, True, False]
    assert seen["outside"].tolist() == [False, False, True], "nobody looked at that category on that day"


def test_categories_are_outside_each_for_itself() -> None:
    seen = population(AUDITED, {**UNSURE, "predicted": "plain"})
    assert seen["outside"].tolist() == [False, True]


def test_an_approval_that_no_audit_has_looked_at_yet_is_neither_evidence_nor_unseen() -> None:
    seen = population({**APPROVED, "inclusion": None})
    assert (seen["counts"].tolist(), seen["unseen"].tolist(), seen["outside"].tolist()) == ([False], [False], [False])


class TestPartial:
    """Chance alone parts what passes from the control group."""

    @staticmethod
    def day(audit_chance: float, blind: float) -> pd.DataFrame:
        base = {"predicted": "refund", "stage": "partial", "amount": 5.0, "novel": False, "day": "2026-03-01"}
        passed = {**base, "queue": "A", "reasons": ("auto",), "blind_chance": None, "inclusion": audit_chance}
        stayed = {**base, "queue": "B", "reasons": ("control_group",), "blind_chance": blind, "inclusion": None}
        looked = [{**passed, "audited": True, "hidden": False}, {**stayed, "audited": False, "hidden": True}]
        return pd.DataFrame(looked).assign(correct=[False, True]).astype({"correct": object})

    def rules(self, blind_share: float) -> Policy:
        queues = QueueRules(partial_blind_share=blind_share)
        known = for_labels(["refund"]).categories["refund"].model_copy(update={"partial_share": 0.5})
        return for_labels(["refund"]).model_copy(update={"queues": queues, "categories": {"refund": known}})

    def test_a_blind_control_group_stands_for_what_passed_as_well(self) -> None:
        seen = blind.population(self.day(0.25, 1.0), self.rules(1.0))
        assert (seen["chance"].tolist(), seen["counts"].tolist()) == ([0.5, 0.5], [False, True])

    def test_where_audits_say_more_each_counts_by_its_own_chance(self) -> None:
        seen = blind.population(self.day(0.25, 0.1), self.rules(0.1))
        assert (seen["chance"].tolist(), seen["counts"].tolist()) == ([0.25, 0.1], [True, True])

    def test_the_weighted_count_is_that_of_all_cases(self) -> None:
        """Over many draws each counted label stands for two cases of such a day: Horvitz and Thompson."""
        rng, policy = np.random.default_rng(5), self.rules(1.0)
        passed = rng.random(4000) < 0.5
        rows = self.day(0.25, 1.0).iloc[np.where(passed, 0, 1)]
        seen = blind.population(rows.reset_index(drop=True), policy)
        counted = seen[seen["counts"]]
        assert (1 / counted["chance"]).sum() == pytest.approx(4000, rel=0.05)

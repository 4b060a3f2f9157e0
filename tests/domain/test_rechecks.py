"""Random rechecks: a chance known beforehand, by number while little is known; two who differ wait for a third."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from handrail import gold, rechecks
from handrail.errors import BadInput
from handrail.policy import LabelRules

RULES = LabelRules(second_share=0.05, rechecks_a_day=6, rechecks_known=120)
NOW = datetime(2026, 3, 5, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pace", "lately", "chance"),
    [(24, 0, 0.25), (24, 119, 0.25), (24, 120, 0.05), (600, 0, 0.05), (6, 0, 0.5), (0, 0, 0.5), (0, 500, 0.05)],
)
def test_the_number_counts_while_little_is_known_and_then_the_share(pace: float, lately: int, chance: float) -> None:
    assert rechecks.chance(RULES, pace=pace, lately=lately) == chance


def test_a_share_of_nothing_switches_them_off_and_needs_no_secret() -> None:
    off = RULES.model_copy(update={"second_share": 0.0})
    assert rechecks.chance(off, pace=24, lately=0) == 0
    assert not rechecks.is_drawn(b"", 1, 0.0)
    with pytest.raises(BadInput, match="secret"):
        rechecks.is_drawn(b"", 1, 0.5)


def test_a_days_chance_looks_back_from_midnight() -> None:
    assert rechecks.begin_of_day(NOW) == datetime(2026, 3, 5, tzinfo=UTC)
    assert rechecks.begin_of_day(NOW) == rechecks.begin_of_day(NOW.replace(hour=0, minute=0))
    assert rechecks.a_day([0, 0, 30, 10]) == 20
    assert rechecks.a_day([0, 0]) == 0


def first(case_id: int, label: str | None = "refund", **values: object) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "person": "ada",
        "chance": 0.25,
        "drawn_at": NOW,
        "trained": True,
        "outcome": "override" if label else "deny",
        "label": label,
        "reason_code": None if label else "out_of_scope",
        "counts": True,
        **values,
    }


def again(case_id: int, person: str, label: str, **values: object) -> dict[str, Any]:
    said = {"outcome": "override", "reason_code": None, "at": NOW + timedelta(hours=1), "settles": False}
    return {"case_id": case_id, "person": person, "label": label, **said, "counts": True, **values}


def judged(draws: list[dict[str, Any]], opinions: list[dict[str, Any]]) -> list[tuple[str, bool | None]]:
    columns = [*again(1, "", "")]
    found = rechecks.trials(pd.DataFrame(draws), pd.DataFrame(opinions, columns=columns), {"policy"})
    return [(row["person"], row["wrong"]) for row in found.to_dict("records")]


def test_two_who_agree_are_both_right_and_a_label_not_repeated_says_nothing() -> None:
    assert judged([first(1), first(2)], [again(1, "ben", "refund")]) == [("ada", False), ("ben", False)]
    assert judged([first(1)], []) == []


def test_a_difference_counts_for_neither_until_a_third_has_spoken() -> None:
    two = [again(1, "ben", "cancel")]
    assert judged([first(1)], two) == [("ada", None), ("ben", None)]
    assert judged([first(1)], [*two, again(1, "cy", "refund")]) == [("ada", False), ("ben", True)], "the rechecker's"
    assert judged([first(1)], [*two, again(1, "cy", "cancel")]) == [("ada", True), ("ben", False)]
    assert judged([first(1)], [*two, again(1, "cy", "complaint")]) == [("ada", None), ("ben", None)]


def test_whoever_settles_a_case_has_the_last_word_and_is_not_judged_by_it() -> None:
    three = [again(1, "ben", "cancel"), again(1, "cura", "complaint", settles=True)]
    assert judged([first(1)], three) == [("ada", True), ("ben", True)]
    alone = [again(1, "cura", "refund", settles=True)]
    assert judged([first(1)], alone) == [("ada", False)]


def test_one_whose_labels_were_withdrawn_is_no_witness_against_others_and_is_judged_all_the_same() -> None:
    doubtful = [again(1, "ben", "cancel", counts=False), again(1, "cy", "refund")]
    assert judged([first(1)], doubtful) == [("ada", False), ("cy", False)]
    withdrawn = first(1, "cancel", counts=False)
    assert judged([withdrawn], [again(1, "ben", "refund")]) == [("ada", None), ("ben", None)]
    both = [again(1, "ben", "refund"), again(1, "cy", "refund")]
    assert judged([withdrawn], both) == [("ada", True), ("ben", False)]


def test_no_category_is_an_opinion_and_a_denial_for_policy_is_none() -> None:
    assert judged([first(1, None)], [again(1, "ben", "refund")]) == [("ada", None), ("ben", None)]
    assert judged([first(1, None, reason_code="policy")], [again(1, "ben", "refund")]) == []


def test_gold_comes_by_number_where_the_share_would_be_too_few() -> None:
    rules = LabelRules(gold_share=0.02, gold_a_week=5)
    assert [gold.due_share(rules, a_week) for a_week in (0, 10, 50, 100, 1000)] == [0.02, 0.2, 0.1, 0.05, 0.02]
    assert gold.due_share(LabelRules(gold_share=0.0, gold_a_week=5), 50) == 0
    due = sum(gold.is_due(b"a key of thirty-two bytes or so.", "ada", n, rules, a_week=50) for n in range(2000))
    assert 150 < due < 250

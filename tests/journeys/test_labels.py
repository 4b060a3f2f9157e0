"""From the terminal: gold cases, a test, what it changes, and labels that wait to be settled."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.workspaces import NINE, Handrail

GOLD = [
    ("where is my parcel number {}, it was due last week", "delivery_status"),
    ("I want the money for my {} order back", "refund_request"),
    ("please explain line {} of my bill", "billing_question"),
    ("cancel my service plan from month {} on", "cancellation"),
]


@pytest.fixture
def gold(begun: Handrail, tmp_path: Path) -> Handrail:
    """A workspace with a curator, a novice, and twenty gold cases from a file."""
    begun.ask("people", "add", "cara", "--role", "data_curator")
    begun.ask("people", "add", "nils", "--role", "reviewer")
    words = ("first", "second", "third", "fourth", "fifth")
    rows = [(text.format(word), label) for text, label in GOLD for word in words]
    file = tmp_path / "gold.csv"
    pd.DataFrame(rows, columns=["letter", "category"]).to_csv(file, index=False)
    found = begun.ask("gold", "import", file, "--text", "letter", "--label", "category", actor="cara")
    assert found == {"written": 20, "duplicates": 0}
    return begun


def test_a_reviewer_labels_gold_cases_and_is_trained(gold: Handrail) -> None:
    answers = {row["case_id"]: row["label"] for row in gold.ask("gold", "list", actor="cara")}
    assert gold.ask("people", "test", "nils", "--as-of", NINE, actor="cara")["cases"] == 20
    for _ in answers:
        case = gold.ask("queue", "next", "--as-of", NINE, actor="nils")
        assert (case["kind"], case["suggestion"]) == ("gold", None)
        gold.ask(
            "decide",
            case["case_id"],
            "override",
            "--label",
            answers[case["case_id"]],
            "--fence",
            case["fence"],
            "--as-of",
            NINE,
            actor="nils",
        )
    (nils,) = (row for row in gold.ask("people", "list") if row["name"] == "nils")
    assert (nils["test"]["right"], nils["test"]["passed"]) == (20, True)
    assert nils["trained_until"].startswith("2026-07-11")
    both = ("--role", "reviewer", "--role", "data_curator")
    assert gold.ask("people", "add", "nils", *both)["trained_until"] == nils["trained_until"], "a role takes nothing"
    assert gold.ask("people", "add", "nils", *both, "--not-trained")["trained_until"] is None


def test_answers_are_for_curators(gold: Handrail) -> None:
    for command in (("gold", "list"), ("labels", "list")):
        assert "may not" in gold(*command, actor="nils").refusal
    assert "case" in gold("gold", "attest", 999, "refund_request", actor="cara").refusal.lower()


def test_the_trail_tells_nobody_what_was_said_of_a_case_that_is_to_be_decided_blindly(day: Handrail) -> None:
    (case,) = day.waiting("w.suggestion_hidden AND r.category IS NOT NULL")
    (shown,) = day.waiting("NOT w.suggestion_hidden AND r.category IS NOT NULL")

    def told(which: int) -> str:
        found = day.ask("trail", "search", "--case", which)
        assert found[0]["kind"] == "case.received"
        assert str(which) in day("trail", "search", "--case", which).out
        return json.dumps(found) + day("trail", "search", "--case", which).out

    said = dict(day.rows("SELECT case_id, category FROM routes"))[case]
    assert said not in told(case)
    assert "decide this case blindly" in told(case)
    assert '"category"' in told(shown)


def test_ratings_in_a_file_become_a_consensus(begun: Handrail, tmp_path: Path) -> None:
    rows = [(f"i{at}", who, "xy"[at % 2]) for at in range(30) for who in ("ada", "ben", "cleo")]
    rows += [("last", "ada", "x"), ("last", "ben", "x"), ("last", "cleo", "y")]
    file = tmp_path / "ratings.csv"
    pd.DataFrame(rows, columns=["item", "who", "label"]).to_csv(file, index=False)
    found = begun.ask("consensus", file, "--reviewer", "who")
    assert (found["items"], found["labels"], found["converged"]) == (31, ["x", "y"], True)
    assert next(row for row in found["consensus"] if row["item"] == "last")["label"] == "x"
    assert {row["reviewer"]: row["ratings"] for row in found["reviewers"]} == {"ada": 31, "ben": 31, "cleo": 31}
    assert "--reviewer" in begun("consensus", file).refusal

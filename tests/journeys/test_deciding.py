"""What waits is claimed and decided by hand; each decision has its effect, label and trail, or none of them."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.workspaces import MAPPING, MORNING, NINE, Handrail

LATER = "2026-01-12T09:06:00+00:00"
"""After the lease of five minutes that began at nine."""
TEN = "2026-01-12T10:00:00+00:00"
MANAGER = "mona"
LEGAL = "legal_threat"
"""The one category of high consequence."""


def state(handrail: Handrail, case: int) -> str:
    return str(handrail.rows(f"SELECT state FROM cases WHERE id = {case}")[0][0])  # noqa: S608


def label(handrail: Handrail, case: int) -> list[tuple[Any, ...]]:
    return handrail.rows(f"SELECT label, status, reviewer FROM labels WHERE case_id = {case}")  # noqa: S608


def events(handrail: Handrail, case: int) -> list[str]:
    return [event["kind"] for event in handrail.ask("trail", "search", "--case", case)]


def test_the_queue_lists_what_is_due_first_and_hides_what_is_decided_blind(day: Handrail) -> None:
    rows = day.ask("queue", "list", "--limit", 1000, "--as-of", NINE)
    assert [row["due_at"] for row in rows] == sorted(row["due_at"] for row in rows)
    assert len(rows) == day.states()["queued"]
    hidden = [row for row in rows if row["suggestion_hidden"]]
    assert hidden
    assert len(hidden) < len(rows)
    assert all(row["category"] is None and row["confidence"] is None for row in hidden)
    assert any(row["category"] for row in rows if not row["suggestion_hidden"])


def test_the_next_case_is_the_first_of_the_list_and_is_reserved_for_five_minutes(day: Handrail) -> None:
    first, second = (row["case_id"] for row in day.ask("queue", "list", "--limit", 2))
    mine = day.ask("queue", "next", "--as-of", NINE, actor="rita")
    assert (mine["case_id"], mine["fence"]) == (first, 1)
    assert mine["lease_until"] == "2026-01-12T09:05:00+00:00"
    assert day.ask("queue", "next", "--as-of", NINE, actor="omar")["case_id"] == second


def test_due_times_follow_the_queue(day: Handrail) -> None:
    """B within 24 hours, C within 4, manual and shadow work within 72: the sample's desk never closes."""
    hours = {"B": {24}, "C": {4, 72}}
    for queue, spans in hours.items():
        found = day.rows(f"SELECT DISTINCT assigned_at, due_at FROM routes WHERE queue = '{queue}'")  # noqa: S608
        waits = {datetime.fromisoformat(due) - datetime.fromisoformat(at) for at, due in found}
        assert waits == {timedelta(hours=span) for span in spans}


def test_an_approval_executes_the_suggestion_and_leaves_a_label_and_its_trail(day: Handrail) -> None:
    (case,) = day.waiting()
    category = day.rows(f"SELECT category FROM routes WHERE case_id = {case}")[0][0]  # noqa: S608
    assert day.decide(case, "approve").json["delivered"] == 1
    assert state(day, case) == "done"
    assert [done[1] for done in day.effects(case)] == [category]
    assert label(day, case) == [(category, "accepted", "rita")]
    assert events(day, case) == ["case.received", "case.assigned", "case.decided", "action.done"]


def test_an_override_executes_the_other_category(day: Handrail) -> None:
    (case,) = day.waiting("r.category = 'delivery_status' AND NOT r.suggestion_hidden AND r.queue = 'B'")
    answer = day.decide(case, "override", "--label", "billing_question", "--reason", "wrong_category")
    assert answer.code == 0, answer.err
    assert day.effects(case) == [("send_bill_explanation", "billing_question")]
    assert label(day, case) == [("billing_question", "accepted", "rita")]


def test_a_denial_executes_nothing(day: Handrail) -> None:
    (case,) = day.waiting()
    assert day.decide(case, "deny", "--reason", "out_of_scope", "--note", "a poem").code == 0
    assert state(day, case) == "done"
    assert day.effects(case) == []
    assert label(day, case) == []


def test_the_label_of_an_untrained_reviewer_stays_provisional(day: Handrail) -> None:
    day.ask("people", "add", "nina", "--role", "reviewer")
    (case,) = day.waiting()
    assert day.decide(case, "approve", by="nina").code == 0
    assert label(day, case)[0][1:] == ("provisional", "nina")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["override"], "Add `--label CATEGORY`"),
        (["override", "--label", "bakery"], "bakery"),
        (["deny"], "A denial needs a reason"),
    ],
)
def test_an_unclear_decision_is_refused_and_the_case_goes_on_waiting(
    day: Handrail, words: list[str], sentence: str
) -> None:
    (case,) = day.waiting()
    assert sentence in day.decide(case, *words).refusal
    assert state(day, case) == "queued"
    assert day.rows(f"SELECT count(*) FROM decisions WHERE case_id = {case}") == [(0,)]  # noqa: S608


def test_a_decided_case_cannot_be_decided_again(day: Handrail) -> None:
    (case,) = day.waiting()
    assert day.decide(case, "approve").code == 0
    assert "has no open work" in day.decide(case, "approve", by="omar").refusal
    assert len(day.effects(case)) == 1


def test_cases_with_long_ids_that_begin_alike_have_effects_of_their_own(
    trained: Handrail, day_file: Path, tmp_path: Path
) -> None:
    cases = pd.read_csv(day_file, dtype=str)
    file = tmp_path / "long.csv"
    cases.assign(external_id="a-long-department-name/" * 5 + cases["external_id"]).to_csv(file, index=False)
    run = trained.ask("run", file, "--mapping", MAPPING, "--as-of", MORNING)
    with closing(sqlite3.connect(trained.home / "actions.db")) as ledger:
        executed = ledger.execute("SELECT count(*), count(DISTINCT case_id), max(received) FROM executed").fetchone()
    assert executed == (run["queues"]["A"], run["queues"]["A"], 1)


def test_nobody_decides_a_case_that_another_holds(day: Handrail) -> None:
    case = day.ask("queue", "next", "--as-of", NINE, actor="rita")["case_id"]
    assert "is held by rita" in day.decide(case, "deny", "--reason", "out_of_scope", by="omar").refusal


def test_a_lost_lease_cannot_decide_even_when_its_holder_comes_back(day: Handrail) -> None:
    claim = day.ask("queue", "next", "--as-of", NINE, actor="rita")
    case = claim["case_id"]
    taken = day.ask("queue", "next", "--as-of", LATER, actor="omar")
    assert (taken["case_id"], taken["fence"]) == (case, 2)
    deny = ("deny", "--reason", "out_of_scope", "--fence")
    assert "You hold no work" in day.decide(case, *deny, claim["fence"], at=LATER).refusal
    assert "no longer yours" in day.decide(case, *deny, claim["fence"], by="omar", at=LATER).refusal
    assert day.rows(f"SELECT count(*) FROM decisions WHERE case_id = {case}") == [(0,)]  # noqa: S608
    assert day.decide(case, *deny, taken["fence"], by="omar", at=LATER).code == 0


@pytest.mark.parametrize("reason", ["legal", "policy"])
def test_a_denial_for_policy_or_law_is_the_managers_within_an_hour(day: Handrail, reason: str) -> None:
    (case,) = day.waiting()
    assert day.decide(case, "deny", "--reason", reason, at=NINE).code == 0
    assert state(day, case) == "queued"
    ((cause, decider, due_at),) = day.rows("SELECT cause, first_decider, due_at FROM escalations")
    assert (cause, decider) == (reason, "rita")
    assert datetime.fromisoformat(due_at) <= datetime.fromisoformat(TEN).replace(tzinfo=None)
    assert day.ask("status", "--as-of", NINE)["escalations"] == 1
    assert "escalation manager" in day.decide(case, "approve", by="omar").refusal.replace("_", " ")
    assert day.decide(case, "approve", by="rita").refusal
    claimed = day.ask("queue", "next", "--as-of", NINE, actor=MANAGER)
    assert (claimed["case_id"], claimed["kind"]) == (case, "escalation")
    answer = day.decide(case, "override", "--label", "technical_help", "--fence", claimed["fence"], by=MANAGER)
    assert answer.code == 0, answer.err
    assert state(day, case) == "done"
    assert day.effects(case) == [("send_instructions", "technical_help")]
    assert day.rows("SELECT resolved_by FROM escalations") == [(MANAGER,)]


def test_an_override_into_a_high_consequence_asks_for_a_second_person(day: Handrail) -> None:
    (case,) = day.waiting()
    assert day.decide(case, "override", "--label", LEGAL, "--reason", "wrong_category").json["delivered"] == 0
    assert state(day, case) == "queued"
    assert day.effects(case) == []
    assert "decided by you before" in day.decide(case, "override", "--label", LEGAL).refusal
    (second,) = [row for row in day.ask("queue", "list", "--limit", 1000) if row["case_id"] == case]
    assert (second["kind"], second["suggestion_hidden"], second["category"]) == ("second", True, None)
    assert day.decide(case, "override", "--label", LEGAL, by="omar").json["delivered"] == 1
    assert day.effects(case) == [("forward_to_counsel", LEGAL)]
    assert state(day, case) == "done"

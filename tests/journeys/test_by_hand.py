"""The loop closed by hand, on the command line alone: what waits is claimed, decided, delivered and answered for."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from handrail.trail.verify import verify_export
from tests.workspaces import FOUNDER, MAPPING, MORNING, NINE, ROOT, Answer, Handrail

LATER = "2026-01-12T09:06:00+00:00"
"""After the lease of five minutes that began at nine."""
TEN = "2026-01-12T10:00:00+00:00"
MANAGER = "mona"
LEGAL = "legal_threat"
"""The one category of high consequence."""


def decide(handrail: Handrail, case: int, *words: object, by: str = "rita", at: str = NINE) -> Answer:
    return handrail("decide", case, *words, "--as-of", at, "--json", actor=by)


def state(handrail: Handrail, case: int) -> str:
    return str(handrail.rows(f"SELECT state FROM cases WHERE id = {case}")[0][0])  # noqa: S608


def label(handrail: Handrail, case: int) -> list[tuple[Any, ...]]:
    return handrail.rows(f"SELECT label, status, reviewer FROM labels WHERE case_id = {case}")  # noqa: S608


def events(handrail: Handrail, case: int) -> list[str]:
    return [event["kind"] for event in reversed(handrail.ask("trail", "search", "--case", case))]


# The queue ------------------------------------------------------------------------------------------------------


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


# Deciding -------------------------------------------------------------------------------------------------------


def test_an_approval_executes_the_suggestion_and_leaves_a_label_and_its_trail(day: Handrail) -> None:
    (case,) = day.waiting()
    category = day.rows(f"SELECT category FROM routes WHERE case_id = {case}")[0][0]  # noqa: S608
    assert decide(day, case, "approve").json["delivered"] == 1
    assert state(day, case) == "done"
    assert [done[1] for done in day.effects(case)] == [category]
    assert label(day, case) == [(category, "accepted", "rita")]
    assert events(day, case) == ["case.received", "case.assigned", "case.decided", "action.done"]


def test_an_override_executes_the_other_category(day: Handrail) -> None:
    (case,) = day.waiting("r.category = 'delivery_status' AND NOT r.suggestion_hidden AND r.queue = 'B'")
    answer = decide(day, case, "override", "--label", "billing_question", "--reason", "wrong_category")
    assert answer.code == 0, answer.err
    assert day.effects(case) == [("send_bill_explanation", "billing_question")]
    assert label(day, case) == [("billing_question", "accepted", "rita")]


def test_a_denial_executes_nothing(day: Handrail) -> None:
    (case,) = day.waiting()
    assert decide(day, case, "deny", "--reason", "out_of_scope", "--note", "a poem").code == 0
    assert state(day, case) == "done"
    assert day.effects(case) == []
    assert label(day, case) == []


def test_the_label_of_an_untrained_reviewer_stays_provisional(day: Handrail) -> None:
    day.ask("people", "add", "nina", "--role", "reviewer")
    (case,) = day.waiting()
    assert decide(day, case, "approve", by="nina").code == 0
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
    assert sentence in decide(day, case, *words).refusal
    assert state(day, case) == "queued"
    assert day.rows(f"SELECT count(*) FROM decisions WHERE case_id = {case}") == [(0,)]  # noqa: S608


def test_a_decided_case_cannot_be_decided_again(day: Handrail) -> None:
    (case,) = day.waiting()
    assert decide(day, case, "approve").code == 0
    assert "has no open work" in decide(day, case, "approve", by="omar").refusal
    assert len(day.effects(case)) == 1


# Leases ---------------------------------------------------------------------------------------------------------


def test_nobody_decides_a_case_that_another_holds(day: Handrail) -> None:
    case = day.ask("queue", "next", "--as-of", NINE, actor="rita")["case_id"]
    assert "is held by rita" in decide(day, case, "deny", "--reason", "out_of_scope", by="omar").refusal


def test_a_lost_lease_cannot_decide_even_when_its_holder_comes_back(day: Handrail) -> None:
    claim = day.ask("queue", "next", "--as-of", NINE, actor="rita")
    case = claim["case_id"]
    taken = day.ask("queue", "next", "--as-of", LATER, actor="omar")
    assert (taken["case_id"], taken["fence"]) == (case, 2)
    deny = ("deny", "--reason", "out_of_scope", "--fence")
    assert "You hold no work" in decide(day, case, *deny, claim["fence"], at=LATER).refusal
    assert "no longer yours" in decide(day, case, *deny, claim["fence"], by="omar", at=LATER).refusal
    assert day.rows(f"SELECT count(*) FROM decisions WHERE case_id = {case}") == [(0,)]  # noqa: S608
    assert decide(day, case, *deny, taken["fence"], by="omar", at=LATER).code == 0


# Escalation and the second person -------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["legal", "policy"])
def test_a_denial_for_policy_or_law_is_the_managers_within_an_hour(day: Handrail, reason: str) -> None:
    (case,) = day.waiting()
    assert decide(day, case, "deny", "--reason", reason, at=NINE).code == 0
    assert state(day, case) == "queued"
    ((cause, decider, due_at),) = day.rows("SELECT cause, first_decider, due_at FROM escalations")
    assert (cause, decider) == (reason, "rita")
    assert datetime.fromisoformat(due_at) <= datetime.fromisoformat(TEN).replace(tzinfo=None)
    assert day.ask("status", "--as-of", NINE)["escalations"] == 1
    assert "escalation manager" in decide(day, case, "approve", by="omar").refusal.replace("_", " ")
    assert decide(day, case, "approve", by="rita").refusal
    claimed = day.ask("queue", "next", "--as-of", NINE, actor=MANAGER)
    assert (claimed["case_id"], claimed["kind"]) == (case, "escalation")
    answer = decide(day, case, "override", "--label", "technical_help", "--fence", claimed["fence"], by=MANAGER)
    assert answer.code == 0, answer.err
    assert state(day, case) == "done"
    assert day.effects(case) == [("send_instructions", "technical_help")]
    assert day.rows("SELECT resolved_by FROM escalations") == [(MANAGER,)]


def test_an_override_into_a_high_consequence_asks_for_a_second_person(day: Handrail) -> None:
    (case,) = day.waiting()
    assert decide(day, case, "override", "--label", LEGAL, "--reason", "wrong_category").json["delivered"] == 0
    assert state(day, case) == "queued"
    assert day.effects(case) == []
    assert "decided by you before" in decide(day, case, "override", "--label", LEGAL).refusal
    (second,) = [row for row in day.ask("queue", "list", "--limit", 1000) if row["case_id"] == case]
    assert (second["kind"], second["suggestion_hidden"], second["category"]) == ("second", True, None)
    assert decide(day, case, "override", "--label", LEGAL, by="omar").json["delivered"] == 1
    assert day.effects(case) == [("forward_to_counsel", LEGAL)]
    assert state(day, case) == "done"


# Pauses ---------------------------------------------------------------------------------------------------------


def test_a_pause_returns_what_was_not_sent_and_a_person_sends_it(trained: Handrail, day_file: Path) -> None:
    (trained.home / "actions.db").mkdir()  # the receiver is away
    run = trained.ask("run", day_file, "--mapping", MAPPING, "--as-of", MORNING)
    assert trained.states()["decided"] == run["queues"]["A"] > 0
    paused = trained.ask("pause", "delivery_status", "--reason", "parcels are late", "--as-of", MORNING)
    assert paused["returned"] > 0
    assert len(trained.waiting("r.reason = 'paused'", 1000)) == paused["returned"]
    assert "is paused already" in trained("pause", "delivery_status", "--reason", "again").refusal
    assert "PAUSED     delivery_status" in trained("status", "--as-of", MORNING).out
    (trained.home / "actions.db").rmdir()
    case = trained.waiting("r.reason = 'paused'")[0]
    answer = decide(trained, case, "approve", by=FOUNDER)
    assert answer.json["delivered"] == 1 + run["queues"]["A"] - paused["returned"]  # what is not paused goes too
    assert trained.effects(case) == [("send_tracking", "delivery_status")]
    with closing(sqlite3.connect(trained.home / "actions.db")) as ledger:
        query = "SELECT count(*) FROM executed WHERE category = 'delivery_status'"
        assert ledger.execute(query).fetchone() == (1,)
    trained.ask("resume", "delivery_status", "--reason", "they arrive", "--as-of", NINE)
    assert "is not paused" in trained("resume", "delivery_status", "--reason", "again").refusal
    assert trained.ask("status", "--as-of", NINE)["pauses"] == []


def test_while_everything_is_paused_nothing_is_approved_by_itself(trained: Handrail, day_file: Path) -> None:
    trained.ask("pause", "--all", "--reason", "a strange morning", "--as-of", MORNING)
    run = trained.ask("run", day_file, "--mapping", MAPPING, "--as-of", MORNING)
    assert run["queues"]["A"] == 0
    assert run["reasons"]["paused"] > 0


def test_after_the_breaker_a_category_resumes_only_when_its_review_is_closed(day: Handrail, tmp_path: Path) -> None:
    from flows.audit_sampling import audit_sampling
    from flows.quality_watch import quality_watch

    policy = (ROOT / "policy" / "sample" / "policy.yaml").read_text()
    few = tmp_path / "few.yaml"
    few.write_text(policy.replace("min_reviewed: 30 ", "min_reviewed: 1 "))
    day.ask("policy", "publish", few)
    audit_sampling.fn(as_of=NINE, home=str(day.home))
    audits = day.rows("""SELECT w.case_id, w.category FROM work_items w JOIN audit_draws d ON d.work_item_id = w.id
        WHERE w.kind = 'audit' AND d.random ORDER BY w.case_id""")
    assert audits
    case, category = audits[0]
    wrong = decide(day, case, "override", "--label", "address_change", "--reason", "wrong_category", by="rita")
    assert wrong.code == 0, wrong.err
    assert day.effects(case)[0][1] == category  # an audit changes no action
    assert quality_watch.fn(as_of=TEN, home=str(day.home))["paused"] == [category]
    (review,) = day.ask("review", "list")
    assert (review["id"], review["category"]) == (1, category)
    resume = ("resume", category, "--reason", "looked at", "--as-of", TEN)
    assert "handrail review close 1" in day(*resume).refusal
    day.ask("review", "close", 1, "--conclusion", "a template changed", "--as-of", TEN)
    day.ask(*resume)
    status = day.ask("status", "--as-of", TEN)
    assert status["pauses"] == []
    assert status["stages"][category] == "partial"
    assert quality_watch.fn(as_of=TEN, home=str(day.home))["paused"] == []  # the breaker begins afresh


# Models ---------------------------------------------------------------------------------------------------------


def test_a_version_that_was_rolled_back_never_serves_again(day: Handrail) -> None:
    second = day.ask("train", "--as-of", NINE)
    assert (second["version"], second["serves"]) == ("2", False)
    why = ("--reason", "the owner wants it", "--as-of", NINE)
    assert "serves already" in day("model", "promote", "1", *why).refusal
    assert day.ask("model", "promote", "2", *why) == {"serves": "2"}
    assert day.ask("model", "show")["version"] == "2"
    assert day.ask("model", "rollback", *why) == {"serves": "1"}
    assert "may not serve again" in day("model", "promote", "2", *why).refusal
    assert "no earlier version" in day("model", "rollback", *why).refusal
    assert {row["version"]: row["status"] for row in day.ask("model", "list")} == {"1": "champion", "2": "rolled_back"}


# Afterwards -----------------------------------------------------------------------------------------------------


def test_outcomes_are_joined_once_and_a_kpi_without_data_is_not_measured(day: Handrail, tmp_path: Path) -> None:
    def csat() -> str:
        figures = day.ask("report", "kpi", "--as-of", "2026-01-13T09:00:00+00:00")
        return str(next(figure["shown"] for figure in figures if figure["name"] == "CSAT"))

    assert csat() == "not measured"
    done = day.rows("SELECT external_id FROM cases WHERE NOT history AND state = 'done' LIMIT 3")
    rows = [(done[0][0], "csat", NINE, 4), (done[1][0], "csat", NINE, 2), (done[2][0], "reversal", NINE, "")]
    file = tmp_path / "outcomes.csv"
    columns = ["external_id", "kind", "at", "value"]
    pd.DataFrame([*rows, ("w+99-1", "closed", NINE, "")], columns=columns).to_csv(file, index=False)
    assert day.ask("outcome", "import", file) == {"imported": 3, "duplicates": 0, "unknown": 1}
    assert day.ask("outcome", "import", file) == {"imported": 0, "duplicates": 3, "unknown": 1}
    assert csat().startswith("3.00")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("x", "csat", NINE, 9), "between 1 and 5"),
        (("x", "applause", NINE, ""), "unknown kinds: applause"),
        (("x", "closed", "noon", ""), "the time cannot be read"),
    ],
)
def test_outcomes_that_cannot_be_read_are_refused_whole(
    begun: Handrail, tmp_path: Path, row: tuple[object, ...], sentence: str
) -> None:
    file = tmp_path / "outcomes.csv"
    pd.DataFrame([row], columns=["external_id", "kind", "at", "value"]).to_csv(file, index=False)
    assert sentence in begun("outcome", "import", file).refusal


def test_old_inputs_are_counted_first_and_deleted_when_asked(day: Handrail) -> None:
    late = ("--as-of", "2027-03-01T09:00:00+00:00")
    finished = day.states()["done"]
    before = day.ask("trail", "verify")
    assert day.ask("purge", *late)["inputs"] == finished
    assert day.ask("trail", "verify") == before  # the dry run is the default and changes nothing
    assert day.ask("purge", "--no-dry-run", *late)["inputs"] == finished
    assert day.ask("purge", *late)["inputs"] == 0
    kept = "SELECT count(*) FROM case_inputs i JOIN cases c ON c.id = i.case_id WHERE c.state = 'done'"
    assert day.rows(kept) == [(0,)]
    after = day.ask("trail", "verify")
    assert after["valid"]
    assert after["events"] >= before["events"] + finished


def test_a_new_policy_is_in_force_from_the_next_batch_on(day: Handrail, tmp_path: Path) -> None:
    text = (ROOT / "policy" / "sample" / "policy.yaml").read_text()
    draft = tmp_path / "policy.yaml"
    draft.write_text(text.replace("auto_above: 0.95 ", "auto_above: 0.97 "))
    checked = day.ask("policy", "check", draft)
    assert checked["valid"]
    assert checked["version"] != day.ask("status")["policy"]
    assert day.ask("policy", "publish", draft) == {"version": checked["version"], "changed": True}
    assert day.ask("policy", "publish", draft)["changed"] is False
    assert day.ask("status")["policy"] == checked["version"]
    assert "may not publish policy" in day("policy", "publish", draft, actor="rita").refusal


def test_the_trail_can_be_searched_and_its_export_verified_without_the_database(day: Handrail, tmp_path: Path) -> None:
    stages = day.ask("trail", "search", "--kind", "stage.changed")
    assert [event["to"] for event in stages] == ["auto"] * 5
    assert {event["actor"] for event in stages} == {FOUNDER}
    whole = day.ask("trail", "verify")
    out = tmp_path / "trail.jsonl"
    assert day.ask("trail", "export", out) == {"events": whole["events"], "out": str(out)}
    found = verify_export(out, head=(whole["events"], bytes.fromhex(whole["head"])))
    assert (found.valid, found.events) == (True, whole["events"])


def test_a_changed_event_breaks_the_trail_and_says_so(day: Handrail) -> None:
    with closing(sqlite3.connect(day.home / "handrail.db", isolation_level=None)) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        connection.execute("UPDATE trail SET body = replace(body, 'case.received', 'case.receives') WHERE seq = 100")
    answer = day("trail", "verify", "--json")
    assert (answer.code, answer.json["valid"], answer.json["first_bad"]) == (1, False, 100)
    assert day("doctor").code == 1

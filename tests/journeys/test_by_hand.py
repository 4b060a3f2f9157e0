"""The loop closed by hand: pauses, the breaker, models, outcomes, retention, policies and the trail."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from handrail.trail.verify import verify_export
from tests.workspaces import FOUNDER, MAPPING, MORNING, NINE, ROOT, Handrail

TEN = "2026-01-12T10:00:00+00:00"
POLICY = ROOT / "policy" / "sample" / "policy.yaml"


def test_a_pause_returns_what_was_not_executed_and_a_person_sends_it(trained: Handrail, day_file: Path) -> None:
    (trained.home / "actions.db").mkdir()  # the receiver is away
    run = trained.ask("run", day_file, "--mapping", MAPPING, "--as-of", MORNING)
    assert trained.states()["decided"] == run["queues"]["A"] > 0
    paused = trained.ask("pause", "delivery_status", "--reason", "parcels are late", "--as-of", MORNING)
    assert (paused["returned"], paused["unknown"] > 0) == (0, True), "all of it was handed over, and nobody answered"
    assert trained.waiting("r.reason = 'paused'", 1000) == []
    assert "is paused already" in trained("pause", "delivery_status", "--reason", "again").refusal
    assert "PAUSED     delivery_status" in trained("status", "--as-of", MORNING).out
    (trained.home / "actions.db").rmdir()
    trained.ask("run", day_file, "--mapping", MAPPING, "--as-of", NINE)  # the receiver is asked, and has not done it
    returned = trained.waiting("r.reason = 'paused'", 1000)
    assert len(returned) == paused["unknown"]
    assert "decided" not in trained.states(), "what is not paused has gone"
    answer = trained.decide(returned[0], "approve", by=FOUNDER)
    assert answer.json["delivered"] == 1
    case = returned[0]
    assert trained.effects(case) == [("send_tracking", "delivery_status")]
    with closing(sqlite3.connect(trained.home / "actions.db")) as ledger:
        query = "SELECT count(*) FROM executed WHERE category = 'delivery_status'"
        assert ledger.execute(query).fetchone() == (1,)
    resume_by_two(trained, "delivery_status", NINE)
    assert "is not paused" in trained("resume", "delivery_status", "--reason", "again").refusal
    assert trained.ask("status", "--as-of", NINE)["pauses"] == []


def resume_by_two(handrail: Handrail, category: str, at: str) -> None:
    """The sample's policy lets one person propose and another confirm."""
    handrail.ask("people", "add", "olga", "--role", "product_owner")
    proposed = handrail.ask("resume", category, "--reason", "they arrive", "--as-of", at)["proposed"]
    handrail.ask("proposals", "confirm", proposed, "--as-of", at, actor="olga")


def test_while_everything_is_paused_nothing_is_approved_by_itself(trained: Handrail, day_file: Path) -> None:
    trained.ask("pause", "--all", "--reason", "a strange morning", "--as-of", MORNING)
    run = trained.ask("run", day_file, "--mapping", MAPPING, "--as-of", MORNING)
    assert run["queues"]["A"] == 0
    assert run["reasons"]["paused"] > 0


def test_after_the_breaker_a_category_resumes_only_when_its_review_is_closed(day: Handrail, tmp_path: Path) -> None:
    from flows.audit_sampling import audit_sampling
    from flows.quality_watch import quality_watch

    one_suffices = re.sub(r"min_reviewed: \d+", "min_reviewed: 1", POLICY.read_text()).replace(
        "rule: esr", "rule: literal"
    )
    assert "rule: literal" in one_suffices
    draft = tmp_path / "policy.yaml"
    draft.write_text(one_suffices)
    day.ask("policy", "publish", draft)
    audit_sampling.fn(as_of=NINE, home=str(day.home))
    audits = day.rows("""SELECT w.case_id, w.category FROM work_items w JOIN audit_draws d ON d.work_item_id = w.id
        WHERE w.kind = 'audit' AND d.random ORDER BY w.case_id""")
    assert audits
    case, category = audits[0]
    wrong = day.decide(case, "override", "--label", "address_change", "--reason", "wrong_category", by="rita")
    assert wrong.code == 0, wrong.err
    assert day.effects(case)[0][1] == category  # an audit changes no action
    assert quality_watch.fn(as_of=NINE, home=str(day.home)).paused == (), "one person differs: another looks first"
    second = day.decide(case, "override", "--label", "address_change", "--reason", "wrong_category", by="omar")
    assert second.code == 0, second.err
    assert quality_watch.fn(as_of=TEN, home=str(day.home)).paused == (category,)
    (review,) = day.ask("review", "list")
    assert (review["id"], review["category"]) == (1, category)
    resume = ("resume", category, "--reason", "looked at", "--as-of", TEN)
    assert "handrail review close 1" in day(*resume).refusal
    day.ask("review", "close", 1, "--conclusion", "a template changed", "--as-of", TEN)
    resume_by_two(day, category, TEN)
    status = day.ask("status", "--as-of", TEN)
    assert status["pauses"] == []
    assert status["stages"][category] == "partial"
    assert quality_watch.fn(as_of=TEN, home=str(day.home)).paused == ()  # the breaker begins afresh


def test_a_version_that_was_rolled_back_serves_again_only_on_a_new_judgement(day: Handrail, tmp_path: Path) -> None:
    draft = tmp_path / "policy.yaml"
    draft.write_text(POLICY.read_text().replace("without_evidence: refuse", "without_evidence: allow"))
    day.ask("policy", "publish", draft)
    second = day.ask("train", "--as-of", NINE)
    assert (second["version"], second["serves"]) == ("2", False)
    why = ("--reason", "the owner wants it", "--as-of", NINE)
    assert "serves already" in day("model", "promote", "1", *why).refusal
    promoted = day.ask("model", "promote", "2", *why)
    assert (promoted["serves"], promoted["evidence"]) == ("2", "none")
    shown = day.ask("model", "show")
    assert (shown["version"], shown["evidence"]) == ("2", "none")
    rehearsed = day.ask("model", "rollback", "--rehearsal", *why)
    assert rehearsed == {"serves": "1", "left": "2", "rehearsal": True}
    assert {row["version"]: row["status"] for row in day.ask("model", "list")} == {"1": "champion", "2": "retired"}
    assert day.ask("model", "promote", "2", *why)["serves"] == "2", "a rehearsal bars nothing"
    assert day.ask("model", "rollback", *why) == {"serves": "1", "left": "2", "rehearsal": False}
    refusal = day("model", "promote", "2", *why).refusal
    assert "rolled back and serves again only once a judgement on labels from after that has passed" in refusal
    assert "more fresh withheld labels are needed" in refusal, "the policy lets nobody go past that"
    assert "no earlier version" in day("model", "rollback", *why).refusal
    assert {row["version"]: row["status"] for row in day.ask("model", "list")} == {"1": "champion", "2": "rolled_back"}


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
    draft = tmp_path / "policy.yaml"
    draft.write_text(POLICY.read_text().replace("auto_above: 0.95 ", "auto_above: 0.97 "))
    checked = day.ask("policy", "check", draft)
    assert checked["valid"]
    assert checked["version"] != day.ask("status")["policy"]
    assert day.ask("policy", "publish", draft) == {"version": checked["version"], "changed": True}
    assert day.ask("policy", "publish", draft)["changed"] is False
    assert day.ask("status")["policy"] == checked["version"]
    assert "may not publish policy" in day("policy", "publish", draft, actor="rita").refusal


def test_a_category_in_use_leaves_the_policy_with_a_word_about_what_became_of_it(day: Handrail, tmp_path: Path) -> None:
    draft = tmp_path / "policy.yaml"
    renamed = POLICY.read_text().replace("\n  delivery_status: ", "\n  where_is_it: ")
    draft.write_text(renamed)
    assert "no longer has delivery_status, which is in use" in day("policy", "publish", draft).refusal
    draft.write_text(f"renamed: {{delivery_status: where_was_it}}\n{renamed}")
    assert "no category of this policy" in day("policy", "check", draft).refusal
    draft.write_text(f"renamed: {{delivery_status: where_is_it}}\n{renamed}")
    assert day.ask("policy", "publish", draft)["changed"]
    (moved,) = day.ask("trail", "search", "--kind", "category.moved")
    assert (moved["category"], moved["to"]) == ("delivery_status", "where_is_it")
    assert day.rows("SELECT count(*) FROM routes WHERE category = 'delivery_status'") == [(0,)]


def test_a_stage_says_what_is_missing_and_a_step_past_the_checks_takes_words(trained: Handrail) -> None:
    name, at = "billing_question", ("--as-of", NINE)
    trained.ask("stage", name, "shadow", "--reason", "a new start", *at)
    row = trained.ask("stage", name, *at)
    assert (row["stage"], row["next_stage"], row["ready"]) == ("shadow", "partial", False)
    assert row["sentence"].startswith("not ready for partial, because ")
    shown = trained("stage", name, *at).out
    assert f"{name} is at stage shadow: {row['sentence']}." in " ".join(shown.split())
    assert "NO" in shown
    status = trained.ask("status", *at)
    assert next(one for one in status["readiness"] if one["category"] == name)["sentence"] == row["sentence"]
    assert "next stage" in trained("status", *at).out

    refusal = trained("stage", name, "partial", *at).refusal
    assert row["sentence"] in refusal
    assert "Say why it goes there all the same" in refusal
    assert trained.ask("stage", name, *at)["stage"] == "shadow", "nothing was done"
    done = trained.ask("stage", name, "partial", "--reason", "the owner wants it", *at)
    assert (done["from"], done["to"], done["ready"]) == ("shadow", "partial", False)
    assert done["checks"] == row["sentence"]
    event = trained.ask("trail", "search", "--kind", "stage.changed")[-1]
    assert (event["ready"], event["missing"], event["because"]) == (False, row["missing"], "the owner wants it")
    assert trained.ask("stage", name, "manual", *at)["ready"], "a step down takes no words"


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

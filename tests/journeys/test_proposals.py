"""Two people at the command line: one proposes, another confirms; and what delivery could not settle is settled."""

import sqlite3
from contextlib import closing

import pytest

from tests.workspaces import FOUNDER, MORNING, NINE, ROOT, Handrail

OWNER = "olga"
WHY = ("--reason", "the manual is out", "--as-of", NINE)


@pytest.fixture
def paused(begun: Handrail) -> Handrail:
    """The sample business with a product owner beside the founder; complaints are paused."""
    begun.ask("people", "add", OWNER, "--role", "product_owner")
    begun.ask("pause", "complaint", "--reason", "odd", "--as-of", MORNING)
    return begun


def pauses(handrail: Handrail) -> list[str]:
    return [row["category"] for row in handrail.ask("status", "--as-of", NINE)["pauses"]]


def test_resuming_is_proposed_and_somebody_else_confirms(paused: Handrail) -> None:
    said = paused("resume", "complaint", *WHY).out
    assert "Nothing is done yet" in said
    assert "handrail proposals confirm 1" in said
    assert pauses(paused) == ["complaint"]
    (waiting,) = paused.ask("proposals", "list", "--as-of", NINE)
    assert (waiting["act"], waiting["proposer"], waiting["reason"]) == ("resume", FOUNDER, "the manual is out")
    assert "complaint" in paused("proposals", "list", "--as-of", NINE).out
    assert "your own" in paused("proposals", "confirm", 1, "--as-of", NINE).refusal
    assert "has proposed the same" in paused("resume", "complaint", *WHY).refusal
    done = paused.ask("proposals", "confirm", 1, "--as-of", NINE, actor=OWNER)
    assert done == {"confirmed": 1, "done": "complaint runs again."}
    assert pauses(paused) == []
    assert paused("proposals", "list", "--as-of", NINE).out.strip() == "Nothing waits for a second person."


def test_somebody_else_refuses_and_the_proposer_withdraws(paused: Handrail) -> None:
    paused.ask("resume", "complaint", *WHY)
    paused.ask("proposals", "refuse", 1, "--reason", "too early", "--as-of", NINE, actor=OWNER)
    assert "refused already" in paused("proposals", "confirm", 1, "--as-of", NINE, actor=OWNER).refusal
    paused.ask("resume", "complaint", *WHY)
    assert paused.ask("proposals", "withdraw", 2, "--as-of", NINE) == {"withdrawn": 2}
    assert pauses(paused) == ["complaint"]


def test_a_policy_may_ask_for_two_people_to_widen(paused: Handrail) -> None:
    draft = paused.home / "two.yaml"
    text = (ROOT / "policy" / "sample" / "policy.yaml").read_text()
    draft.write_text(text.replace("second_person: [resume]", "second_person: [resume, set_stage, promote, roll_back]"))
    paused.ask("policy", "publish", draft)
    assert paused.ask("stage", "complaint", "suggest", *WHY)["proposed"] == 1
    assert paused.ask("status", "--as-of", NINE)["stages"]["complaint"] == "shadow"
    assert paused.ask("proposals", "confirm", 1, "--as-of", NINE, actor=OWNER)["done"] == "complaint: shadow → suggest."
    assert paused.ask("status", "--as-of", NINE)["stages"]["complaint"] == "suggest"
    assert "not registered" in paused("model", "promote", "9", *WHY).refusal
    assert "no earlier version" in paused("model", "rollback", *WHY).refusal


def test_the_simulated_steward_and_owner_resume_together(paused: Handrail) -> None:
    from handrail.workspace import Workspace
    from tasks.occasion import enter, moment
    from tasks.rehearsal import simulate, steward

    occasion = enter(Workspace(paused.home), FOUNDER, moment(NINE))
    steward.give_back(occasion, "complaint", "another model serves", simulate.OWNER)
    assert pauses(paused) == []
    ((proposer, settled_by, outcome),) = paused.rows("SELECT proposer, settled_by, outcome FROM proposals")
    assert (proposer, settled_by, outcome) == (FOUNDER, simulate.OWNER, "confirmed")


def test_a_dead_action_is_listed_and_given_up_for_a_person_to_decide(day: Handrail) -> None:
    with closing(sqlite3.connect(day.home / "handrail.db")) as connection, connection:
        number, case = connection.execute("SELECT id, case_id FROM outbox ORDER BY id LIMIT 1").fetchone()
        connection.execute("UPDATE outbox SET state = 'dead', error = 'no such account' WHERE id = ?", (number,))
        connection.execute("UPDATE cases SET state = 'decided' WHERE id = ?", (case,))
    listed = day.ask("outbox", "list")
    assert [row["id"] for row in listed["actions"]] == [number]
    assert "no such account" in day("outbox", "list").out
    day.ask("outbox", "abandon", number, "--reason", "the account is closed", "--as-of", NINE)
    assert day.ask("outbox", "list")["actions"] == []
    ((state, open_work),) = day.rows(f"""SELECT c.state, count(*) FROM cases c JOIN work_items w ON w.case_id = c.id
        WHERE c.id = {case} AND w.state = 'open' GROUP BY c.state""")  # noqa: S608
    assert (state, open_work) == ("queued", 1)
    assert "is withdrawn" in day("outbox", "retry", number, "--reason", "again", "--as-of", NINE).refusal

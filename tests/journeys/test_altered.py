"""Whatever somebody does to the policy in the database, every command answers in a sentence, and people decide."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.workspaces import MAPPING, MORNING, NINE, ROOT, Handrail

POLICY = ROOT / "policy" / "sample" / "policy.yaml"
WHY = ("--reason", "why not", "--as-of", NINE)


def forge(handrail: Handrail, statement: str) -> None:
    with closing(sqlite3.connect(handrail.home / "handrail.db")) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("""UPDATE policies SET body = replace(body, '"auto_above":null', '"auto_above":0.01')""", "was changed"),
        ("UPDATE policies SET body = 'auto_above: 0.01'", "cannot be read"),
        ("DELETE FROM policies", "was deleted"),
    ],
)
def test_status_and_doctor_say_what_to_do_and_publishing_cures_it(day: Handrail, statement: str, what: str) -> None:
    forge(day, statement)
    doctor = {row["what"]: row for row in day("doctor", "--json").json}
    assert (doctor["policy"]["ok"], what in doctor["policy"]["sentence"]) == (False, True)
    assert doctor["policy"]["sentence"].endswith("Publish the right policy with `handrail policy publish FILE`.")
    status = day.ask("status", "--as-of", NINE)
    assert [(one["what"], one["category"]) for one in status["altered"]] == [("policy", None)]
    assert "ALTERED    The policy in force was" in day("status", "--as-of", NINE).out
    for words in (("stage", "complaint", "suggest", *WHY), ("resume", "--all", *WHY), ("model", "promote", "2", *WHY)):
        assert day(*words).refusal

    assert day.ask("policy", "publish", POLICY)["changed"] is True
    assert day.ask("status", "--as-of", NINE)["altered"] == []
    assert {row["what"]: row["ok"] for row in day("doctor", "--json").json}["policy"] is True


def test_every_command_answers_under_a_policy_that_cannot_be_read(day: Handrail, tmp_path: Path) -> None:
    waiting = day.waiting()[0]
    forge(day, "UPDATE policies SET body = 'auto_above: 0.01'")
    texts = tmp_path / "texts.csv"
    texts.write_text("text\nwhere is my parcel it was due last week\n")
    predicted = day("predict", texts, "--text", "text", "--json")
    assert predicted.code == 0, predicted
    assert "was changed outside Handrail" in predicted.sentences[0]
    assert predicted.json["queues"].get("A", 0) == 0
    for words in (
        ("queue", "list"),
        ("queue", "next", "--as-of", NINE),
        ("quarantine", "list"),
        ("model", "list"),
        ("model", "show"),
        ("review", "list"),
        ("people", "list"),
        ("labels", "list"),
        ("outbox", "list"),
        ("alerts", "list"),
        ("report", "kpi", "--as-of", NINE),
        ("trail", "verify"),
        ("pause", "--all", *WHY),
        ("train", "--as-of", NINE),
        ("decide", waiting, "approve", "--as-of", NINE),
    ):
        answer = day(*words)
        assert answer.code in (0, 1), (words, answer)
        assert answer.code == 0 or len(answer.sentences) == 1, (words, answer)


def test_a_run_under_an_altered_policy_brings_every_case_to_people(trained: Handrail, day_file: Path) -> None:
    forge(trained, """UPDATE policies SET body = replace(body, '"auto_above":null', '"auto_above":0.01')""")
    found = trained("run", day_file, "--mapping", MAPPING, "--as-of", MORNING, "--json").json
    assert found["queues"]["A"] == 0
    assert found["reasons"]["altered"] > 0
    assert sum(found["queues"].values()) == found["accepted"]

"""The real job: an inbox of consumer complaints, from its history to the queues."""

import csv
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.workspaces import ROOT, Handrail

FILE = ROOT.parent / "shared" / "data" / "complaints" / "complaints_2019.csv"
MAPPING = ROOT / "policy" / "complaints" / "mapping.yaml"
LAST_DAY_OF_HISTORY = "2019-04-09"
NARRATIVES_IN_HISTORY = 976
AT = "2020-04-01T14:00:00+00:00"
"""A Wednesday at ten in New York, after the last complaint of the file."""

LEAST_ACCURACY = 0.70
LONGEST_LINE = 100
SUGGESTED = ("Debt collection", "Student loan", "Vehicle loan or lease")
AUTOMATIC = (
    "Credit reporting, credit repair services, or other personal consumer reports",
    "Credit card or prepaid card",
    "Checking or savings account",
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FILE.exists(), reason="the complaints of the shared data folder are not beside the project"),
]

Row = dict[str, str]


@dataclass(frozen=True)
class Inbox:
    """The workspace after its day, the inbox as delivered, and what the commands said."""

    handrail: Handrail
    file: Path
    rows: list[Row]
    history: dict[str, Any]
    model: dict[str, Any]
    run: dict[str, Any]


def write(rows: list[Row], file: Path) -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def begin(home: Path) -> Handrail:
    handrail = Handrail(home)
    handrail.ask("init", "--business", "complaints", "--rehearsal")
    return handrail


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inbox]:
    """History teaches the first model, some products advance, then the inbox comes."""
    folder = tmp_path_factory.mktemp("complaints")
    with FILE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    is_history = [bool(row["narrative"].strip()) and row["date_received"] <= LAST_DAY_OF_HISTORY for row in rows]
    history = [row for row, known in zip(rows, is_history, strict=True) if known]
    live = [row for row, known in zip(rows, is_history, strict=True) if not known]
    live.sort(key=lambda row: row["date_received"])
    handrail = begin(folder / "home")
    known = handrail.ask("run", write(history, folder / "history.csv"), "--mapping", MAPPING, "--as-of", AT)
    model = handrail.ask("train", "--as-of", AT)
    for stage, products in (("suggest", SUGGESTED), ("auto", AUTOMATIC)):
        for product in products:
            handrail.ask("stage", product, stage, "--reason", "the test of the stream", "--as-of", AT)
    delivered = write(live, folder / "inbox.csv")
    run = handrail.ask("run", delivered, "--mapping", MAPPING, "--as-of", AT)
    yield Inbox(handrail, delivered, live, known, model, run)
    shutil.rmtree(folder)


def test_the_history_enters_as_labels_and_queues_nothing(inbox: Inbox) -> None:
    assert inbox.history["accepted"] == inbox.history["imported"] == NARRATIVES_IN_HISTORY
    assert sum(inbox.history["queues"].values()) == 0
    assert inbox.handrail.rows("SELECT count(*) FROM labels WHERE status = 'imported'") == [(NARRATIVES_IN_HISTORY,)]


def test_the_first_model_serves_and_says_how_well(inbox: Inbox) -> None:
    assert inbox.model["serves"]
    assert inbox.model["accuracy"] >= LEAST_ACCURACY
    assert 0 <= inbox.model["ece"] <= 0.2
    assert inbox.model["certificates"] == {}  # imported history never certifies


def test_queued_and_imported_are_all_that_was_accepted(inbox: Inbox) -> None:
    run = inbox.run
    assert run["received"] == len(inbox.rows)
    assert run["quarantined"] == run["duplicates"] == 0
    assert sum(run["queues"].values()) + run["imported"] == run["accepted"] == len(inbox.rows)
    assert sum(run["reasons"].values()) == run["accepted"]


def test_without_a_certificate_nothing_is_approved_by_itself(inbox: Inbox) -> None:
    assert inbox.run["queues"]["A"] == 0
    assert inbox.run["queues"]["B"] > 0
    assert inbox.run["reasons"]["not_certified"] > 0
    assert inbox.run["reasons"]["stage_suggest"] > 0


def test_every_queued_complaint_has_queue_reason_and_due_time(inbox: Inbox) -> None:
    incomplete = """SELECT c.external_id FROM cases c LEFT JOIN routes r ON r.case_id = c.id
        LEFT JOIN work_items w ON w.case_id = c.id
        WHERE c.state = 'queued' AND (r.queue IS NULL OR r.reason IS NULL OR r.reason = '' OR r.due_at IS NULL
            OR w.id IS NULL OR w.state <> 'open'
            OR w.queue <> r.queue OR w.due_at <> r.due_at OR r.due_at <= r.assigned_at)"""
    assert inbox.handrail.rows(incomplete) == []
    assert inbox.handrail.states() == {"queued": len(inbox.rows), "done": NARRATIVES_IN_HISTORY}


def test_complaints_without_a_narrative_go_to_people_with_that_reason(inbox: Inbox) -> None:
    without = {row["complaint_id"] for row in inbox.rows if not row["narrative"].strip()}
    found = inbox.handrail.rows("""SELECT c.external_id, r.queue, r.reason FROM cases c
        JOIN routes r ON r.case_id = c.id WHERE NOT c.has_text""")
    assert {row[0] for row in found} == without
    assert {row[1:] for row in found} == {("C", "no_text")}
    assert inbox.run["reasons"]["no_text"] == len(without)


def test_the_model_names_the_right_product_often_enough(inbox: Inbox) -> None:
    product = {row["complaint_id"]: row["product"] for row in inbox.rows if row["narrative"].strip()}
    said = inbox.handrail.rows("""SELECT c.external_id, p.label FROM predictions p JOIN cases c ON c.id = p.case_id""")
    assert {case for case, _ in said} == set(product)
    accuracy = sum(product[case] == label for case, label in said) / len(said)
    assert accuracy >= LEAST_ACCURACY, f"accuracy on the inbox {accuracy:.4f}"


def test_a_second_run_of_the_same_file_changes_nothing(inbox: Inbox) -> None:
    def everything() -> list[str]:
        with sqlite3.connect(inbox.handrail.home / "handrail.db") as connection:
            return list(connection.iterdump())

    before = everything()
    again = inbox.handrail.ask("run", inbox.file, "--mapping", MAPPING, "--as-of", AT)
    assert again["duplicates"] == again["received"] == len(inbox.rows)
    assert again["accepted"] == again["quarantined"] == again["imported"] == sum(again["queues"].values()) == 0
    assert everything() == before


def test_the_trail_is_whole_and_knows_every_complaint(inbox: Inbox) -> None:
    assert inbox.handrail.ask("trail", "verify")["valid"]
    assert inbox.handrail.rows("SELECT count(DISTINCT case_id) FROM trail WHERE kind = 'case.assigned'") == [
        (len(inbox.rows),)
    ]
    assert inbox.handrail.rows("SELECT count(DISTINCT case_id) FROM trail WHERE kind = 'case.imported'") == [
        (NARRATIVES_IN_HISTORY,)
    ]


def test_no_narrative_stands_in_the_trail(inbox: Inbox) -> None:
    longest = max((row["narrative"] for row in inbox.rows), key=len)
    bodies = b"".join(body for (body,) in inbox.handrail.rows("SELECT body FROM trail"))
    assert longest[:60].encode() not in bodies
    assert max(len(body) for (body,) in inbox.handrail.rows("SELECT body FROM trail")) < 2000


def test_the_status_can_be_read_at_a_glance(inbox: Inbox) -> None:
    answer = inbox.handrail("status", "--as-of", AT)
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= LONGEST_LINE
    assert len(lines) <= 40
    assert " ".join(answer.out.split()).count("about 808 more blind labels are needed") == 1, "said once for all four"
    queues = inbox.run["queues"]
    counts = (f"queued {len(inbox.rows)}", f"done {NARRATIVES_IN_HISTORY}", str(queues["B"]), str(queues["C"]))
    for fact in (*counts, "complaints", "version 1", "not certified", "auto:", "suggest:", "shadow:"):
        assert fact in answer.out, fact


def test_the_whole_file_at_once_imports_the_history_and_gives_the_rest_to_people(tmp_path: Path) -> None:
    handrail = begin(tmp_path / "home")
    result = handrail.ask("run", FILE, "--mapping", MAPPING)
    assert result["imported"] == NARRATIVES_IN_HISTORY
    assert sum(result["queues"].values()) + result["imported"] == result["accepted"] == result["received"]
    assert result["queues"]["C"] == result["accepted"] - NARRATIVES_IN_HISTORY
    assert set(result["reasons"]) == {"no_model", "no_text"}
    assert handrail.ask("run", FILE, "--mapping", MAPPING)["accepted"] == 0
    assert handrail.ask("trail", "verify")["valid"]

"""A bad row is put aside with its reason; too many of them stop the delivery before anything is scored."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.deliveries import CASES, ONE_TOO_MANY, assert_complete, bad_date, run, set_cells, trail_head, write
from tests.workspaces import MORNING, Handrail, deliver


def negative_amount(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "amount", -12.5, rows)


def huge_text(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "text", "please " * 750_000, rows)  # 5.25 MB


def old_case(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "received_at", "1987-01-01", rows)


def unclear_consent(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "consent", "perhaps", rows)


def blank_id(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "external_id", "", rows)


def unknown_category(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases.assign(label=""), "label", "billing_qestion", rows)


def taken_id(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "external_id", cases["external_id"].iloc[0], rows)


BAD_ROWS = [
    (bad_date, "cannot be read as ISO 8601"),
    (negative_amount, "is negative"),
    (huge_text, "100000 are allowed"),
    (old_case, "correct the time"),
    (unclear_consent, "List the answer in the mapping"),
    (blank_id, "Give each row an id"),
    (unknown_category, "Did you mean 'billing_question'?"),
    (taken_id, "Keep one of them"),
]
Spoil = Callable[[pd.DataFrame, int], pd.DataFrame]


@pytest.mark.parametrize(("spoil", "reason"), BAD_ROWS)
def test_a_bad_row_is_put_aside_with_its_reason_and_enters_once_corrected(
    begun: Handrail, cases: pd.DataFrame, file: Path, spoil: Spoil, reason: str
) -> None:
    answer = run(begun, write(spoil(cases, 1), file))
    assert answer.code == 0, answer.err
    assert (answer.json["accepted"], answer.json["quarantined"]) == (CASES - 1, 1)
    assert begun.states().get("queued") == CASES - 1
    assert len(answer.sentences) == 1
    assert "`handrail quarantine list --batch 1`" in answer.sentences[0]
    held = begun.ask("quarantine", "list", "--batch", "1")
    assert [reason in row["reason"] for row in held] == [True]
    again = run(begun, file)
    assert again.code == 0, again.err
    assert (again.json["accepted"], again.json["duplicates"]) == (0, CASES)
    assert_complete(begun, run(begun, deliver(cases, file)), accepted=1)


@pytest.mark.parametrize(("spoil", "reason"), BAD_ROWS)
def test_too_many_bad_rows_stop_the_delivery_before_anything_is_scored(
    begun: Handrail, cases: pd.DataFrame, file: Path, spoil: Spoil, reason: str
) -> None:
    sentence = run(begun, write(spoil(cases, ONE_TOO_MANY), file)).refusal
    assert f"{ONE_TOO_MANY} of {CASES} rows" in sentence
    assert "`handrail quarantine list --batch 1`" in sentence
    assert begun.rows("SELECT count(*) FROM routes UNION ALL SELECT count(*) FROM predictions") == [(0,), (0,)]
    assert set(begun.states()) <= {"received"}
    held = begun.ask("quarantine", "list", "--batch", "1")
    assert [reason in row["reason"] for row in held] == [True] * ONE_TOO_MANY
    trail_head(begun)
    assert f"{ONE_TOO_MANY} of {CASES} rows" in run(begun, file).refusal
    assert_complete(begun, run(begun, deliver(cases, file)))
    assert spoil is blank_id or spoil is taken_id or begun.ask("quarantine", "list") == []


def test_a_corrected_row_brings_its_corrected_label(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    """A stopped delivery's rows are read anew: what was wrong in them, an outcome too, is forgotten."""
    wrong = cases.assign(label="technical_help")
    assert run(begun, write(bad_date(wrong, ONE_TOO_MANY), file)).refusal
    assert run(begun, write(cases.assign(label="cancellation"), file)).json["imported"] == CASES
    assert begun.rows("SELECT label, count(*) FROM labels GROUP BY label") == [("cancellation", CASES)]


def test_rows_that_stopped_a_delivery_count_again_in_the_next_one(
    begun: Handrail, cases: pd.DataFrame, file: Path
) -> None:
    assert run(begun, write(bad_date(cases, ONE_TOO_MANY), file)).refusal
    one_less = bad_date(cases.head(CASES - 1), ONE_TOO_MANY - 1).tail(ONE_TOO_MANY - 1)
    assert "2 of 3 rows" in run(begun, deliver(pd.concat([cases.head(1), one_less]), file)).refusal


def test_an_identical_row_is_a_duplicate_and_not_bad(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    answer = run(begun, deliver(pd.concat([cases, cases.tail(ONE_TOO_MANY)]), file))
    assert (answer.json["received"], answer.json["duplicates"]) == (CASES + ONE_TOO_MANY, ONE_TOO_MANY)
    assert_complete(begun, answer)


def test_a_stopped_delivery_is_released_by_command(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    assert "`handrail quarantine release 1`" in run(begun, write(bad_date(cases, ONE_TOO_MANY), file)).refusal
    assert [one["batch"] for one in begun.ask("status", "--as-of", MORNING)["stopped"]] == [1]
    told = " ".join(begun("status", "--as-of", MORNING).out.split())
    assert "STOPPED delivery 1 of " in told
    assert "`handrail quarantine release 1 --reason …`" in told
    cut = begun("quarantine", "list", "--limit", "1")
    assert f"1 of {ONE_TOO_MANY} rows" in cut.err
    assert begun("quarantine", "list", "--limit", ONE_TOO_MANY).err == ""
    (stopped,) = begun.ask("quarantine", "stopped")
    assert (stopped["batch"], stopped["received"], stopped["quarantined"]) == (1, CASES, ONE_TOO_MANY)
    told = begun.ask("quarantine", "release", "1", "--reason", "the dates are known", "--as-of", MORNING)
    assert told == {"released": 1, "accepted": CASES - ONE_TOO_MANY, "quarantined": ONE_TOO_MANY, "superseded": 0}
    assert begun.states() == {"queued": CASES - ONE_TOO_MANY}
    assert begun.ask("quarantine", "stopped") == []
    trail_head(begun)


def test_a_stopped_delivery_is_rejected_by_command_and_enters_corrected(
    begun: Handrail, cases: pd.DataFrame, file: Path
) -> None:
    assert run(begun, write(bad_date(cases, ONE_TOO_MANY), file)).refusal
    told = begun.ask("quarantine", "reject", "1", "--reason", "the wrong file", "--as-of", MORNING)
    assert told == {"rejected": 1, "cases": CASES - ONE_TOO_MANY}
    assert "not stopped" in begun("quarantine", "release", "1", "--reason", "after all").refusal
    assert_complete(begun, run(begun, deliver(cases, file)))


def test_a_delivery_with_fewer_bad_rows_than_the_policy_says_goes_on_whatever_their_share(
    begun: Handrail, cases: pd.DataFrame, file: Path
) -> None:
    answer = run(begun, write(bad_date(cases.head(3), 1), file))
    assert (answer.code, answer.json["accepted"], answer.json["quarantined"]) == (0, 2, 1)

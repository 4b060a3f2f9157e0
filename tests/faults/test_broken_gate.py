"""A gate that breaks decides nothing: no row is called bad, none goes on, and the same command completes later."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from expectations import judgement, results
from expectations.suites import Suite
from handrail.errors import GateBroken
from tests.deliveries import CASES, assert_complete, run
from tests.workspaces import Handrail, deliver

QUARANTINED = "SELECT count(*) FROM quarantine"


def breaks(only: str) -> Callable[[Suite, pd.DataFrame], object]:
    """A `judge` whose suite `only` cannot be evaluated; the others are."""
    judge = judgement.judge

    def broken(suite: Suite, view: pd.DataFrame) -> object:
        if suite.name == only:
            raise GateBroken("The gate broke. Nothing was decided about the data. Run the same command again.")
        return judge(suite, view)

    return broken


@pytest.mark.parametrize(("gate", "state"), [("intake", "received"), ("predictions", "accepted")])
def test_a_gate_that_breaks_leaves_the_rows_untouched_and_the_same_run_completes(
    trained: Handrail, cases: pd.DataFrame, file: Path, monkeypatch: pytest.MonkeyPatch, gate: str, state: str
) -> None:
    before = trained.states()
    monkeypatch.setattr(judgement, "judge", breaks(gate))
    refusal = run(trained, deliver(cases, file)).refusal
    assert "Nothing was decided" in refusal
    assert "bad" not in refusal
    assert trained.states() == {**before, state: CASES}
    assert trained.rows(QUARANTINED) == [(0,)]
    monkeypatch.undo()
    answer = run(trained, file)
    assert (answer.code, answer.json["accepted"], answer.json["quarantined"]) == (0, CASES, 0)
    assert sum(trained.states().values()) == sum(before.values()) + CASES
    assert set(trained.states()) <= {"queued", "done"}
    assert trained.ask("trail", "verify")["valid"]


def test_a_full_disk_of_the_reports_is_no_verdict_on_the_data(
    begun: Handrail, cases: pd.DataFrame, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results.drafts, "write_text", full)
    refusal = run(begun, deliver(cases, file)).refusal
    assert "No space left on device" in refusal
    assert begun.states() == {"received": CASES}
    assert begun.rows(QUARANTINED) == [(0,)]
    monkeypatch.undo()
    assert_complete(begun, run(begun, file))


def test_reports_that_fail_at_the_end_are_completed_by_the_same_run(
    begun: Handrail, cases: pd.DataFrame, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise GateBroken("A validation report could not be drawn. Run the same command again.")

    monkeypatch.setattr(judgement, "page_of_result", fails)
    assert "could not be drawn" in run(begun, deliver(cases, file)).refusal
    monkeypatch.undo()
    assert_complete(begun, run(begun, file))
    first = begun.home / "expectations/gx/uncommitted/data_docs/local_site/index.html"
    assert first.read_text(encoding="utf-8").count("<tr><td>") == 1


def test_a_workspace_whose_folder_of_reports_was_torn_passes_a_good_file(
    begun: Handrail, cases: pd.DataFrame, file: Path, tmp_path: Path
) -> None:
    assert_complete(begun, run(begun, deliver(cases, file)))
    for torn in [*(begun.home / "expectations").rglob("*")]:
        if torn.is_file():
            torn.write_bytes(torn.read_bytes()[:100])
    again = Path(shutil.copy(file, tmp_path / "again.csv"))
    deliver(cases.assign(external_id=cases["external_id"] + "b"), again)
    answer = run(begun, again)
    assert (answer.code, answer.json["accepted"], answer.json["quarantined"]) == (0, CASES, 0)

"""Real Great Expectations: verdicts with their rows, and pages that hold no value and fetch nothing."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from expectations import checkpoint, results, suites
from expectations.checkpoint import SuiteVerdict
from handrail import policy
from handrail.errors import BadInput
from handrail.workspace import Workspace

NOW = datetime(2025, 3, 1, tzinfo=UTC)
POLICY = policy.for_labels(["billing", "parcel"])
PLANTED = "anna.secret@example.org"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One project for all tests here: opening it takes most of the time."""
    workspace = Workspace(tmp_path_factory.mktemp("expectations") / "home")
    workspace.create()
    return workspace


def delivery(rows: int = 5, **changed: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "case_id": range(100, 100 + rows),
            "external_id": [f"X{row}" for row in range(rows)],
            "received_at": NOW - timedelta(days=3),
            "text_length": 20,
            "amount": [None, 0.0, 12.5, 300.0, None][:rows],
            "consent": True,
            "has_text": True,
            "label": None,
        }
    )
    return frame.assign(**changed)


def inspect(home: Workspace, frame: pd.DataFrame) -> SuiteVerdict:
    return checkpoint.check(home, "intake", frame, suites.intake(POLICY, now=NOW), build_docs=False)


def test_a_good_delivery_passes_with_and_without_known_outcomes(home: Workspace) -> None:
    for frame in (
        delivery(),
        delivery(label=["billing", None, "parcel", None, None]),
        delivery().drop(columns="label"),
    ):
        verdict = inspect(home, frame)
        assert verdict.passed
        assert verdict.failures == ()
        assert verdict.bad_rows().empty
        assert verdict.statistics["rows"] == 5


OLDEST = NOW - POLICY.intake.oldest


@pytest.mark.parametrize(
    ("column", "values", "bad"),
    [
        ("external_id", ["X0", "X1", "X1", "X3", None], [101, 102, 104]),
        ("amount", [-0.01, 0.0, 1.0, None, -5.0], [100, 104]),
        ("text_length", [100_000, 100_001, 0, 1, 2], [101]),
        ("label", ["billing", "Billing", None, "parcel", "other"], [101, 104]),
        ("consent", [True, False, None, True, True], [102]),
        (
            "received_at",
            [NOW, NOW + timedelta(days=1), NOW + timedelta(days=1, seconds=1), OLDEST, OLDEST - timedelta(seconds=1)],
            [102, 104],
        ),
    ],
)
def test_each_broken_rule_names_exactly_its_rows(
    home: Workspace, column: str, values: list[object], bad: list[int]
) -> None:
    verdict = inspect(home, delivery(**{column: values}))
    assert not verdict.passed
    rows = verdict.bad_rows()
    assert sorted(rows.index) == bad
    assert rows["expectation"].str.startswith("expect_column_values_to").all()
    assert rows["reason"].str.endswith(".").all()


def test_a_row_that_breaks_several_rules_stands_once_with_all_reasons(home: Workspace) -> None:
    rows = inspect(home, delivery(amount=[-1.0, 0, 0, 0, 0], text_length=[10**6, 1, 1, 1, 1])).bad_rows()
    assert rows.index.tolist() == [100]
    assert "amount" in rows.loc[100, "reason"]
    assert "text" in rows.loc[100, "reason"]


def test_an_empty_delivery_passes(home: Workspace) -> None:
    assert inspect(home, delivery().iloc[:0]).passed


def test_a_frame_without_a_column_and_a_wrong_suite_are_refused(home: Workspace) -> None:
    with pytest.raises(BadInput, match="no column 'consent'"):
        inspect(home, delivery().drop(columns="consent"))
    with pytest.raises(BadInput, match="was given for"):
        checkpoint.check(home, "predictions", delivery(), suites.intake(POLICY, now=NOW))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("confidence", 1.01),
        ("confidence", -0.01),
        ("confidence", np.nan),
        ("novelty", 1.5),
        ("label", "else"),
        ("case_id", 1),
    ],
)
def test_impossible_predictions_are_found(home: Workspace, column: str, value: object) -> None:
    good = pd.DataFrame({"case_id": [1, 2], "label": ["a", "b"], "confidence": [0.0, 1.0], "novelty": [1.0, 0.0]})
    suite = suites.predictions(["a", "b"])
    assert checkpoint.check(home, "predictions", good, suite, build_docs=False).passed
    bad = good.astype({"case_id": object})
    bad.loc[1, column] = value
    verdict = checkpoint.check(home, "predictions", bad, suite, build_docs=False)
    assert [failure.column for failure in verdict.failures] == [column]


def test_a_failure_names_its_cases_and_the_page_of_its_run(home: Workspace) -> None:
    suite = suites.intake(POLICY, now=NOW)
    frame = pd.concat([delivery()] * 3, ignore_index=True).assign(
        case_id=range(15), external_id=[f"X{row}" for row in range(15)], amount=-1.0
    )
    verdict = checkpoint.check(home, "intake", frame, suite)
    assert verdict.codes == {"expect_column_values_to_be_between(amount)": 15}
    assert "Cases 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 5 more." in verdict.broken
    assert verdict.broken.endswith(verdict.page.as_uri())
    assert verdict.page != verdict.docs
    assert "15 unexpected values found" in verdict.page.read_text(encoding="utf-8")
    later = checkpoint.check(home, "intake", delivery(), suite)
    assert later.page.exists()
    assert later.page != verdict.page
    assert checkpoint.check(home, "intake", delivery(), suite, build_docs=False).page == home.data_docs


@pytest.fixture(scope="module")
def documented(home: Workspace) -> Path:
    """The project after one check with pages, one whose pages came later, and secrets in every text column."""
    secret = delivery(
        external_id=[PLANTED] * 5,
        label=[PLANTED] * 5,
        amount=[-987654.25] * 5,
        consent=[None] * 5,
        text_length=[7654321] * 5,
    )
    suite = suites.intake(POLICY, now=NOW)
    checkpoint.check(home, "intake", secret, suite, build_docs=True)
    checkpoint.check(home, "intake", secret, suite, build_docs=False)
    checkpoint.build_docs(home)
    return home.expectations_dir


def test_no_file_of_the_project_holds_a_failing_value(documented: Path) -> None:
    files = [file for file in documented.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".html"}
    for file in files:
        content = file.read_bytes()
        for value in (PLANTED.encode(), b"987654", b"7654321"):
            assert value not in content, file


def test_every_result_has_a_page_that_fetches_nothing_and_says_what_failed(documented: Path, home: Workspace) -> None:
    runs = results.runs(documented)
    assert runs
    assert all(run.page.exists() for run in runs)
    pages = [*(documented / "gx/uncommitted/data_docs").rglob("*.html")]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(script|link|img|iframe|object|embed)\b|@import|url\(", text, re.IGNORECASE), page
        assert "http" not in text, page
    newest = runs[0].page.read_text(encoding="utf-8")
    assert "failed" in newest
    assert "5 unexpected values found" in newest
    first = home.data_docs.read_text(encoding="utf-8")
    for run in runs:
        link = run.page.relative_to(home.data_docs.parent).as_posix()
        assert link in first


def test_links_between_pages_lead_to_pages(documented: Path) -> None:
    for page in (documented / "gx/uncommitted/data_docs").rglob("*.html"):
        for target in re.findall(r'href="([^"#]+)"', page.read_text(encoding="utf-8")):
            assert (page.parent / target).resolve().exists(), (page, target)


def test_only_the_newest_results_and_their_pages_are_kept(documented: Path) -> None:
    before = [run for run in results.runs(documented) if run.suite == "intake"]
    results.prune(documented, keep=2)
    after = [run for run in results.runs(documented) if run.suite == "intake"]
    assert after == before[:2]
    assert not any(run.page.exists() for run in before[2:])
    assert all(run.page.exists() for run in after)


def test_two_workspaces_in_one_process_keep_their_results_apart(home: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    other.create()
    before = results.runs(home.expectations_dir)
    assert inspect(other, delivery()).passed
    assert results.runs(home.expectations_dir) == before
    assert inspect(home, delivery()).passed
    assert len(results.runs(other.expectations_dir)) == 1

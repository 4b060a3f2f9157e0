"""Real Great Expectations: verdicts with their rows, and pages that hold no value and fetch nothing."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from expectations import checkpoint, docs_pages, judgement, results, suites
from expectations.checkpoint import Verdict
from expectations.suites import Suite
from expectations.suites.rules import between
from handrail import drafts, policy
from handrail.errors import BadInput, GateBroken, RetryableError
from handrail.workspace import Workspace
from tests.workspaces import ROOT

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


def inspect(home: Workspace, frame: pd.DataFrame) -> Verdict:
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


def listed(workspace: Workspace) -> list[str]:
    """The pages that the first page links, without the rules."""
    return re.findall(r'href="(validations/[^"]+)"', workspace.data_docs.read_text(encoding="utf-8"))


def assert_consistent(workspace: Workspace, count: int) -> None:
    """Every result has its whole page, and the first page links exactly these."""
    known = results.runs(workspace.expectations_dir)
    assert len(known) == count
    site = workspace.data_docs.parent
    assert sorted(listed(workspace)) == sorted(run.page.relative_to(site).as_posix() for run in known)
    assert set(site.glob("validations/**/*.html")) == {run.page for run in known}
    for page in site.rglob("*.html"):
        assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert not list(workspace.expectations_dir.rglob(".*"))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with two results and their pages."""
    workspace = Workspace(tmp_path_factory.mktemp("judged") / "home")
    workspace.create()
    for amount in (1.0, -1.0):
        inspect(workspace, delivery(amount=amount))
    checkpoint.build_docs(workspace)
    return workspace


@pytest.fixture
def place(judged: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it to break."""
    return Workspace(Path(shutil.copytree(judged.home, tmp_path / "home")))


@pytest.mark.parametrize("spoil", [lambda _: b"", lambda content: content[: len(content) // 2], lambda _: b"\xff{"])
def test_a_folder_of_which_any_file_is_broken_heals_with_the_next_check(
    judged: Workspace, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    files = [file.relative_to(judged.home) for file in judged.expectations_dir.rglob("*") if file.is_file()]
    assert len(files) == 6  # two results, their pages, the rules, the first page
    for number, file in enumerate(files):
        place = Workspace(Path(shutil.copytree(judged.home, tmp_path / str(number))))
        (place.home / file).write_bytes(spoil((place.home / file).read_bytes()))
        assert checkpoint.check(place, "intake", delivery(), suites.intake(POLICY, now=NOW)).passed
        assert_consistent(place, 2 if file.suffix == ".json" else 3)


def test_a_folder_of_an_earlier_version_is_read_and_its_torn_project_files_do_no_harm(place: Workspace) -> None:
    """Great Expectations kept its own files here, and a folder for each run."""
    folder = place.expectations_dir
    (folder / "gx/great_expectations.yml").write_text("config_version: 4.0\nstor")
    (folder / "gx/checkpoints").mkdir()
    (folder / "gx/checkpoints/intake.json").write_text("{")
    run = results.runs(folder)[0]
    old = folder / "gx/uncommitted/validations/intake/2025-03-01 00.00" / f"{run.ran_at}" / "intake-intake.json"
    old.parent.mkdir(parents=True)
    run.result.rename(old)
    assert checkpoint.check(place, "intake", delivery(), suites.intake(POLICY, now=NOW)).passed
    assert_consistent(place, 3)
    for page in place.data_docs.parent.rglob("*.html"):
        for target in re.findall(r'href="([^"#]+)"', page.read_text(encoding="utf-8")):
            assert (page.parent / target).resolve().exists(), (page, target)


@pytest.mark.parametrize("after", range(4))
def test_a_process_that_ends_between_any_two_files_leaves_nothing_that_stops_the_next(
    place: Workspace, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """The result, its page, the rules, the first page: the next run draws what is missing."""

    class Killed(BaseException):
        pass

    written = 0
    write_text = drafts.write_text

    def until_killed(*known: object, **more: object) -> None:
        nonlocal written
        if written == after:
            raise Killed
        written += 1
        write_text(*known, **more)  # type: ignore[arg-type]

    (place.data_docs.parent / "expectations/intake.html").unlink()
    monkeypatch.setattr(drafts, "write_text", until_killed)
    with pytest.raises(Killed):
        checkpoint.check(place, "intake", delivery(), suites.intake(POLICY, now=NOW))
    monkeypatch.undo()
    assert checkpoint.check(place, "intake", delivery(), suites.intake(POLICY, now=NOW)).passed
    assert_consistent(place, 3 if after == 0 else 4)


def test_a_gate_that_cannot_judge_says_so_and_judges_nothing(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError(PLANTED)

    with monkeypatch.context() as patch:
        patch.setattr(judgement, "_batch", broken)
        with pytest.raises(GateBroken, match=r"gate 'intake' broke \(KeyError\). Nothing was decided") as told:
            inspect(place, delivery())
    assert PLANTED not in str(told.value)
    assert isinstance(told.value, RetryableError)
    assert_consistent(place, 2)


def test_a_rule_that_cannot_be_evaluated_is_no_verdict_on_the_data(place: Workspace) -> None:
    """Great Expectations counts it as failed, with no row to blame: intake would have let all rows in unjudged."""
    suite = Suite("intake", (between("grade", 0, None, "a grade is a number: correct it"),))
    with pytest.raises(GateBroken, match="could not judge ExpectColumnValuesToBeBetween"):
        checkpoint.check(place, "intake", delivery(grade=[1, 2, "three", 4, 5]), suite)
    assert_consistent(place, 2)


def test_reports_that_cannot_be_written_stop_the_gate_with_a_sentence(place: Workspace) -> None:
    shutil.rmtree(place.expectations_dir)
    place.expectations_dir.write_text("a file where the folder should be")
    with pytest.raises(GateBroken, match=r"cannot be written.*Nothing was decided about the data"):
        inspect(place, delivery())
    place.expectations_dir.unlink()
    assert inspect(place, delivery()).passed


def test_threads_of_one_process_judge_at_the_same_time(place: Workspace) -> None:
    """Each gets the verdict on its own frame."""

    def judge(amount: float) -> bool:
        verdict = checkpoint.check(place, "intake", delivery(amount=amount), suites.intake(POLICY, now=NOW))
        assert verdict.page.exists()
        return verdict.passed

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(judge, [1.0, -1.0] * 6)) == [True, False] * 6
    assert_consistent(place, 2 + 12)


JUDGE = """
import sys
from pathlib import Path
from tests.data.test_checkpoint import POLICY, NOW, Workspace, checkpoint, delivery, suites
place, suite = Workspace(Path(sys.argv[1])), suites.intake(POLICY, now=NOW)
checkpoint.check(place, "intake", delivery(), suite, build_docs=False)
print(flush=True)
input()
for _ in range(3):
    assert checkpoint.check(place, "intake", delivery(), suite).passed
    assert not checkpoint.check(place, "intake", delivery(amount=-1.0), suite).passed
"""


def test_processes_judge_and_publish_at_the_same_time(place: Workspace) -> None:
    command = [sys.executable, "-c", JUDGE, str(place.home)]
    many = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(2)]
    for one in many:
        assert one.stdout
        assert one.stdout.readline()
    for one in many:
        assert one.stdin
        one.stdin.write(b"\n")
        one.stdin.flush()
    for one in many:
        one.communicate()
        assert one.returncode == 0
    assert_consistent(place, 2 + 2 * 7)


def test_old_results_go_while_others_are_judged(place: Workspace) -> None:
    """Eight threads keep three results each moment; what is left is whole."""

    def judge(_: int) -> None:
        inspect(place, delivery())
        docs_pages.publish(place.expectations_dir, keep=3)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(judge, range(16)))
    docs_pages.publish(place.expectations_dir, keep=3)
    assert_consistent(place, 3)

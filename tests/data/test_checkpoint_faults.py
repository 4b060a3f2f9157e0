"""The gates under faults: torn files, processes that end in the midst, full disks, many judging at once."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from expectations import checkpoint, docs_pages, judgement, results, suites
from expectations.suites import Suite
from expectations.suites.rules import between
from handrail import drafts
from handrail.errors import GateBroken, RetryableError
from handrail.workspace import Workspace
from tests.data.test_checkpoint import NOW, PLANTED, POLICY, delivery, inspect
from tests.workspaces import ROOT


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
from expectations import checkpoint, suites
from handrail.workspace import Workspace
from tests.data.test_checkpoint import NOW, POLICY, delivery
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


def test_pages_that_others_are_writing_stay_and_those_of_killed_writers_go(place: Workspace) -> None:
    inspect(place, delivery())
    docs_pages.publish(place.expectations_dir)
    page = results.runs(place.expectations_dir)[0].page
    left = page.with_name(f".0123456789abcdef.draft.{page.name}")
    left.touch()
    with drafts.draft(page) as beside:
        docs_pages.publish(place.expectations_dir)
        assert beside.exists()
        assert not left.exists()
        beside.write_text("drawn")
    assert page.read_text() == "drawn"

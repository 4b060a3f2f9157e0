"""A folder that a rehearsal or the demo makes anew: only its own, one run at a time, and begun anew when stopped."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from console.anew import anew, finish
from handrail.errors import Refused

DATABASE = "handrail.db"


def made(home: Path) -> None:
    """A finished rehearsal."""
    with anew(home, 1, "rehearse") as workspace:
        (home / DATABASE).write_text("cases")
        (home / "inbox").mkdir()
        (home / "inbox" / "history.jsonl").write_text("{}")
        finish(workspace, "rehearse")


@pytest.mark.parametrize("mark", ["my notes about the theatre rehearsal", "", None])
def test_a_folder_with_something_else_of_that_name_is_left_as_it_is(tmp_path: Path, mark: str | None) -> None:
    home = tmp_path / "precious"
    (home / "docs").mkdir(parents=True)
    (home / "docs" / "thesis.txt").write_text("thesis")
    if mark is None:
        (home / "rehearsal").mkdir()
    else:
        (home / "rehearsal").write_text(mark)
    before = sorted(home.rglob("*"))
    with (
        pytest.raises(Refused, match=r"was not made by `handrail rehearse`\. Choose another folder"),
        anew(home, 1, "rehearse"),
    ):
        pass
    assert sorted(home.rglob("*")) == before
    assert (home / "docs" / "thesis.txt").read_text() == "thesis"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("mine")
    with pytest.raises(Refused, match="is a file and no folder"), anew(tmp_path / "home", 1, "demo"):
        pass
    assert (tmp_path / "home").read_text() == "mine"


def test_what_it_made_itself_is_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    made(home)
    with anew(home, 2, "rehearse"):
        assert not (home / DATABASE).exists()
        assert not (home / "inbox" / "history.jsonl").exists()
    assert capsys.readouterr().err == ""


def test_a_second_run_is_refused_while_one_has_the_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made(home)
    script = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from console.anew import anew
        with anew(Path({str(home)!r}), 1, "rehearse"):
            (Path({str(home)!r}) / {DATABASE!r}).write_text("under way")
            print("under way", flush=True)
            sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "under way\n"
        with pytest.raises(Refused, match="Another `handrail rehearse` runs in"), anew(home, 1, "rehearse"):
            pass
        assert (home / DATABASE).read_text() == "under way"
        other.kill()
    with anew(home, 1, "rehearse"):
        assert not (home / DATABASE).exists(), "who was killed holds nothing"


def test_whatever_was_removed_when_it_was_stopped_the_mark_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    made(home)
    removed: list[Path] = []

    def killed(place: Path) -> None:
        removed.append(place)
        raise KeyboardInterrupt

    with monkeypatch.context() as half:
        half.setattr("console.anew.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt), anew(home, 1, "rehearse"):
            pass
    assert removed
    assert "rehearsal" in {place.name for place in home.iterdir()}
    with anew(home, 1, "rehearse") as workspace:
        finish(workspace, "rehearse")
    assert not (home / "inbox" / "history.jsonl").exists()

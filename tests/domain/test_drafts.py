"""A file that is written is whole or untouched, whatever ends the writing."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from handrail import drafts
from handrail.drafts import NotWritten


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that somebody needs."""
    place = tmp_path / "kept [1].csv"
    place.write_text("old")
    return place


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def fail(file: Path, fault: BaseException) -> None:
    """End half-way."""
    with drafts.draft(file) as beside:
        beside.write_text("half")
        raise fault


def test_a_file_is_replaced_when_the_block_ends_and_not_before(file: Path) -> None:
    with drafts.draft(file) as beside:
        beside.write_text("ne")
        assert file.read_text() == "old"
        assert beside.parent == file.parent
        beside.write_text("new")
    assert file.read_text() == "new"
    assert names(file.parent) == [file.name]


@pytest.mark.parametrize("end", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(file: Path, end: type[BaseException]) -> None:
    with pytest.raises(end):
        fail(file, end())
    assert file.read_text() == "old"
    assert names(file.parent) == [file.name]


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_full_disk_is_told_as_a_sentence_and_keeps_the_old_file(file: Path, fault: int) -> None:
    with pytest.raises(NotWritten, match=r"what was there is unchanged.*run the same command again"):
        fail(file, OSError(fault, os.strerror(fault)))
    assert file.read_text() == "old"
    assert names(file.parent) == [file.name]


def test_what_the_block_itself_misses_is_not_told_as_the_disks_fault(file: Path) -> None:
    with pytest.raises(FileNotFoundError), drafts.draft(file):
        Path("no such input").read_text()


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="No such file or directory"):
        drafts.write_text(tmp_path / "nowhere" / "file", "new")


def test_an_existing_files_permissions_stay_and_a_new_file_gets_the_usual_ones(file: Path) -> None:
    file.chmod(0o640)
    drafts.write_text(file, "new")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        drafts.write_text(fresh := file.with_name("fresh"), "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o640


def test_a_link_keeps_pointing_and_the_file_behind_it_is_replaced(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file.name)
    drafts.write_text(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    dangling = file.with_name("dangling")
    dangling.symlink_to("later")
    drafts.write_text(dangling, "new")
    assert file.with_name("later").read_text() == "new"


def test_a_pipe_gets_the_whole_content_at_once_and_nothing_of_a_failed_block(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    with pytest.raises(ValueError, match="failed"):
        fail(pipe, ValueError("failed"))
    with drafts.draft(pipe) as beside:
        for mode in ("w", "a"):
            with beside.open(mode) as opened:
                opened.write("new")
    reader.join()
    assert heard == ["newnew"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_written_through(tmp_path: Path) -> None:
    drafts.write_text(Path("/dev/null"), "new")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(NotWritten, match="No space left"):
        drafts.write_text(Path("/dev/full"), "new")


WRITE_AND_STAY = """
import sys
from pathlib import Path
from handrail import drafts
with drafts.draft(Path(sys.argv[1])) as beside:
    beside.write_text("half")
    print(flush=True)
    input()
"""


def test_a_killed_writers_draft_goes_with_the_next_writing_and_a_living_ones_stays(file: Path) -> None:
    command = [sys.executable, "-c", WRITE_AND_STAY, str(file)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as killed,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as living,
    ):
        for process in (killed, living):
            assert process.stdout
            assert process.stdout.readline()
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert len(names(file.parent)) == 3
        assert file.read_text() == "old"
        drafts.write_text(file, "new")
        assert len(names(file.parent)) == 2
        living.communicate(b"\n")
    assert file.read_text() == "half"
    assert names(file.parent) == [file.name]

"""Places that a command makes anew: its own earlier workspace goes, nobody else's, and one run at a time has it."""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from handrail import drafts
from handrail.errors import Refused
from handrail.workspace import Workspace

MARKS = {"rehearse": "rehearsal", "demo": "demo"}
"""The file by which each command knows what it made."""
RUNNING, FINISHED = "not finished", "finished"


@contextmanager
def anew(home: Path, seed: int, command: str) -> Iterator[Workspace]:
    """A new workspace in `home`, nobody else's until the end; what the same command left there is made anew.

    Raises:
        Refused: the folder holds something that this command did not make, or another run has it.
    """
    if home.exists() and not home.is_dir():
        raise Refused(f"{home} is a file and no folder. Choose a folder with --home.")
    made = home.exists() and any(home.iterdir())
    if made and not _is_ours(home / MARKS[command], command):
        raise Refused(
            f"{home} is not empty and was not made by `handrail {command}`. Choose another folder with --home."
        )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(home, command):
        if made:
            if RUNNING in (home / MARKS[command]).read_text(encoding="utf-8"):
                typer.echo(f"The last run in {home} was not finished: it begins anew.", file=sys.stderr)
            _clear(home, keep=MARKS[command])
        workspace = Workspace(home)
        _mark(workspace, command, RUNNING)
        workspace.create()
        # A business's key is secret; a rehearsal's comes from its seed, so that the same seed tells the same story.
        drafts.write_text(workspace.secret_file, hashlib.sha256(f"{MARKS[command]} {seed}".encode()).hexdigest())
        yield workspace


def finish(workspace: Workspace, command: str) -> None:
    """Say in the folder that it is complete."""
    _mark(workspace, command, FINISHED)


def _is_ours(mark: Path, command: str) -> bool:
    """Did this command make the folder: is the mark a file, and does it say so?"""
    if mark.is_symlink() or not mark.is_file():
        return False
    with mark.open("rb") as opened:
        return opened.read(200).startswith(f"made by `handrail {command}`".encode())


@contextmanager
def _alone(home: Path, command: str) -> Iterator[None]:
    # The folder itself is locked, and stays: a process that was killed holds it no longer.
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise Refused(
                f"Another `handrail {command}` runs in {home}. Wait for it, or choose another folder with --home."
            ) from taken
        yield
    finally:
        os.close(descriptor)


def _clear(home: Path, *, keep: str) -> None:
    """Remove what lies there; the mark stays, so that a run that is stopped meanwhile can be begun anew."""
    for place in home.iterdir():
        if place.name == keep:
            continue
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()


def _mark(workspace: Workspace, command: str, state: str) -> None:
    text = f"made by `handrail {command}`, and made anew by the next one; {state}\n"
    drafts.write_text(workspace.home / MARKS[command], text)

"""Where a command writes at its user's wish: looked at before the work, and whole or untouched after it."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from console.signals import interruptible
from handrail import drafts

_STDOUT = (Path("-"), drafts.STDOUT, Path("/dev/fd/1"), Path("/proc/self/fd/1"))


def require_places(*targets: Path | None, inputs: Sequence[Path | None] = ()) -> None:
    """Make sure that files can be written, before the work whose results they take.

    Raises:
        BadInput: one is an input, Handrail's own, a folder, in none that can be written to, or named twice.
    """
    named = [_place(target) for target in targets if target is not None]
    for at, target in enumerate(named):
        _require_free_of(target, [one for one in inputs if one is not None])
        _require_writable(target)
        _require_apart(target, named[:at])


@contextmanager
def written(target: Path) -> Iterator[Path]:
    """Hand out a file to be filled that becomes `target` when the block ends well; a signal to end is heard.

    Raises:
        NotWritten: the place or its disk does not take it; what was there is unchanged.
    """
    with interruptible(), drafts.draft(_place(target)) as beside:
        yield beside


def is_stdout(target: Path | None) -> bool:
    """Does the result itself go where a command's answer usually goes?"""
    return target in _STDOUT


def _place(target: Path) -> Path:
    return drafts.STDOUT if is_stdout(target) else target


def _require_free_of(target: Path, inputs: Sequence[Path]) -> None:
    from handrail.errors import BadInput
    from handrail.workspace import Workspace

    for one in inputs:
        if _is_same(target, one):
            raise BadInput(f"{target} is what is read here: writing there would destroy it. Name another file.")
    if Workspace.from_environment().owns(target):
        raise BadInput(f"{target} belongs to the workspace: writing there would destroy it. Name another file.")


def _require_writable(target: Path) -> None:
    from handrail.errors import BadInput

    if target.is_dir():
        raise BadInput(f"{target} is a folder. Give the name of a file in it.")
    is_writable = os.access(target, os.W_OK) if target.exists() else True
    # A new file takes the place of the old one, so the folder has to take it.
    if not is_writable or not (drafts.is_stream(target) or os.access(target.resolve().parent, os.W_OK | os.X_OK)):
        raise BadInput(f"{target} cannot be written. Choose a place in a folder that exists and is yours.")


def _require_apart(target: Path, others: Sequence[Path]) -> None:
    from handrail.errors import BadInput

    for other in others:
        # What goes to a terminal or to /dev/null is lost or mixed by nobody's mistake.
        if _is_same(target, other) and not (target.exists() and stat.S_ISCHR(target.stat().st_mode)):
            raise BadInput(f"{target} was named for two results. Give each a file of its own.")


def _is_same(one: Path, other: Path) -> bool:
    """Are both the same file, by whatever name: a link, another spelling, an open file?"""
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist yet
        return one.resolve() == other.resolve()

"""Files that appear whole or not at all: written beside their place, then renamed into it."""

import errno
import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Self

from handrail.errors import RetryableError

STDOUT = Path("/dev/stdout")
_MARK = ".draft."
_OPENED = (Path("/dev"), Path("/dev/fd"))
"""Where the files lie that a process has opened already."""
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE, errno.EROFS})
"""Faults of the place that is written to, whoever meets them."""


class NotWritten(RetryableError):
    """A file could not be written; what was there before is there still."""

    @classmethod
    def because(cls, file: Path, fault: OSError) -> Self:
        """The sentence for a file and what the system says of it."""
        if fault.errno == errno.EPIPE:
            return cls(f"Nobody reads {file} any more, so not all of it was written. Run the same command again.")
        return cls(
            f"{file} could not be written ({fault.strerror or fault}); what was there is unchanged. "
            "Free the disk or correct the permissions, then run the same command again."
        )


@contextmanager
def draft(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """Hand out a file beside `target` to be filled; at the end of the block it takes the place of `target` at once.

    A block that fails leaves `target` as it was, and no draft. A link keeps pointing: the file behind it is replaced.
    An existing file's permissions stay. What cannot be replaced, such as a pipe or a terminal, gets the whole content
    when the block has ended well. With `durable` the content also outlives a power cut.

    Raises:
        NotWritten: the folder is missing or not ours, or the disk is full.
    """
    if is_stream(target):
        with _told(target), TemporaryDirectory() as folder:
            beside = Path(folder, target.name)
            yield beside
            with beside.open("rb") as content, _stream(target) as stream:
                shutil.copyfileobj(content, stream)
        return
    place = target.resolve()
    with _told(target, every=True):
        sweep(place)
        beside, descriptor = _created(place)
    try:
        with _told(target):
            yield beside
        with _told(target, every=True):
            if durable:
                os.fsync(descriptor)
            beside.replace(place)
            if durable:
                _sync_folder(place.parent)
    finally:
        beside.unlink(missing_ok=True)
        os.close(descriptor)


def write_text(target: Path, text: str, *, durable: bool = True) -> None:
    """Replace a file by one with this text, in UTF-8; see `draft`."""
    with draft(target, durable=durable) as beside:
        beside.write_text(text, encoding="utf-8")


def is_stream(target: Path) -> bool:
    """Is it a pipe, a terminal or another thing that takes what is written to it and cannot be replaced?

    So is a file that somebody has opened for us, such as /dev/stdout: a new file under its name would miss its reader.
    """
    try:
        kind = target.stat().st_mode
    except OSError:
        return False
    if target.absolute().is_relative_to("/proc") or target.absolute().parent in _OPENED:
        return True
    return not stat.S_ISREG(kind) and not stat.S_ISDIR(kind)


def is_draft(file: Path) -> bool:
    """Is it the draft of another file, by its name? Its writer may be at it: leave its removal to `sweep_folder`."""
    return file.name.startswith(".") and _MARK in file.name


def sweep(target: Path) -> None:
    """Remove drafts of `target` whose writers were killed; those of living writers stay."""
    _remove_left(target.parent.glob(f".*{_MARK}{_escaped(target.name)}"))


def sweep_folder(folder: Path) -> None:
    """Remove all drafts in `folder` and below whose writers were killed; those of living writers stay."""
    _remove_left(folder.rglob(f".*{_MARK}*"))


def _remove_left(drafts: Iterable[Path]) -> None:
    for left in drafts:
        with suppress(OSError):
            descriptor = os.open(left, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a living writer keeps its own
                left.unlink()
            finally:
                os.close(descriptor)


def _stream(target: Path) -> IO[bytes]:
    # Opened by its name, a file behind stdout would be written from its first byte.
    return os.fdopen(os.dup(1), "wb") if target == STDOUT else target.open("wb")


def _created(place: Path) -> tuple[Path, int]:
    """An empty draft that is locked as long as the descriptor is open; the system unlocks it when we are killed."""
    while True:
        # The name ends as the file's does: who fills it may choose a form, such as gzip, by the extension.
        beside = place.with_name(f".{secrets.token_hex(8)}{_MARK}{place.name}")
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with suppress(OSError):  # a file system without locks: nobody sweeps there either
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                os.fchmod(descriptor, stat.S_IMODE(place.stat().st_mode))
            if os.fstat(descriptor).st_nlink:  # else swept between its creation and its lock
                return beside, descriptor
        except BaseException:
            beside.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Let a rename outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems know no folder to be synced
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(target: Path, *, every: bool = False) -> Iterator[None]:
    """Tell the disk's faults as a sentence; `every` fault of the system where the block does nothing else."""
    try:
        yield
    except OSError as fault:
        if every or fault.errno in _DISK:
            raise NotWritten.because(target, fault) from fault
        raise


def _escaped(name: str) -> str:
    """A name that means itself in a glob pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)

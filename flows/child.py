"""A program that runs beside ours: in a process group of its own, with its output in a log file."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from handrail.errors import RetryableError

POLL_SECONDS = 0.1


@dataclass
class Child:
    """One program with everything that it starts; whoever starts it here stops all of it here."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    grace_seconds: float = 10.0
    """How long `stop` lets it finish before it is killed."""
    _popen: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def start(self) -> None:
        """Start it; the log begins anew.

        A group of its own keeps a terminal's Ctrl-C away from it, so that the order of stopping is ours.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            self._popen = subprocess.Popen(  # noqa: S603 - our own command
                list(self.command),
                env=dict(self.environment),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int | None:
        """Its process id, which is its group's too; None before it starts and after it was stopped."""
        return self._popen.pid if self._popen else None

    def is_running(self) -> bool:
        """Is it there? False before `start`."""
        return self._popen is not None and self._popen.poll() is None

    def require(self) -> None:
        """Make sure that it still runs.

        Raises:
            RetryableError: it has ended.
        """
        if not self.is_running():
            raise RetryableError(f"{self.name} has ended by itself. Read {self.log}, then start again.")

    def stop(self) -> None:
        """Ask the group to end, wait for the grace time, kill what is left; nothing of it outlives this call."""
        if self._popen is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._popen.wait(self.grace_seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL)
            self._popen.wait()
            self._popen = None

    def _signal(self, number: signal.Signals) -> None:
        if self._popen is not None:
            try:
                os.killpg(self._popen.pid, number)
            except (ProcessLookupError, PermissionError):  # gone; macOS says the second of a group of zombies
                return

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def wait_for(child: Child, address: str, *, within_seconds: float) -> None:
    """Wait until the child's HTTP `address` answers with success.

    Raises:
        RetryableError: the child ended, or the time is over.
    """
    deadline = time.monotonic() + within_seconds
    while not answers(address):
        child.require()
        if time.monotonic() > deadline:
            raise RetryableError(f"{child.name} does not answer at {address}. Read {child.log}, then start again.")
        time.sleep(POLL_SECONDS)


def answers(address: str) -> bool:
    """Does something answer this HTTP address with success, within two seconds?"""
    import urllib.error  # noqa: PLC0415 - flows start faster without an HTTP client
    import urllib.request  # noqa: PLC0415

    try:
        with urllib.request.urlopen(address, timeout=2) as response:  # noqa: S310 - our own http address
            return bool(response.status == 200)  # noqa: PLR2004 - HTTP OK
    except (OSError, ValueError):
        return False

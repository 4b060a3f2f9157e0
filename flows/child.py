"""A program that runs beside ours: in a process group of its own, with its output in a log file."""

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from handrail.errors import RetryableError

POLL_SECONDS = 0.1
ANSWER_SECONDS = 2.0


@dataclass
class Child:
    """One program with everything that it starts; whoever starts it here stops all of it here."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    is_ready: Callable[[], bool] = bool
    """Does it serve by now? Asked by `wait`; without one it never does."""
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

    def wait(self, *, within_seconds: float) -> None:
        """Wait until it is ready.

        Raises:
            RetryableError: it ended, or the time is over.
        """
        deadline = time.monotonic() + within_seconds
        while not self.is_ready():
            self.require()
            if time.monotonic() > deadline:
                raise RetryableError(
                    f"{self.name} does not answer after {within_seconds:.0f} s. The machine may be busy: start again;"
                    f" if it happens again, read {self.log}."
                )
            time.sleep(POLL_SECONDS)

    def finish(self, *, within_seconds: float) -> None:
        """Wait until it has ended well.

        Raises:
            RetryableError: it failed, or the time is over; then it is stopped.
        """
        if self._popen is None:
            return
        try:
            failed = self._popen.wait(within_seconds) != 0
        except subprocess.TimeoutExpired:
            failed = True
        self.stop()
        if failed:
            raise RetryableError(f"{self.name} failed. Read {self.log}, then start again.")

    def stop(self) -> None:
        """Ask the group to end, wait for the grace time, kill what is left: nothing outlives this call."""
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


def answers(address: str) -> bool:
    """Does something answer this HTTP address with success, within two seconds?"""
    try:
        with urllib.request.urlopen(address, timeout=ANSWER_SECONDS) as response:  # noqa: S310 - our own http address
            return bool(response.status == 200)  # noqa: PLR2004 - HTTP OK
    except (OSError, ValueError):
        return False

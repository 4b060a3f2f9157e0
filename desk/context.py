"""What every request needs: the workspace, its store and writer, the policy in force, the time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock
from typing import TypeVar

from handrail.acts import keying
from handrail.clock import Clock, machine
from handrail.errors import NotFound
from handrail.founding import UNFOUNDED, Founding
from handrail.policy import Policy
from handrail.store import founding, policies
from handrail.store.engine import Store
from handrail.store.writer import Writer
from handrail.workspace import Workspace
from tasks.occasion import Occasion

T = TypeVar("T")


LOOKED_FOR_EVERY = 0.5
"""Seconds in which a request believes what the last one saw."""
DRAWN_AT_ONCE = 2
"""Cases that are drawn at once. Drawing computes, and Python computes one thing at a time: more of them at once would
draw no more, and would keep the writer, for whom everybody waits, from its turn between any two statements."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A policy, and until when (monotonic clock) nobody looks again."""

    policy: Policy
    until: float


class Desk:
    """One running desk on one workspace."""

    def __init__(self, workspace: Workspace, *, clock: Clock = machine) -> None:
        """Open the workspace.

        Raises:
            NotFound: there is none.
        """
        workspace.require()
        self.workspace = workspace
        self.store = Store(workspace.database_url, clock=clock)
        self.writer = Writer(self.store)
        self.drawing = BoundedSemaphore(DRAWN_AT_ONCE)
        self._lock = Lock()
        self._policy: _Known | None = None
        self._founding: Founding | None = None
        self._secret: bytes | None = None

    @property
    def clock(self) -> Clock:
        """What tells the time: the store's own clock, so that a page and a lease never disagree."""
        return self.store.clock

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self.store.clock = clock

    def occasion(self, actor: str) -> Occasion:
        """Now, with the policy in force and `actor` at work; reads nothing that has not changed."""
        return Occasion(self.workspace, self.store, self.policy(), self.clock(), actor)

    def policy(self) -> Policy:
        """The policy in force; looked for once in `LOOKED_FOR_EVERY` seconds, parsed once for each content.

        Raises:
            NotFound: there is none.
            WrongKey: the workspace's key is not that of its database.
        """
        with self._lock:
            known = self._policy
        if known is not None and time.monotonic() < known.until:
            return known.policy
        with self.store.read() as connection:
            keying.require(connection, self.secret())
            found = policies.in_force(connection)
        if found is None:
            raise NotFound(f"The workspace {self.workspace.home} has no policy. Run `handrail init --business sample`.")
        with self._lock:
            self._policy = _Known(found.policy, time.monotonic() + LOOKED_FOR_EVERY)
        return found.policy

    def founding(self, *, ask: bool = True) -> Founding:
        """Is it live or a rehearsal? Looked for until it is founded, for that never changes; not with `ask` False."""
        if self._founding is None:
            if not ask:
                return UNFOUNDED
            with self.store.read() as connection:
                founded = founding.read(connection)
            if founded is UNFOUNDED:
                return founded
            self._founding = founded
        return self._founding

    def secret(self) -> bytes:
        """The workspace's key."""
        if self._secret is None:
            self._secret = self.workspace.secret()
        return self._secret

    def act(self, act: Callable[[Store], T]) -> T:
        """Let `act` write, together with whoever else acts at this moment; returns after the commit."""
        return self.writer.run(act)

    def close(self) -> None:
        """Finish what is being written and let go of the database."""
        self.writer.close()
        self.store.dispose()

"""Only one at a time: work is reserved before it begins, for all threads, processes and machines of one store."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Self

from handrail.errors import Conflict, HandrailError
from handrail.store import leases
from handrail.store.engine import Store

LASTS = timedelta(minutes=5)
"""Whoever dies lets go after this time; whoever lives renews five times within it."""
RENEWALS = 5
SEPARATOR = " "

_log = logging.getLogger("handrail")


@dataclass
class Lease:
    """Work that is reserved; as a context manager it is renewed while the block runs and given back at its end."""

    store: Store
    work: str
    holder: str
    lasts: timedelta
    clock: Callable[[], datetime]
    _ended: Event = field(default_factory=Event, init=False, repr=False)
    _renewing: Thread | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        self._renewing = Thread(target=self._renew, name=f"lease of {self.work}", daemon=True)
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._renewing is not None:
            self._renewing.join()
        with self.store.write() as connection:
            leases.give_back(connection, self.work, self.holder)

    def _renew(self) -> None:
        while not self._ended.wait(self.lasts.total_seconds() / RENEWALS):
            try:
                with self.store.write() as connection:
                    kept = leases.renew(connection, self.work, self.holder, until=self.clock() + self.lasts)
            except HandrailError as fault:
                # A busy database now does not matter: the next renewal comes long before the lease is over.
                _log.warning("the lease of %s was not renewed: %s", self.work, fault)
                continue
            if not kept:
                _log.warning("the lease of %s was lost: this machine stood still for too long", self.work)
                return


def take(store: Store, work: str, *, clock: Callable[[], datetime], lasts: timedelta = LASTS) -> Lease:
    """Reserve `work`; `clock` tells the real time, whatever moment the work itself acts at.

    Raises:
        Conflict: somebody else does it; the sentence says since when, and when it would end if they have died.
    """
    now = clock()
    holder = f"{now.isoformat(timespec='seconds')}{SEPARATOR}{secrets.token_hex(8)}"
    with store.write() as connection:
        taken = leases.take(connection, work, holder, now=now, until=now + lasts)
        other = None if taken else leases.held(connection, work, now)
    if taken:
        return Lease(store, work, holder, lasts, clock)
    if other is None:
        raise Conflict(f"Another {work} has ended at this moment. Start again.")
    since, until = other[0].split(SEPARATOR)[0], other[1]
    raise Conflict(
        f"Another {work} is running since {since}. Wait for its end; "
        f"if it has died, its place is free from {until:%H:%M:%S} UTC."
    )

"""Trouble is found and told while the desk runs, within seconds; a flow may do the same at the same time."""

from collections.abc import Callable
from threading import Event, Thread

from desk.context import Desk
from handrail.acts.alerting import REFRESH
from handrail.errors import HandrailError
from handrail.permissions import SYSTEM
from handrail.watches import ALERTING
from tasks.occasion import log
from tasks.watch.alert import sweep, tell
from tasks.watch.attendance import attending_to

ACTOR = f"{SYSTEM}desk"
SWEEP_EVERY = 20.0
"""Seconds between two sweeps, each of which only reads while nothing has changed."""
TELL_EVERY = 5.0
"""Seconds between two looks for something to tell."""
LAST = 1.0
"""Seconds that a stopping desk waits for a channel; what it does not take is sent by the next desk or flow."""


class Alerting:
    """Sweeps in one thread and tells in another: a channel that hangs delays no sweep."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ended = Event()
        self._threads: list[Thread] = []

    def start(self) -> None:
        """Begin to look."""
        self._ended.clear()
        for name, work, every in (("sweep", self.sweep, SWEEP_EVERY), ("tell", self.tell, TELL_EVERY)):
            thread = Thread(target=self._repeat, args=(work, every), name=f"alerts {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End; a message that is being handed over has a moment left."""
        self._ended.set()
        for thread in self._threads:
            thread.join(LAST)

    def sweep(self) -> None:
        """Find what is wrong now; that somebody looked, or failed to, is noted as of the flow."""
        occasion = self._desk.occasion(ACTOR)
        with attending_to(occasion, ALERTING, every=REFRESH):
            sweep(occasion)

    def tell(self) -> None:
        """Send what is due."""
        tell(self._desk.occasion(ACTOR))

    def _repeat(self, work: Callable[[], None], every: float) -> None:
        while not self._ended.wait(every):
            try:
                work()
            except HandrailError as refusal:
                log.warning("alerts wait for the next look: %s", refusal)
            except Exception as fault:  # noqa: BLE001 - the next look tries again; a message may quote a text
                log.error("alerts wait for the next look: %s", type(fault).__name__)

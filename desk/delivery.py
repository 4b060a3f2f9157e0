"""What people decided at the desk goes out as soon as it can no longer be undone."""

from threading import Event, Thread

from desk.context import Desk
from handrail.errors import HandrailError
from handrail.permissions import SYSTEM
from handrail.store import outbox
from tasks.occasion import log
from tasks.routing.deliver import deliver

ACTOR = f"{SYSTEM}desk"
EVERY = 1.0
"""Seconds between two looks; each is one read of an index while nothing is due."""


class Delivery:
    """Looks for due actions while the desk runs, and sends them; a flow may do the same at the same time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ended = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._thread = Thread(target=self._work, name="delivery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being sent, then end; what is not due yet is sent by the next desk or flow."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def send(self) -> int:
        """Send what is due now; returns how many actions were acknowledged."""
        with self._desk.store.read() as connection:
            if not outbox.is_due(connection, self._desk.clock(), self._desk.store.clock()):
                return 0
        return deliver(self._desk.occasion(ACTOR))

    def _work(self) -> None:
        while not self._ended.wait(EVERY):
            try:
                self.send()
            except HandrailError as refusal:
                log.warning("due actions wait for the next look: %s", refusal)
            except Exception as fault:  # noqa: BLE001 - the next look tries again; a message may quote a text
                log.error("due actions wait for the next look: %s", type(fault).__name__)

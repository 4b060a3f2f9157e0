"""One worker of the desk brings what came over HTTP to its queues, while people go on working."""

from threading import Lock, Thread

from desk.context import Desk
from handrail.errors import HandrailError
from handrail.permissions import SYSTEM
from handrail.store import inbox
from tasks.occasion import log

ACTOR = f"{SYSTEM}intake"


class Intake:
    """Runs the steps of triage one at a time; who calls while it runs is served by the round that follows.

    What it cannot do stays in its state, for the next call or for the scheduled queue assignment.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = Lock()
        self._wanted = False
        self._worker: Thread | None = None

    def wake(self) -> None:
        """Let it look for work; returns at once."""
        with self._lock:
            self._wanted = True
            if self._worker is None:
                self._worker = Thread(target=self._work, name="intake", daemon=True)
                self._worker.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is left to do; whether that came within the time."""
        worker = self._worker
        if worker is not None:
            worker.join(seconds)
        return worker is None or not worker.is_alive()

    def _work(self) -> None:
        while self._is_wanted():
            try:
                self._bring_in()
            except HandrailError as refusal:
                log.warning("what came over HTTP waits for the next round: %s", refusal)
            except Exception as fault:  # noqa: BLE001 - the next round tries again; a message may quote a text
                log.error("what came over HTTP waits for the next round: %s", type(fault).__name__)

    def _is_wanted(self) -> bool:
        with self._lock:
            wanted, self._wanted = self._wanted, False
            if not wanted:
                self._worker = None
            return wanted

    def _bring_in(self) -> None:
        with self._desk.store.read() as connection:
            if not (inbox.open_calls(connection, 1) or inbox.is_on_the_way(connection)):
                return
        from expectations import checkpoint  # noqa: PLC0415 - Great Expectations takes seconds to load
        from tasks.routing.inbox import bring_in  # noqa: PLC0415 - as above

        occasion = self._desk.occasion(ACTOR)
        bring_in(occasion)
        checkpoint.build_docs(occasion.workspace)

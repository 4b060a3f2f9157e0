"""One thread that writes for many people at once: their acts share a commit, and each still stands alone."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError

from handrail.errors import DatabaseBusy
from handrail.store.engine import Connection, Store
from handrail.store.faults import explain

T = TypeVar("T")

MOST = 32
"""Acts of one group: the first waits for the last."""
WAIT = timedelta(seconds=30)


class Writer:
    """Runs acts in the order they come, as many as wait in one transaction: a commit costs what it costs once.

    An act that fails is rolled back to where it began and takes no other with it. Nobody is told *done* before the
    commit. SQLite lets one write at a time anyway; its own waiting starves some.
    """

    def __init__(self, store: Store) -> None:
        """Begin to wait for acts; `close` ends it."""
        self._store = store
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[Store], Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def run(self, act: Callable[[Store], T], *, wait: timedelta = WAIT) -> T:
        """Call `act` with a store whose transactions belong to the group; returns after the commit.

        Raises:
            DatabaseBusy: it was not its turn within `wait`; it has not happened and will not.
            HandrailError: whatever the act refuses.
        """
        future: Future[T] = Future()
        self._waiting.put((future, act))
        try:
            return future.result(wait.total_seconds())
        except TimeoutError:
            if future.cancel():
                raise DatabaseBusy("Too many wait for the database. Nothing was written; try again.") from None
            return future.result()

    def close(self) -> None:
        """Finish what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, ends = self._group(first)
            self._commit(group)
            if ends:
                return

    def _group(
        self, first: tuple[Future[Any], Callable[[Store], Any]]
    ) -> tuple[list[tuple[Future[Any], Callable[[Store], Any]]], bool]:
        """Everything that waits now, up to `MOST`, and whether the end was among it."""
        group = [first]
        while len(group) < MOST and not self._waiting.empty():
            one = self._waiting.get()
            if one is None:
                return group, True
            group.append(one)
        return group, False

    def _commit(self, group: list[tuple[Future[Any], Callable[[Store], Any]]]) -> None:
        running = [(future, act) for future, act in group if future.set_running_or_notify_cancel()]
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with self._store.write() as connection:
                answers = [(future, *_attempt(act, _Joined(self._store, connection))) for future, act in running]
        except BaseException as fault:  # noqa: BLE001 - every one who waits is told, whatever it was
            for future, _ in running:
                future.set_exception(fault)
            return
        for future, value, refusal in answers:
            if refusal is None:
                future.set_result(value)
            else:
                future.set_exception(refusal)


def _attempt(act: Callable[[Store], Any], store: Store) -> tuple[Any, BaseException | None]:
    try:
        return act(store), None
    except Exception as refusal:  # noqa: BLE001 - it is handed to whoever asked
        return None, refusal


class _Joined(Store):
    """The store as an act of a group sees it: its transactions are savepoints of the group's."""

    def __init__(self, whole: Store, connection: Connection) -> None:
        self.name, self.dialect = whole.name, whole.dialect
        self._connection = connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        try:
            with self._connection.begin_nested():
                yield self._connection
        except DBAPIError as fault:
            explained = explain(fault, self.name)
            if explained is None:
                raise
            raise explained from fault

    @contextmanager
    def read(self) -> Iterator[Connection]:
        yield self._connection

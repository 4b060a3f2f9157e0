"""One thread that writes for many people at once: their acts share a commit, and each still stands alone."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from handrail.errors import DatabaseBusy, HandrailError, RetryableError
from handrail.store.engine import Connection, Store
from handrail.store.faults import explain

T = TypeVar("T")
Waiting = tuple[Future[Any], Callable[[Store], Any]]

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
        self._waiting: SimpleQueue[Waiting | None] = SimpleQueue()
        self._entrance, self._closed = Lock(), False
        self._thread = Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def run(self, act: Callable[[Store], T], *, wait: timedelta = WAIT) -> T:
        """Call `act` with a store whose transactions belong to the group; returns after the commit.

        Raises:
            DatabaseBusy: it was not its turn within `wait`; it has not happened and will not.
            RetryableError: the database went away, or the writer was closed before; it has not happened. Where it
                began and has not ended within another `wait`, the sentence says that nobody knows.
            HandrailError: whatever the act refuses.
        """
        future: Future[T] = Future()
        with self._entrance:
            if self._closed:
                raise RetryableError("The desk is being stopped. Nothing was written; try again in a minute.")
            self._waiting.put((future, act))
        try:
            return future.result(wait.total_seconds())
        except TimeoutError:
            if future.cancel():
                raise DatabaseBusy("Too many wait for the database. Nothing was written; try again.") from None
        try:
            return future.result(wait.total_seconds())
        except TimeoutError:
            if future.done():
                raise
            raise RetryableError(
                "The database has not answered in time, and nobody knows whether this was written. "
                "Look at the case again before you repeat it."
            ) from None

    def close(self) -> None:
        """Finish what waits, then end; whoever comes later is refused."""
        with self._entrance:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, ends = self._group(first)
            for one in self._commit([one for one in group if one[0].set_running_or_notify_cancel()]):
                self._commit([one])
            if ends:
                return

    def _group(self, first: Waiting) -> tuple[list[Waiting], bool]:
        """Everything that waits now, up to `MOST`, and whether the end was among it."""
        group = [first]
        while len(group) < MOST and not self._waiting.empty():
            one = self._waiting.get()
            if one is None:
                return group, True
            group.append(one)
        return group, False

    def _commit(self, group: list[Waiting]) -> list[Waiting]:
        """Run acts in one transaction and answer them; returns those that met a lock and run again, each alone.

        The locks of a group add up: what one act waits for, another process may hold that waits for this group.
        """
        answers: list[tuple[Waiting, Any, BaseException | None]] = []
        try:
            with self._store.write() as connection:
                for one in group:
                    answers.append((one, *_attempt(one[1], _Joined(self._store, connection))))
                    _require_whole(connection, answers[-1][2])
        except BaseException as fault:  # noqa: BLE001 - every one who waits is told, whatever it was
            told = _told(fault, self._store)
            for future, _ in group:
                future.set_exception(told)
            return []
        again = []
        for one, value, refusal in answers:
            if refusal is None:
                one[0].set_result(value)
            elif isinstance(refusal, DatabaseBusy) and len(group) > 1:
                again.append(one)
            else:
                one[0].set_exception(refusal)
        return again


def _attempt(act: Callable[[Store], Any], store: Store) -> tuple[Any, BaseException | None]:
    try:
        return act(store), None
    except Exception as refusal:  # noqa: BLE001 - it is handed to whoever asked
        return None, refusal


def _require_whole(connection: Connection, refusal: BaseException | None) -> None:
    """Raise `refusal` where it has ended the transaction of the whole group, and not only its own savepoint.

    A lost connection does, and SQLite by itself when the disk is full: what came before is gone, and what came
    afterwards would commit by itself.
    """
    if refusal is None:
        return
    try:
        alive = not connection.invalidated
        if alive and connection.dialect.name == "sqlite":
            alive = bool(getattr(connection.connection.dbapi_connection, "in_transaction", False))
        elif alive:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        alive = False
    if not alive:
        raise refusal


def _told(fault: BaseException, store: Store) -> BaseException:
    """What everybody in a group is told when it could not be written."""
    if isinstance(fault, HandrailError) or not isinstance(fault, SQLAlchemyError):
        return fault
    return RetryableError(f"{store.name} could not write. Nothing was written; try again.")


class _Joined(Store):
    """The store as an act of a group sees it: its transactions are savepoints of the group's."""

    def __init__(self, whole: Store, connection: Connection) -> None:
        self.name, self.dialect, self.clock = whole.name, whole.dialect, whole.clock
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
        if self.dialect == "sqlite":
            yield self._connection
            return
        with self.write() as connection:  # a failed query would otherwise end the group's transaction
            yield connection

"""Acts share a commit and stand alone: nobody is told done before it, and nobody done who was not."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import psycopg
import pytest
from sqlalchemy import insert, make_url, select, text
from sqlalchemy.exc import IntegrityError

from handrail.errors import BadInput, DatabaseBusy, HandrailError, RetryableError
from handrail.store import schema
from handrail.store.engine import Connection, Store
from handrail.store.writer import Writer
from tests.scenes import NOW

Act = Callable[[Store], Any]
SHORT = timedelta(milliseconds=50)


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    found = Writer(store)
    yield found
    found.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as found:
        yield found


def beat(name: str) -> Act:
    """An act that writes one row, which cannot be written twice."""

    def act(store: Store) -> str:
        with store.write() as connection:
            connection.execute(insert(schema.Watch).values(name=name, succeeded_at=NOW))
        return name

    return act


def names(store: Store) -> set[str]:
    with store.read() as connection:
        return set(connection.execute(select(schema.Watch.name)).scalars())


class Gate:
    """Keeps the writer busy, so that what is asked meanwhile becomes one group, in the order of asking."""

    def __init__(self, writer: Writer, pool: ThreadPoolExecutor) -> None:
        self._writer, self._pool = writer, pool
        self._open, entered = Event(), Event()

        def hold(_: Store) -> None:
            entered.set()
            self._open.wait(10)

        self._held = pool.submit(writer.run, hold)
        assert entered.wait(10)

    def ask(self, *acts: Act) -> list[Future[Any]]:
        """Ask for acts, one after the other."""
        asked = []
        for act in acts:
            before = self._writer._waiting.qsize()
            asked.append(self._pool.submit(self._writer.run, act))
            while self._writer._waiting.qsize() == before:
                pass
        return asked

    def open(self) -> None:
        """Let the writer go on."""
        self._open.set()
        self._held.exception(10)


def refuse(store: Store) -> None:
    with store.write() as connection:
        connection.execute(insert(schema.Watch).values(name="refused", succeeded_at=NOW))
        raise BadInput("This is refused. Do something else.")


def break_a_rule(store: Store) -> None:
    beat("one")(store)


def test_an_act_that_fails_takes_no_other_with_it(store: Store, writer: Writer, pool: ThreadPoolExecutor) -> None:
    gate = Gate(writer, pool)
    one, refused, broken, two = gate.ask(beat("one"), refuse, break_a_rule, beat("two"))
    gate.open()
    assert (one.result(10), two.result(10)) == ("one", "two")
    assert isinstance(refused.exception(10), BadInput)
    assert isinstance(broken.exception(10), IntegrityError)
    assert names(store) == {"one", "two"}


def test_acts_run_in_the_order_they_were_asked(writer: Writer, pool: ThreadPoolExecutor) -> None:
    seen: list[int] = []
    gate = Gate(writer, pool)
    asked = gate.ask(*(lambda _, number=number: seen.append(number) for number in range(12)))
    gate.open()
    for one in asked:
        one.result(10)
    assert seen == list(range(12))


class Watched(Store):
    """A store that says what its transactions do, and whose commit can be made to fail."""

    def __init__(self, whole: Store) -> None:
        self.__dict__.update(whole.__dict__)
        self.began, self.fails = 0, False
        self.before_commit: Callable[[], None] = lambda: None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            self.began += 1
            yield connection
            self.before_commit()
            if self.fails:
                raise RetryableError("The disk is full; nothing was written. Free space, then try again.")


def test_nobody_is_told_done_before_the_commit(store: Store, pool: ThreadPoolExecutor) -> None:
    watched, done = Watched(store), []
    writer = Writer(watched)
    gate = Gate(writer, pool)
    asked = gate.ask(beat("one"), beat("two"))
    watched.before_commit = lambda: done.append([one.done() for one in asked])
    gate.open()
    for one in asked:
        one.result(10)
    writer.close()
    assert [False, False] in done
    assert watched.began == 2, "two acts shared one commit, after that of the gate"


def test_when_the_commit_fails_everybody_is_told(store: Store, pool: ThreadPoolExecutor) -> None:
    watched = Watched(store)
    writer = Writer(watched)
    gate = Gate(writer, pool)
    asked = gate.ask(beat("one"), refuse, beat("two"))
    watched.fails = True
    gate.open()
    assert all(isinstance(one.exception(10), RetryableError) for one in asked)
    watched.fails = False
    assert names(store) == set()
    assert writer.run(beat("one")) == "one", "the next one is written"
    writer.close()


def lose_the_transaction(store: Store) -> None:
    """The database ends the whole transaction under an act, as a full disk or a lost server does."""
    with store.write() as connection:
        if store.dialect == "sqlite":
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("SELECT nothing FROM nowhere")
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


def test_when_the_database_goes_nobody_of_the_group_hears_done(
    store: Store, writer: Writer, pool: ThreadPoolExecutor
) -> None:
    gate = Gate(writer, pool)
    asked = gate.ask(beat("one"), lose_the_transaction, beat("two"))
    gate.open()
    assert all(one.exception(10) is not None for one in asked)
    assert names(store) == set(), "and nothing of it was written"
    assert writer.run(beat("two")) == "two", "the database is back"
    assert names(store) == {"two"}


def swallow(store: Store) -> str:
    """An act that forgives itself a failed query."""
    try:
        with store.read() as connection:
            connection.execute(text("SELECT nothing FROM nowhere"))
    except Exception:  # noqa: BLE001 - as careless as an act may be
        return "swallowed"
    return "read"


def test_a_failed_query_does_not_undo_what_others_wrote(store: Store, writer: Writer, pool: ThreadPoolExecutor) -> None:
    gate = Gate(writer, pool)
    one, forgiven, two = gate.ask(beat("one"), swallow, beat("two"))
    gate.open()
    assert [one.result(10), forgiven.result(10), two.result(10)] == ["one", "swallowed", "two"]
    assert names(store) == {"one", "two"}


def test_who_met_a_lock_runs_again_alone(store: Store, writer: Writer, pool: ThreadPoolExecutor) -> None:
    tries: list[str] = []

    def locked_once(joined: Store) -> str:
        tries.append("")
        if len(tries) == 1:
            raise DatabaseBusy("Locked. Try again.")
        return str(beat("locked")(joined))

    def locked_always(_: Store) -> None:
        raise DatabaseBusy("Locked. Try again.")

    gate = Gate(writer, pool)
    once, always, other = gate.ask(locked_once, locked_always, beat("other"))
    gate.open()
    assert (once.result(10), other.result(10)) == ("locked", "other")
    assert isinstance(always.exception(10), DatabaseBusy)
    assert names(store) == {"locked", "other"}


def test_whose_turn_does_not_come_hears_so_and_nothing_happens_later(
    store: Store, writer: Writer, pool: ThreadPoolExecutor
) -> None:
    gate = Gate(writer, pool)
    with pytest.raises(DatabaseBusy, match="Nothing was written"):
        writer.run(beat("late"), wait=SHORT)
    gate.open()
    writer.run(beat("next"))
    assert names(store) == {"next"}


def test_what_has_begun_and_does_not_end_is_not_called_undone(writer: Writer) -> None:
    end = Event()
    with pytest.raises(RetryableError, match="nobody knows"):
        writer.run(lambda _: end.wait(10), wait=SHORT)
    end.set()


def test_closing_finishes_what_waits_and_refuses_what_comes_later(store: Store, pool: ThreadPoolExecutor) -> None:
    writer = Writer(store)
    gate = Gate(writer, pool)
    waiting = gate.ask(beat("one"), beat("two"))
    closing = pool.submit(writer.close)
    while not writer._closed:
        pass
    with pytest.raises(RetryableError, match="stopped"):
        writer.run(beat("three"))
    gate.open()
    closing.result(10)
    assert [one.result(10) for one in waiting] == ["one", "two"]
    assert names(store) == {"one", "two"}
    writer.close()  # twice does no harm


def test_a_row_that_another_process_holds_is_waited_for_no_longer_than_the_store_says(
    postgres_store: Store, pool: ThreadPoolExecutor
) -> None:
    impatient = Store(postgres_store._url.render_as_string(hide_password=False), wait=SHORT)
    writer = Writer(impatient)
    writer.run(beat("held"))
    lock = "SELECT * FROM watches WHERE name = 'held' FOR UPDATE"

    def touch(store: Store) -> None:
        with store.write() as connection:
            connection.execute(text(lock))

    # Somebody who writes past Handrail: its own processes take turns and hold no row while another writes.
    address = make_url(postgres_store._url.render_as_string(hide_password=False)).set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False)) as other:
        other.execute("SELECT * FROM watches WHERE name = 'held' FOR UPDATE")
        gate = Gate(writer, pool)
        busy, free = gate.ask(touch, beat("free"))
        gate.open()
        assert isinstance(busy.exception(10), HandrailError)
        assert free.result(10) == "free"
    writer.close()
    impatient.dispose()

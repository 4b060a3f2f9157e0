"""The way into the database: short write transactions, read snapshots, and faults told as sentences."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.pool import ConnectionPoolEntry

from handrail.clock import Clock, machine
from handrail.errors import BadInput, DatabaseBusy, NotFound, PermanentError
from handrail.store import seats, turns
from handrail.store.faults import conceal, explain
from handrail.store.migrations import HEAD, migrate
from handrail.store.seats import Seat

__all__ = ["Connection", "Store", "practising", "real_time"]

WAIT = timedelta(seconds=10)
CONNECTIONS = 40
"""As many as a web server runs threads: where fewer share them, one waits while the others take turns."""
SQLITE_BEGIN = {
    "read": ("PRAGMA query_only = ON", "BEGIN"),
    # IMMEDIATE takes the write lock at once: who reads first and writes later would fail half-way.
    "write": ("PRAGMA query_only = OFF", "BEGIN IMMEDIATE"),
    # A table that is made anew is gone for a moment, and nothing may follow it. Within a transaction it is too late.
    "upgrade": ("PRAGMA query_only = OFF", "PRAGMA foreign_keys = OFF", "BEGIN IMMEDIATE"),
}


class Store:
    """One database, SQLite or PostgreSQL; opened by the first transaction, shared by threads."""

    def __init__(self, url: str, *, wait: timedelta = WAIT, clock: Clock = machine) -> None:
        """Name the database, the longest wait for a lock that another process holds, and the clock of its leases.

        Raises:
            BadInput: the address is not one of SQLite or PostgreSQL.
        """
        self._url = _parse(url)
        self.name = self._url.render_as_string(hide_password=True)
        self.dialect = self._url.get_backend_name()
        engine = _practice.engine(self._url, wait) or _engine(self._url, wait)
        self.clock = clock
        # A connection knows the clock of its store, as it is when it is asked: the trail notes what it shows.
        self._writing, self._reading = _modes(engine.execution_options(clock=self._shown))
        self._wait = wait
        self._turn = Lock()
        self._ready = False

    def _shown(self) -> datetime:
        return self.clock()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: commits at the end, rolls back on any exception.

        One at a time on either database: what is read in it holds until it commits, and no two wait for each other.

        Raises:
            DatabaseBusy: another process kept the lock for longer than the waiting time.
            NotFound: there is no database, or its tables are not there.
        """
        self._require()
        with self._taking_turns(), self._transaction(self._writing) as connection:
            if self.dialect == "postgresql":  # SQLite's BEGIN IMMEDIATE has taken the turn by now
                turns.take(connection)
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot that sees no later commit and refuses to write; never waits for a writer.

        Raises:
            NotFound: there is no database, or its tables are not there.
        """
        self._require()
        with self._transaction(self._reading) as connection:
            yield connection

    @contextmanager
    def turn(self, work: str) -> Iterator[None]:
        """Keep everybody else who begins the same work waiting: threads, processes, machines of this database.

        Where the one that has the turn is killed, the next one gets it at once. Writes and reads go on meanwhile.
        """
        self._require()
        with turns.beside(self._file, work) if self._file else turns.on_server(self._writing, f"handrail {work}"):
            yield

    @contextmanager
    def seat(self, home: Path, address: str) -> Iterator[int]:
        """Be the desk of this database, which people find at `address`, until the end; how many desks it has now.

        At a file there is one. At a server there may be one for each workspace folder: `home` is this desk's.

        Raises:
            Refused: another desk has the seat.
        """
        self._require()
        with seats.taken(self._seat(home), Seat(address, os.getpid())):
            if self._file is not None:
                yield 1
                return
            with seats.among_others(self._writing, "handrail desk") as desks:
                yield desks

    def occupant(self, home: Path) -> Seat | None:
        """The desk that serves this database from here, or None; of a server those of other folders are not known."""
        return seats.occupant(self._seat(home))

    def _seat(self, home: Path) -> Path:
        return seats.place(self._file or home / "handrail")

    @contextmanager
    def shared_turn(self, work: str, when_alone: Callable[[], None]) -> Iterator[None]:
        """Do work beside others; if nobody else does the same, `when_alone` runs first and whoever comes waits for it.

        Others are threads, processes and machines of this database; one that is killed is gone at once.
        """
        self._require()
        shared = (
            turns.shared_beside(self._file, work, when_alone)
            if self._file
            else turns.shared_on_server(self._writing, f"handrail {work}", when_alone)
        )
        with shared:
            yield

    def upgrade(self) -> None:
        """Bring the tables to this program's revision, all of it in one transaction; twice does no harm.

        Processes that upgrade at the same time wait for each other.
        """
        try:
            with self._transaction(self._writing.execution_options(mode="upgrade")) as connection:
                if self.dialect == "postgresql":
                    turns.take(connection)
                migrate(connection)
        finally:
            self.dispose()  # its connection follows no references any more

    def revision(self) -> str | None:
        """The revision of the tables, or None before `upgrade`."""
        if self._file is not None and not self._file.exists():
            return None
        with self._transaction(self._reading) as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return None if found is None else str(found)

    def dispose(self) -> None:
        """Close every connection; the store may be used again afterwards."""
        self._writing.dispose()

    @property
    def _file(self) -> Path | None:
        return Path(self._url.database) if self.dialect == "sqlite" and self._url.database else None

    def _require(self) -> None:
        if self._ready:
            return
        found = self.revision()
        if found is None:
            raise NotFound(f"There is no Handrail database at {self.name}. Run `handrail init`.")
        if found < HEAD:
            raise PermanentError(f"{self.name} was made by an older Handrail ({found}). Run `handrail init`.")
        if found > HEAD:
            raise PermanentError(f"{self.name} was made by a newer Handrail ({found}). Update this one.")
        self._ready = True

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        """One thread writes at a time: SQLite's own waiting starves some threads and leaves the file idle."""
        if self.dialect == "postgresql":
            yield
            return
        if not self._turn.acquire(timeout=self._wait.total_seconds()):
            raise DatabaseBusy(f"Another thread kept {self.name} locked. Try again later.")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except DBAPIError as fault:
            explained = explain(fault, self.name)
            if explained is None:
                raise
            raise explained from fault
        except NoConnection as fault:
            raise DatabaseBusy(f"Too many read from {self.name} at this moment. Try again.") from fault


def real_time(connection: Connection) -> datetime:
    """What the clock of the store shows to which a connection belongs: for leases, heartbeats and whatever runs out."""
    shown: datetime = connection.get_execution_options().get("clock", machine)()
    return shown


def _parse(address: str) -> URL:
    remedy = "Write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE in HANDRAIL_DATABASE_URL."
    try:
        url = make_url(address)
    except ArgumentError:
        raise BadInput(f"The address of the database cannot be read. {remedy}") from None
    match url.get_backend_name():
        case "sqlite" if url.database and url.database != ":memory:":
            return url.set(drivername="sqlite")
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg")
        case _:
            name = url.render_as_string(hide_password=True)
            raise BadInput(f"{name} is no database Handrail can use. {remedy}")


def _modes(engine: Engine) -> tuple[Engine, Engine]:
    """The same pool of connections seen as writer and as reader."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(mode="write"), engine.execution_options(mode="read")
    return engine, engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _engine(url: URL, wait: timedelta) -> Engine:
    return _sqlite(url, wait) if url.get_backend_name() == "sqlite" else _postgresql(url, wait)


class _Practice:
    """The engines that stores share while something is only practised; none otherwise."""

    def __init__(self) -> None:
        self.engines: dict[URL, Engine] | None = None

    def engine(self, url: URL, wait: timedelta) -> Engine | None:
        if self.engines is None or url.get_backend_name() != "sqlite":
            return None
        if url not in self.engines:
            self.engines[url] = _sqlite(url, wait, durable=False)
        return self.engines[url]


_practice = _Practice()


@contextmanager
def practising() -> Iterator[None]:
    """Let every SQLite store that is opened meanwhile be quick and forgettable: a rehearsal opens one for each flow.

    Stores of one file share its connections and prepared statements, and no commit waits for the disk: what a power
    cut takes away is made anew.
    """
    before, _practice.engines = _practice.engines, {}
    try:
        yield
    finally:
        for engine in _practice.engines.values():
            engine.dispose()
        _practice.engines = before


def _sqlite(url: URL, wait: timedelta, *, durable: bool = True) -> Engine:
    # hide_parameters: what a customer wrote must not reach a log through an error message.
    engine = create_engine(
        url, hide_parameters=True, pool_size=CONNECTIONS, connect_args={"timeout": wait.total_seconds()}
    )

    @event.listens_for(engine, "connect")
    def configure(connection, entry: ConnectionPoolEntry) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ARG001
        connection.isolation_level = None  # the driver must not begin or commit by itself
        for setting in (
            "journal_mode = WAL",  # readers never wait for a writer
            # Also a power cut must not undo a decision that a person saw accepted; NORMAL survives a killed
            # process only. Work moves in batches, so a sync at each commit costs little.
            f"synchronous = {'FULL' if durable else 'OFF'}",
            "foreign_keys = ON",
            "recursive_triggers = ON",  # INSERT OR REPLACE deletes: the trail's triggers must see it
        ):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Straight to the driver: these run with every transaction, and cost more on the way than there.
        driver: Any = connection.connection.dbapi_connection
        for statement in SQLITE_BEGIN[connection.get_execution_options()["mode"]]:
            try:
                driver.execute(statement)
            except sqlite3.Error as fault:
                raise OperationalError(statement, None, fault) from fault

    return engine


def _postgresql(url: URL, wait: timedelta) -> Engine:
    try:
        # pre_ping: the server may have been restarted since the connection was last used
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=CONNECTIONS)
    except ModuleNotFoundError:
        raise BadInput("The driver of PostgreSQL is missing. Run `pip install -e '.[postgres]'`.") from None

    @event.listens_for(engine, "connect")
    def configure(connection, entry: ConnectionPoolEntry) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ARG001
        connection.execute(f"SET lock_timeout = {int(wait.total_seconds() * 1000)}")
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()

    event.listen(engine, "handle_error", conceal)

    return engine

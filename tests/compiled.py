"""What every test would prepare anew is prepared once in a process: compiled statements, and the files of migrations.

A test opens a database of its own, and often MLflow's beside it. All of them ask the same questions, and MLflow reads
its whole history of migrations to see that there is nothing to migrate.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

from alembic import util
from sqlalchemy import Engine

ENVIRONMENT = "env.py"
"""Alembic's, which is meant to run each time that it is loaded; a revision only says what it would do."""


class Compiled(dict[tuple[Any, ...], Any]):
    """SQLAlchemy's compiled statements, known by the kind of database instead of by the engine that asked first."""

    def get(self, key: tuple[Any, ...], default: object = None) -> Any:  # noqa: ANN401 - SQLAlchemy's own
        """What was compiled for this kind of database, else `default`."""
        return super().get(_of_its_kind(key), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: object) -> None:
        super().__setitem__(_of_its_kind(key), compiled)


def share() -> None:
    """From now on every engine of this process looks in one place, and a revision is loaded once."""
    shared, revisions, load = Compiled(), dict[Path, ModuleType](), util.load_python_file

    def load_once(folder: str | Path, name: str | Path) -> ModuleType:
        if Path(name).name == ENVIRONMENT:
            return load(folder, name)
        file = Path(folder, name)
        if file not in revisions:
            revisions[file] = load(folder, name)
        return revisions[file]

    Engine._compiled_cache = property(lambda _: shared, lambda _, own: None)  # type: ignore[assignment]
    util.load_python_file = load_once  # type: ignore[assignment]


def _of_its_kind(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *statement = key
    return (dialect.name, dialect.driver, *statement)

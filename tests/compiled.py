"""Statements compiled once in a process: every test opens a database of its own, and all of them ask the same."""

from typing import Any

from sqlalchemy import Engine


class Compiled(dict[tuple[Any, ...], Any]):
    """SQLAlchemy's compiled statements, known by the kind of database instead of by the engine that asked first."""

    def get(self, key: tuple[Any, ...], default: object = None) -> Any:  # noqa: ANN401 - SQLAlchemy's own
        """What was compiled for this kind of database, else `default`."""
        return super().get(_of_its_kind(key), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: object) -> None:
        super().__setitem__(_of_its_kind(key), compiled)


def share() -> None:
    """From now on every engine of this process looks in one place."""
    shared = Compiled()
    Engine._compiled_cache = property(lambda _: shared, lambda _, own: None)  # type: ignore[assignment]


def _of_its_kind(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *statement = key
    return (dialect.name, dialect.driver, *statement)

"""Workspaces made by the first form of each revision, with work in hand, become today's and lose nothing.

`tests/golden/workspaces` holds them as SQL: the same scene (`scene.py` beside them), written by the program as it was
when each revision was new, on SQLite and on PostgreSQL.
"""

import gzip
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, inspect, literal_column, select, text

from handrail.acts import claiming, deciding, delivering
from handrail.case import Outcome
from handrail.outbox import OutboxAction
from handrail.ruling import Ruling
from handrail.store import migrations, policies, schema, trail
from handrail.store.engine import Connection, Store
from tests.scenes import NOW

GOLDEN = Path(__file__).parents[1] / "golden" / "workspaces"
REVISIONS = ("r0001", "r0002", "r0003", "r0004", "r0005")
LATER = NOW + timedelta(minutes=30)


def sql_of(name: str, dialect: str) -> str:
    return gzip.decompress((GOLDEN / f"{name}.{dialect}.sql.gz").read_bytes()).decode()


def on_sqlite(name: str, folder: Path) -> str:
    file = folder / "handrail.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(sql_of(name, "sqlite"))
    return f"sqlite:///{file}"


def on_postgresql(name: str, address: str) -> str:
    with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(sql_of(name, "postgresql").encode())
    return address


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Lays an old workspace's database and gives its address."""
    if request.param == "sqlite":
        return lambda name: on_sqlite(name, tmp_path)
    new: Callable[[], str] = request.getfixturevalue("new_database")
    return lambda name: on_postgresql(name, new())


@pytest.fixture(params=REVISIONS)
def old(request: pytest.FixtureRequest, place: Callable[[str], str]) -> Iterator[Store]:
    """A workspace as an older program left it."""
    store = Store(place(request.param))
    yield store
    store.dispose()


def rows(store: Store, columns: dict[str, list[str]] | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, of the columns asked for, in the order of its texts."""
    with store._reading.connect() as connection:
        chosen = columns if columns is not None else columns_of(store)
        queries = {
            table: select(*map(literal_column, names)).select_from(text(table)) for table, names in chosen.items()
        }
        return {table: sorted(map(tuple, connection.execute(query)), key=repr) for table, query in queries.items()}


def columns_of(store: Store) -> dict[str, list[str]]:
    with store._reading.connect() as connection:
        shape = inspect(connection)
        names = [name for name in shape.get_table_names() if name != "alembic_version"]
        return {name: [f'"{column["name"]}"' for column in shape.get_columns(name)] for name in sorted(names)}


def counts(connection: Connection, table: type[schema.Base]) -> dict[str, int]:
    state = table.__table__.c["state"]
    return dict(map(tuple, connection.execute(select(state, func.count()).group_by(state))))


class Receiver:
    """Executes each key once, as one that is idempotent does."""

    idempotent = True

    def __init__(self) -> None:
        self.keys: list[str] = []

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        self.keys += [action.key for action in actions]


def test_an_old_workspace_gets_todays_tables(old: Store) -> None:
    old.upgrade()
    assert old.revision() == migrations.HEAD
    with old.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, schema.Base.metadata) == []


def test_an_upgrade_loses_no_row_and_changes_none(old: Store) -> None:
    columns = columns_of(old)
    before = rows(old, columns)
    old.upgrade()
    after = rows(old, columns)
    for table in before:
        assert after[table] == before[table], table
    assert len(before["trail"]) > 70
    assert len(before["cases"]) == 22
    with old.read() as connection:
        assert trail.verify(connection).valid


def test_work_in_hand_is_finished_after_the_upgrade(old: Store) -> None:
    old.clock = lambda: LATER  # soon enough for the watches, late enough for the lease of the killed sender
    old.upgrade()
    with old.read() as connection:
        policy = policies.in_force(connection).policy
        before = counts(connection, schema.Outbox)
    assert before == {"done": 6, "leased": 1, "new": 1, "retry": 3, "withdrawn": 2}
    for name in ("rita", "ruth", "ron"):
        for claim in claiming.claim(old, name, policy=policy, now=LATER, limit=20):
            ruling = Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, label="refund")
            deciding.decide(old, [ruling], name, policy=policy, now=LATER, secret=b"s" * 32)
    receiver = Receiver()
    for minutes in (30, 90):
        delivering.deliver(
            old,
            receiver,
            policy=policy,
            actor="flow:triage",
            now=NOW + timedelta(minutes=minutes),
            rng=np.random.default_rng(1),
        )
    with old.read() as connection:
        waiting = connection.execute(text("SELECT count(*) FROM work_items WHERE state = 'open'")).scalar()
        states = counts(connection, schema.Case)
        left = connection.execute(text("SELECT count(*) FROM outbox WHERE state NOT IN ('done', 'withdrawn')")).scalar()
        assert trail.verify(connection).valid
    assert (waiting, left) == (0, 0)
    assert states == {"done": 16, "received": 2, "accepted": 2, "scored": 2}
    assert len(receiver.keys) == len(set(receiver.keys))

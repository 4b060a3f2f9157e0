"""No number that left the database comes back for something else."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from handrail.acts import undoing
from handrail.errors import NotFound
from handrail.store import migrations, schema
from handrail.store.engine import Store
from handrail.store.schema import Base
from tests.scenes import NOW, Scene

BEFORE = "0014"
SINCE = {"label_withdrawals"}
"""Tables of later revisions: they begin at 1."""
NUMBERED = [table for table in Base.metadata.sorted_tables if table.autoincrement_column is not None]
BY_HAND = {"serving", "trail", "trail_head", "reasons"}
"""Their numbers are written by the program: one row, or those of the trail, which has no gap."""


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def test_every_table_with_a_number_of_its_own_never_gives_one_twice() -> None:
    own = {table.name for table in Base.metadata.sorted_tables if "id" in table.columns or table.name in BY_HAND}
    assert {table.name for table in NUMBERED} == own - BY_HAND
    for table in NUMBERED:
        assert "AUTOINCREMENT" in str(CreateTable(table).compile(dialect=sqlite.dialect())), table.name
        assert "SERIAL" in str(CreateTable(table).compile(dialect=postgresql.dialect())), table.name


@pytest.mark.postgres
def test_on_postgresql_every_number_comes_from_a_sequence(postgres_store: Store) -> None:
    with postgres_store.read() as connection:
        for table in NUMBERED:
            sequence = text("SELECT pg_get_serial_sequence(:table, 'id')").bindparams(table=table.name)
            assert connection.execute(sequence).scalar() is not None, table.name


def test_an_undone_decision_takes_its_number_along_and_undoing_it_again_takes_nothing_back(scene: Scene) -> None:
    first, second = scene.waiting(2)
    scene.decide(first)
    number = scene.row(schema.Decision)["id"]
    undoing.undo(scene.store, [number], "rita", policy=scene.policy, now=NOW)
    scene.decide(second)
    assert scene.row(schema.Decision)["id"] > number
    with pytest.raises(NotFound, match="undone already"):
        undoing.undo(scene.store, [number], "rita", policy=scene.policy, now=NOW)
    assert scene.state(second) == "decided"


def test_actions_labels_and_work_that_an_undo_removes_take_their_numbers_along(scene: Scene) -> None:
    tables: tuple[type[Base], ...] = (schema.Outbox, schema.Label, schema.WorkItem, schema.Escalation)
    gone: dict[str, int] = {}
    first, second, third, fourth = scene.waiting(4)
    scene.decide(first)
    scene.decide(second, "deny", reason_code="legal")
    for table in tables:
        gone[table.__tablename__] = max(row["id"] for row in scene.rows(table))
    ids = [row["id"] for row in scene.rows(schema.Decision)]
    undoing.undo(scene.store, ids, "rita", policy=scene.policy, now=NOW)
    scene.decide(third)
    scene.decide(fourth, "deny", reason_code="legal")
    for table in tables:
        assert max(row["id"] for row in scene.rows(table)) > gone[table.__tablename__], table.__tablename__


class TestTheUpgrade:
    @pytest.fixture
    def old(self, tmp_path: Path) -> Path:
        """A database of the revision before, in which decision 9 was undone and alert 12 is only in the trail."""
        file = tmp_path / "handrail.db"
        with closing(sqlite3.connect(file)) as empty:
            empty.execute("PRAGMA journal_mode = WAL")
        store = Store(f"sqlite:///{file}")
        with store._transaction(store._writing) as connection:
            command.upgrade(migrations.configure(connection), BEFORE)
        store.dispose()
        with closing(sqlite3.connect(file)) as connection, connection:
            for statement in ROWS:
                connection.execute(statement)
            for seq, (case, body) in enumerate(EVENTS, 1):
                event = (seq, "2026-01-01", "x", case, body.encode(), bytes(32))
                connection.execute("INSERT INTO trail VALUES (?, ?, ?, ?, ?, ?)", event)
        return file

    def test_it_loses_no_row_no_index_no_trigger_and_no_reference(self, old: Path, sqlite_template: Path) -> None:
        before = contents(old)
        upgrade(old)
        after = contents(old)
        del before["alembic_version"]
        for name, rows in before.items():
            assert len(after[name]) == len(rows), name
            for row, kept in zip(rows, after[name], strict=True):
                assert kept == {**dict.fromkeys(kept), **row}, f"{name}: later columns are empty, the others as before"
        assert things(old) == things(sqlite_template)

    def test_it_counts_on_from_what_the_tables_and_the_trail_name(self, old: Path) -> None:
        upgrade(old)
        with closing(sqlite3.connect(old)) as connection:
            given = dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))
        assert set(given) == {table.name for table in NUMBERED} - SINCE
        named = {"decisions": 9, "alerts": 12, "cases": 40, "work_items": 3, "batches": 2, "tokens": 0, "outbox": 0}
        assert {name: given[name] for name in named} == named

    def test_references_are_followed_again_afterwards(self, old: Path) -> None:
        store = Store(f"sqlite:///{old}")
        store.upgrade()
        with pytest.raises(Exception, match="FOREIGN KEY"), store.write() as connection:
            connection.execute(text("INSERT INTO notes (decision_id, text) VALUES (77, 'of nothing')"))
        store.dispose()

    def test_the_trail_stays_sealed(self, old: Path) -> None:
        upgrade(old)
        with closing(sqlite3.connect(old)) as connection, pytest.raises(sqlite3.Error, match="append-only"):
            connection.execute("DELETE FROM trail")


ROWS = (
    (
        "INSERT INTO batches (id, source, file_digest, policy_version, state, started_at, counts)"
        " VALUES (2, 's', 'd', 'p', 'done', '2026-01-01', '{}')"
    ),
    (
        "INSERT INTO cases (id, source, external_id, batch_id, row_digest, state, received_at, ingested_at, history,"
        " has_text, consent, fields, flags)"
        " VALUES (5, 's', 'e', 2, 'r', 'decided', '2026-01-01', '2026-01-01', 0, 1, 1, '{}', '[]')"
    ),
    (
        "INSERT INTO work_items (id, case_id, kind, queue, suggestion_hidden, opened_at, due_at, state, fence)"
        " VALUES (3, 5, 'review', 'B', 0, '2026-01-01', '2026-01-02', 'closed', 1)"
    ),
    (
        "INSERT INTO decisions (id, case_id, work_item_id, kind, outcome, actor, blind, decided_at)"
        " VALUES (4, 5, 3, 'review', 'approve', 'rita', 0, '2026-01-01')"
    ),
    ("INSERT INTO notes (decision_id, text) VALUES (4, 'a note')"),
)
EVENTS: tuple[tuple[int | None, str], ...] = (
    (5, '{"decision":9,"kind":"decision.undone"}'),
    (40, '{"item":2,"kind":"work.released"}'),
    (None, '{"alert":12,"batch":"a word","kind":"alert.raised"}'),
)


def upgrade(file: Path) -> None:
    store = Store(f"sqlite:///{file}")
    store.upgrade()
    store.dispose()


def contents(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, by column."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')] for name in names}  # noqa: S608


def things(file: Path) -> set[tuple[str, str, str]]:
    """Kind, name and table of everything in a database."""
    with closing(sqlite3.connect(file)) as connection:
        return set(connection.execute("SELECT type, name, tbl_name FROM sqlite_master"))

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from handrail.acts import escalating
from handrail.breaker import DetectorState
from handrail.policy import BreakerRules
from handrail.store import breaker, migrations, schema
from handrail.store.engine import Connection, Store
from handrail.store.migrations.versions import r0009_alarms, r0012_trained_then
from handrail.store.schema import Base, BreakerState, Escalation
from tests.open_things import nothing_left_open
from tests.scenes import FLOW, NOVICE, NOW, POLICY, Scene


def declarations(connection: Connection) -> dict[str, list[str]]:
    """What SQLite was told, apart from the order of a table's constraints and columns."""
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'trigger'"
    found = {
        # A table that was made anew has its name in quotes.
        name: sorted(re.sub(r'^CREATE TABLE "?(\w+)"? +', r"CREATE TABLE \1 ", sql.replace("\n", "")).split(","))
        for name, sql in connection.execute(text(query))
    }
    found.pop("alembic_version", None)
    return {name: sorted(line.strip("() \t") for line in lines) for name, lines in found.items()}


def test_the_migrations_make_what_the_schema_says(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_missing_column_would_be_noticed(store: Store) -> None:
    with store.write() as connection:
        connection.execute(text("ALTER TABLE cases DROP COLUMN consent"))
    with store.read() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert [difference[0] for difference in found] == ["add_column"]


def test_on_sqlite_tables_and_indexes_are_word_for_word_those_of_the_schema(
    sqlite_store: Store, tmp_path: Path
) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        declared = declarations(connection)
    engine.dispose()
    with sqlite_store.read() as connection:
        assert declarations(connection) == declared


@pytest.mark.postgres
def test_on_postgresql_every_comment_and_constraint_name_is_that_of_the_schema(postgres_store: Store) -> None:
    with postgres_store.read() as connection:
        found = inspect(connection)
        for table in Base.metadata.sorted_tables:
            columns = {column["name"]: column["comment"] for column in found.get_columns(table.name)}
            assert columns == {column.name: column.comment for column in table.columns}
            names = {found.get_pk_constraint(table.name)["name"]}
            names |= {key["name"] for key in found.get_foreign_keys(table.name)}
            names |= {key["name"] for key in found.get_unique_constraints(table.name)}
            assert all(name is not None and name.split("_")[0] in {"pk", "fk", "uq"} for name in names)


@pytest.mark.postgres
def test_postgresql_has_no_table_beside_those_of_the_schema(postgres_store: Store) -> None:
    with postgres_store.read() as connection:
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_the_revision_the_program_asks_for_is_the_newest(sqlite_store: Store) -> None:
    with sqlite_store.read() as connection:
        script = ScriptDirectory.from_config(migrations.configure(connection))
    assert script.get_heads() == [migrations.HEAD]
    assert script.get_current_head() == sqlite_store.revision()


def test_upgrading_again_changes_nothing(store: Store) -> None:
    before = store.revision()
    store.upgrade()
    assert store.revision() == before == migrations.HEAD


def upgrade_alone(url: str) -> None:
    store = Store(url)
    store.upgrade()
    store.dispose()


def test_two_processes_may_upgrade_a_fresh_sqlite_file_at_the_same_time(
    tmp_path: Path, run_apart: Callable[..., list[int]]
) -> None:
    url = f"sqlite:///{tmp_path / 'handrail.db'}"
    assert run_apart(upgrade_alone, [(url,)] * 2) == [0, 0]
    assert Store(url).revision() == migrations.HEAD
    with closing(sqlite3.connect(tmp_path / "handrail.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT id, seq, hash FROM trail_head").fetchall() == [(1, 0, bytes(32))]


@pytest.mark.postgres
def test_two_processes_may_upgrade_a_fresh_postgresql_database_at_the_same_time(
    postgres_url: str, run_apart: Callable[..., list[int]]
) -> None:
    assert run_apart(upgrade_alone, [(postgres_url,)] * 2) == [0, 0]
    store = Store(postgres_url)
    assert store.revision() == migrations.HEAD
    store.dispose()


def test_an_upgrade_that_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from handrail.store.migrations import trail_guard

    broken = (*trail_guard.SQLITE[:1], "CREATE TRIGGER nonsense")
    monkeypatch.setitem(trail_guard.STATEMENTS, "sqlite", broken)
    store = Store(f"sqlite:///{tmp_path / 'handrail.db'}")
    with pytest.raises(Exception, match="incomplete input"):
        store.upgrade()
    assert store.revision() is None
    monkeypatch.undo()
    store.upgrade()
    assert store.revision() == migrations.HEAD
    store.dispose()


def test_a_folder_with_a_percent_sign_is_no_placeholder(monkeypatch: pytest.MonkeyPatch, sqlite_store: Store) -> None:
    monkeypatch.setattr(migrations, "__file__", "/srv/100%(home)s/migrations/__init__.py")
    with sqlite_store.read() as connection:
        config = migrations.configure(connection)
    assert config.get_main_option("script_location") == "/srv/100%(home)s/migrations"


def test_what_was_decided_before_keeps_whether_its_person_was_trained_then(store: Store) -> None:
    scene = Scene(store)
    before, named, (early, late) = *scene.waiting(2, suggestion_hidden=True), scene.waiting(2, suggestion_hidden=True)
    (automatic,) = scene.automatic(1)
    scene.decide(before, "deny", reason_code="out_of_scope")  # nothing shows that rita was trained by then
    scene.decide(early, "deny", NOVICE, reason_code="out_of_scope")
    scene.decide(named, "override", "rita", NOW + timedelta(hours=1), label="tracking")
    scene.decide(late, "deny", "rita", NOW + timedelta(hours=2), reason_code="out_of_scope")
    scene.add_person(NOVICE, "reviewer", trained_until=NOW + timedelta(days=30))
    with store.write() as connection:
        connection.execute(text("ALTER TABLE decisions DROP COLUMN trained"))
        with Operations.context(MigrationContext.configure(connection)):
            r0012_trained_then.upgrade()
    trained = {row["case_id"]: row["trained"] for row in scene.rows(schema.Decision)}
    assert {case: trained[case] for case in (before, early, named, late)} == {
        before: False,
        early: False,
        named: True,
        late: True,
    }
    assert trained[automatic] is None


def test_an_upgrade_ends_what_nothing_is_behind_and_disarms_what_only_watched(store: Store) -> None:
    scene = Scene(store, POLICY.model_copy(update={"breaker": BreakerRules(rule="literal")}))
    gone, open_still = scene.waiting(2)
    late = NOW + timedelta(days=9)
    escalating.escalate_breaches(store, policy=scene.policy, actor=FLOW, now=late)
    scene.decide(gone, at=late)
    state = DetectorState(NOW, NOW, (1.0,), 9, 9, NOW)
    with store.write() as connection:
        connection.execute(text("UPDATE escalations SET resolved_at = NULL, resolved_by = NULL"))
        breaker.save(connection, "refund", "esr 0.03", state)
    before = set(nothing_left_open(store, scene.policy, late))
    assert len(before) == 1
    with store.write() as connection, Operations.context(MigrationContext.configure(connection)):
        r0009_alarms.upgrade()
    assert nothing_left_open(store, scene.policy, late) == []
    found = {row["case_id"]: row["resolved_at"] for row in scene.rows(Escalation)}
    assert found == {gone: late, open_still: None}
    assert scene.row(BreakerState)["rules"] == "beside literal: esr 0.03"

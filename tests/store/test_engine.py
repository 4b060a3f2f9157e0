import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from time import monotonic
from traceback import format_exception

import pytest
from sqlalchemy import func, insert, select, text

from handrail.errors import BadInput, DatabaseBusy, NotFound, PermanentError, RetryableError
from handrail.store import heartbeats
from handrail.store.engine import Connection, Store
from handrail.store.schema import Note, Person, TrailHead

SHORT = timedelta(milliseconds=150)


def add(connection: Connection, name: str) -> None:
    connection.execute(insert(Person).values(name=name, roles=["reviewer"], active=True))


def people(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(Person)).scalar_one()


def add_and_fail(connection: Connection) -> None:
    add(connection, "ada")
    raise ZeroDivisionError


def add_many(connection: Connection) -> None:
    for number in range(500):
        add(connection, f"{number:0>200}")


def again(store: Store, wait: timedelta) -> Store:
    return Store(store._url.render_as_string(hide_password=False), wait=wait)


def test_a_transaction_commits_at_its_end(store: Store) -> None:
    with store.write() as connection:
        add(connection, "ada")
    with store.read() as connection:
        assert people(connection) == 1


def test_an_exception_undoes_the_whole_transaction(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        add_and_fail(connection)
    with store.read() as connection:
        assert people(connection) == 0


def test_the_connection_after_a_failed_transaction_is_as_good_as_new(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)syntax"), store.write() as connection:
        connection.execute(text("no such statement"))
    with store.write() as connection:
        add(connection, "ada")
    with store.read() as connection:
        assert people(connection) == 1


def test_a_reader_sees_one_moment_while_others_write(store: Store) -> None:
    with store.read() as reader:
        assert people(reader) == 0
        with store.write() as writer:
            add(writer, "ada")
        assert people(reader) == 0
    with store.read() as reader:
        assert people(reader) == 1


def test_a_reader_never_waits_for_a_writer(store: Store) -> None:
    with store.write() as writer:
        add(writer, "ada")
        with store.read() as reader:
            assert people(reader) == 0


def test_a_reader_may_not_write(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)read-?only"), store.read() as connection:
        add(connection, "ada")
    with store.write() as connection:
        add(connection, "ada")


def test_a_lock_held_too_long_is_told_as_busy(store: Store) -> None:
    other = again(store, SHORT)
    with store.write() as holder:
        holder.execute(select(TrailHead.seq).with_for_update())
        with pytest.raises(DatabaseBusy, match="Try again"), other.write() as connection:
            connection.execute(select(TrailHead.seq).with_for_update())
    with other.write() as connection:
        add(connection, "ada")
    other.dispose()


def test_threads_of_one_process_wait_no_longer_than_others(sqlite_store: Store) -> None:
    patient = again(sqlite_store, SHORT)
    with patient.write(), pytest.raises(DatabaseBusy), patient.write():
        pass  # pragma: no cover - the second never gets its turn
    with patient.write() as connection:
        add(connection, "ada")
    patient.dispose()


def test_threads_take_turns_and_none_is_lost(store: Store) -> None:
    def work(name: str) -> None:
        for number in range(10):
            with store.write() as connection:
                add(connection, f"{name} {number}")

    threads = [Thread(target=work, args=(f"thread {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as connection:
        assert people(connection) == 80


def test_a_note_without_its_decision_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"), store.write() as connection:
        connection.execute(insert(Note).values(decision_id=99, text="to nobody"))


def test_moments_come_back_aware_and_in_utc(store: Store) -> None:
    moment = datetime(2026, 3, 2, 9, 30, 0, 250, tzinfo=UTC)
    with store.write() as connection:
        connection.execute(insert(Person).values(name="ada", roles=[], trained_until=moment, active=True))
    with store.read() as connection:
        found = connection.execute(select(Person.trained_until)).scalar_one()
    assert found == moment
    assert found is not None
    assert found.utcoffset() == timedelta(0)


def test_what_a_person_wrote_stays_out_of_error_messages(store: Store) -> None:
    words = "private words".replace(" ", "-")  # so not in this file: a traceback quotes its lines
    with store.write() as connection:
        add(connection, words)
    with pytest.raises(Exception, match=r"(?i)unique") as twice, store.write() as connection:
        add(connection, words)
    missing = text("INSERT INTO people (name, roles) VALUES (:name, '[]')")
    with pytest.raises(Exception, match=r"(?i)not.null") as incomplete, store.write() as connection:
        connection.execute(missing, {"name": words})
    for caught in (twice, incomplete):
        assert words not in "".join(format_exception(caught.value))


def test_sqlite_is_durable_guarded_and_readable_while_written(sqlite_store: Store) -> None:
    with sqlite_store.write() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "busy_timeout")
        }
    full = 2
    assert found == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "busy_timeout": 10_000,
    }


@pytest.mark.postgres
def test_postgresql_waits_as_long_as_it_was_told(postgres_store: Store) -> None:
    other = again(postgres_store, timedelta(seconds=3))
    with other.read() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "3s"
    with postgres_store.write() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "10s"
    other.dispose()


def test_without_a_file_there_is_no_database_and_none_is_made(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'handrail.db'}")
    for open_ in (store.read, store.write):
        with pytest.raises(NotFound, match="handrail init"), open_():
            pass  # pragma: no cover - never entered
    assert store.revision() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgres
def test_an_empty_postgresql_database_asks_for_init(postgres_url: str) -> None:
    store = Store(postgres_url)
    with pytest.raises(NotFound, match="handrail init"), store.read():
        pass  # pragma: no cover - never entered
    store.upgrade()
    with store.read() as connection:
        assert people(connection) == 0
    store.dispose()


@pytest.mark.parametrize(("revision", "remedy"), [("0000", "handrail init"), ("9999", "Update this one")])
def test_tables_of_another_revision_are_named_with_the_remedy(store: Store, revision: str, remedy: str) -> None:
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": revision})
    with pytest.raises(PermanentError, match=remedy), again(store, SHORT).read():
        pass  # pragma: no cover - never entered


@pytest.mark.parametrize("content", [b"Not a database at all. " * 300, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "handrail.db"
    file.write_bytes(content)
    store = Store(f"sqlite:///{file}")
    for open_ in (store.read, store.write):
        with pytest.raises(BadInput, match="damaged or no database"), open_():
            pass  # pragma: no cover - never entered
    with pytest.raises(BadInput, match="Restore a backup"):
        store.upgrade()
    assert file.read_bytes() == content


def test_a_damaged_page_is_told_in_a_sentence(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.write() as connection:
        add_many(connection)
    sqlite_store.dispose()
    damaged = tmp_path / "damaged.db"
    shutil.copyfile(tmp_path / "handrail.db", damaged)
    content = bytearray(damaged.read_bytes())
    content[8192 * 8 :] = b"\xa5" * (len(content) - 8192 * 8)
    damaged.write_bytes(content)
    store = Store(f"sqlite:///{damaged}")
    with pytest.raises(BadInput, match="Restore a backup"), store.read() as connection:
        connection.execute(select(Person)).all()
    store.dispose()


def test_a_text_that_is_none_is_told_as_damage_and_not_as_a_server_that_is_away(sqlite_store: Store) -> None:
    with sqlite_store.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO watches (name, succeeded_at) VALUES (CAST(x'ff' AS TEXT), '2026-01-05')"
        )
    with pytest.raises(BadInput, match="is damaged"), sqlite_store.read() as connection:
        heartbeats.watches(connection)


def test_a_folder_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'nowhere' / 'handrail.db'}")
    with pytest.raises(NotFound, match="folder and permissions"):
        store.upgrade()


def limit(store: Store) -> None:
    """Let the one pooled connection find the disk full as soon as the file should grow."""
    with store.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_is_told_in_a_sentence_and_nothing_is_written(sqlite_store: Store) -> None:
    limit(sqlite_store)
    with pytest.raises(RetryableError, match="Free space"), sqlite_store.write() as connection:
        add_many(connection)
    with sqlite_store.read() as connection:
        assert people(connection) == 0


def test_a_server_that_does_not_answer_is_told_in_a_sentence() -> None:
    store = Store("postgresql://somebody:hunter2@127.0.0.1:1/handrail")
    with pytest.raises(RetryableError, match="Start the server") as caught, store.read():
        pass  # pragma: no cover - never entered
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://somebody:hunter2@db/handrail", "postgresql"],
)
def test_an_address_handrail_cannot_use_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(BadInput, match="HANDRAIL_DATABASE_URL") as caught:
        Store(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_common_way_to_write_the_address_is_understood(scheme: str) -> None:
    assert Store(f"{scheme}://somebody:hunter2@db/handrail").name == "postgresql+psycopg://somebody:***@db/handrail"


def test_a_closed_store_opens_again(store: Store) -> None:
    with store.write() as connection:
        add(connection, "ada")
    store.dispose()
    with store.read() as connection:
        assert people(connection) == 1


def test_odd_characters_in_the_path_are_part_of_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "Büro 100% & co"
    folder.mkdir()
    store = Store(f"sqlite:///{folder / 'handrail.db'}")
    store.upgrade()
    store.dispose()
    assert [file.name for file in folder.iterdir()] == ["handrail.db"]


def commit_and_die(url: str) -> None:
    import os
    import signal

    with Store(url).write() as connection:
        add(connection, "acknowledged")
    with Store(url).write() as connection:
        add(connection, "never committed")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_leaves_what_it_committed_and_nothing_else(
    sqlite_store: Store, run_apart: Callable[..., list[int]]
) -> None:
    assert run_apart(commit_and_die, [(sqlite_store.name,)]) == [-9]
    with sqlite_store.write() as connection:
        assert connection.execute(select(Person.name)).scalars().all() == ["acknowledged"]


def test_a_writer_waits_its_time_for_another_process(sqlite_store: Store) -> None:
    other = again(sqlite_store, SHORT)
    with other.read():  # the revision is known: only the wait is measured
        pass
    with closing(sqlite3.connect(str(sqlite_store._url.database), isolation_level=None)) as outside:
        outside.execute("BEGIN IMMEDIATE")
        begun = monotonic()
        with pytest.raises(DatabaseBusy), other.write():
            pass  # pragma: no cover - never entered
        assert monotonic() - begun >= SHORT.total_seconds() * 0.9
    other.dispose()

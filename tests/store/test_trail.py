import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from handrail.errors import BadInput, PermanentError
from handrail.store import trail
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event
from handrail.trail.verify import verify_export

NOW = datetime(2026, 3, 2, 9, 30, 0, 250, tzinfo=UTC)
TRIGGERS = (
    "trail_refuses_update",
    "trail_refuses_delete",
    "trail_refuses_gap",
    "trail_head_refuses_return",
    "trail_head_refuses_delete",
)


def fill(store: Store, events: int = 6) -> None:
    with store.write() as connection:
        routed = [
            Event("case.routed", case, {"queue": "A", "confidence_ppm": 970_000}) for case in range(1, events + 1)
        ]
        trail.append(connection, routed, at=NOW, actor="flow:triage")


def append_and_fail(connection: Connection) -> None:
    trail.append(connection, [Event("case.decided", 1)], at=NOW, actor="dana")
    raise ZeroDivisionError


def verified(store: Store) -> trail.Verification:
    with store.read() as connection:
        return trail.verify(connection)


def file_of(store: Store) -> str:
    return str(store._url.database)


def test_an_event_is_read_back_with_the_trails_own_keys_beside_its_data(store: Store) -> None:
    with store.write() as connection:
        assert trail.append(connection, [Event("policy.published", data={"version": "ab"})], at=NOW, actor="ada") == 1
        assert trail.append(connection, [Event("case.decided", 7)], at=NOW, actor="dana") == 2
    with store.read() as connection:
        assert trail.search(connection) == [
            {
                "seq": 1,
                "at": "2026-03-02T09:30:00.000250Z",
                "kind": "policy.published",
                "actor": "ada",
                "version": "ab",
            },
            {"seq": 2, "at": "2026-03-02T09:30:00.000250Z", "kind": "case.decided", "actor": "dana", "case": 7},
        ]


def test_the_moment_is_stored_in_utc_whatever_zone_it_was_given_in(store: Store) -> None:
    with store.write() as connection:
        trail.append(connection, [Event("a")], at=NOW.astimezone(timezone(timedelta(hours=-5))), actor="ada")
    with store.read() as connection:
        assert trail.search(connection, since=NOW, until=NOW + timedelta(microseconds=1))[0]["at"].endswith("250Z")
    assert verified(store).valid


def test_an_empty_trail_is_valid(store: Store) -> None:
    found = verified(store)
    assert (found.valid, found.events, found.head) == (True, 0, "00" * 32)


def test_appending_nothing_changes_nothing(store: Store) -> None:
    with store.write() as connection:
        assert trail.append(connection, [], at=NOW, actor="ada") == 0
    assert verified(store).events == 0


def test_a_trail_of_several_transactions_is_one_chain(store: Store) -> None:
    for _ in range(3):
        fill(store, 4)
    found = verified(store)
    assert (found.valid, found.events, found.first_bad) == (True, 12, None)


def test_a_transaction_rolled_back_leaves_no_event_and_no_gap(store: Store) -> None:
    fill(store, 2)
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        append_and_fail(connection)
    fill(store, 2)
    assert (verified(store).valid, verified(store).events) == (True, 4)


def test_a_naive_moment_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, match="time zone"), store.write() as connection:
        trail.append(connection, [Event("a")], at=NOW.replace(tzinfo=None), actor="ada")
    assert verified(store).events == 0


@pytest.mark.parametrize(("kind", "fits"), [("", False), ("k", True), ("k" * 40, True), ("k" * 41, False)])
def test_a_kind_has_1_to_40_characters(store: Store, kind: str, fits: bool) -> None:
    if fits:
        with store.write() as connection:
            trail.append(connection, [Event(kind)], at=NOW, actor="ada")
        assert verified(store).valid
    else:
        with pytest.raises(BadInput, match="1 to 40"), store.write() as connection:
            trail.append(connection, [Event(kind)], at=NOW, actor="ada")


@pytest.mark.parametrize("key", ["seq", "at", "kind", "actor", "case"])
def test_data_may_not_pose_as_the_trails_own_keys(store: Store, key: str) -> None:
    with pytest.raises(BadInput, match=f"own keys: {key}"), store.write() as connection:
        trail.append(connection, [Event("a", data={key: 1})], at=NOW, actor="ada")


def test_one_refused_event_keeps_its_whole_batch_out(store: Store) -> None:
    with pytest.raises(BadInput, match="confidence"), store.write() as connection:
        trail.append(connection, [Event("a"), Event("b", data={"confidence": 0.5})], at=NOW, actor="ada")
    assert verified(store).events == 0


def test_searching_finds_by_case_kind_and_time_newest_last(store: Store) -> None:
    hour = timedelta(hours=1)
    for step in range(4):
        with store.write() as connection:
            events = [Event("case.routed", step % 2), Event("case.decided", step % 2)]
            trail.append(connection, events, at=NOW + step * hour, actor="ada")

    def seqs(**wanted: object) -> list[int]:
        with store.read() as connection:
            return [event["seq"] for event in trail.search(connection, **wanted)]  # type: ignore[arg-type]

    assert seqs(case=1) == [3, 4, 7, 8]
    assert seqs(kind="case.decided") == [2, 4, 6, 8]
    assert seqs(case=0, kind="case.routed") == [1, 5]
    assert seqs(since=NOW + hour) == [3, 4, 5, 6, 7, 8]
    assert seqs(until=NOW + hour) == [1, 2]
    assert seqs(since=NOW + hour, until=NOW + 2 * hour) == [3, 4]
    assert seqs(limit=3) == [6, 7, 8]
    assert seqs(case=99) == []


def test_an_export_verifies_without_the_database(store: Store, tmp_path: Path) -> None:
    fill(store)
    with store.read() as connection:
        assert trail.export(connection, tmp_path / "trail.jsonl") == 6
    assert verify_export(tmp_path / "trail.jsonl") == verified(store)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trail SET kind = 'x'",
        "UPDATE trail SET body = body WHERE seq = 1",
        "DELETE FROM trail",
        "DELETE FROM trail WHERE seq = 6",
        "DELETE FROM trail_head",
        "UPDATE trail_head SET seq = seq - 1",
        "INSERT INTO trail SELECT 8, at, kind, case_id, body, hash FROM trail WHERE seq = 1",
        "INSERT INTO trail SELECT 0, at, kind, case_id, body, hash FROM trail WHERE seq = 1",
        "INSERT INTO trail SELECT 3, at, kind, case_id, body, hash FROM trail WHERE seq = 1",
    ],
)
def test_the_database_refuses_whatever_is_not_the_next_event(store: Store, statement: str) -> None:
    fill(store)
    with pytest.raises(Exception, match=r"append-only|pk_trail"), store.write() as connection:
        connection.exec_driver_sql(statement)
    assert verified(store).valid


REPLACEMENTS = [
    "INSERT OR REPLACE INTO trail SELECT 1, at, 'x', 9, body, hash FROM trail WHERE seq = 2",
    "INSERT OR REPLACE INTO trail SELECT 6, at, 'x', 9, body, hash FROM trail WHERE seq = 2",
    "REPLACE INTO trail SELECT 6, at, 'x', 9, body, hash FROM trail WHERE seq = 2",
    "INSERT OR IGNORE INTO trail SELECT 6, at, 'x', 9, body, hash FROM trail WHERE seq = 2",
    "INSERT OR IGNORE INTO trail SELECT 8, at, 'x', 9, body, hash FROM trail WHERE seq = 2",
    "UPDATE OR REPLACE trail SET seq = 6 WHERE seq = 2",
    "UPDATE OR IGNORE trail SET seq = 9 WHERE seq = 2",
]


@pytest.mark.parametrize("statement", REPLACEMENTS)
def test_sqlite_refuses_to_replace_an_event(sqlite_store: Store, statement: str) -> None:
    fill(sqlite_store)
    with pytest.raises(Exception, match="append-only"), sqlite_store.write() as connection:
        connection.exec_driver_sql(statement)
    assert verified(sqlite_store).valid


@pytest.mark.parametrize("statement", REPLACEMENTS)
def test_a_connection_from_outside_may_not_replace_an_event_either(sqlite_store: Store, statement: str) -> None:
    fill(sqlite_store)
    with closing(sqlite3.connect(file_of(sqlite_store))) as outside:  # recursive_triggers is off here
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            outside.execute(statement)
        outside.commit()
    assert verified(sqlite_store).valid


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE trail",
        "TRUNCATE trail_head",
        "INSERT INTO trail SELECT seq + 7, at, kind, case_id, body, hash FROM trail",
        "INSERT INTO trail SELECT seq * 2 + 5, at, kind, case_id, body, hash FROM trail WHERE seq <= 2",
        "INSERT INTO trail SELECT * FROM trail ON CONFLICT (seq) DO UPDATE SET kind = 'x'",
    ],
)
def test_postgresql_refuses_to_empty_to_skip_and_to_replace(postgres_store: Store, statement: str) -> None:
    fill(postgres_store)
    with pytest.raises(Exception, match="append-only"), postgres_store.write() as connection:
        connection.exec_driver_sql(statement)
    assert verified(postgres_store).valid


FLIP = "UPDATE trail SET body = CAST(replace(CAST(body AS TEXT), 'A', 'B') AS BLOB) WHERE seq = 3"


@pytest.mark.parametrize(
    ("tampering", "first_bad"),
    [
        ((FLIP,), 3),
        (("UPDATE trail SET hash = zeroblob(32) WHERE seq = 3",), 3),
        (("UPDATE trail SET kind = 'case.denied' WHERE seq = 3",), 3),
        (("UPDATE trail SET case_id = 99 WHERE seq = 3",), 3),
        (("UPDATE trail SET case_id = NULL WHERE seq = 3",), 3),
        (("UPDATE trail SET at = '2026-03-02 09:30:00.000251' WHERE seq = 3",), 3),
        (("DELETE FROM trail WHERE seq = 3",), 3),
        (("DELETE FROM trail WHERE seq = 3", "UPDATE trail SET seq = seq - 1 WHERE seq > 3"), 3),
        (("DELETE FROM trail WHERE seq = 6",), 6),
        (("DELETE FROM trail",), 1),
        (("INSERT INTO trail SELECT 7, at, kind, case_id, body, hash FROM trail WHERE seq = 6",), 7),
        (
            (
                "UPDATE trail SET seq = 99 WHERE seq = 2",
                "UPDATE trail SET seq = 2 WHERE seq = 4",
                "UPDATE trail SET seq = 4 WHERE seq = 99",
            ),
            2,
        ),
        (("UPDATE trail_head SET seq = 5",), 7),
        (("UPDATE trail_head SET hash = zeroblob(32)",), 7),
        (("DELETE FROM trail_head",), 1),
    ],
)
def test_who_gets_past_the_triggers_is_found_by_the_chain(
    sqlite_store: Store, tampering: tuple[str, ...], first_bad: int
) -> None:
    fill(sqlite_store)
    assert verified(sqlite_store).valid
    with closing(sqlite3.connect(file_of(sqlite_store))) as outside:
        for name in TRIGGERS:
            outside.execute(f"DROP TRIGGER {name}")
        assert all(outside.execute(statement).rowcount for statement in tampering)
        outside.commit()
    found = verified(sqlite_store)
    assert (found.valid, found.first_bad) == (False, first_bad)
    assert found.problem


def test_nothing_is_appended_to_a_trail_that_has_lost_its_head(sqlite_store: Store) -> None:
    with sqlite_store.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER trail_head_refuses_delete")
        connection.exec_driver_sql("DELETE FROM trail_head")
    with pytest.raises(PermanentError, match="Restore a backup"), sqlite_store.write() as connection:
        trail.append(connection, [Event("a")], at=NOW, actor="ada")


def append_alone(url: str, actor: str) -> None:
    store = Store(url)
    for case in range(20):
        with store.write() as connection:
            trail.append(connection, [Event("case.decided", case)] * 3, at=NOW, actor=actor)
    store.dispose()


def test_writers_at_the_same_time_make_one_chain(store: Store) -> None:
    address = store._url.render_as_string(hide_password=False)
    with ThreadPoolExecutor(4) as writers:  # each with a store of its own, as processes have
        for done in [writers.submit(append_alone, address, f"writer {number}") for number in range(4)]:
            done.result()
    found = verified(store)
    assert (found.valid, found.events) == (True, 4 * 20 * 3)


def test_appending_from_two_processes_makes_one_chain(sqlite_store: Store, run_apart: Callable[..., list[int]]) -> None:
    assert run_apart(append_alone, [(sqlite_store.name, "one"), (sqlite_store.name, "two")]) == [0, 0]
    found = verified(sqlite_store)
    assert (found.valid, found.events) == (True, 2 * 20 * 3)

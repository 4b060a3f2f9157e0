"""Many rows at once say the same as one by one, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from handrail.case import State
from handrail.store import cases
from handrail.store.bulk import among, insert_numbered, insert_rows, update_rows
from handrail.store.engine import Connection, Store
from handrail.store.schema import Case, CaseInput

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def a_case(batch_id: int, external_id: str, **values: object) -> dict[str, Any]:
    return {
        "source": "shop",
        "external_id": external_id,
        "state": State.RECEIVED,
        "batch_id": batch_id,
        "row_digest": external_id,
        "received_at": NOON,
        "ingested_at": NOON,
        "history": False,
        "has_text": True,
        "consent": True,
        "amount": None,
        "fields": {},
        "flags": [],
        **values,
    }


def insert_some(connection: Connection, *external_ids: str, **values: object) -> list[int]:
    batch_id = cases.insert_batch(connection, source="shop", file_digest="f", policy_version="v", started_at=NOON)
    return insert_numbered(connection, Case, [a_case(batch_id, name, **values) for name in external_ids])


def test_numbers_come_in_the_order_of_the_rows_and_go_on_from_the_newest(store: Store) -> None:
    with store.write() as connection:
        first, second = insert_some(connection, "b", "a"), insert_some(connection, "d", "c")
        found = dict(connection.execute(select(Case.id, Case.external_id)).tuples().all())
    assert [found[number] for number in (*first, *second)] == ["b", "a", "d", "c"]
    assert min(second) > max(first)


def test_every_type_comes_back_as_it_was_given(store: Store) -> None:
    cet = datetime.fromisoformat("2026-03-31T14:00:00+02:00")
    given = {"received_at": cet, "amount": 12.5, "consent": False, "fields": {"tier": "pluś"}, "flags": ["legal"]}
    with store.write() as connection:
        insert_some(connection, "a", **given)
        row = connection.execute(select(Case.__table__)).mappings().one()
    assert {name: row[name] for name in given} == given
    assert row["received_at"].utcoffset() == timedelta(0)


def test_a_moment_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises((ValueError, StatementError), match="no time zone"), store.write() as connection:
        insert_some(connection, "a", received_at=datetime(2026, 3, 31))  # noqa: DTZ001 - the point of the test


def test_only_the_named_rows_are_updated(store: Store) -> None:
    with store.write() as connection:
        ids = insert_some(connection, "a", "b", "c")
        insert_rows(
            connection,
            CaseInput,
            [{"case_id": number, "salt": b"s", "text": "t", "customer_id": None} for number in ids],
        )
        update_rows(
            connection,
            CaseInput,
            "case_id",
            [
                {"case_id": ids[2], "redacted": "C", "findings": [["email", 0, 3]]},
                {"case_id": ids[0], "redacted": "A", "findings": []},
            ],
        )
        query = select(CaseInput.redacted, CaseInput.findings, CaseInput.text).order_by(CaseInput.case_id)
        found = connection.execute(query).tuples().all()
    assert found == [("A", [], "t"), (None, None, "t"), ("C", [["email", 0, 3]], "t")]


@pytest.mark.parametrize("names", [["a", "c"], ['it\'s "quoted" \\ ü'], ["x"], []])
def test_among_finds_exactly_the_given_values(store: Store, names: list[str]) -> None:
    here = ["a", "b", "c", 'it\'s "quoted" \\ ü']
    with store.write() as connection:
        ids = dict(zip(here, insert_some(connection, *here), strict=True))
        by_name = connection.execute(select(Case.external_id).where(among(connection, Case.external_id, names)))
        assert sorted(by_name.scalars()) == sorted(set(here) & set(names))
        wanted = [ids.get(name, -1) for name in names]
        by_id = connection.execute(select(Case.id).where(among(connection, Case.id, wanted)))
        assert sorted(by_id.scalars()) == sorted(set(ids.values()) & set(wanted))


def test_no_rows_change_nothing(store: Store) -> None:
    with store.write() as connection:
        assert insert_numbered(connection, Case, []) == []
        insert_rows(connection, CaseInput, [])
        update_rows(connection, CaseInput, "case_id", [])
        assert connection.execute(select(Case.id)).all() == []

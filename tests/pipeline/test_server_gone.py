"""PostgreSQL goes away while a file is on its way: the run says so, and the next one completes it."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from handrail.errors import RetryableError
from handrail.store import schema, turns
from handrail.store.engine import Connection
from tests.shop import Shop, letters

CASES = 12
pytestmark = pytest.mark.postgres


@pytest.fixture
def far_shop(
    tmp_path: Path, new_database: Callable[..., str], postgres_template: str, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """A shop on PostgreSQL, without a model: every case goes to a person."""
    address = new_database(postgres_template)
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", address)
    return Shop(tmp_path / "home", address).begin()


def interrupted(monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    """Let the server end the connection of every transaction that writes after so many."""
    real, writes = turns.take, count()

    def take(connection: Connection) -> None:
        real(connection)
        if next(writes) >= last:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(turns, "take", take)


def test_a_run_that_loses_its_server_at_any_step_is_completed_by_the_next(
    far_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    for last in range(0, 40, 2):
        with monkeypatch.context() as patched:
            interrupted(patched, last)
            try:
                far_shop.deliver("live.csv", letters(CASES))
            except RetryableError as gone:
                refused.append(str(gone))
            else:
                break
    assert len(refused) > 2
    assert all("does not answer. Start the server" in sentence for sentence in refused)
    far_shop.deliver("live.csv", letters(CASES))
    assert {row["state"] for row in far_shop.rows(schema.Case)} == {"queued"}
    assert len(far_shop.rows(schema.Case)) == len(far_shop.rows(schema.Route)) == CASES
    assert len(far_shop.rows(schema.WorkItem)) == CASES
    assert {row["state"] for row in far_shop.rows(schema.Batch)} == {"done"}

"""Work that only one may do at a time: threads, processes, both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy.orm import Session

from handrail.acts import leasing
from handrail.errors import Conflict
from handrail.store import leases, schema
from handrail.store.engine import Store

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LASTS = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
RACERS = 8


def at(moment: datetime = NOW) -> Callable[[], datetime]:
    return lambda: moment


def holders(store: Store) -> list[str]:
    with store.read() as connection, Session(connection) as session:
        return [row.holder for row in session.query(schema.Lease)]


def test_a_second_one_is_refused_and_told_since_when(store: Store) -> None:
    with leasing.take(store, "retraining", clock=at()):
        with pytest.raises(Conflict) as refused:
            leasing.take(store, "retraining", clock=at(NOW + SECOND))
        leasing.take(store, "another work", clock=at())
    sentence = str(refused.value)
    assert "Another retraining is running since 2026-03-02T09:00:00+00:00. Wait for its end" in sentence
    assert sentence.endswith("its place is free from 09:05:00 UTC.")


def test_it_is_given_back_at_the_end_also_after_a_failure(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), leasing.take(store, "retraining", clock=at()):
        raise ZeroDivisionError
    assert holders(store) == []
    with leasing.take(store, "retraining", clock=at()):
        assert len(holders(store)) == 1


def test_who_died_lets_go_when_the_time_is_over_and_not_before(store: Store) -> None:
    dead = leasing.take(store, "retraining", clock=at(), lasts=LASTS)
    with pytest.raises(Conflict):
        leasing.take(store, "retraining", clock=at(NOW + LASTS - SECOND))
    heir = leasing.take(store, "retraining", clock=at(NOW + LASTS))
    assert holders(store) == [heir.holder] != [dead.holder]


def test_who_was_given_up_neither_renews_nor_ends_the_heirs_lease(store: Store) -> None:
    lost = leasing.take(store, "retraining", clock=at(), lasts=LASTS)
    heir = leasing.take(store, "retraining", clock=at(NOW + LASTS), lasts=LASTS)
    with store.write() as connection:
        assert not leases.renew(connection, "retraining", lost.holder, until=NOW + 9 * LASTS)
    with lost:
        pass
    assert holders(store) == [heir.holder]


def test_who_lives_keeps_it_for_longer_than_it_lasts(store: Store) -> None:
    begun, renewed = datetime.now(UTC), Event()

    def clock() -> datetime:
        """Every look at it is an hour later: the third one tells that it was renewed twice."""
        clock.looks += 1  # type: ignore[attr-defined]
        if clock.looks == 4:  # type: ignore[attr-defined]
            renewed.set()
        return begun + clock.looks * timedelta(hours=1)  # type: ignore[attr-defined, no-any-return]

    clock.looks = 0  # type: ignore[attr-defined]
    with leasing.take(store, "retraining", clock=clock, lasts=timedelta(seconds=0.05)):
        assert renewed.wait(30)
        with store.read() as connection:
            found = leases.held(connection, "retraining", begun + timedelta(hours=3))
    assert found is not None
    assert found[1] >= begun + timedelta(hours=3)


def test_of_many_threads_that_begin_together_one_gets_it(store: Store) -> None:
    barrier = Barrier(RACERS)

    def race(_: int) -> bool:
        barrier.wait()
        try:
            leasing.take(store, "retraining", clock=at())
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(RACERS) as pool:
        assert sum(pool.map(race, range(RACERS))) == 1


def take_once(address: str, folder: str, number: str) -> None:
    """In a process of its own: leave a file if it got the lease."""
    store = Store(address)
    try:
        leasing.take(store, "retraining", clock=at())
    except Conflict:
        return
    (Path(folder) / number).touch()


def test_of_many_processes_that_begin_together_one_gets_it(
    store: Store, run_apart: Callable[..., list[int]], tmp_path: Path
) -> None:
    address = store._url.render_as_string(hide_password=False)
    won = tmp_path / "won"
    won.mkdir()
    codes = run_apart(take_once, [(address, str(won), str(number)) for number in range(4)])
    assert codes == [0] * 4
    assert len(list(won.iterdir())) == 1

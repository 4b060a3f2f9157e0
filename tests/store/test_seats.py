"""A second desk on one workspace is refused with the remedy; of a PostgreSQL server each machine has its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from handrail.errors import Refused
from handrail.store.engine import Store
from handrail.store.seats import Seat
from tests.store.test_turns import address

HERE, ELSEWHERE = "http://127.0.0.1:8470", "https://desk.example.com"
HOLD = """
import sys
from pathlib import Path
from handrail.store.engine import Store
with Store(sys.argv[1]).seat(Path(sys.argv[2]), "https://desk.example.com"):
    print(flush=True)
    input()
"""


def test_a_second_desk_is_refused_and_told_where_the_first_one_is(store: Store, tmp_path: Path) -> None:
    assert store.occupant(tmp_path) is None
    with store.seat(tmp_path, ELSEWHERE) as desks:
        assert desks == 1
        assert store.occupant(tmp_path) == Seat(ELSEWHERE, os.getpid())
        with pytest.raises(Refused, match=rf"at {ELSEWHERE} \(process {os.getpid()}\).*`kill {os.getpid()}`"):
            store.seat(tmp_path, HERE).__enter__()
        assert store.occupant(tmp_path) == Seat(ELSEWHERE, os.getpid())
    assert store.occupant(tmp_path) is None
    with store.seat(tmp_path, HERE):
        assert store.occupant(tmp_path) == Seat(HERE, os.getpid())


def test_a_killed_desk_lets_go_of_its_seat_at_once(store: Store, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, address(store), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout
        assert first.stdout.readline()
        assert store.occupant(tmp_path) == Seat(ELSEWHERE, first.pid)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert store.occupant(tmp_path) is None
    with store.seat(tmp_path, HERE):
        assert store.occupant(tmp_path) == Seat(HERE, os.getpid())


def test_a_database_file_has_one_desk_whatever_folder_it_is_opened_from(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.seat(tmp_path, HERE), pytest.raises(Refused, match="already"):
        sqlite_store.seat(tmp_path / "another", HERE).__enter__()


@pytest.mark.postgres
def test_desks_of_several_machines_on_one_server_are_counted(postgres_store: Store, tmp_path: Path) -> None:
    other = Store(address(postgres_store))
    try:
        with postgres_store.seat(tmp_path, HERE) as first:
            (tmp_path / "other").mkdir()
            with other.seat(tmp_path / "other", ELSEWHERE) as second:
                assert (first, second) == (1, 2)
            with other.seat(tmp_path / "other", ELSEWHERE) as again:
                assert again == 2
    finally:
        other.dispose()


def test_looking_who_has_the_seat_keeps_nobody_from_it(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.seat(tmp_path, HERE):
        assert [sqlite_store.occupant(tmp_path) for _ in range(50)] == [Seat(HERE, os.getpid())] * 50
    assert not list(tmp_path.glob(".*.desk"))

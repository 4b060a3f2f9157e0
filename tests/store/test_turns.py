"""One at a time, the others wait; who is killed lets go at once."""

import signal
import subprocess
import sys
import threading
import time

from handrail.store.engine import Store

HOLD = """
import sys
from handrail.store.engine import Store
with Store(sys.argv[1]).turn("delivery"):
    print(flush=True)
    input()
"""


def address(store: Store) -> str:
    return store._url.render_as_string(hide_password=False)


def test_threads_take_turns_at_the_same_work_and_pass_each_other_at_another(store: Store) -> None:
    inside: list[str] = []
    met: list[int] = []

    def work(name: str) -> None:
        with store.turn(name):
            inside.append(name)
            met.append(inside.count("same"))
            time.sleep(0.02)
            inside.remove(name)

    threads = [threading.Thread(target=work, args=("same",)) for _ in range(6)]
    with store.turn("another"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert met == [1] * 6


def test_who_holds_the_turn_keeps_others_waiting_and_who_is_killed_lets_go(store: Store) -> None:
    got = threading.Event()
    command = [sys.executable, "-c", HOLD, address(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline()

        def wait() -> None:
            with store.turn("delivery"):
                got.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not got.wait(0.3)
        with store.write():  # who waits for a turn keeps nobody from the database
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        waiting.join()
    assert got.is_set()


def test_a_turn_leaves_no_file_behind(sqlite_store: Store) -> None:
    with sqlite_store.turn("delivery"), sqlite_store.turn("another"):
        assert sqlite_store._file
        assert len(list(sqlite_store._file.parent.glob("*.turn"))) == 2
    assert not list(sqlite_store._file.parent.glob("*.turn"))

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


SHARE = """
import sys
from handrail.store.engine import Store
with Store(sys.argv[1]).shared_turn("delivery", list):
    print(flush=True)
    input()
"""


def test_who_shares_a_work_knows_whether_others_live_and_one_that_is_killed_is_gone(store: Store) -> None:
    alone: list[str] = []
    with store.shared_turn("delivery", lambda: alone.append("first")):
        with store.shared_turn("delivery", lambda: alone.append("beside the first")):
            pass
        with store.shared_turn("another", lambda: alone.append("another")):
            pass
    command = [sys.executable, "-c", SHARE, address(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline()
        with store.shared_turn("delivery", lambda: alone.append("beside a process")):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
        with store.shared_turn("delivery", lambda: alone.append("after the kill")):
            pass
    assert alone == ["first", "another", "after the kill"]


def test_others_wait_while_who_was_alone_puts_things_right(store: Store) -> None:
    order: list[str] = []
    begun = threading.Event()

    def join() -> None:
        begun.set()
        with store.shared_turn("delivery", lambda: order.append("alone too")):
            order.append("beside")

    other = threading.Thread(target=join)

    def put_right() -> None:
        other.start()
        begun.wait()
        other.join(0.2)
        order.append("put right")

    with store.shared_turn("delivery", put_right):
        other.join()
    assert order == ["put right", "beside"]

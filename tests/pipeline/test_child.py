"""A child process and a port: what is started is stopped, and what is taken is refused."""

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from flows.child import Child
from flows.local_server import HOST, LocalServer, require_free
from handrail.errors import BadInput, Refused, RetryableError
from handrail.workspace import Workspace

PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
UP = "print('up', flush=True);"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"


def test_a_port_in_use_is_refused_with_the_option_that_chooses_another(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=rf"Port {port} .*--port"), LocalServer(Workspace(tmp_path), port):
            pass
    require_free(port, "--port")


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(BadInput, match="is no port"):
        require_free(port, "--port")


def child(tmp_path: Path, code: str, grace_seconds: float = 10.0) -> Child:
    log = tmp_path / "child.log"
    command = [sys.executable, "-c", code]
    return Child("The child", command, os.environ, tmp_path, log, grace_seconds=grace_seconds)


def is_gone(group: int) -> bool:
    for _ in range(500):  # the kernel needs a moment to bury a killed grandchild
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(
    "code",
    [
        f"{PARENT} {UP} time.sleep(60)",
        f"{DEAF} {PARENT} {UP} time.sleep(60)",
        f"{PARENT} {UP}",
    ],
    ids=["obedient", "deaf to SIGTERM", "gone before its own child"],
)
def test_a_stopped_child_leaves_no_process(tmp_path: Path, code: str) -> None:
    with child(tmp_path, code, grace_seconds=0.5) as program:
        group = program.pid
        assert group is not None
        while "up" not in program.log.read_text():
            time.sleep(0.05)
    assert not program.is_running()
    assert is_gone(group)


def test_a_child_that_ends_by_itself_is_told_with_its_log(tmp_path: Path) -> None:
    with (
        child(tmp_path, "raise SystemExit(3)") as program,
        pytest.raises(RetryableError, match=r"ended by itself.*child\.log"),
    ):
        program.wait(within_seconds=30)


def test_a_child_that_fails_is_told_and_one_that_succeeds_is_not(tmp_path: Path) -> None:
    with child(tmp_path, "") as good:
        good.finish(within_seconds=30)
    with child(tmp_path, "raise SystemExit(1)") as bad, pytest.raises(RetryableError, match="failed"):
        bad.finish(within_seconds=30)
    with child(tmp_path, "import time; time.sleep(60)") as slow, pytest.raises(RetryableError, match="failed"):
        slow.finish(within_seconds=0.2)

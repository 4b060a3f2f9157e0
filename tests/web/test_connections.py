"""A desk in a process of its own, and senders that are slow, endless or too many: the others are served meanwhile."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from desk.connections import Limits
from desk.headers import HEADERS
from flows.local_server import HOST, free_port
from handrail.store.engine import Store
from handrail.workspace import Workspace
from tests.scenes import Scene

LIMITS = Limits(head_seconds=0.6, body_seconds=0.9, answer_seconds=0.6, connections=12)
PROGRAM = """
import sys
from pathlib import Path
from desk.connections import Limits
from desk.serving import serve
from handrail.workspace import Workspace
serve(Workspace(Path(sys.argv[1])), "127.0.0.1", int(sys.argv[2]), address="", limits={limits})
"""
ASK = b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\n"
FORM = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
PATIENCE = 30.0
"""Seconds after which a test gives up; a busy machine is no defect."""


@contextmanager
def running(home: Path, limits: Limits = LIMITS) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A desk's port and process."""
    port = free_port()
    command = [sys.executable, "-c", PROGRAM.format(limits=limits), str(home), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 4 * PATIENCE
    try:
        while not _listens(port):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port, process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex((HOST, port)) == 0


@pytest.fixture(scope="module")
def home(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A begun workspace."""
    workspace = Workspace(tmp_path_factory.mktemp("connections") / "home")
    workspace.create()
    shutil.copyfile(sqlite_template, workspace.home / "handrail.db")
    Scene(Store(workspace.database_url))
    return workspace.home


@pytest.fixture(scope="module")
def port(home: Path) -> Iterator[int]:
    """Where a desk listens."""
    with running(home) as (found, _):
        yield found


def connect(port: int, sent: bytes = b"") -> socket.socket:
    """A connection on which something was sent."""
    found = socket.create_connection((HOST, port), timeout=PATIENCE)
    found.sendall(sent)
    return found


def rest(connection: socket.socket) -> bytes:
    """All that comes until the other side ends."""
    found = b""
    try:
        while piece := connection.recv(65_536):
            found += piece
    except ConnectionError:
        pass
    return found


def ask(port: int, request: bytes = ASK) -> bytes:
    """The answer to one request on a connection of its own."""
    with closing(connect(port, request + b"Connection: close\r\n\r\n")) as connection:
        return rest(connection)


def drip(connection: socket.socket, piece: bytes, *, beside: Callable[[], object]) -> bytes:
    """Send a piece every few hundredths of a second, until the other side ends; do something beside it each time."""
    connection.settimeout(0.05)
    deadline = time.monotonic() + PATIENCE
    answer = b""
    while time.monotonic() < deadline:
        try:
            connection.sendall(piece)
            beside()
            found = connection.recv(65_536)
            if not found:
                return answer
            answer += found
        except TimeoutError:
            continue
        except ConnectionError:
            return answer
    pytest.fail("it was never cut off")


def status(answer: bytes) -> int:
    """The status of an answer."""
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("begun", "piece", "words"),
    [
        (b"G", b"", b"408 Request Timeout"),
        (ASK, b"X-A: 1\r\n", b"within 0.6 seconds. Send it again."),
        (ASK + b"X-A: ", b"x", b"within 0.6 seconds. Send it again."),
        (b"GET /", b"x", b"within 0.6 seconds. Send it again."),
        (b"\r\n", b"\r\n", b"within 0.6 seconds. Send it again."),
        (FORM + b"Content-Length: 900000\r\n\r\n", b"x", b"within 0.9 seconds. Send it again."),
        (FORM + b"Content-Length: 900000\r\n\r\n", b"", b"within 0.9 seconds. Send it again."),
        (FORM + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", b"within 0.9 seconds. Send it again."),
        (FORM + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: 1\r\n", b"within 0.9 seconds. Send it again."),
    ],
)
def test_a_slow_sender_is_cut_off_while_others_are_served(port: int, begun: bytes, piece: bytes, words: bytes) -> None:
    answers = []
    with closing(connect(port, begun)) as slow:
        answer = drip(slow, piece, beside=lambda: answers.append(ask(port)))
    assert answers
    assert {status(one) for one in answers} == {200}
    assert (status(answer), words in answer) == (408, True)
    head = answer.partition(b"\r\n\r\n")[0].decode().lower()
    assert all(f"{name}: {value}".lower() in head for name, value in HEADERS.items())


def test_a_program_that_is_slow_is_told_in_its_own_form(port: int) -> None:
    head = (
        b"POST /api/v1/cases HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    )
    with closing(connect(port, head)) as slow:
        body = rest(slow).partition(b"\r\n\r\n")[2]
    said = json.loads(body)
    assert (said["status"], said["problem"]) == (408, "The request did not arrive within 0.9 seconds. Send it again.")


def test_who_asks_nothing_and_who_has_had_an_answer_are_let_go_without_a_word(port: int) -> None:
    with closing(connect(port)) as silent:
        assert rest(silent) == b""
    with closing(connect(port, ASK + b"\r\n")) as satisfied:
        answer = rest(satisfied)  # uvicorn's own five seconds
    assert answer.count(b"HTTP/1.1") == 1
    assert status(answer) == 200


def test_a_second_request_that_is_never_finished_is_cut_off_too(port: int) -> None:
    with closing(connect(port, ASK + b"\r\n")) as slow:
        answer = drip(slow, b"G", beside=lambda: None)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer)[0] == b"200"
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer)[-1] in {b"408", b"400"}


def test_requests_that_come_together_are_answered_in_their_order(port: int) -> None:
    with closing(
        connect(port, ASK + b"\r\n" + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    ) as both:
        answer = rest(both)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"200"]
    assert answer.index(b"<!doctype html>") < answer.rindex(b"HTTP/1.1")


@pytest.mark.parametrize(
    ("begun", "piece", "wanted"),
    [
        (b"GET /", b"x" * 30_000, {431}),
        (ASK + b"X-A: ", b"x" * 30_000, {431}),
        (ASK, b"X-A: 1\r\n" * 4_000, {431}),
        (FORM + b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1_024 + b"\r\n", {408, 413}),
        (FORM + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: ", b"x" * 500_000, {408, 413}),
    ],
)
def test_what_never_ends_is_refused_before_it_is_kept(port: int, begun: bytes, piece: bytes, wanted: set[int]) -> None:
    with closing(connect(port, begun)) as endless:
        answer = drip(endless, piece, beside=lambda: None)
    assert not answer or status(answer) in wanted  # who goes on sending may be cut off before it reads
    assert status(ask(port)) == 200


def test_a_request_of_53_kilobytes_of_parameters_is_refused_and_nobody_waits(port: int) -> None:
    query = "&".join(map(str, range(10_500))).encode()
    assert len(query) > 50_000
    answer = ask(port, b"GET /sign-in?" + query + b" HTTP/1.1\r\nHost: localhost\r\n")
    assert status(answer) == 414
    assert b"8,192 bytes after its question mark" in answer


def test_headers_after_the_body_are_not_taken_for_headers_of_the_request(port: int) -> None:
    form = FORM + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = ask_raw(port, form + b"0\r\nAccept: application/json\r\n\r\n")
    assert (status(answer), b"text/html" in answer) == (422, True)


def ask_raw(port: int, request: bytes) -> bytes:
    """The answer to a request as it stands."""
    with closing(connect(port, request)) as connection:
        return rest(connection)


def test_more_senders_than_there_are_places_keep_nobody_out(port: int) -> None:
    with ExitStack() as crowd:
        slow = [crowd.enter_context(closing(connect(port, b"GET / HT"))) for _ in range(LIMITS.connections * 3)]
        assert status(ask(port)) == 200
        answers = [rest(one) for one in slow]
    assert b"" in answers, "who came first has given way"


def test_who_does_not_take_the_answer_is_cut_off(port: int) -> None:
    asked = 400
    one = b"GET /static/desk.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with closing(socket.socket()) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        lazy.connect((HOST, port))
        lazy.settimeout(PATIENCE)
        lazy.sendall(one * asked)
        deadline = time.monotonic() + PATIENCE
        while _is_established(port, lazy.getsockname()[1]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert 0 < rest(lazy).count(b"HTTP/1.1 200") < asked


def _is_established(port: int, other: int) -> bool:
    """Whether the desk's end of a connection is open, as the kernel says; the other end learns it by reading only."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    ends = (line.split()[1:4] for line in lines)
    return any(
        own.endswith(f":{port:04X}") and far.endswith(f":{other:04X}") and state == "01" for own, far, state in ends
    )


def test_no_other_protocol_is_spoken(port: int) -> None:
    upgrade = (
        b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    )
    assert status(ask_raw(port, ASK + upgrade + b"\r\n")) == 200


def test_the_desk_stops_while_requests_are_coming_in(home: Path, tmp_path: Path) -> None:
    own = tmp_path / "home"  # a desk of the other tests serves the first one
    shutil.copytree(home, own, ignore=shutil.ignore_patterns(".*"))
    patient = Limits(head_seconds=600, body_seconds=600, answer_seconds=600)
    with running(own, patient) as (port, process), ExitStack() as crowd:
        for begun in (b"", b"GET /", FORM + b"Content-Length: 900\r\n\r\nname=x"):
            crowd.enter_context(closing(connect(port, begun)))
        assert status(ask(port)) == 200
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == -signal.SIGTERM
    assert "Cancel" not in told, "nothing had to be broken off"
    assert "Traceback" not in told

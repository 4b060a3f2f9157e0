"""The desk alone, and starts of `handrail up` and `handrail desk` that are refused."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.child import answers
from flows.local_server import free_port
from handrail.workspace import Workspace
from tests.served import READY_SECONDS, command_line, handrail


def begun(home: Path) -> Workspace:
    workspace = Workspace(home / "home")
    assert handrail(workspace, "init").returncode == 0
    return workspace


@contextmanager
def running_desk(workspace: Workspace, port: int, *options: object) -> Iterator[subprocess.Popen[str]]:
    """A desk of its own process, answering; killed at the end where it still runs."""
    arguments, environment = command_line(workspace, "desk", "--port", port, *options)
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as desk:
        try:
            deadline = time.monotonic() + READY_SECONDS
            while not answers(f"http://127.0.0.1:{port}/readyz"):
                assert desk.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield desk
        finally:
            desk.kill()


def test_the_desk_alone_gives_the_administrators_link_and_stops_at_ctrl_c(tmp_path: Path) -> None:
    workspace, port = begun(tmp_path), free_port()
    with running_desk(workspace, port) as desk:
        desk.send_signal(signal.SIGINT)
        output, _ = desk.communicate(timeout=60)
    assert desk.returncode == 0
    assert f"Desk  http://127.0.0.1:{port}\n" in output
    assert f"ada sets the first password here, once and within 48 hours:\n  http://127.0.0.1:{port}/welcome?" in output
    assert output.endswith("Stopped.\n")


def test_a_second_desk_on_one_workspace_is_refused_with_the_remedy(tmp_path: Path) -> None:
    workspace, port = begun(tmp_path), free_port()
    with running_desk(workspace, port) as first:
        ports = ("--port", free_port(), "--mlflow-port", free_port(), "--desk-port", free_port())
        for second in (("desk", "--port", free_port()), ("up", *ports)):
            refused = handrail(workspace, *second)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert f"at http://127.0.0.1:{port} (process {first.pid})" in refused.stderr
            assert f"`kill {first.pid}`" in refused.stderr
        first.kill()
        first.wait()
    with running_desk(workspace, free_port()):  # a killed desk lets go at once
        pass


def test_an_invitation_leads_to_where_the_desk_really_is(tmp_path: Path) -> None:
    workspace, port = begun(tmp_path), free_port()
    link, *_, told = handrail(workspace, "people", "invite", "ada").stdout.splitlines()
    assert link.startswith("http://127.0.0.1:8470/welcome?invitation=")
    assert told.startswith("No desk runs here at this moment")
    with running_desk(workspace, port):
        link, *more = handrail(workspace, "people", "invite", "ada").stdout.splitlines()
        assert link.startswith(f"http://127.0.0.1:{port}/welcome?invitation=")
        assert len(more) == 1
    with running_desk(workspace, port, "--behind-tls", "https://desk.example.com"):
        link, *_ = handrail(workspace, "people", "invite", "ada").stdout.splitlines()
        assert link.startswith("https://desk.example.com/welcome?invitation=")
    assert json.loads(handrail(workspace, "people", "invite", "ada", "--json").stdout)["desk_runs"] is False


def test_a_desk_that_others_could_reach_is_refused_without_tls_in_front(tmp_path: Path) -> None:
    workspace = begun(tmp_path)
    for host in ("0.0.0.0", "192.0.2.1", "desk.example.com"):  # noqa: S104 - to be refused
        refused = handrail(workspace, "desk", "--host", host, "--port", free_port())
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "--behind-tls https://" in refused.stderr
    wrong = handrail(workspace, "desk", "--host", "0.0.0.0", "--port", free_port(), "--behind-tls", "http://x")  # noqa: S104
    assert "is no address of a proxy" in wrong.stderr


def test_three_servers_need_three_ports(tmp_path: Path) -> None:
    workspace, port = begun(tmp_path), free_port()
    refused = handrail(workspace, "up", "--port", free_port(), "--mlflow-port", port, "--desk-port", port)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"cannot have port {port}" in refused.stderr


def test_up_without_a_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    refused = handrail(Workspace(tmp_path / "nowhere"), "up")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.endswith("Run `handrail init`.\n")

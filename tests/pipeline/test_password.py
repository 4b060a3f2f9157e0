"""The Prefect server's password: who is told it, by which way, and what a wrong one says."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from console import deployments, desk, serving
from console.answer import ask_server, connect, deployments_on, running_server
from console.health import _server
from flows.local_server import LocalServer, free_port, surroundings
from handrail.errors import BadInput, NotFound, Refused, RetryableError
from handrail.workspace import Workspace

FOREIGN = {
    "PREFECT_API_URL": "https://prefect.example.com/api",
    "PREFECT_API_AUTH_STRING": "of-another-server",
    "PREFECT_API_KEY": "of-a-cloud",
    "PREFECT_CLIENT_CUSTOM_HEADERS": '{"x": "y"}',
    "PREFECT_SERVER_API_AUTH_STRING": "known-to-all",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "*",
    "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": "*",
    "prefect_server_api_cors_allowed_origins": "*",
    "PREFECT_SERVER_UI_API_URL": "https://prefect.example.com/api",
    "PREFECT_UI_STATIC_DIRECTORY": "elsewhere",
    "PREFECT_PROFILE": "cloud",
    "PREFECT_PROFILES_PATH": "profiles.toml",
    "PREFECT__FLOW_ENTRYPOINT": "os.system",
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"], "HANDRAIL_HOME": str(tmp_path)})
    found = Workspace(tmp_path)
    found.make_password()
    return found


def test_nothing_set_for_another_server_reaches_ours_or_opens_it(workspace: Workspace) -> None:
    kept = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql://db", "PREFECT_API_DATABASE_ECHO": "false"}
    os.environ.update({**FOREIGN, **kept})
    found = surroundings()
    assert {name: value for name, value in found.items() if "prefect" in name.lower()} == kept
    server = LocalServer(workspace)
    environment = server.child.environment
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == workspace.password()
    assert environment["PREFECT_API_AUTH_STRING"] == workspace.password()
    assert environment["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == server.ui_url
    assert "*" not in environment.values()


def test_server_worker_and_deploying_know_the_password_and_no_command_line_shows_it(workspace: Workspace) -> None:
    server = LocalServer(workspace)
    children = [server.child, deployments.worker(server), deployments.deploying(server)]
    others = [serving.mlflow_ui(workspace, 5000), desk.child(workspace, 8470)]
    for child in children:
        assert child.environment["PREFECT_API_AUTH_STRING"] == workspace.password()
    for child in others:  # who does not speak to the server is not told
        assert workspace.password() not in child.environment.values()
    for child in (*children, *others):
        assert workspace.password() not in " ".join(child.command)


def test_a_server_without_a_password_does_not_start(workspace: Workspace) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(workspace.prefect_home)}
    command = [sys.executable, "-m", "flows.prefect_server", "4200"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 1
    assert "Start the server with `handrail up`" in ended.stderr


@pytest.mark.parametrize("known", [False, True])
def test_a_password_is_kept_once_it_was_told_and_else_the_next_start_tells_another(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    def fails(*_: object) -> None:
        raise RetryableError("The server has ended by itself.")

    monkeypatch.setattr(serving, "start", fails)
    monkeypatch.setattr(desk, "require_begun", lambda _: None)
    if not known:
        workspace.password_file.unlink()
    with pytest.raises(RetryableError):
        serving.serve(free_port(), free_port(), free_port())
    assert workspace.password_file.exists() == known


@pytest.mark.parametrize("mode", [0o644, 0o660])
def test_a_password_that_others_can_read_starts_nothing(workspace: Workspace, mode: int) -> None:
    workspace.password_file.chmod(mode)
    with pytest.raises(BadInput, match="Others on this machine"):
        LocalServer(workspace)


@contextmanager
def answering(workspace: Workspace, password: str, *, pid: int | None = None) -> Iterator[tuple[str, list[str | None]]]:
    """Something that answers where `server.json` says, as a server with `password`; and what it was told."""
    told: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.append(self.headers["authorization"])
            expected = f"Basic {base64.b64encode(password.encode()).decode()}"
            self.send_response(200 if self.path == "/api/health" or told[-1] == expected else 401)
            self.end_headers()
            self.wfile.write(b'[{"name": "sla-watch", "paused": true}]')

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/api"
    known = {"prefect_api": address, "pid": os.getpid() if pid is None else pid}
    workspace.server_file.write_text(json.dumps(known), encoding="utf-8")
    try:
        yield address, told
    finally:
        server.shutdown()
        server.server_close()


def test_a_command_brings_the_password_to_the_workspaces_own_server(workspace: Workspace) -> None:
    os.environ.update({name: value for name, value in FOREIGN.items() if name != "PREFECT_API_URL"})
    with answering(workspace, workspace.password()) as (address, _):
        connect()
        assert [row["name"] for row in deployments_on(address) or () if row["paused"]] == ["sla-watch"]
    prefect = {name: value for name, value in os.environ.items() if name.upper().startswith("PREFECT_API_")}
    assert prefect == {"PREFECT_API_URL": address, "PREFECT_API_AUTH_STRING": workspace.password()}
    assert {*FOREIGN} & {*os.environ} == {*prefect}


def test_a_server_of_ones_own_is_left_alone_and_not_told_our_password(workspace: Workspace) -> None:
    os.environ.update(FOREIGN)
    with answering(workspace, workspace.password()) as (_, told):
        connect()
    assert told == []
    assert {name: os.environ[name] for name in FOREIGN} == FOREIGN


def test_whoever_took_the_port_of_a_server_that_was_killed_is_not_told_the_password(workspace: Workspace) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with answering(workspace, "whatever", pid=ended.pid) as (_, told):
        assert running_server(workspace.server_file) is None
        connect()
    assert told == []
    assert "PREFECT_API_URL" not in os.environ


def test_a_password_changed_under_a_running_server_is_told_in_a_sentence_with_the_remedy(workspace: Workspace) -> None:
    sentence = r"does not accept the password in .*prefect\.password: .* Stop `handrail up` with Ctrl-C and start it"
    with answering(workspace, "the-earlier-one-of-16") as (address, _):
        for ask in (connect, lambda: deployments_on(address), lambda: ask_server(address, "/version")):
            with pytest.raises(Refused, match=sentence):
                ask()
        finding = _server(workspace)
        assert not finding.ok
        assert "does not accept the password" in finding.sentence
        # A server of an earlier version, which had none.
        workspace.password_file.unlink()
        with pytest.raises(NotFound, match="handrail up"):
            connect()
        # Not *nothing is paused*, although a BadInput is a ValueError too.
        workspace.password_file.write_text("?", encoding="utf-8")
        with pytest.raises(BadInput):
            deployments_on(address)

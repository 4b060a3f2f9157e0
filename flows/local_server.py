"""The workspace's own Prefect server: local, quiet, and gone when its user has finished."""

import base64
import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from flows.child import Child, answers
from handrail.errors import BadInput, Refused, RetryableError
from handrail.workspace import Workspace
from tasks import QUIET as LIBRARIES_QUIET

HOST = "127.0.0.1"
LAST_PORT = 65535
PREFECT = (sys.executable, "-m", "prefect")
START_SECONDS = 120.0
"""Longest wait for the first answer; a fresh database on a busy machine needs ten to twenty."""

ASK_SECONDS = 30.0
BUSY_SECONDS = 0.5

QUIET = {
    **LIBRARIES_QUIET,
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_CLI_PROMPT": "false",
    # Our own log belongs to the run's log on the page.
    "PREFECT_LOGGING_EXTRA_LOGGERS": "handrail",
}
"""For server and clients: nothing leaves the machine, and no client ever starts a server of its own."""

SERVER = {
    # One write a task run makes the next flow run wait two seconds on SQLite: write them in batches.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "2",
    # The newer pages call an outside host; the older ones stay on this machine.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # How often missing heartbeats are looked for.
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT5S",
}

FOREIGN = (
    *("PREFECT_API_", "PREFECT_CLOUD_", "PREFECT_PROFILE", "PREFECT_CLIENT_CUSTOM_HEADERS"),
    *("PREFECT_SERVER_API_", "PREFECT_SERVER_CORS_", "PREFECT_SERVER_CSRF_", "PREFECT_SERVER_UI_", "PREFECT_UI_"),
    # What Prefect itself tells the programs that it starts.
    "PREFECT__",
)
"""How names begin that lead to another server, tell ours the password of another, or open its door."""
OURS = ("PREFECT_API_DATABASE_", "PREFECT_API_REQUEST_TIMEOUT")
"""Names that begin so and may be set: where the server keeps its data, how long a client waits."""


class LocalServer:
    """A Prefect server with its database in the workspace; a context manager that starts and stops it.

    Server and clients share `environment()`; a client sets it before it imports Prefect.
    """

    def __init__(self, workspace: Workspace, port: int | None = None) -> None:
        """Name the place, and make its password where there is none; `port` None means any that is free.

        Raises:
            BadInput: the password's file is none, or others can read it.
        """
        self.workspace = workspace
        self.port = port or free_port()
        workspace.make_password()
        self._password = workspace.password()
        self.child = Child(
            name="The Prefect server",
            command=[sys.executable, "-m", "flows.prefect_server", str(self.port)],
            environment={**surroundings(), **self.environment(), **SERVER, **self._door()},
            # Prefect reads settings from the current folder's files too: here there are none.
            folder=workspace.prefect_home,
            log=workspace.home / "logs" / "prefect-server.log",
            is_ready=lambda: answers(f"{self.api_url}/health"),
        )

    @property
    def api_url(self) -> str:
        """Address of the API."""
        return f"{self.ui_url}/api"

    @property
    def ui_url(self) -> str:
        """Address of the pages."""
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables that make a client speak to this server and to nobody else."""
        return {
            **QUIET,
            "PREFECT_API_URL": self.api_url,
            "PREFECT_API_AUTH_STRING": self._password,
            "PREFECT_HOME": str(self.workspace.prefect_home),
            "HANDRAIL_HOME": str(self.workspace.home),
        }

    def _door(self) -> dict[str, str]:
        """Who may speak to the server: its own pages, and who knows the password."""
        return {
            "PREFECT_SERVER_API_AUTH_STRING": self._password,
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": self.ui_url,
        }

    def start(self) -> None:
        """Start it, without waiting for its first answer.

        Raises:
            Refused: another program listens on the port.
        """
        require_free(self.port, "--port")
        self.workspace.prefect_home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.child.start()

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            RetryableError: it ended, or took too long.
        """
        self.child.wait(within_seconds=START_SECONDS)

    def ask(self, path: str, body: Mapping[str, object] | None = None, *, method: str = "POST") -> Any:  # noqa: ANN401
        """Call the API at `path`, such as ``/deployments/filter``; returns what it answers, None for nothing.

        A server whose SQLite database is busy answers 503; it is asked again until the time is over.

        Raises:
            RetryableError: it does not answer, or refuses.
        """
        request = urllib.request.Request(  # noqa: S310 - our own server's address
            f"{self.api_url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", **authorization(self._password)},
            method=method,
        )
        deadline = time.monotonic() + ASK_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=ASK_SECONDS) as response:  # noqa: S310
                    text = response.read()
                return json.loads(text) if text else None
            except OSError as error:
                busy = getattr(error, "code", None) == HTTPStatus.SERVICE_UNAVAILABLE
                if not busy or time.monotonic() > deadline:
                    raise RetryableError(f"{method} {path}: {error}. Read {self.child.log}, try again.") from error
            time.sleep(BUSY_SECONDS)

    def stop(self) -> None:
        """Stop it with everything that it started."""
        self.child.stop()

    def __enter__(self) -> Self:
        try:
            self.start()
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def authorization(password: str) -> dict[str, str]:
    """The header that lets a request into the server."""
    return {"authorization": f"Basic {base64.b64encode(password.encode()).decode()}"}


def is_foreign(name: str) -> bool:
    """Does an environment variable lead to another Prefect server, or change who may speak to ours?"""
    # Prefect reads names in either case.
    return name.upper().startswith(FOREIGN) and not name.upper().startswith(OURS)


def surroundings() -> dict[str, str]:
    """Our own environment without what concerns another Prefect server, and with our Python first in PATH."""
    kept = {name: value for name, value in os.environ.items() if not is_foreign(name)}
    first = str(Path(sys.executable).parent)
    return {**kept, "PATH": os.pathsep.join([first, kept.get("PATH", os.defpath)])}


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, option: str, host: str = HOST) -> None:
    """Make sure that nobody listens on a port.

    Raises:
        BadInput: there is no such port.
        Refused: somebody does; the sentence names the option that chooses another one.
    """
    if not 0 < port <= LAST_PORT:
        raise BadInput(f"{port} is no port. Choose one from 1024 to {LAST_PORT} with {option}.")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Refused(
                f"Port {port} of {host} is in use or not allowed ({error.strerror})."
                f" Stop the program that uses it, or choose another port with {option}."
            ) from None

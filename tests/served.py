"""A workspace in which `handrail up` runs: real ports and real processes, for the tests that need Prefect itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from flows.local_server import LocalServer, free_port
from handrail.workspace import Workspace

READY_SECONDS = 240.0
"""Far more than it takes (half a minute on two idle cores): a busy machine is no defect."""

Found = TypeVar("Found")


@dataclass
class Served:
    """A workspace in which `handrail up` runs."""

    workspace: Workspace
    port: int
    mlflow_port: int
    desk_port: int
    process: subprocess.Popen[str]
    output: str = ""

    @cached_property
    def server(self) -> LocalServer:
        """A client of the Prefect server; made when that is there, since the first one to ask makes the password."""
        return LocalServer(self.workspace, self.port)

    @property
    def ports(self) -> tuple[int, int, int]:
        """Of Prefect, MLflow and the desk."""
        return self.port, self.mlflow_port, self.desk_port

    def ask(self, path: str, body: Mapping[str, object] | None = None, method: str = "POST") -> Any:  # noqa: ANN401 - JSON
        return self.server.ask(path, body, method=method)

    def deployment(self, name: str) -> dict[str, Any]:
        return dict(self.ask(f"/deployments/name/{name}/{name}", method="GET"))

    def wait_for(self, look: Callable[[], Found], what: str) -> Found:
        """The first true answer of `look`."""
        deadline = time.monotonic() + READY_SECONDS
        while not (found := look()):
            assert self.process.poll() is None, self.stop()
            assert time.monotonic() < deadline, f"{what} did not happen"
            time.sleep(0.3)
        return found

    def start(self, name: str, **parameters: object) -> str:
        """Start a deployment, as its form does; the id of the run."""
        identity = self.deployment(name)["id"]
        return str(self.ask(f"/deployments/{identity}/create_flow_run", {"parameters": parameters})["id"])

    def end_of(self, run: str) -> dict[str, Any]:
        """A run once it has ended, however it ended."""

        def ended() -> dict[str, Any] | None:
            now = self.ask(f"/flow_runs/{run}", method="GET")
            return dict(now) if now["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

        return self.wait_for(ended, f"the end of run {run}")  # type: ignore[return-value]

    def artifacts(self, run: str) -> dict[str, str]:
        """What a run shows: description and body of each artifact by its key."""
        found = self.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
        return {artifact["key"]: f"{artifact['description']}\n{artifact['data']}" for artifact in found}

    def stop(self) -> str:
        """Press Ctrl-C, once; everything that it printed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        if not self.output:
            self.output = self.process.communicate(timeout=60)[0]
        return self.output


def command_line(workspace: Workspace, *words: object) -> tuple[list[str], dict[str, str]]:
    """A `handrail` command and its environment, in this workspace."""
    foreign = ("PREFECT_API_URL", "HANDRAIL_DATABASE_URL", "HANDRAIL_SECRET")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    environment = {**kept, "HANDRAIL_HOME": str(workspace.home), "HANDRAIL_USER": "ada"}
    return [sys.executable, "-m", "console.main", *map(str, words)], environment


def handrail(workspace: Workspace, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a `handrail` command in a workspace to its end."""
    arguments, environment = command_line(workspace, *words)
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=120)


@contextmanager
def up(workspace: Workspace) -> Iterator[Served]:
    """Everything running, deployed and ready, in a workspace that has been begun."""
    port, mlflow_port, desk_port = free_port(), free_port(), free_port()
    ports = ("--port", port, "--mlflow-port", mlflow_port, "--desk-port", desk_port)
    arguments, environment = command_line(workspace, "up", *ports)
    process = subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=workspace.home
    )
    running = Served(workspace, port, mlflow_port, desk_port, process)
    try:
        running.wait_for(workspace.server_file.exists, "`handrail up`")
        yield running
    finally:
        running.stop()


@contextmanager
def new_workspace_up(folder: Path) -> Iterator[Served]:
    """A new workspace in `folder` with everything running, deployed and ready."""
    workspace = Workspace(folder / "home")
    made = handrail(workspace, "init", "--rehearsal")
    assert made.returncode == 0, made.stderr
    with up(workspace) as running:
        yield running

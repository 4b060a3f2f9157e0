"""`handrail up`: the review desk, the Prefect server with every deployment and a worker, and the MLflow UI."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import typer

from console import deployments, desk
from console.answer import running_server
from console.signals import interruptible
from flows.child import Child, answers
from flows.local_server import HOST, QUIET, START_SECONDS, LocalServer, require_free, surroundings
from handrail import drafts
from handrail.errors import BadInput, Refused
from handrail.workspace import Workspace

LOOK_SECONDS = 0.5
"""How often the children are looked at."""


def serve(port: int, mlflow_port: int, desk_port: int) -> None:
    """Start everything, tell where it is, wait for Ctrl-C, SIGTERM or a closed terminal, and stop everything.

    Raises:
        NotFound: there is no workspace, or it has no policy.
        BadInput: the ports are no three ports.
        Refused: a port is in use, or this workspace is served already.
        RetryableError: a child did not start, or ended by itself; the others are stopped.
    """
    workspace = Workspace.from_environment()
    desk.require_begun(workspace)
    require_unserved(workspace)
    desk.require_no_other(workspace)
    require_apart({"--port": port, "--mlflow-port": mlflow_port, "--desk-port": desk_port})
    is_new = workspace.make_password()
    server = LocalServer(workspace, port)
    mlflow, worker = mlflow_ui(workspace, mlflow_port), deployments.worker(server)
    pages = desk.child(workspace, desk_port)
    children = [server.child, mlflow, worker, pages]
    typer.echo(f"Starting the servers of {workspace.home} (up to a minute) ...")
    try:
        with interruptible(ignored_too=True), ExitStack() as running:
            start(running, server, mlflow, worker, pages)
            running.callback(workspace.server_file.unlink, missing_ok=True)
            announce(server, f"http://{HOST}:{mlflow_port}", f"http://{HOST}:{desk_port}", children, is_new=is_new)
            is_new = False
            watch(children)
    except KeyboardInterrupt:
        typer.echo("Stopped.")
    finally:
        if is_new:  # and nobody was told: the next start makes another one, and tells it
            workspace.password_file.unlink(missing_ok=True)


def require_apart(ports: Mapping[str, int]) -> None:
    """Make sure that every port, by its option, is free and nobody else's here.

    Raises:
        BadInput: there is no such port, or two are the same.
        Refused: another program listens on one.
    """
    for option, port in ports.items():
        require_free(port, option)
        if [*ports.values()].count(port) > 1:
            raise BadInput(f"Two servers cannot have port {port}. Choose another one with {option}.")


def start(running: ExitStack, server: LocalServer, mlflow: Child, worker: Child, pages: Child) -> None:
    """Start the servers and the desk side by side, fill Prefect's, and only then let the worker in.

    `running` stops them in the opposite order: a run that is cut off can still report it.
    """
    running.callback(server.stop)
    server.start()
    running.callback(mlflow.stop)
    mlflow.start()
    running.callback(pages.stop)
    pages.start()
    server.wait()
    deployments.prepare(server)
    running.callback(worker.stop)
    worker.start()
    mlflow.wait(within_seconds=START_SECONDS)
    worker.wait(within_seconds=START_SECONDS)
    pages.wait(within_seconds=START_SECONDS)


def mlflow_ui(workspace: Workspace, port: int) -> Child:
    """MLflow's pages on the workspace's runs and models, for this machine only."""
    return Child(
        name="The MLflow server",
        command=[sys.executable, "-m", "flows.mlflow_server", str(port)],
        # Without the last one MLflow takes jobs, which nobody here submits.
        environment={
            **surroundings(),
            **QUIET,
            "HANDRAIL_HOME": str(workspace.home),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
        folder=workspace.home,
        log=workspace.home / "logs" / "mlflow.log",
        is_ready=lambda: answers(f"http://{HOST}:{port}/health"),
    )


def announce(server: LocalServer, mlflow: str, pages: str, children: Sequence[Child], *, is_new: bool) -> None:
    """Write the workspace's server file, at once and whole, and tell people where to go.

    The Prefect password is told once, when it `is_new`: afterwards the browser keeps it, and no terminal shows it.
    """
    workspace = server.workspace
    known = {
        "home": str(workspace.home),
        "prefect_api": server.api_url,
        "prefect_ui": server.ui_url,
        "mlflow": mlflow,
        "desk": pages,
        "pid": os.getpid(),
        "children": [child.pid for child in children],
    }
    docs = f"{workspace.data_docs.as_uri()}  validation of every delivery"
    password = f"{workspace.password()}  Prefect asks for it once; it is kept " if is_new else ""
    drafts.write_text(workspace.server_file, json.dumps(known))
    typer.echo(
        f"Desk       {pages}  where people decide\n"
        f"Prefect    {server.ui_url}  flows, schedules, runs and what they found\n"
        f"Password   {password}in {workspace.password_file}\n"
        f"MLflow     {mlflow}  models and their figures\n"
        f"Data Docs  {docs if workspace.data_docs.exists() else 'made with the first delivery'}\n"
        f"Logs       {workspace.home / 'logs'}\n"
        "In another terminal: `handrail run FILE`, or start any deployment on Prefect's pages.\n"
        f"{desk.first_link(workspace, pages)}"
        "Ctrl-C stops everything."
    )


def watch(children: Sequence[Child]) -> None:
    """Wait for ever, as long as every child runs.

    Raises:
        RetryableError: one has ended.
    """
    while True:
        for child in children:
            child.require()
        time.sleep(LOOK_SECONDS)


def require_unserved(workspace: Workspace) -> None:
    """Make sure that no server works in this workspace already: two schedulers would run everything twice.

    Raises:
        Refused: one does.
    """
    address = running_server(workspace.server_file)
    if address is None:
        return
    known = workspace.served()
    processes = " ".join(str(pid) for pid in [known.get("pid"), *known.get("children", [])] if is_alive(pid))
    raise Refused(
        f"Handrail is up already, at {known.get('prefect_ui', address)}."
        f" To stop it, press Ctrl-C in its terminal or run: kill {processes}"
    )


def is_alive(pid: object) -> bool:
    """Does this process exist?"""
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True

"""What the Prefect server holds before a worker begins: pool, deployments, automations, no stale runs."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.child import Child
from flows.local_server import PREFECT, LocalServer, surroundings
from handrail.errors import NotFound

DEPLOYMENTS = Path(__file__).resolve().parent.parent / "prefect.yaml"
POOL = "handrail"
DEPLOY_SECONDS = 180.0
MISSED_AT_ONCE = 200
"""Most runs that the server lists at once."""

TEMPLATE: dict[str, Any] = {
    "job_configuration": {"stream_output": True},
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
"""What a run may ask of the worker: nothing. Command, environment and folder are the worker's own business."""

POLL_SECONDS = 2
HEARTBEAT_SECONDS = 30
LIFELESS_SECONDS = 90
"""Three heartbeats."""
LIFELESS: dict[str, Any] = {
    "name": "A run without a sign of life has crashed",
    "description": "Its worker or machine died; else it would stay Running, and its deployment wait.",
    "trigger": {
        "type": "event",
        "posture": "Proactive",
        "match": {"prefect.resource.id": "prefect.flow-run.*"},
        "for_each": ["prefect.resource.id"],
        "after": ["prefect.flow-run.heartbeat"],
        "expect": [
            "prefect.flow-run.heartbeat",
            "prefect.flow-run.Completed",
            "prefect.flow-run.Failed",
            "prefect.flow-run.Cancelled",
            "prefect.flow-run.Crashed",
        ],
        "threshold": 1,
        "within": LIFELESS_SECONDS,
    },
    "actions": [
        {
            "type": "change-flow-run-state",
            "state": "CRASHED",
            "name": "Crashed",
            "message": f"No sign of life for {LIFELESS_SECONDS} seconds. A new run completes what it began.",
        }
    ],
}


def prepare(server: LocalServer) -> None:
    """Bring pool, automations and deployments up to date with this version; settle what the last time left.

    Raises:
        NotFound: `prefect.yaml` is not where the installed package expects it.
        RetryableError: the deploying failed.
    """
    if not DEPLOYMENTS.is_file():
        raise NotFound(f"There is no {DEPLOYMENTS}. Install Handrail from its own folder: `make setup`.")
    furnish(server)
    with deploying(server) as child:
        child.finish(within_seconds=DEPLOY_SECONDS)
    end_cut_off_runs(server)
    drop_missed_runs(server, datetime.now(UTC))


def furnish(server: LocalServer) -> None:
    """Make the work pool and the automation that no deployment owns; the pool's template is ours at every start."""
    pools = {pool["name"]: pool for pool in server.ask("/work_pools/filter", {})}
    if POOL not in pools:
        server.ask("/work_pools/", {"name": POOL, "type": "process", "base_job_template": TEMPLATE})
    elif pools[POOL]["base_job_template"] != TEMPLATE:
        server.ask(f"/work_pools/{POOL}", {"base_job_template": TEMPLATE}, method="PATCH")
    if LIFELESS["name"] not in {automation["name"] for automation in server.ask("/automations/filter", {})}:
        server.ask("/automations/", LIFELESS)


def deploying(server: LocalServer) -> Child:
    """The program that deploys all of `prefect.yaml`."""
    return Child(
        name="Deploying prefect.yaml",
        command=[*PREFECT, "--no-prompt", "deploy", "--all", "--prefect-file", str(DEPLOYMENTS)],
        environment={**surroundings(), **server.environment()},
        folder=server.workspace.prefect_home,
        log=server.workspace.home / "logs" / "deploy.log",
    )


def end_cut_off_runs(server: LocalServer) -> int:
    """Declare the runs crashed that were under way when everything stopped; returns how many.

    Asked while no worker is there, so none of them lives. One that stays open keeps the only slot of its
    deployment for ever, since the server forgets at its end who holds it.
    """
    open_runs = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
    asked = {"flow_runs": {**open_runs, "deployment_id": {"is_null_": False}}, "limit": MISSED_AT_ONCE}
    crashed = {"type": "CRASHED", "name": "Crashed", "message": "Handrail was stopped. A new run completes it."}
    runs = server.ask("/flow_runs/filter", asked)
    for run in runs:
        server.ask(f"/flow_runs/{run['id']}/set_state", {"state": crashed})
    return len(runs)


def drop_missed_runs(server: LocalServer, now: datetime) -> int:
    """Drop the scheduled runs that fell due while nothing was running; returns how many.

    Each deployment keeps the newest. It makes up for all of them, since every flow takes up whatever is due.
    """
    scheduled = {"type": {"any_": ["SCHEDULED"]}}
    overdue = {"state": scheduled, "expected_start_time": {"before_": now.isoformat()}}
    asked = {"flow_runs": overdue, "sort": "EXPECTED_START_TIME_DESC", "limit": MISSED_AT_ONCE}
    dropped = 0
    seen: set[str] = set()
    for run in server.ask("/flow_runs/filter", asked):
        if run["auto_scheduled"] and run["deployment_id"] in seen:
            server.ask(f"/flow_runs/{run['id']}", method="DELETE")
            dropped += 1
        elif run["auto_scheduled"]:
            seen.add(run["deployment_id"])
    return dropped


def worker(server: LocalServer) -> Child:
    """The worker of the pool: it runs every flow as a process of its own."""
    return Child(
        name="The worker",
        command=[sys.executable, "-m", "flows.worker", POOL],
        environment={
            **surroundings(),
            **server.environment(),
            "PREFECT_WORKER_QUERY_SECONDS": str(POLL_SECONDS),
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        },
        folder=server.workspace.prefect_home,
        log=server.workspace.home / "logs" / "worker.log",
        is_ready=lambda: worker_is_ready(server),
    )


def worker_is_ready(server: LocalServer) -> bool:
    """Has a worker of the pool reported, so that runs begin?"""
    return any(known["status"] == "ONLINE" for known in server.ask(f"/work_pools/{POOL}/workers/filter", {}))

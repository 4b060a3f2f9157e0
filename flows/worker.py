"""The worker as a program of its own: `python -m flows.worker POOL`. It runs our own flows, and nothing else.

Whoever may speak to the Prefect server may give a run a command, an environment or a folder, a deployment steps that
come before it, and the pool a template. A worker of Prefect's own would execute them.
"""

import asyncio
import contextlib
import os
import sys
from uuid import UUID

from prefect import Flow
from prefect.client.schemas.objects import Flow as FlowRow
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.utilities.processutils import command_to_string, setup_signal_handlers_worker
from prefect.workers import process

from handrail.errors import Refused


def entrypoint_of(deployment: str) -> str:
    """The flow that a deployment of `prefect.yaml` runs: `sla-watch` means `flows.sla_watch.sla_watch`."""
    name = deployment.replace("-", "_")
    return f"flows.{name}.{name}"


def require_own(deployment: DeploymentResponse | None) -> str:
    """The flow to run, by the deployment's name.

    Raises:
        Refused: there is no deployment, or it says something else than `prefect.yaml`.
    """
    if deployment is None:
        raise Refused("This run has no deployment. Start a deployment of prefect.yaml.")
    own = entrypoint_of(deployment.name)
    is_name = deployment.name.replace("-", "_").isidentifier()  # no path, no module of a module
    if not is_name or deployment.entrypoint != own or deployment.pull_steps:
        raise Refused(
            f"The deployment {deployment.name} is not the one of prefect.yaml. Restart `handrail up`: it deploys that."
        )
    return own


class OwnRun(process.ProcessJobConfiguration):
    """How a run is started: our interpreter, the worker's environment, an empty folder, the flow of the deployment."""

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        flow: FlowRow | None = None,
        work_pool: WorkPool | None = None,
        worker_name: str | None = None,
        worker_id: UUID | None = None,
    ) -> None:
        """Replace whatever run, deployment and pool ask for.

        Raises:
            Refused: the run is none of ours.
        """
        # Named here, the flow is not looked up in the deployment a second time, when it may be another one.
        self.env = {"PREFECT__FLOW_ENTRYPOINT": require_own(deployment)}
        # Without a command Prefect puts a supervisor, in a session of its own, between the worker and each run: slower
        # to start, and left behind when the worker is killed.
        self.command = command_to_string([sys.executable, "-m", "prefect.engine"])
        self.working_dir = None
        super().prepare_for_flow_run(flow_run, deployment, flow, work_pool, worker_name, worker_id)


async def _without_hooks(_: FlowRun) -> Flow[[], None]:
    return Flow(lambda: None, name="without-hooks")


async def work(pool: str) -> None:
    """Run what falls due in `pool` until the first SIGTERM or SIGINT."""
    # Of a run that ends badly Prefect loads the flow into the worker itself, with whatever its deployment asks for by
    # then, to look for hooks. Ours have none.
    vars(process)["load_flow_from_flow_run"] = _without_hooks
    worker = process.ProcessWorker(work_pool_name=pool, create_pool_if_not_found=False)
    worker.job_configuration = OwnRun
    setup_signal_handlers_worker(os.getpid(), "the worker", print)
    with contextlib.suppress(asyncio.CancelledError):
        await worker.start()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))

"""What the worker runs: our own flows, started our way, whatever the run, its deployment or the pool ask for."""

import inspect
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.workers import process

from console.deployments import DEPLOYMENTS, TEMPLATE
from flows.worker import OwnRun, entrypoint_of, require_own
from handrail.errors import Refused


def deployment(**changed: Any) -> DeploymentResponse:  # noqa: ANN401 - of the row
    row = {"name": "sla-watch", "flow_id": uuid.uuid4(), "entrypoint": "flows.sla_watch.sla_watch", **changed}
    return DeploymentResponse.model_validate(row)


def run() -> FlowRun:
    return FlowRun(flow_id=uuid.uuid4(), name="a-run")


def test_every_deployment_is_named_for_the_flow_that_it_runs() -> None:
    text = DEPLOYMENTS.read_text(encoding="utf-8")
    names = [line.split("name:")[1].strip() for line in text.splitlines() if line.startswith("  - name:")]
    entrypoints = [line.split("entrypoint:")[1].strip() for line in text.splitlines() if "entrypoint:" in line]
    assert len(names) == 14
    assert [entrypoint_of(name) for name in names] == entrypoints


def test_no_deployment_brings_variables_or_steps_of_its_own() -> None:
    text = DEPLOYMENTS.read_text(encoding="utf-8")
    assert "job_variables:" not in text
    assert [line for line in text.splitlines() if "pull:" in line or "pull_steps" in line] == ["pull: []"]


def test_the_pools_template_leaves_nothing_to_ask_for() -> None:
    assert TEMPLATE["variables"]["properties"] == {}
    assert TEMPLATE["variables"]["additionalProperties"] is False
    assert "{{" not in str(TEMPLATE)


def test_what_a_run_asks_for_is_replaced_by_our_own() -> None:
    asked = OwnRun(command="touch mark", env={"PATH": "elsewhere", "PYTHONSTARTUP": "x.py"}, working_dir=Path.cwd())
    asked.prepare_for_flow_run(run(), deployment())
    assert asked.command == f"{sys.executable} -m prefect.engine"
    assert asked.working_dir is None
    assert asked.env["PREFECT__FLOW_ENTRYPOINT"] == "flows.sla_watch.sla_watch"
    assert asked.env["PATH"] != "elsewhere"
    assert "PYTHONSTARTUP" not in asked.env
    assert asked._command_configured, "or Prefect puts a supervisor between the worker and the run"


@pytest.mark.parametrize(
    "changed",
    [
        {"pull_steps": [{"prefect.deployments.steps.run_shell_script": {"script": "touch mark"}}]},
        {"entrypoint": "os.system"},
        {"entrypoint": None},
        {"name": "a.b", "entrypoint": "flows.a.b.a.b"},
        {"name": "a:b", "entrypoint": "flows.a:b.a:b"},
        {"name": "mine", "entrypoint": "flows.sla_watch.sla_watch"},
        {"entrypoint": "flows/sla_watch.py:sla_watch"},
    ],
)
def test_a_deployment_that_is_not_as_the_file_has_it_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"is not the one of prefect\.yaml\. Restart `handrail up`"):
        OwnRun().prepare_for_flow_run(run(), deployment(**changed))


def test_a_run_without_a_deployment_is_refused() -> None:
    with pytest.raises(Refused, match="Start a deployment"):
        require_own(None)


def test_prefect_still_looks_for_hooks_where_the_worker_answers_that_there_are_none() -> None:
    assert "resolve_flow=load_flow_from_flow_run" in inspect.getsource(process.ProcessWorker.run)
    assert "load_flow_from_flow_run" in vars(process)

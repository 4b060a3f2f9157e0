"""The local server, `handrail up` and the deployments, on real ports and real processes."""

import json
import os
import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from console import deployments
from flows.local_server import free_port, require_free
from handrail.store import alerts, cases, watch_runs
from handrail.store.engine import Store
from tests.served import Served, handrail, new_workspace_up

NAMES = {
    "triage",
    "shadow-scoring",
    "queue-assignment",
    "sla-watch",
    "audit-sampling",
    "quality-watch",
    "drift-detection",
    "fairness-watch",
    "agreement-watch",
    "retraining",
    "deployment",
    "retention",
    "kpi-report",
    "alerting",
}
ON_DEMAND = {"triage"}
CASES = """external_id,received_at,text
1,2026-01-05T09:00:00+00:00,Where is the refund for the blue kettle that I sent back?
2,2026-01-05T09:01:00+00:00,Please change my address to the new flat.
3,2026-01-05T09:02:00+00:00,The invoice of December names the wrong amount.
4,2026-01-05T09:03:00+00:00,I would like to move my appointment to Friday.
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A new workspace with everything running, deployed and ready."""
    with new_workspace_up(tmp_path_factory.mktemp("served")) as running:
        yield running


def test_every_flow_is_deployed_with_description_tags_schedule_and_one_run_at_a_time(served: Served) -> None:
    found = {deployment["name"]: deployment for deployment in served.ask("/deployments/filter", {})}
    assert set(found) == NAMES
    for name, deployment in found.items():
        assert len(deployment["description"]) > 40, name
        assert "handrail" in deployment["tags"], name
        assert bool(deployment["schedules"]) == (name not in ON_DEMAND), name
        assert deployment["global_concurrency_limit"]["limit"] == 1, name
        assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE", name
        assert deployment["work_pool_name"] == "handrail", name
        assert deployment["enforce_parameter_schema"], name
        assert deployment["pull_steps"] == [], name


def test_every_parameter_in_the_stewards_form_is_described_and_bounded(served: Served) -> None:
    for deployment in served.ask("/deployments/filter", {}):
        fields = deployment["parameter_openapi_schema"]["properties"]
        assert fields, deployment["name"]
        for name, field in fields.items():
            assert field.get("description"), f"{deployment['name']}: {name}"
    days = served.deployment("drift-detection")["parameter_openapi_schema"]["properties"]["days"]
    assert (days["minimum"], days["maximum"]) == (1, 366)
    cause = served.deployment("retraining")["parameter_openapi_schema"]["properties"]["cause"]
    assert cause["enum"] == ["when_due", "drift", "error_rate", "new_labels", "by_hand"]


def test_deleting_is_never_scheduled_unless_somebody_asks_for_it(served: Served) -> None:
    assert served.deployment("retention")["parameters"] == {"dry_run": True}


def test_schedules_make_runs(served: Served) -> None:
    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED"]}}}}

    def planned() -> set[str]:
        return {run["deployment_id"] for run in served.ask("/flow_runs/filter", scheduled) if run["auto_scheduled"]}

    expected = {served.deployment(name)["id"] for name in NAMES - ON_DEMAND}
    served.wait_for(lambda: planned() == expected, "a scheduled run of each deployment")


def test_a_file_triaged_through_the_servers_api_is_queued(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(CASES, encoding="utf-8")
    parameters = {"file": str(file), "as_of": "2026-01-05T12:00:00+00:00"}
    run = served.start("triage", **parameters)
    done = served.end_of(run)
    assert done["state_type"] == "COMPLETED", (served.workspace.home / "logs" / "worker.log").read_text()

    store = Store(served.workspace.database_url)
    with store.read() as connection:
        states = cases.state_counts(connection)
        routes = cases.route_counts(connection, 1)
    store.dispose()
    assert states == {"queued": 4}
    assert {queue for queue, _ in routes} == {"C"}  # no model, no automation

    assert {"triage-queues", "data-docs"} <= set(served.artifacts(run))  # beside what holds in a time long past
    assert served.workspace.data_docs.exists()

    def tasks() -> set[str]:
        found = served.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        return {task["name"].rsplit("-", 1)[0] for task in found if task["state_type"] == "COMPLETED"}

    served.wait_for(lambda: {"ingest", "gate", "redact", "score", "assign"} <= tasks(), "the record of its tasks")


EVENTS = {
    "handrail.drift.detected": "drift",
    "handrail.error_rate.exceeded": "error_rate",
    "handrail.labels.enough": "new_labels",
}


def test_each_event_starts_a_retraining_that_knows_its_cause(served: Served) -> None:
    for event in EVENTS:
        emitted = {
            "id": str(uuid.uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": event,
            "resource": {"prefect.resource.id": "handrail.business.sample"},
            "payload": {"business": "sample"},
        }
        served.server.ask("/events", [emitted])  # what `emit_event` sends

    def started() -> list[dict[str, Any]]:
        of_retraining = {"deployments": {"name": {"any_": ["retraining"]}}}
        runs = served.ask("/flow_runs/filter", of_retraining)
        return [dict(run) for run in runs if run["created_by"]["type"] == "AUTOMATION"]

    served.wait_for(lambda: len(started()) == len(EVENTS), "a retraining for each event")
    # Without a moment in its event it acts now.
    found = sorted((run["parameters"] for run in started()), key=lambda parameters: str(parameters["cause"]))
    assert found == [{"cause": cause, "as_of": ""} for cause in sorted(EVENTS.values())]

    # One at a time: the others wait for the first, which finds nothing to train in an empty workspace.
    def ended() -> list[dict[str, Any]]:
        return [run for run in started() if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED"}]

    first = served.wait_for(ended, "the end of a retraining")[0]
    assert first["state_type"] == "COMPLETED", (served.workspace.home / "logs" / "worker.log").read_text()
    assert "no model yet: 0 labels" in served.artifacts(first["id"])["retraining-triggers"]


def known_alerts(served: Served) -> set[tuple[str, str]]:
    store = Store(served.workspace.database_url)
    with store.read() as connection:
        found = {(row.kind, row.subject) for row in alerts.open_alerts(connection)}
    store.dispose()
    return found


def switch(served: Served, *, on: bool) -> None:
    """One deployment is paused, of another the schedule is off; or both run again."""
    served.ask(f"/deployments/{served.deployment('kpi-report')['id']}", {"paused": not on}, method="PATCH")
    other = served.deployment("fairness-watch")
    (schedule,) = other["schedules"]
    served.ask(f"/deployments/{other['id']}/schedules/{schedule['id']}", {"active": on}, method="PATCH")


OFF = {("watch_off", "kpi_report"), ("watch_off", "fairness_watch")}


def rename(served: Served, table: str, to: str) -> None:
    with closing(sqlite3.connect(served.workspace.home / "handrail.db", timeout=30)) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {to}")


def test_a_watch_that_is_switched_off_or_fails_in_prefect_is_an_alert_until_it_is_not(served: Served) -> None:
    switch(served, on=False)
    rename(served, "profiles", "away")
    try:
        failed = served.end_of(served.start("drift-detection"))
        assert failed["state_type"] == "FAILED"
        served.start("alerting")  # it asks its own server; the desk and it look for trouble
        wanted = OFF | {("watch_failing", "drift_detection")}
        served.wait_for(lambda: wanted <= known_alerts(served), "an alert of each")
    finally:
        rename(served, "away", "profiles")

    told = handrail(served.workspace, "watch", "--json")
    assert told.returncode == 0, told.stderr
    outcomes = {row["watch"]: row["outcome"] for row in json.loads(told.stdout)}
    assert (outcomes["kpi_report"], outcomes["fairness_watch"]) == ("off", "off"), "somebody meant it"
    assert outcomes["drift_detection"] == "succeeded", "what failed is due at once"
    status = handrail(served.workspace, "status").stdout
    assert "paused deployments: kpi-report" in status
    assert "does not start: fairness-watch (unscheduled)" in status

    switch(served, on=True)
    served.start("alerting")

    def all_on() -> bool:
        store = Store(served.workspace.database_url)
        with store.read() as connection:
            found = {one.off for one in watch_runs.runs(connection).values()}
        store.dispose()
        return found == {None}

    served.wait_for(all_on, "the news that both are on again")


def test_all_pages_answer_and_stay_on_this_machine(served: Served) -> None:
    known = json.loads(served.workspace.server_file.read_text())
    assert known["prefect_api"] == served.server.api_url
    for page in (known["prefect_ui"], known["mlflow"], f"{known['desk']}/sign-in", f"{known['desk']}/readyz"):
        with urlopen(page, timeout=10) as answer:  # noqa: S310 - our own http address
            assert answer.status == 200
    with urlopen(f"{known['prefect_ui']}/ui-settings", timeout=10) as answer:  # noqa: S310
        settings = json.load(answer)
    assert settings["api_url"] == served.server.api_url
    assert settings["available_uis"] == ["v1"]  # the other pages call an outside host
    assert settings["auth"] == "BASIC"


def test_the_address_of_the_desk_is_where_an_invitation_leads(served: Served) -> None:
    found = handrail(served.workspace, "people", "invite", "ada")
    link = found.stdout.splitlines()[0]
    assert link.startswith(f"http://127.0.0.1:{served.desk_port}/welcome?invitation=")
    with urlopen(link, timeout=10) as answer:  # noqa: S310 - our own http address
        assert "Welcome, ada" in answer.read().decode()


def test_a_second_up_is_refused_while_the_first_one_serves(served: Served) -> None:
    ports = ("--port", free_port(), "--mlflow-port", free_port(), "--desk-port", free_port())
    second = handrail(served.workspace, "up", *ports)
    assert second.returncode == 1
    assert "is up already" in second.stderr
    assert f"kill {served.process.pid} " in second.stderr


def test_a_second_start_finds_pool_and_automations_as_they_are(served: Served) -> None:
    names = {automation["name"] for automation in served.ask("/automations/filter", {})}
    assert names == {
        "A drift starts a retraining",
        "A high error rate starts a retraining",
        "Enough new labels start a retraining",
        "A run without a sign of life has crashed",
    }
    deployments.furnish(served.server)
    assert len(served.ask("/automations/filter", {})) == 4
    assert [pool["name"] for pool in served.ask("/work_pools/filter", {})] == ["handrail"]


def test_ctrl_c_stops_everything(served: Served) -> None:
    """The last one that asks for `served`: it ends what the others use."""
    known = json.loads(served.workspace.server_file.read_text())
    output = served.stop()
    assert served.process.returncode == 0
    assert "Ctrl-C stops everything." in output
    assert output.count(served.workspace.password()) == 1
    (link,) = re.findall(rf"http://127.0.0.1:{served.desk_port}/welcome\?invitation=(\S+)", output)
    log = (served.workspace.home / "logs" / "desk.log").read_text(encoding="utf-8")
    assert "GET /welcome HTTP" in log
    assert link not in log, "whoever reads the log must not be able to set the password"
    assert output.endswith("Stopped.\n")
    assert not served.workspace.server_file.exists()
    assert len(known["children"]) == 4
    for group in known["children"]:
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)
    require_free(served.server.port, "--port")
    require_free(served.mlflow_port, "--mlflow-port")
    require_free(served.desk_port, "--desk-port")

"""What the server holds before a worker begins, asked of a server that remembers what it was asked."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from console import deployments


class Remembering:
    """A server that lists runs and remembers what else it was asked."""

    def __init__(self, runs: list[dict[str, Any]]) -> None:
        self.runs = runs
        self.asked: list[Any] = []
        self.changes: list[Any] = []

    def ask(self, path: str, body: Mapping[str, Any] | None = None, *, method: str = "POST") -> Any:  # noqa: ANN401 - JSON
        if path == "/flow_runs/filter":
            self.asked.append(body)
            return self.runs
        self.changes.append((method, path, body))
        return None


def test_of_the_runs_missed_while_nothing_ran_each_deployment_makes_up_for_the_newest() -> None:
    def run(name: str, deployment: str, *, auto_scheduled: bool = True) -> dict[str, Any]:
        return {"id": name, "deployment_id": deployment, "auto_scheduled": auto_scheduled}

    by_hand = run("by hand", "sla", auto_scheduled=False)
    server = Remembering([run("new", "sla"), run("only", "kpi"), by_hand, run("old", "sla"), run("older", "sla")])
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert deployments.drop_missed_runs(server, now) == 2  # type: ignore[arg-type]
    assert server.changes == [("DELETE", "/flow_runs/old", None), ("DELETE", "/flow_runs/older", None)]
    (asked,) = server.asked
    assert asked["flow_runs"]["expected_start_time"] == {"before_": "2026-01-05T12:00:00+00:00"}
    assert asked["sort"] == "EXPECTED_START_TIME_DESC"  # newest first


def test_a_run_cut_off_when_everything_stopped_is_crashed_so_that_the_next_one_may_begin() -> None:
    server = Remembering([{"id": "cut"}])
    assert deployments.end_cut_off_runs(server) == 1  # type: ignore[arg-type]
    ((method, path, body),) = server.changes
    assert (method, path, body["state"]["type"]) == ("POST", "/flow_runs/cut/set_state", "CRASHED")
    (asked,) = server.asked
    assert set(asked["flow_runs"]["state"]["type"]["any_"]) == {"PENDING", "RUNNING", "CANCELLING"}
    assert asked["flow_runs"]["deployment_id"] == {"is_null_": False}  # a terminal's own run may well live

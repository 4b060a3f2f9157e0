"""Who may speak to the three servers of `handrail up`: the steward from their own pages, and no other site."""

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect

from console import deployments
from desk.permit import COOKIE
from flows.local_server import authorization
from handrail.acts import signing_in
from handrail.errors import RetryableError
from handrail.store import policies
from handrail.store.engine import Store
from tests import foreign
from tests.served import Served, new_workspace_up

OWN = re.compile(r"(http://(127\.0\.0\.1|localhost):|data:|blob:)")
BUSY, TRIES = 503, 10
"""Prefect's own server says so while its database is locked, and means: ask again."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A new workspace with everything running, deployed and ready."""
    with new_workspace_up(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(driver: Playwright) -> Iterator[Browser]:
    with foreign.browser(driver) as found:
        yield found


@pytest.fixture
def steward(served: Served, chromium: Browser) -> Iterator[BrowserContext]:
    """A browser in which the steward has signed in at the desk and has told Prefect's pages the password."""
    context = chromium.new_context()
    store = Store(served.workspace.database_url)
    with store.read() as connection:
        found = policies.in_force(connection)
    assert found is not None
    secret = signing_in.open_session(store, "ada", policy=found.policy, now=datetime.now(UTC))
    store.dispose()
    context.add_cookies([{"name": COOKIE, "value": secret, "url": "https://127.0.0.1", "secure": True}])
    page = context.new_page()
    page.goto(f"{served.server.ui_url}/login")
    page.locator("input[type=password]").fill(served.workspace.password())
    page.keyboard.press("Enter")
    expect(page.get_by_text("Deployments").first).to_be_visible(timeout=60_000)
    page.close()
    yield context
    context.close()


def test_the_steward_tells_the_pages_the_password_once_and_nothing_leaves_the_machine(
    served: Served, steward: BrowserContext
) -> None:
    run = served.end_of(served.start("retention", dry_run=True))["id"]
    left: list[str] = []
    steward.on("request", lambda request: left.append(request.url) if not OWN.match(request.url) else None)
    page = steward.new_page()
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text) if "Content Security" in message.text else None)
    links = {
        f"/runs/flow-run/{run}?tab=Logs": "retention",
        f"/deployments/deployment/{served.deployment('retention')['id']}/run": "dry_run",
        "/deployments": "kpi-report",
        "/v2/deployments": "kpi-report",
    }
    for path, shown in links.items():
        page.goto(f"{served.server.ui_url}{path}")
        expect(page.get_by_text(shown).first).to_be_visible(timeout=60_000)
        assert "/v2" not in page.url
    # By its other name it leads to the same page, where the password is known.
    page.goto(f"http://localhost:{served.server.port}/deployments")
    expect(page.get_by_text("kpi-report").first).to_be_visible(timeout=60_000)
    assert page.url.startswith(served.server.ui_url)
    page.goto(f"http://127.0.0.1:{served.mlflow_port}/#/experiments")
    expect(page.get_by_text("Default").first).to_be_visible(timeout=60_000)
    # From a page of the desk, which is another origin, a link leads to the run.
    page.goto(f"http://127.0.0.1:{served.desk_port}/operations")
    page.get_by_role("link", name="Runs of the flows").click()
    expect(page.get_by_text("Flow runs").first).to_be_visible(timeout=60_000)
    assert (left, blocked) == ([], [])


def test_a_page_of_another_site_starts_nothing_at_any_server_signed_in_or_not(
    served: Served, chromium: Browser, steward: BrowserContext, tmp_path: Path
) -> None:
    """The mark is what the issue's page made: a command of its own, executed by the worker."""
    before, mark = foreign.standing(served), tmp_path / "executed"
    stranger = chromium.new_context()
    calls = foreign.calls(served, mark)
    sockets = [f"ws://127.0.0.1:{port}/api/events/{way}" for port in served.ports for way in ("in", "out")]
    with foreign.foreign_site() as elsewhere:
        for context in (stranger, steward):
            for site in foreign.SITES:
                page = context.new_page()
                page.goto(f"http://{site}:{elsewhere}/")
                assert foreign.try_all(page, calls, sockets) == [], site
                page.close()
            # A name of the stranger's own that leads to the server itself: the page would take itself for the server's.
            for name in foreign.REBOUND:
                for port in served.ports:
                    page = context.new_page()
                    answer = page.goto(f"http://{name}:{port}/")
                    assert answer is not None
                    assert answer.status == 421, (name, port)
                    page.close()
    stranger.close()
    assert foreign.standing(served) == before
    assert not mark.exists()


def test_what_stays_outside_for_others_works_from_the_servers_own_pages(
    served: Served, steward: BrowserContext, tmp_path: Path
) -> None:
    """Or the test before would show nothing."""
    before = foreign.standing(served)
    page = steward.new_page()
    page.goto(served.server.ui_url)
    send = """async ([method, url, body, headers]) => (await fetch(url, {method, body: JSON.stringify(body),
              headers: {'content-type': 'application/json', ...headers}})).status"""
    identity = served.deployment("retention")["id"]
    told = authorization(served.workspace.password())
    started = f"{served.server.api_url}/deployments/{identity}/create_flow_run"
    assert page.evaluate(send, ["POST", started, {}, {}]) == 401
    answers = [page.evaluate(send, ["POST", started, {}, told])]
    while answers[-1] == BUSY and len(answers) < TRIES:
        page.wait_for_timeout(1_000)
        answers.append(page.evaluate(send, ["POST", started, {}, told]))
    assert answers[-1] == 201
    page.goto(f"http://127.0.0.1:{served.mlflow_port}/")
    assert page.evaluate(send, ["POST", "/ajax-api/2.0/mlflow/experiments/create", {"name": "own"}, {}]) == 200
    page.goto(f"http://127.0.0.1:{served.desk_port}/operations")
    form = page.locator("form[action='/operations/pause']").first
    form.evaluate(
        "form => { for (let up = form; up; up = up.parentElement) if (up.tagName === 'DETAILS') up.open = true }"
    )
    form.get_by_role("textbox").fill("seen from the desk's own page")
    form.get_by_role("button").click()
    expect(page.get_by_text("seen from the desk's own page").first).to_be_visible()
    after = foreign.standing(served)
    assert len(after["runs"]) == len(before["runs"]) + 1
    assert after["experiments"] == sorted([*before["experiments"], "own"])
    assert after["pauses"] == before["pauses"] + 1


def test_who_knows_the_password_can_start_our_flows_and_no_command(served: Served, tmp_path: Path) -> None:
    mark, own = tmp_path / "executed", f"/deployments/{served.deployment('retention')['id']}"
    asked = {"command": f"touch {mark}", "env": {"PREFECT__FLOW_ENTRYPOINT": "os.system"}, "working_dir": str(tmp_path)}
    for name, value in asked.items():
        with pytest.raises(RetryableError, match="422"):
            served.ask(f"{own}/create_flow_run", {"job_variables": {name: value}})
    served.ask(own, {"job_variables": asked}, method="PATCH")
    with pytest.raises(RetryableError, match="422"):
        served.ask(f"{own}/create_flow_run", {})

    # The pool's template is a word of the server's: with another one it lets all of it through, and the worker does not
    # listen.
    template = {"job_configuration": asked, "variables": {"type": "object", "properties": {}}}
    served.ask("/work_pools/handrail", {"base_job_template": template}, method="PATCH")
    run = served.end_of(served.ask(f"{own}/create_flow_run", {"job_variables": asked})["id"])
    assert run["state_type"] == "COMPLETED"
    assert served.artifacts(run["id"])

    # Nor does it do what a deployment wants done before its flow.
    steps = [{"prefect.deployments.steps.run_shell_script": {"script": f"touch {mark}"}}]
    served.ask(own, {"pull_steps": steps}, method="PATCH")
    refused = served.end_of(served.start("retention", dry_run=True))
    assert refused["state_type"] == "CRASHED"
    assert "is not the one of prefect.yaml. Restart `handrail up`" in refused["state"]["message"]
    assert not mark.exists()

    # The next start of `handrail up` mends all of it, as it does in a workspace of an earlier version.
    deployments.prepare(served.server)
    assert [pool["base_job_template"] for pool in served.ask("/work_pools/filter", {})] == [deployments.TEMPLATE]
    mended = served.deployment("retention")
    assert (mended["pull_steps"], mended["job_variables"]) == ([], {})


def test_nothing_but_its_file_holds_the_password(served: Served) -> None:
    password = served.workspace.password()
    for text in (password, next(iter(authorization(password).values())).split()[1]):
        found = subprocess.run(
            ["grep", "-rl", text, str(served.workspace.home)], capture_output=True, text=True, check=False
        )
        assert found.stdout.split() in ([str(served.workspace.password_file)], []), text
        shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert text not in shown

"""Pages of other sites in a real browser, and all that they try against the servers of `handrail up`."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from mlflow import MlflowClient
from playwright.sync_api import Browser, Page, Playwright

from handrail.store import pauses as stored_pauses
from handrail.store import staff
from handrail.store.engine import Store
from tests.served import Served

SITES = ("127.0.0.1", "localhost", "evil.test")
"""The same machine on another port (the same *site*, so that cookies travel), its other name, and a stranger."""
REBOUND = ("evil.test", "10.evil.test")
"""Names that lead to this machine although they are none of its own; MLflow takes the second for a local address."""

TRY = """
async ({calls, sockets}) => {
  const opened = [];
  // What is never answered counts as refused: no attempt keeps the others, or the test, waiting.
  const within = 10000, soon = attempt => Promise.race([attempt, new Promise(done => setTimeout(done, within))]);
  const attempt = async (url, options) => {
    try {
      const answer = await fetch(url, {credentials: 'include', signal: AbortSignal.timeout(within), ...options});
      // Of an opaque answer the page learns nothing; what it may have done is looked for afterwards.
      if (answer.type !== 'opaque') opened.push(`${options.method} ${url}: ${answer.status}`);
    } catch (error) { /* refused by the browser */ }
  };
  const form = (url, text) => new Promise(done => {
    const frame = document.createElement('iframe'), sent = document.createElement('form');
    frame.name = `f${Math.random()}`;
    Object.assign(sent, {method: 'post', action: url, target: frame.name,
                         enctype: text ? 'text/plain' : 'application/x-www-form-urlencoded'});
    // As text this is JSON: the sign between name and value falls into a string.
    const head = text && text.slice(0, -1);
    const body = text ? {[`${head}${head === '{' ? '' : ','}"x":"`]: '"}'}
                      : {reason: 'x', category: 'refund_request', csrf: ''};
    for (const [name, value] of Object.entries(body)) {
      const field = document.createElement('input');
      Object.assign(field, {name, value});
      sent.append(field);
    }
    document.body.append(frame, sent);
    frame.onload = () => { if (frame.contentDocument?.body?.innerText) opened.push(`frame ${url}`); };
    sent.submit();
    setTimeout(done, 300);
  });
  const tag = (name, url) => soon(new Promise(done => {
    const made = document.createElement(name);
    made.onload = () => { opened.push(`${name} ${url}`); done(); };
    made.onerror = done;
    made.src = url;
    document.body.append(made);
  }));
  const socket = url => soon(new Promise(done => {
    const made = new WebSocket(url, 'prefect');
    made.onopen = () => { opened.push(`socket ${url}`); done(); };
    made.onerror = done;
  }));
  for (const [method, url, body] of calls) {
    const text = body === null ? undefined : JSON.stringify(body);
    if (method === 'GET') {
      await Promise.all([attempt(url, {method}), attempt(url, {method, mode: 'no-cors'}), tag('img', url),
                         tag('script', url)]);
      continue;
    }
    const json = {'content-type': 'application/json'};
    await Promise.all([
      attempt(url, {method, headers: json, body: text}),
      attempt(url, {method, headers: {...json, authorization: 'Basic ' + btoa('admin:pass')}, body: text}),
    ]);
    if (method === 'POST') {
      await Promise.all([
        attempt(url, {method, body: text}),
        attempt(url, {method, mode: 'no-cors', body: text}),
        // Without a type: Prefect takes such a body for JSON.
        attempt(url, {method, mode: 'no-cors', body: new Blob([text])}),
        attempt(url, {method, mode: 'no-cors', body: new URLSearchParams({reason: 'x', category: 'refund_request'})}),
        form(url, text), form(url, null),
      ]);
    }
  }
  await Promise.all(sockets.map(socket));
  return opened;
}
"""
"""What a page can do with an address; gives back what was answered so that the page could see it."""

Call = tuple[str, str, dict[str, Any] | list[Any] | None]


@contextmanager
def browser(driver: Playwright) -> Iterator[Browser]:
    """Chromium for which the foreign names lead to this machine; skips, and says so, where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on this machine: apt-get install chromium")
    rules = ", ".join(f"MAP {name} 127.0.0.1" for name in REBOUND)
    found = driver.chromium.launch(executable_path=path, args=["--no-sandbox", f"--host-resolver-rules={rules}"])
    yield found
    found.close()


@contextmanager
def foreign_site() -> Iterator[int]:
    """A site that has an empty page at every address; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Elsewhere</title><body>Elsewhere")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def try_all(page: Page, calls: list[Call], sockets: list[str]) -> list[str]:
    """Let the page try everything; what it was answered and could see."""
    return list(page.evaluate(TRY, {"calls": calls, "sockets": sockets}))


def standing(served: Served) -> dict[str, Any]:
    """All that a foreign page could have changed at the three servers."""
    by_hand = [run["id"] for run in served.ask("/flow_runs/filter", {}) if not run["auto_scheduled"]]
    store = Store(served.workspace.database_url)
    with store.read() as connection:
        pauses, people = len(stored_pauses.pauses(connection)), len(staff.people(connection))
    store.dispose()
    models = MlflowClient(served.workspace.mlflow_uri)
    return {
        "runs": sorted(by_hand),
        "deployments": sorted((row["name"], row["paused"]) for row in served.ask("/deployments/filter", {})),
        "pools": [(row["name"], row["base_job_template"]) for row in served.ask("/work_pools/filter", {})],
        "automations": len(served.ask("/automations/filter", {})),
        "experiments": sorted(row.name for row in models.search_experiments()),
        "models": sorted(row.name for row in models.search_registered_models()),
        "pauses": pauses,
        "people": people,
    }


def calls(served: Served, mark: Path) -> list[Call]:
    """Requests that would change something at the servers; Prefect's would make `mark`."""
    prefect, mlflow, desk = (f"http://127.0.0.1:{port}" for port in served.ports)
    identity = served.deployment("retention")["id"]
    run = {"parameters": {}, "job_variables": {"command": f"touch {mark}"}}
    event = {
        "occurred": datetime.now(UTC).isoformat(),
        "event": "handrail.drift.detected",
        "id": str(uuid.uuid4()),
        "resource": {"prefect.resource.id": "handrail.business.sample"},
        "payload": {},
    }
    return [
        ("GET", f"{prefect}/api/deployments/{identity}", None),
        ("POST", f"{prefect}/api/deployments/{identity}/create_flow_run", run),
        ("POST", f"{prefect}/api/deployments/{identity}/create_flow_run", {}),
        ("POST", f"{prefect}/api/deployments/{identity}/pause_deployment", {}),
        ("DELETE", f"{prefect}/api/deployments/{identity}", None),
        ("POST", f"{prefect}/api/work_pools/", {"name": "foreign", "type": "process"}),
        ("PATCH", f"{prefect}/api/work_pools/handrail", {"base_job_template": {}}),
        ("POST", f"{prefect}/api/events", [event]),
        ("GET", f"{mlflow}/ajax-api/2.0/mlflow/experiments/search?max_results=5", None),
        ("POST", f"{mlflow}/api/2.0/mlflow/experiments/create", {"name": "foreign"}),
        ("POST", f"{mlflow}/ajax-api/2.0/mlflow/experiments/create", {"name": "foreign too"}),
        ("POST", f"{mlflow}/ajax-api/2.0/mlflow/registered-models/create", {"name": "foreign"}),
        ("DELETE", f"{mlflow}/ajax-api/2.0/mlflow/registered-models/alias?name=sample&alias=champion", None),
        ("POST", f"{mlflow}/graphql", {"query": "{ __typename }"}),
        ("GET", f"{desk}/operations", None),
        ("POST", f"{desk}/operations/pause", {"reason": "foreign", "category": "refund_request"}),
        ("POST", f"{desk}/people/add", {"name": "foreign", "role": "model_steward"}),
        ("POST", f"{desk}/api/v1/cases", {"cases": []}),
    ]

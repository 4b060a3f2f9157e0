"""Every page as somebody who may open it sees it: accessible in light and dark, quiet, alone with its own host."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, ConsoleMessage, Page
from sqlalchemy import update

from desk.app import create_app
from desk.permit import Permit
from desk.routes import ROUTERS
from handrail.acts import disputing, escalating, handing, labelling, pausing
from handrail.errors import PermanentError
from handrail.permissions import PERMITTED
from handrail.store import schema
from handrail.workspace import Workspace
from tests.desks import served, signed_in_context
from tests.operating import stuck
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, POLICY, Scene

NO_PAGES = {
    "/",  # leads on to the first page of the menu
    "/healthz",
    "/readyz",
    "/review/key",
    "/review/after",
    "/review/{item}/because",  # for programs and the script
    "/training/tests/{test}",  # only of a finished test
}
REFUSED = {"/welcome": 422}
"""Pages that are looked at where they refuse: a link that lets somebody in is good once."""
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def busy(tmp_workspace: Workspace) -> Iterator[tuple[FastAPI, dict[str, str]]]:
    """A desk with something on every page, and an example in the place of each route's parameter."""
    app = create_app(tmp_workspace, clock=lambda: NOW)
    scene = Scene(app.state.desk.store)
    scene.waiting(4)
    scene.waiting(2, suggestion_hidden=True)
    scene.audit(scene.automatic(2))
    contested, rejected = scene.waiting(2)
    scene.decide(contested)
    dispute = disputing.open_dispute(scene.store, contested, "Not so.", actor="remo", policy=POLICY, now=NOW)
    scene.decide(rejected, "deny", reason_code="legal")
    (late,) = scene.waiting(1, at=NOW - timedelta(hours=5))
    escalating.escalate_breaches(scene.store, policy=POLICY, actor=FLOW, now=NOW)
    held = scene.claim(scene.waiting(1)[0], MANAGER)
    stuck(scene, PermanentError("There is no such account. Correct it."))
    letters = pd.DataFrame({"text": ["Where is it?", "Money back, please."], "label": ["tracking", "refund"]})
    labelling.write(scene.store, letters, actor=FOUNDER, policy=POLICY, now=NOW)
    with scene.store.write() as connection:
        connection.execute(update(schema.CaseInput).values(redacted="Please send my money back."))
    pausing.pause(scene.store, "tracking", reason="we look at it", policy=POLICY, actor=FOUNDER, now=NOW)
    handing.set_away(scene.store, "ron", NOW, None, actor=FOUNDER, now=NOW)
    work = {row["kind"]: row["id"] for row in scene.rows(schema.WorkItem, state="open")}
    yield (
        app,
        {
            "/cases/{case_id}": f"/cases/{contested}",
            "/disputes/new": f"/disputes/new?case={rejected}",
            "/disputes/{number}": f"/disputes/{dispute}",
            "/disputes/{number}/packet": f"/disputes/{dispute}/packet",
            "/escalations/late/{case}": f"/escalations/late/{late}",
            "/escalations/{item}": f"/escalations/{work['escalation']}",
            "/operations/stage/{category}": "/operations/stage/refund?to=suggest",
            "/people/person": "/people/person?name=rita",
            "/review/{item}/more": f"/review/{held.item_id}/more",
            "/training/gold/new": f"/training/gold/new?case={contested}",
            "/welcome": "/welcome?key=unknown",
        },
    )
    app.state.desk.close()


def addresses() -> list[tuple[str, str | None]]:
    """Every page's path with the act that it asks for, None for a public one."""
    found = []
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and "GET" in route.methods and route.path not in NO_PAGES:
                asked = [one.call.act for one in route.dependant.dependencies if isinstance(one.call, Permit)]
                found.append((route.path, asked[0] if asked else None))
    return sorted(found)


def look(page: Page, address: str, axe: Axe) -> list[str]:
    """What is wrong with a page."""
    answer = page.goto(address)
    wrong = []
    if answer is None or answer.status != REFUSED.get(urlsplit(address).path, 200):
        wrong.append(f"{address}: {answer and answer.status}")
    if page.locator("h1").count() != 1:
        wrong.append(f"{address}: {page.locator('h1').count()} h1")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        wrong.append(f"{address}: {wide} px too wide")
    return wrong + [f"{address}: {one['id']}: {one['help']}" for one in axe.run(page).response["violations"]]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_quiet_and_asks_no_other_host(
    busy: tuple[FastAPI, dict[str, str]], chromium: Browser, scheme: str
) -> None:
    app, examples = busy
    wrong: list[str] = []
    with served(app) as address:
        options = {"color_scheme": scheme, "viewport": PHONE if scheme == "dark" else None}
        people = {name: signed_in_context(chromium, app, address, name, **options) for name in (FOUNDER, MANAGER)}
        pages = {name: context.new_page() for name, context in people.items()}
        said: list[str] = []
        for page in pages.values():
            page.on("console", lambda line: said.append(worth_telling(line)))
            page.on("pageerror", lambda fault: said.append(str(fault)))
            page.on(
                "request",
                lambda asked: urlsplit(asked.url).netloc == urlsplit(address).netloc or said.append(asked.url),
            )
        seen = 0
        for path, act in addresses():
            who = MANAGER if act is not None and PERMITTED[act].intersection({"escalation_manager"}) else FOUNDER
            said.clear()
            wrong += look(pages[who], examples.get(path, path), Axe())
            wrong += [f"{path}: {line}" for line in said if line]
            seen += 1
        for context in people.values():
            context.close()
    assert wrong == []
    assert seen > 25


def worth_telling(line: ConsoleMessage) -> str:
    """Errors and warnings; that a page answered with a refusal is none of them."""
    if line.type not in {"error", "warning"} or "Failed to load resource" in line.text:
        return ""
    return line.text

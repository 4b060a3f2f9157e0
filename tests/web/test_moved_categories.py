"""After a category has left the policy every page opens, and what waits can be worked off at the desk."""

import pytest
from fastapi import FastAPI

from handrail.acts import pausing
from handrail.policy import Policy
from handrail.store import schema
from tests.contesting import contest, send
from tests.desks import Client
from tests.scenes import FOUNDER, MANAGER, NOW, POLICY, Scene


def without_refunds(**entries: object) -> Policy:
    """The shop's policy with refunds under another name, or without them."""
    body = POLICY.model_dump()
    body["categories"]["money_back"] = body["categories"].pop("refund")
    return Policy.model_validate({**body, **entries})


@pytest.mark.parametrize("entries", [{"renamed": {"refund": "money_back"}}, {"retired": {"refund": {}}}])
def test_no_page_trips_over_a_category_that_is_no_more(
    app: FastAPI, scene: Scene, signed_in: Client, entries: dict[str, object]
) -> None:
    decided = scene.automatic(2)
    scene.audit(decided[:1])
    send(scene)
    contest(scene, decided[1])
    waiting = [*scene.waiting(2), *scene.waiting(1, queue="C", suggestion_hidden=True)]
    (escalated,) = scene.waiting(1)
    scene.decide(escalated, "deny", reason_code="legal")
    pausing.pause(scene.store, "refund", reason="odd", policy=POLICY, actor=FOUNDER, now=NOW)
    scene.publish(without_refunds(**entries))
    pages = sorted({route.path for route in app.routes if "GET" in (getattr(route, "methods", None) or ())})
    founder, manager, reviewer = (signed_in(name) for name in (FOUNDER, MANAGER, "rita"))
    plain = [page for page in pages if "{" not in page and not page.startswith(("/leave", "/static"))]
    assert {"/operations", "/cases", "/review", "/monitoring"} <= set(plain)
    cases = [f"/cases/{case_id}" for case_id in (*decided, *waiting, escalated)]
    escalations = [f"/escalations/{row['id']}" for row in scene.rows(schema.WorkItem, state="open")]
    for client in (founder, manager, reviewer):
        for page in (*plain, *cases, *escalations):
            assert client.get(page).status_code < 500, page
    if "renamed" in entries:
        answer = founder.post("/operations/resume", data={"category": "money_back", "reason": "looked at"})
        assert answer.status_code == 303
    assert {row["until"] for row in scene.rows(schema.Pause)} == {NOW}

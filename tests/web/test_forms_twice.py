"""A form that is sent twice, by a double click or the browser's back button, does what it does once."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from handrail.acts import handing, intake
from handrail.store import schema
from handrail.store.schema import Base
from tests.desks import Client
from tests.operating import two_versions
from tests.routes import every_route
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, Scene

CALLS = "/api/"
HARMLESS = {
    "/alerts/channels/{name}/test": "tells the channel again, as asked",
    "/cases/export": "only reads, and the trail counts each time",
    "/cases/{case_id}/raw": "only reads, and the trail counts each time",
    "/me/leave": "writes the same absence again",
    "/me/password": "asks for the old password, which is old by then",
    "/me/sessions/end": "ends what has ended",
    "/me/shortcuts": "writes the same choice again",
    "/people/change": "writes the same roles again",
    "/people/deactivate": "ends what has ended",
    "/people/invite": "the new link ends the one before",
    "/people/leave": "writes the same absence again",
    "/review/next": "claims only up to the policy's bound, and leases end",
    "/review/renew": "prolongs",
    "/sign-in": "opens a session, and ends the browser's one before",
    "/sign-out": "ends what has ended",
    "/training/labels/{number}/again": "asks for the next cases, and never for one that is asked for already",
    "/welcome": "the link works once",
}
"""Forms that may be sent again, and why."""
BY_STATE = {
    "/alerts/{number}/acknowledge",
    "/bulk",
    "/disputes/{number}",
    "/escalations/late/{case}/acknowledge",
    "/escalations/late/{case}/hand-over",
    "/escalations/{item}",
    "/operations/models/promote",
    "/operations/proposals/{number}/confirm",
    "/operations/proposals/{number}/refuse",
    "/operations/proposals/{number}/withdraw",
    "/operations/reviews/{number}/close",
    "/operations/actions/{number}/abandon",
    "/operations/actions/{number}/confirm",
    "/operations/actions/{number}/retry",
    "/people/add",
    "/training/begin",
    "/training/gold",
    "/training/gold/{case}/retire",
    "/training/people/{name}/cancel",
    "/training/people/{name}/test",
    "/training/practice/{case}",
}
"""Forms that name one thing, whose own state or fence lets the act happen once."""


@dataclass(frozen=True)
class Form:
    """A form that succeeds."""

    client: TestClient
    path: str
    fields: dict[str, Any] = field(default_factory=dict)


Make = Callable[[FastAPI, Scene, Client], Form]


def _held(path: str, **fields: object) -> Make:
    def make(_: FastAPI, scene: Scene, signed_in: Client) -> Form:
        (case,) = scene.waiting(1)
        claim = scene.claim(case)
        return Form(signed_in("rita"), path.format(item=claim.item_id), {"fence": claim.fence, **fields})

    return make


def _undo(_: FastAPI, scene: Scene, signed_in: Client) -> Form:
    (case,) = scene.waiting(1)
    scene.decide(case)
    return Form(signed_in("rita"), "/review/undo", {"after": scene.row(schema.Decision)["id"]})


def _dispute(_: FastAPI, scene: Scene, signed_in: Client) -> Form:
    (case,) = scene.automatic(1)
    return Form(signed_in(MANAGER), "/disputes", {"case": case, "text": "not what I wanted"})


def _token(_: FastAPI, __: Scene, signed_in: Client) -> Form:
    client = signed_in("rita")
    once = re.search(r'name="once" value="([0-9a-f]+)"', client.get("/tokens").text)
    assert once
    return Form(client, "/tokens", {"name": "the shop", "days": "30", "scope": ["decide"], "once": once[1]})


def _revoke(app: FastAPI, scene: Scene, signed_in: Client) -> Form:
    made = _token(app, scene, signed_in)
    made.client.post(made.path, data=made.fields)
    return Form(made.client, "/tokens/1/revoke")


def _written(_: FastAPI, scene: Scene, signed_in: Client) -> Form:
    scene.add_person("dora", "data_curator")
    return Form(signed_in("dora"), "/training/gold/written", {"text": "where is my parcel", "label": "tracking"})


def _operated(path: str, **fields: str) -> Make:
    return lambda _, __, signed_in: Form(signed_in(FOUNDER), path, {"reason": "odd", **fields})


def _resume(_: FastAPI, __: Scene, signed_in: Client) -> Form:
    client = signed_in(FOUNDER)
    client.post("/operations/pause", data={"reason": "odd", "category": "refund"})
    return Form(client, "/operations/resume", {"reason": "checked", "category": "refund"})


def _roll_back(app: FastAPI, _: Scene, signed_in: Client) -> Form:
    two_versions(app)
    return Form(signed_in(FOUNDER), "/operations/models/roll-back", {"version": "2", "reason": "worse"})


def _hold(_: FastAPI, scene: Scene, signed_in: Client) -> Form:
    (case,) = scene.waiting(1)
    return Form(signed_in(MANAGER), f"/cases/{case}/hold", {"reason": "a lawsuit"})


def _release(app: FastAPI, scene: Scene, signed_in: Client) -> Form:
    held = _hold(app, scene, signed_in)
    held.client.post(held.path, data=held.fields)
    return Form(held.client, held.path.replace("hold", "release"), {"reason": "it is over"})


def _withdraw(_: FastAPI, scene: Scene, signed_in: Client) -> Form:
    scene.add_person("cora", "data_curator")
    (case,) = scene.waiting(1, queue="C", reason="stage_shadow", stage="shadow", suggestion_hidden=True)
    scene.decide(case, "override", "ron", label="refund")
    fields = {"reviewer": "ron", "since": NOW.isoformat(), "reason": "He clicked through."}
    return Form(signed_in("cora"), "/training/labels", fields)


def _reinstate(app: FastAPI, scene: Scene, signed_in: Client) -> Form:
    form = _withdraw(app, scene, signed_in)
    form.client.post(form.path, data=form.fields)
    return Form(form.client, "/training/labels/1/reinstate", {"reason": "A mistake."})


def _recall(_: FastAPI, scene: Scene, signed_in: Client) -> Form:
    (case,) = scene.waiting(1)
    handing.skip(scene.store, scene.claim(case).item_id, "rita", policy=scene.policy, now=NOW)
    return Form(signed_in("rita"), "/review/recall")


def _stopped(way: str) -> Make:
    def make(app: FastAPI, scene: Scene, signed_in: Client) -> Form:
        app.state.intake.wake = lambda: None  # what brings released cases to their queues writes as well
        batch = scene.take_in({"external_id": "e-1"}, bad=["b-1"]).delivery.batch_id
        assert batch is not None
        intake.close_batch(scene.store, batch, "stopped", actor=FLOW, now=NOW)
        return Form(signed_in(FOUNDER), f"/deliveries/{batch}/{way}", {"reason": "looked at"})

    return make


EXAMPLES: dict[str, Make] = {
    "/cases/{case_id}/hold": _hold,
    "/cases/{case_id}/release": _release,
    "/deliveries/{number}/reject": _stopped("reject"),
    "/deliveries/{number}/release": _stopped("release"),
    "/disputes": _dispute,
    "/operations/models/roll-back": _roll_back,
    "/operations/pause": _operated("/operations/pause", category="refund"),
    "/operations/resume": _resume,
    "/operations/stage/{category}": _operated("/operations/stage/refund", to="suggest"),
    "/review/recall": _recall,
    "/review/undo": _undo,
    "/review/{item}": _held("/review/{item}", outcome="approve"),
    "/review/{item}/hand-over": _held("/review/{item}/hand-over", to="ruth", reason="hers"),
    "/review/{item}/release": _held("/review/{item}/release"),
    "/review/{item}/skip": _held("/review/{item}/skip"),
    "/review/{item}/snooze": _held("/review/{item}/snooze", minutes="60"),
    "/tokens": _token,
    "/tokens/{number}/revoke": _revoke,
    "/training/gold/written": _written,
    "/training/labels": _withdraw,
    "/training/labels/{number}/reinstate": _reinstate,
}


def forms() -> set[str]:
    """The address of every form of the desk."""
    return {route.path for method, route in every_route() if method == "POST" and not route.path.startswith(CALLS)}


def test_every_form_is_sent_twice_or_says_why_not() -> None:
    assert forms() == {*EXAMPLES, *HARMLESS, *BY_STATE}


@pytest.mark.parametrize("path", sorted(EXAMPLES))
def test_a_form_that_is_sent_again_changes_nothing(path: str, app: FastAPI, scene: Scene, signed_in: Client) -> None:
    form = EXAMPLES[path](app, scene, signed_in)
    first = form.client.post(form.path, data=form.fields)
    assert first.status_code in {200, 303}, first.text
    before = everything(scene)
    again = form.client.post(form.path, data=form.fields)
    assert again.status_code < 500
    assert everything(scene) == before


def test_a_token_that_was_made_is_not_shown_again_and_the_page_says_what_to_do(
    app: FastAPI, scene: Scene, signed_in: Client
) -> None:
    form = _token(app, scene, signed_in)
    assert "handrail_" in form.client.post(form.path, data=form.fields).text
    again = form.client.post(form.path, data=form.fields)
    assert "handrail_" not in again.text
    assert "Token 1 was made already" in again.text
    assert scene.count(schema.Token) == 1


def everything(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """Every row but the sessions', which note each click."""
    tables: list[type[Base]] = [mapper.class_ for mapper in Base.registry.mappers]
    return {one.__tablename__: scene.rows(one) for one in tables if one.__tablename__ != "sessions"}

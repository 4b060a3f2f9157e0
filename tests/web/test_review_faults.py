from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from handrail.errors import DatabaseBusy
from handrail.store import schema
from tests.desks import Client
from tests.reviewing import JSON, at, decide, on_screen
from tests.scenes import NOW, POLICY, Scene


def test_a_double_click_is_recorded_once(scene: Scene, signed_in: Client) -> None:
    scene.waiting(1)
    rita = signed_in("rita")
    page = rita.get("/review").text
    seen = on_screen(page)
    answers = [
        rita.post(f"/review/{seen['item']}", data={"fence": seen["fence"], "outcome": "approve"}, headers=JSON)
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["undo_seconds"] == 10
    assert (scene.count(schema.Decision), scene.count(schema.Outbox)) == (1, 1)


def test_the_back_button_changes_no_decision(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    rita = signed_in("rita")
    page = rita.get("/review").text
    decide(rita, page)
    again = decide(rita, page, "deny", reason="duplicate")
    assert again.status_code == 409
    assert f"You have approved case {case} already" in again.text
    assert scene.row(schema.Decision)["outcome"] == "approve"


def test_a_case_decided_elsewhere_is_said_so(app: FastAPI, scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    rita = signed_in("rita")
    page = rita.get("/review").text
    late = NOW + POLICY.leases.duration
    scene.decide(case, "deny", "ruth", late, reason_code="duplicate")
    at(app, late)
    refused = decide(rita, page)
    assert refused.status_code == 409
    assert "decided by somebody else" in refused.text
    assert scene.count(schema.Decision) == 1


def test_who_comes_back_late_still_decides_unless_somebody_took_the_case(
    app: FastAPI, scene: Scene, signed_in: Client
) -> None:
    kept, taken = scene.waiting(2)
    rita = signed_in("rita")
    first = rita.get("/review").text
    late = NOW + POLICY.leases.duration
    at(app, late)
    assert decide(rita, first).status_code == 303
    assert scene.state(kept) == "decided"
    second = rita.get("/review").text
    much_later = late + POLICY.leases.duration
    scene.claim(taken, "ruth", much_later)
    at(app, much_later)
    refused = decide(rita, second)
    assert refused.status_code == 409
    assert "no longer yours" in refused.text
    assert scene.state(taken) == "queued"


def test_without_a_session_nothing_is_recorded_and_the_case_waits(
    app: FastAPI, scene: Scene, signed_in: Client
) -> None:
    (case,) = scene.waiting(1)
    rita = signed_in("rita")
    seen = on_screen(rita.get("/review").text)
    at(app, NOW + POLICY.desk.session)
    fields = {"fence": seen["fence"], "outcome": "approve"}
    asked = rita.post(f"/review/{seen['item']}", data=fields)
    assert asked.status_code == 303
    assert asked.headers["location"].startswith("/sign-in")
    assert rita.post(f"/review/{seen['item']}", data=fields, headers=JSON).status_code == 401
    assert scene.state(case) == "queued"
    assert f"Case {case}" in signed_in("rita").get("/review").text


def test_a_page_that_outlived_its_session_gets_the_new_secret(scene: Scene, signed_in: Client) -> None:
    rita = signed_in("rita")
    assert rita.get("/review/key").json() == {"csrf": rita.headers["X-CSRF"]}


def test_a_busy_database_is_said_so_and_nothing_is_written(
    app: FastAPI, scene: Scene, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.waiting(1)
    rita = signed_in("rita")
    page = rita.get("/review").text

    def busy(act: Callable[..., Any]) -> None:
        raise DatabaseBusy("Too many wait for the database. Nothing was written; try again.")

    with monkeypatch.context() as patched:
        patched.setattr(app.state.desk, "act", busy)
        answer = decide(rita, page)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "try again" in answer.text
    assert decide(rita, page).status_code == 303

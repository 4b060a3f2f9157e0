"""Every page of the desk, and the API, say when nothing on them is live work."""

import pytest
from fastapi import FastAPI

from handrail.founding import REHEARSAL_TOLD, Kind
from tests.desks import Client
from tests.programs import Program
from tests.scenes import FOUNDER, Scene

PAGES = ("/operations", "/cases", "/monitoring", "/alerts", "/trail", "/people", "/me", "/nowhere")


@pytest.mark.parametrize("kind", list(Kind))
def test_every_page_says_it_of_a_rehearsal_and_none_of_a_live_workspace(
    app: FastAPI, signed_in: Client, kind: Kind
) -> None:
    Scene(app.state.desk.store, kind=kind)
    client = signed_in(FOUNDER)
    for page in PAGES:
        assert (REHEARSAL_TOLD in client.get(page).text) is (kind is Kind.REHEARSAL), page


def test_the_door_says_it_before_anybody_signs_in(app: FastAPI, scene: Scene, signed_in: Client) -> None:
    client = signed_in(FOUNDER)
    client.cookies.clear()
    assert scene.store is app.state.desk.store
    assert REHEARSAL_TOLD in client.get("/sign-in").text


def test_the_api_names_the_kind(program: Program) -> None:
    assert program(FOUNDER).get("/status").json()["workspace"] == "rehearsal"


def test_a_lease_follows_the_desks_clock(app: FastAPI, scene: Scene) -> None:
    assert app.state.desk.clock is scene.store.clock

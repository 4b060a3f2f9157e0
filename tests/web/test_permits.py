"""Every route asks for one act of the table, and lets in exactly the roles that the table names."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.utils import get_flat_params
from fastapi.testclient import TestClient
from httpx import Response

from desk.api.bearer import Scoped
from desk.app import create_app
from desk.permit import Permit
from handrail.acts.signing_in import digest_of
from handrail.permissions import EVERYBODY, PERMITTED
from handrail.store import tokens
from handrail.workspace import Workspace
from tests.desks import client_of
from tests.routes import PUBLIC, Route, every_route, permits, routes
from tests.scenes import NOW, Scene

ROLES = sorted(EVERYBODY)
PATH_VALUES = {"path": "x"}
"""Everything else in a path is the number 1 or passes for it."""


@pytest.fixture(scope="module")
def app(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """A desk with one person for each role, named after it, and nothing to do."""
    workspace = Workspace(tmp_path_factory.mktemp("permits") / "workspace")
    workspace.create()
    shutil.copyfile(sqlite_template, workspace.home / "handrail.db")
    found = create_app(workspace, clock=lambda: NOW)
    scene = Scene(found.state.desk.store)
    for role in ROLES:
        scene.add_person(role, role)
    yield found
    found.state.desk.close()


def named(found: list[tuple[str, Route]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("method", "route"), found, ids=[f"{method} {route.path}" for method, route in found]
    )


EVERY = every_route()
GUARDED = [(method, route) for method, route in EVERY if route.path not in PUBLIC]


def address(path: str) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: PATH_VALUES.get(found[1], "1"), path)


def called(client: TestClient, method: str, route: Route, **options: Any) -> Response:  # noqa: ANN401 - of the client
    return client.request(method, address(route.path), **options)


def test_the_desk_serves_no_other_routes(app: FastAPI) -> None:
    assert {route.path for _, route in EVERY} == {route.path for route in routes(app)}
    assert len(GUARDED) > 40


@named(EVERY)
def test_every_route_asks_for_one_act_unless_it_is_public(method: str, route: Route) -> None:
    assert len(permits(route.dependant)) == (0 if route.path in PUBLIC else 1)


@named(GUARDED)
def test_a_route_refuses_exactly_the_roles_that_the_table_does_not_permit(
    app: FastAPI, method: str, route: Route
) -> None:
    (permit,) = permits(route.dependant)
    refused = {role for role in ROLES if called(visitor(app, permit, role), method, route).status_code == 403}
    assert refused == EVERYBODY - PERMITTED[permit.act]


@named(GUARDED)
def test_a_route_lets_nobody_in_who_is_signed_out(app: FastAPI, method: str, route: Route) -> None:
    client = TestClient(app, base_url="https://desk.test", follow_redirects=False)
    answer = called(client, method, route)
    if route.path.startswith("/api/"):
        assert answer.status_code == 401
    else:
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
    assert called(client, method, route, headers={"Accept": "application/json"}).status_code == 401


@named(GUARDED)
def test_a_number_that_no_database_holds_is_told_in_a_sentence(app: FastAPI, method: str, route: Route) -> None:
    (permit,) = permits(route.dependant)
    role = next(role for role in ROLES if role in PERMITTED[permit.act])
    numbers = [field.alias for field in get_flat_params(route.dependant)]
    huge = re.sub(r"\{\w+(?::\w+)?\}", str(2**63), route.path)
    form = {field.alias: str(2**63) for field in route.dependant.body_params}
    answer = visitor(app, permit, role).request(method, huge, params=dict.fromkeys(numbers, str(2**63)), data=form)
    assert answer.status_code < 500


def visitor(app: FastAPI, permit: Permit, role: str) -> TestClient:
    """A client of a person with one role; for each request anew, since one of the routes ends the session.

    A program's token names every act here, so that only the role decides.
    """
    if not isinstance(permit, Scoped):
        return client_of(app, role)
    secret = token_hex(8)
    client = TestClient(app, base_url="https://desk.test", follow_redirects=False)
    client.headers["Authorization"] = f"Bearer {secret}"
    with app.state.desk.store.write() as connection:
        tokens.insert_token(
            connection,
            person=role,
            name="all",
            digest=digest_of(secret),
            scopes=sorted(PERMITTED),
            created_at=NOW,
            expires_at=NOW + timedelta(days=1),
        )
    return client

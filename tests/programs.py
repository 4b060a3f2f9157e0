"""Programs that call a desk in this process by a token, for the tests of the API."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from desk.api.document import scopes
from handrail.acts import tokens
from handrail.permissions import PERMITTED
from handrail.store import staff

Program = Callable[..., TestClient]
"""A name's client that sends a token of theirs, with all scopes that they may have unless some are named."""
JSON = {"Content-Type": "application/json"}


def token_of(app: FastAPI, name: str, *wanted: str, days: int = 90) -> str:
    """A token of `name`; without scopes, with all that they may have."""
    desk = app.state.desk
    with desk.store.read() as connection:
        person = staff.person(connection, name)
    assert person is not None
    offered = [act for act in scopes() if PERMITTED[act].intersection(person.roles)]
    issued = tokens.create(desk.store, name="a test", scopes=wanted or offered, days=days, actor=name, now=desk.clock())
    return issued.secret


def program_of(app: FastAPI, name: str, *wanted: str, days: int = 90) -> TestClient:
    """A client of the API in the name of `name`."""
    client = TestClient(app, base_url="https://desk.test/api/v1", follow_redirects=False)
    client.headers["Authorization"] = f"Bearer {token_of(app, name, *wanted, days=days)}"
    return client


def refused(answer: Any, status: int) -> str:  # noqa: ANN401 - a response
    """The one sentence of a refusal."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"status", "problem"}
    assert body["status"] == status
    assert body["problem"].endswith((".", "`."))
    return str(body["problem"])

"""Desks for the tests of the web face."""

import shutil
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Playwright

from desk.app import create_app
from handrail.workspace import Workspace
from tests.desks import Client, client_of
from tests.programs import Program, program_of
from tests.scenes import NOW, Scene


@pytest.fixture
def app(tmp_workspace: Workspace) -> Iterator[FastAPI]:
    """A desk on an empty workspace whose clock stands at the scenes' NOW (change it by `app.state.desk.clock`)."""
    found = create_app(tmp_workspace, clock=lambda: NOW)
    yield found
    found.state.desk.close()


@pytest.fixture
def scene(app: FastAPI) -> Scene:
    """The small shop, behind the desk."""
    return Scene(app.state.desk.store)


@pytest.fixture
def signed_in(app: FastAPI) -> Client:
    """Call it with a name for a client that is signed in; `client.headers` carry the form's secret."""

    def sign_in(name: str) -> TestClient:
        return client_of(app, name)

    return sign_in


@pytest.fixture
def program(app: FastAPI, scene: Scene) -> Program:
    """Call it with a name, and scopes if not all are meant, for a client of the API that sends a token of theirs."""

    def begin(name: str, *wanted: str, days: int = 90) -> TestClient:
        return program_of(app, name, *wanted, days=days)

    return begin


@pytest.fixture(scope="session")
def chromium(driver: Playwright) -> Iterator[Browser]:
    """Debian's Chromium without a window; skips, and says so, where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on this machine: apt-get install chromium")
    browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
    yield browser
    browser.close()

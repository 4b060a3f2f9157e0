"""Desks behind a client in this process, and served on a free port for a real browser."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext

from desk.connections import USUAL, limited
from desk.context import Desk
from desk.permit import COOKIE
from handrail.acts import signing_in

Client = Callable[[str], TestClient]
"""A name's client that is signed in; its headers carry the secret that every form must return."""


def client_of(app: FastAPI, name: str) -> TestClient:
    """A client of `app` with a session of `name`."""
    desk: Desk = app.state.desk
    secret = signing_in.open_session(desk.store, name, policy=desk.policy(), now=desk.clock())
    visitor = signing_in.visitor(desk.store, secret, policy=desk.policy(), now=desk.clock())
    assert visitor is not None
    client = TestClient(app, base_url="https://desk.test", follow_redirects=False)
    client.cookies.set(COOKIE, secret)
    client.headers["X-CSRF"] = visitor.csrf
    return client


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve `app` on a free port of this machine; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(app, host="127.0.0.1", port=port, http=limited(USUAL), ws="none", log_level="warning")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=20)


def signed_in_context(
    chromium: Browser,
    app: FastAPI,
    address: str,
    name: str,
    **options: Any,  # noqa: ANN401 - of the browser
) -> BrowserContext:
    """A browser's context in which `name` is signed in at `address`."""
    desk: Desk = app.state.desk
    secret = signing_in.open_session(desk.store, name, policy=desk.policy(), now=desk.clock())
    context = chromium.new_context(base_url=address, **options)
    context.add_cookies([{"name": COOKIE, "value": secret, "url": address.replace("http:", "https:"), "secure": True}])
    return context

"""Who comes in at the door of the Prefect and the MLflow server, and what their pages may do."""

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from flows.door import HEADERS, Door, refusal

ORIGIN = "http://127.0.0.1:4200"
OWN = {"host": "127.0.0.1:4200"}
LINK = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"origin": ORIGIN},
        {"origin": ORIGIN, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "none", **LINK},
    ],
    ids=["a program", "an own form", "an own script", "an address that somebody typed"],
)
def test_own_pages_and_programs_come_in(method: str, said: dict[str, str]) -> None:
    assert refusal(ORIGIN, method, {**OWN, **said}) is None


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "said",
    [
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:4201"},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://localhost:4200"},
        {"origin": "https://127.0.0.1:4200"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_whatever_a_foreign_page_sends_stays_outside(method: str, said: dict[str, str]) -> None:
    assert "page of another site" in (refusal(ORIGIN, method, {**OWN, **said}) or "")


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_a_link_from_elsewhere_may_be_followed_and_a_form_may_not(site: str) -> None:
    followed = {**OWN, "sec-fetch-site": site, **LINK}
    assert refusal(ORIGIN, "GET", followed) is None
    assert refusal(ORIGIN, "HEAD", followed) is None
    assert refusal(ORIGIN, "POST", followed) is not None


@pytest.mark.parametrize(
    "host", ["evil.test:4200", "10.evil.test:4200", "127.0.0.1", "127.0.0.1:4201", "127.0.0.1:4200.evil.test", ""]
)
def test_a_foreign_name_that_leads_to_this_machine_leads_nowhere(host: str) -> None:
    for said in ({}, {"origin": f"http://{host}", "sec-fetch-site": "same-origin"}):
        assert refusal(ORIGIN, "GET", {"host": host, **said}) == f"This server answers at {ORIGIN} only. Open it there."


async def _hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")


@pytest.fixture
def visitor() -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", _hello, methods=["GET", "POST"]), WebSocketRoute("/in", _socket)])
    return TestClient(Door(app, ORIGIN), base_url=ORIGIN, follow_redirects=False)


def test_every_answer_keeps_its_page_to_itself(visitor: TestClient) -> None:
    for answer in (visitor.get("/runs"), visitor.get("/runs", headers={"origin": "null"})):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "http" not in policy
    assert "*" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_a_refusal_is_a_sentence_with_its_status(visitor: TestClient) -> None:
    foreign = visitor.post("/api/x", headers={"origin": "http://evil.test"})
    assert (foreign.status_code, foreign.text) == (
        403,
        f"This request came from a page of another site. Open {ORIGIN} and send it from there.\n",
    )
    assert visitor.get("/", headers={"host": "evil.test:4200"}).status_code == 421


def test_localhost_leads_to_the_address_that_the_pages_speak_to(visitor: TestClient) -> None:
    led = visitor.get("/runs/flow-run/1%2F2?tab=Logs&x=%20", headers={"host": "localhost:4200"})
    assert (led.status_code, led.headers["location"]) == (307, f"{ORIGIN}/runs/flow-run/1%2F2?tab=Logs&x=%20")
    assert visitor.post("/runs", headers={"host": "localhost:4200"}).status_code == 421


def test_a_socket_of_a_foreign_page_is_closed_before_it_opens(visitor: TestClient) -> None:
    with visitor.websocket_connect("ws://127.0.0.1:4200/in", headers={"origin": ORIGIN}) as socket:
        assert socket.receive_text() == "hello"
    for said in ({"origin": "http://127.0.0.1:4201"}, {"host": "evil.test:4200"}):
        with (
            pytest.raises(WebSocketDisconnect),
            visitor.websocket_connect("ws://127.0.0.1:4200/in", headers={"host": "127.0.0.1:4200", **said}),
        ):
            pass

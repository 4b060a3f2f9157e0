"""A request that is too large is refused before anything reads it; those that people send are not."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import Receive, Scope, Send

from desk.bounds import LARGEST_HEADERS, LONGEST_PATH, LONGEST_QUERY, MOST_HEADERS, MOST_PARAMETERS
from desk.headers import HEADERS
from tests.desks import Client
from tests.programs import JSON, Program, refused
from tests.scenes import FOUNDER, Scene

BASE = "https://desk.test"
QUERY = "&".join(map(str, range(11_500)))
OWN = 7
"""Headers that the test's client sends by itself, with room to spare."""


@pytest.fixture
def stranger(app: FastAPI, scene: Scene) -> TestClient:
    """A browser that nobody has signed in."""
    return TestClient(app, base_url=BASE, follow_redirects=False)


@pytest.fixture
def unreached(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may come as far as the router."""

    async def fail(scope: Scope, _: Receive, __: Send) -> None:
        pytest.fail(f"{scope['path'][:40]} was routed")

    monkeypatch.setattr(app.router, "middleware_stack", fail)


@pytest.mark.parametrize(
    ("path", "headers", "status", "words"),
    [
        (f"/sign-in?{QUERY}", {}, 414, "8,192 bytes after its question mark"),
        (f"/sign-in?then={'x' * LONGEST_QUERY}", {}, 414, "8,192 bytes after its question mark"),
        (f"/sign-in?{'&' * MOST_PARAMETERS}", {}, 414, "more than 256 parameters"),
        (f"/sign-in?then=/&{'a=1&' * MOST_PARAMETERS}", {}, 414, "more than 256 parameters"),
        (f"/{'x' * LONGEST_PATH}", {}, 414, "longer than 2,048 bytes. Shorten it."),
        (f"/{'%20' * (LONGEST_PATH // 3 + 1)}", {}, 414, "longer than 2,048 bytes. Shorten it."),
        ("/sign-in", {f"X-{number}": "" for number in range(MOST_HEADERS + 1)}, 431, "more than 100 headers"),
        ("/sign-in", {"Cookie": "a=1; " * 8_000}, 431, "larger than 32,768 bytes"),
        ("/sign-in", {"Accept-Language": "x" * LARGEST_HEADERS}, 431, "larger than 32,768 bytes"),
        ("/static/desk.js", {"Range": "bytes=" + "0-1," * 10_000}, 431, "larger than 32,768 bytes"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_too_large_is_refused_in_a_sentence_before_anything_reads_it(
    stranger: TestClient, unreached: None, method: str, path: str, headers: dict[str, str], status: int, words: str
) -> None:
    page = stranger.request(method, path, headers=headers)
    assert (page.status_code, words in page.text) == (status, True)
    assert page.headers["content-type"].startswith("text/html")
    assert {name: page.headers.get(name) for name in HEADERS} == HEADERS
    problem = stranger.request(method, path, headers={**headers, "Accept": "application/json"}).json()
    assert (problem["status"], words in problem["problem"]) == (status, True)


def test_a_program_is_told_in_its_own_form_and_only_what_the_document_names(
    stranger: TestClient, unreached: None
) -> None:
    assert "256 parameters" in refused(stranger.get(f"/api/v1/queue?{'&' * MOST_PARAMETERS}"), 414)
    assert "2,048 bytes" in refused(stranger.get(f"/api/v1/{'x' * LONGEST_PATH}"), 414)
    assert "100 headers" in refused(stranger.get("/api/v1/queue", headers={f"X-{n}": "" for n in range(101)}), 431)


def test_each_bound_itself_is_let_through(stranger: TestClient) -> None:
    assert stranger.get(f"/sign-in?then={'x' * (LONGEST_QUERY - len('then='))}").status_code == 200
    assert stranger.get(f"/sign-in?{'&' * (MOST_PARAMETERS - 1)}").status_code == 200
    assert stranger.get(f"/{'x' * (LONGEST_PATH - 1)}").status_code == 404
    assert stranger.get("/sign-in", headers={f"X-{n}": "" for n in range(MOST_HEADERS - OWN)}).status_code == 200
    assert stranger.get("/sign-in", headers={"Cookie": "a" * (LARGEST_HEADERS - 1_000)}).status_code == 200


def test_the_longest_addresses_that_the_desk_writes_are_let_through(scene: Scene, signed_in: Client) -> None:
    ruth = signed_in("ruth")
    numbers = "&".join(f"after={2**63 - 1 - number}" for number in range(200))
    assert ruth.get(f"/review/after?{numbers}").status_code not in {414, 431}
    words = "%F0%9F%98%80" * 200
    assert ruth.get(f"/cases?q={words}&category={words}").status_code not in {414, 431}
    ruth.cookies.clear()
    away = ruth.get(f"/cases?q={words}&state=done")
    assert away.status_code == 303
    assert ruth.get(away.headers["location"]).status_code == 200


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
def test_a_form_of_more_than_a_thousand_fields_is_refused(stranger: TestClient, kind: str) -> None:
    if kind == "urlencoded":
        answer = stranger.post(
            "/sign-in", content="0=&" * 1_001, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
    else:
        part = '--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
        answer = stranger.post(
            "/sign-in", content=part * 1_001 + "--X--\r\n", headers={"Content-Type": "multipart/form-data; boundary=X"}
        )
    assert answer.status_code == 400
    assert "Too many fields" in answer.text


def test_an_object_of_thousands_of_fields_is_refused_before_each_of_them_is(program: Program) -> None:
    body = "{" + ",".join(f'"{number}": 1' for number in range(201)) + "}"
    client = program(FOUNDER)
    assert "more than 200 fields" in refused(client.post("/automation/pause", content=body, headers=JSON), 400)
    most = "{" + ",".join(f'"{number}": 1' for number in range(200)) + "}"
    sentence = refused(client.post("/automation/pause", content=most, headers=JSON), 422)
    assert "and 192 more" in sentence  # the two that the route asks for are missing as well

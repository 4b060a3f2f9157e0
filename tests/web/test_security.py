"""What a hostile page, request or moment cannot do at the desk."""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from desk import pages
from desk.context import Desk
from desk.faults import Faults
from desk.headers import HEADERS, LARGEST_BODY
from desk.logs import WithoutQuery, settings
from desk.permit import COOKIE, NOTING
from desk.routes import people
from handrail.acts import signing_in
from handrail.errors import DatabaseBusy
from handrail.store import schema, staff
from handrail.store.engine import Store
from handrail.store.writer import Writer
from tests.desks import Client
from tests.logs import every_line
from tests.scenes import FOUNDER, NOW, POLICY, Scene

BASE = "https://desk.test"


@pytest.fixture
def stranger(app: FastAPI, scene: Scene) -> TestClient:
    """A browser that nobody has signed in."""
    return TestClient(app, base_url=BASE, follow_redirects=False)


def test_a_form_without_its_secret_or_with_a_wrong_one_is_refused(scene: Scene, signed_in: Client) -> None:
    rita = signed_in("rita")
    own = rita.headers.pop("X-CSRF")
    assert rita.post("/me/shortcuts").status_code == 403
    assert rita.post("/me/shortcuts", data={"csrf": ""}).status_code == 403
    assert rita.post("/me/shortcuts", data={"csrf": own[:-1] + "é"}).status_code == 403
    assert rita.post("/me/shortcuts", data={"csrf": own}).status_code == 303


def test_the_secret_of_another_session_is_no_use(scene: Scene, signed_in: Client) -> None:
    rita, again, ruth = signed_in("rita"), signed_in("rita"), signed_in("ruth")
    for other in (again, ruth):
        answer = rita.post("/me/shortcuts", headers={"X-CSRF": other.headers["X-CSRF"]})
        assert (answer.status_code, "Reload the page" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": "https://desk.test.evil.test"},
        {"Origin": "https://desk.test:8443"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://desk.test", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_what_another_sites_page_sends_is_refused_signed_in_or_not(
    stranger: TestClient, signed_in: Client, sent: dict[str, str]
) -> None:
    assert signed_in("rita").post("/me/shortcuts", headers=sent).status_code == 403
    answer = stranger.post("/sign-in", data={"name": "rita", "password": "x"}, headers=sent)
    assert (answer.status_code, "another site" in answer.text) == (403, True)
    assert COOKIE not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    "sent", [{"Origin": "https://desk.test"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}]
)
def test_our_own_forms_and_programs_without_such_headers_are_let_through(
    scene: Scene, signed_in: Client, sent: dict[str, str]
) -> None:
    assert signed_in("rita").post("/me/shortcuts", headers=sent).status_code == 303


LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("how", [{}, LINK])
def test_a_link_from_another_site_may_be_opened(
    scene: Scene, signed_in: Client, site: str, how: dict[str, str]
) -> None:
    assert signed_in("rita").get("/me", headers={"Sec-Fetch-Site": site, **how}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    "how",
    [
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_a_picture_or_frame_of_another_site_claims_no_case(
    scene: Scene, signed_in: Client, site: str, how: dict[str, str]
) -> None:
    """A page on another port of this machine is of the same *site*, so that the cookie travels with it."""
    rita = signed_in("rita")
    scene.waiting(1)
    assert rita.get("/review", headers={"Sec-Fetch-Site": site, **how}).status_code == 403
    assert scene.row(schema.WorkItem)["holder"] is None


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://127.0.0.1:8470", "evil.test:8470"),
        ("http://127.0.0.1:8470", "10.evil.test:8470"),
        ("http://127.0.0.1:8470", ""),
        ("https://desk.example.com", "evil.test"),
        ("https://desk.example.com", "desk.example.com.evil.test"),
    ],
)
def test_a_foreign_name_that_leads_to_the_desk_shows_nothing(
    app: FastAPI, stranger: TestClient, address: str, host: str
) -> None:
    app.state.address = address
    for path in ("/sign-in", "/healthz"):
        answer = stranger.get(path, headers={"Host": host})
        assert (answer.status_code, f"This desk answers at {address}." in answer.text) == (421, True)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://127.0.0.1:8470", "127.0.0.1:8470"),
        ("http://127.0.0.1:8470", "localhost:8470"),
        ("http://127.0.0.1:8470", "[::1]:8470"),
        ("https://desk.example.com", "Desk.Example.com"),
        ("https://desk.example.com", "127.0.0.1:8470"),
        ("https://desk.example.com", "192.0.2.7:8470"),
    ],
)
def test_the_desk_answers_at_its_address_and_to_numbers(
    app: FastAPI, stranger: TestClient, address: str, host: str
) -> None:
    app.state.address = address
    assert stranger.get("/healthz", headers={"Host": host}).status_code == 200


def test_a_link_in_a_mail_is_opened_once_more_before_anybody_counts_as_signed_out(stranger: TestClient) -> None:
    hop = stranger.get("/me", headers={"Sec-Fetch-Site": "cross-site"})
    assert (hop.status_code, '<meta http-equiv="refresh" content="0">' in hop.text) == (200, True)
    own = stranger.get("/me", headers={"Sec-Fetch-Site": "same-origin"})
    assert (own.status_code, own.headers["location"]) == (303, "/sign-in?then=/me")


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_a_megabyte_is_refused_in_one_sentence(stranger: TestClient, announced: bool, accept: str) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(LARGEST_BODY // 10_000 + 1):
            yield b"x" * 10_000

    body = b"x" * (LARGEST_BODY + 1) if announced else pieces()
    answer = stranger.post("/sign-in", content=body, headers={"Accept": accept})
    assert answer.status_code == 413
    assert "larger than 1,000,000 bytes. Send less at once." in answer.text
    assert answer.headers["content-type"].startswith(accept)


def test_a_body_of_exactly_a_megabyte_is_read(stranger: TestClient) -> None:
    assert stranger.post("/sign-in", content=b"x" * LARGEST_BODY).status_code == 422


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sign-in", 200),
        ("/nothing", 404),
        ("/welcome", 422),
        ("/welcome?invitation=x", 404),
        ("/me", 303),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/static/desk.css", 200),
        ("/static/nothing.css", 404),
    ],
)
def test_every_answer_carries_the_headers(stranger: TestClient, path: str, status: int) -> None:
    answer = stranger.get(path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert answer.headers["Cache-Control"] == ("no-cache" if path.startswith("/static/") else "no-store")


def test_the_content_policy_admits_no_inline_code_and_nothing_foreign(stranger: TestClient) -> None:
    policy = stranger.get("/sign-in").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"unsafe|https?:|\*|data:", policy)
    for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert part in policy


def test_a_session_that_was_revoked_has_expired_or_never_was_lets_nobody_in(
    app: FastAPI, scene: Scene, signed_in: Client
) -> None:
    rita, other = signed_in("rita"), signed_in("rita")
    assert rita.post("/me/sessions/end").status_code == 303
    assert other.get("/me").headers["location"] == "/sign-in?then=/me"
    app.state.desk.clock = lambda: NOW + POLICY.desk.idle
    assert rita.get("/me").status_code == 303
    rita.cookies.clear()
    rita.cookies.set(COOKIE, "x" * 43)
    assert rita.get("/me").status_code == 303


def test_what_was_sent_after_the_session_had_ended_leads_back_to_its_page(scene: Scene, signed_in: Client) -> None:
    rita = signed_in("rita")
    rita.post("/sign-out")
    answer = rita.post("/me/shortcuts", headers={"Referer": f"{BASE}/me?done=leave"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?again=1&then=/me")
    foreign = rita.post("/me/shortcuts", headers={"Referer": "https://evil.test/trap"})
    assert foreign.headers["location"] == "/sign-in?again=1&then=/"
    assert "was not saved" in rita.get(answer.headers["location"]).text


def test_a_role_that_is_taken_away_is_gone_at_the_next_click(scene: Scene, signed_in: Client) -> None:
    stella, mona = signed_in(FOUNDER), signed_in("mona")
    assert mona.get("/escalations").status_code == 200
    stella.post("/people/change", data={"name": "mona", "role": "data_curator"})
    assert mona.get("/escalations").status_code == 403
    stella.post("/people/deactivate", data={"name": "mona"})
    assert mona.get("/me").status_code == 303


def test_a_request_reads_its_session_and_at_most_the_policys_number_before_it_begins(
    app: FastAPI, scene: Scene, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rita, store, reads = signed_in("rita"), app.state.desk.store, []
    read = Store.read
    monkeypatch.setattr(Store, "read", lambda self: reads.append(self) or read(self))
    assert rita.get("/").status_code == 303
    assert reads in ([store], [store, store])  # whether the policy was looked for just now or not


def test_a_busy_database_keeps_nobody_from_reading(
    app: FastAPI, scene: Scene, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rita, waits = signed_in("rita"), []

    def busy(self: Writer, act: object, *, wait: timedelta) -> None:
        waits.append(wait)
        raise DatabaseBusy("Not now. Try again.")

    monkeypatch.setattr(Writer, "run", busy)
    app.state.desk.clock = lambda: NOW + timedelta(minutes=5)
    assert rita.get("/").status_code == 303
    assert waits == [NOTING]


def test_no_page_tells_the_secret_of_a_session(app: FastAPI, scene: Scene, signed_in: Client) -> None:
    rita = signed_in("rita")
    secret = rita.cookies[COOKIE]
    page = rita.get("/me").text
    assert secret not in page
    assert signing_in.digest_of(secret) not in page
    assert signing_in.digest_of(secret)[: signing_in.REFERENCE] in page


def test_the_logs_hold_neither_sessions_nor_queries(scene: Scene, signed_in: Client) -> None:
    rita = signed_in("rita")
    with every_line() as lines:
        rita.get("/me")
    assert rita.cookies[COOKIE] not in "\n".join(lines)
    line = logging.LogRecord(
        "uvicorn.access",
        logging.INFO,
        "",
        0,
        '%s - "%s %s HTTP/%s" %d',
        ("127.0.0.1:5", "GET", "/welcome?invitation=SECRET", "1.1", 200),
        None,
    )
    assert WithoutQuery().filter(line)
    assert line.getMessage() == '127.0.0.1:5 - "GET /welcome HTTP/1.1" 200'
    assert settings()["handlers"]["access"]["filters"] == ["cut"]


@pytest.fixture
def broken(app: FastAPI, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the customer's own words")

    monkeypatch.setattr(people, "_people", break_down)


def test_what_nobody_foresaw_is_a_calm_page_with_a_number_that_stands_in_the_log(
    broken: None, signed_in: Client
) -> None:
    stella = signed_in(FOUNDER)
    for accept in ("text/html", "application/json"):
        with every_line() as lines:
            answer = stella.get("/people", headers={"Accept": accept})
        told = "\n".join(lines)
        assert answer.status_code == 500
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        found = re.search(r"the number ([0-9a-f]{8})\.", answer.text)
        assert found is not None
        for leak in ("ZeroDivision", "Traceback", "words", ".py"):
            assert leak not in answer.text
        assert f"fault {found[1]} at GET /people: ZeroDivisionError" in told
        assert "break_down" in told
        assert "customer's own words" not in told


def test_an_answer_that_breaks_off_is_cut_and_not_continued_with_a_page() -> None:
    async def breaking(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        raise ZeroDivisionError("secret")

    client = TestClient(Faults(breaking))  # type: ignore[arg-type]
    with every_line() as lines, pytest.raises(Exception, match=r"broke off\. Look for fault"):
        client.get("/")
    assert "secret" not in "\n".join(lines)


def test_a_database_that_is_gone_is_told_in_a_sentence(
    app: FastAPI, scene: Scene, signed_in: Client, stranger: TestClient
) -> None:
    rita, desk = signed_in("rita"), app.state.desk
    away = Store(f"sqlite:///{desk.workspace.home}/nowhere/handrail.db")
    here, desk.store = desk.store, away
    answer = rita.get("/review")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "nowhere" not in answer.text, "the address of the database is nobody's business"
    assert "<h1>Please try again</h1>" in answer.text
    assert rita.get("/review", headers={"Accept": "application/json"}).json()["status"] == 503
    desk.store = here
    assert rita.get("/me").status_code == 200


@pytest.mark.postgres
def test_a_postgresql_that_is_gone_is_told_in_a_sentence(
    app: FastAPI, scene: Scene, signed_in: Client, postgres_server: object
) -> None:
    rita, desk = signed_in("rita"), app.state.desk
    address = postgres_server.create()  # type: ignore[attr-defined]
    postgres_server.drop(address)  # type: ignore[attr-defined]
    desk.store = Store(address)
    desk.store._ready = True  # it was there when the desk began
    answer = rita.get("/review")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text


def test_a_desk_that_cannot_write_is_not_ready_and_is_again_when_it_can(app: FastAPI, stranger: TestClient) -> None:
    desk: Desk = app.state.desk
    assert stranger.get("/readyz").status_code == 200
    impatient = Store(desk.workspace.database_url, wait=timedelta(milliseconds=50))
    desk.writer = Writer(impatient)
    app.state.desk.clock = lambda: NOW + timedelta(seconds=5)
    with desk.store.write():
        answer = stranger.get("/readyz")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "cannot write" in answer.json()["problem"]
        assert stranger.get("/healthz").status_code == 200, "the process lives"
    assert stranger.get("/readyz").json() == {"status": "ok", "watched": "never", "looked_at": None}
    impatient.dispose()


def test_however_often_it_is_asked_the_desk_writes_once_in_five_seconds(
    app: FastAPI, stranger: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger.get("/readyz")
    writes: list[object] = []
    run = Writer.run
    monkeypatch.setattr(Writer, "run", lambda self, act, **kw: writes.append(act) or run(self, act, **kw))
    for seconds, expected in ((0, 0), (4, 0), (5, 1), (6, 1), (10, 2)):
        app.state.desk.clock = lambda at=NOW + timedelta(seconds=seconds): at
        assert stranger.get("/readyz").status_code == 200
        assert len(writes) == expected


def test_what_people_write_is_never_code_on_a_page(scene: Scene, signed_in: Client) -> None:
    stella, name = signed_in(FOUNDER), "<script>alert(1)</script>"
    refused = stella.post("/people/add", data={"name": name, "role": "reviewer"})
    assert refused.status_code == 400
    with scene.store.write() as connection:  # somebody whom an earlier Handrail let in
        staff.save_person(connection, name=name, roles=["reviewer"], trained_until=None, active=True)
    assert stella.post("/operations/pause", data={"reason": name, "category": "refund"}).status_code == 303
    pages_of_it = ("/people", f"/people/person?name={name}", "/trail")
    for page in (refused, *map(stella.get, pages_of_it)):
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text


def test_a_template_that_names_what_is_not_there_says_nothing_in_its_place() -> None:
    assert pages.templates.undefined.__name__ == "StrictUndefined"
    assert pages.templates.autoescape is True

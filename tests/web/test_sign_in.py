"""The way in: a link that works once, then a password; the same answer to everything that is wrong."""

from datetime import timedelta
from threading import BoundedSemaphore

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from desk import password_limiter
from desk.permit import COOKIE
from desk.routes.sign_in import local
from handrail import passwords
from handrail.acts import inviting, signing_in
from handrail.passwords import TRIES
from handrail.store import schema, staff
from tests.desks import Client, served
from tests.scenes import FOUNDER, NOW, POLICY, Scene

PASSWORD = "vier graue Esel"  # noqa: S105 - of nobody
WRONG = "fünf graue Esel"
HASH = passwords.hashed(PASSWORD)


@pytest.fixture
def browser(app: FastAPI, scene: Scene) -> TestClient:
    """A browser that nobody has signed in; rita has a password."""
    secret = inviting.invite(scene.store, "rita", actor=FOUNDER, now=NOW)
    session = inviting.accept(scene.store, secret, HASH, policy=POLICY, now=NOW)
    visitor = signing_in.visitor(scene.store, session, policy=POLICY, now=NOW)
    assert visitor is not None
    signing_in.close_session(scene.store, visitor, now=NOW)
    return TestClient(app, base_url="https://desk.test", follow_redirects=False)


def sign_in(browser: TestClient, name: str = "rita", password: str = PASSWORD, **fields: str) -> object:
    return browser.post("/sign-in", data={"name": name, "password": password, **fields})


def test_the_right_password_begins_a_session_of_its_own(browser: TestClient, scene: Scene) -> None:
    answer = browser.post("/sign-in", data={"name": " rita ", "password": PASSWORD, "then": "/me?done=leave"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/me?done=leave")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {part.strip() for part in cookie.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=strict", "Secure"}
    assert browser.get("/me").status_code == 200


def test_a_session_that_somebody_planted_is_not_the_one_that_begins(browser: TestClient, scene: Scene) -> None:
    planted = signing_in.open_session(scene.store, "ruth", policy=POLICY, now=NOW)
    browser.cookies.set(COOKIE, planted)
    sign_in(browser)
    assert signing_in.visitor(scene.store, planted, policy=POLICY, now=NOW) is None
    assert "<h1>rita</h1>" in browser.get("/me").text


def test_who_is_unknown_locked_deactivated_or_wrong_gets_the_same_answer_for_the_same_work(
    browser: TestClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []
    verify = passwords._hasher.verify
    passwords._nobodys()

    def counted(password: str, kept: str) -> bool:
        worked.append(kept.split("$")[3])  # its cost
        return verify(password, kept)

    monkeypatch.setattr(passwords._hasher, "verify", counted)
    answers = [
        sign_in(browser, password=WRONG),  # wrong
        sign_in(browser, name="eve"),  # unknown
        sign_in(browser, name="ruth"),  # never invited
        sign_in(browser, name="\0"),
    ]
    with scene.store.write() as connection:
        connection.exec_driver_sql("UPDATE accounts SET failures = 9, locked_until = '2999-01-01 00:00:00'")
    answers.append(sign_in(browser))  # locked, and right
    with scene.store.write() as connection:
        connection.exec_driver_sql("UPDATE accounts SET failures = 0, locked_until = NULL")
        staff.save_person(connection, name="rita", active=False)
    answers.append(sign_in(browser))  # deactivated
    pages = {
        answer.text.replace(f'value="{name}"', 'value=""') for answer in answers for name in ("rita", "eve", "ruth")
    }
    assert {answer.status_code for answer in answers} == {401}
    assert len({page.split("<form")[0] for page in pages}) == 1
    assert len(worked) == len(answers)
    assert len(set(worked)) == 1
    assert scene.count(schema.Session) == 1, "the one that has been closed"


def test_after_five_wrong_passwords_even_the_right_one_waits_a_minute(
    app: FastAPI, browser: TestClient, scene: Scene
) -> None:
    wrong = [sign_in(browser, password=WRONG) for _ in range(TRIES)]
    assert sign_in(browser).text == wrong[0].text
    app.state.desk.clock = lambda: NOW + timedelta(seconds=59)
    assert sign_in(browser).status_code == 401
    app.state.desk.clock = lambda: NOW + timedelta(seconds=60)
    assert sign_in(browser).status_code == 303
    assert len(scene.events("person.locked")) == 1


@pytest.mark.parametrize(
    "then",
    [
        "https://evil.test",
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/\t/evil.test",
        "evil",
        "javascript:alert(1)",
        "/\n/evil.test",
        "",
        " //evil.test",
        "/%0d\r\nSet-Cookie: a=b",
    ],
)
def test_signing_in_never_leads_to_another_site(browser: TestClient, then: str) -> None:
    assert local(then) == "/"
    assert 'name="then" value="/"' in browser.get("/sign-in", params={"then": then}).text
    assert sign_in(browser, then=then).headers["location"] == "/"


@pytest.mark.parametrize("then", ["/", "/cases?state=done&q=a%20b", "/people/person?name=x"])
def test_signing_in_leads_on_to_where_one_was(then: str) -> None:
    assert local(then) == then


def test_a_flood_of_passwords_is_told_to_come_back(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    full = BoundedSemaphore(1)
    full.acquire()
    monkeypatch.setattr(password_limiter, "_places", full)
    assert sign_in(browser).status_code == 503
    full.release()
    assert sign_in(browser).status_code == 303
    assert sign_in(browser).status_code == 303, "each gives its place back"


def test_signing_out_ends_the_session_for_good(browser: TestClient, scene: Scene) -> None:
    sign_in(browser)
    session = browser.cookies[COOKIE]
    csrf = browser.get("/me").text.split('name="csrf" value="')[1].split('"')[0]
    answer = browser.post("/sign-out", data={"csrf": csrf})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    browser.cookies.set(COOKIE, session)
    assert browser.get("/me").status_code == 303


def welcome(browser: TestClient, secret: str, password: str = PASSWORD, again: str | None = None) -> object:
    fields = {"invitation": secret, "password": password, "again": password if again is None else again}
    return browser.post("/welcome", data=fields)


def test_a_link_sets_the_password_once(browser: TestClient, scene: Scene) -> None:
    secret = inviting.invite(scene.store, "ruth", actor=FOUNDER, now=NOW)
    page = browser.get("/welcome", params={"invitation": secret})
    assert "Welcome, ruth" in page.text
    assert (welcome(browser, secret).status_code, welcome(browser, secret).status_code) == (303, 404)
    assert browser.get("/welcome", params={"invitation": secret}).status_code == 404
    assert sign_in(browser, name="ruth").status_code == 303


@pytest.mark.parametrize(
    ("password", "again", "why"),
    [
        ("too short", "too short", "9 characters"),
        ("ruth ruth ruth", "ruth ruth ruth", "mostly your name"),
        (PASSWORD, PASSWORD + ".", "differ"),
    ],
)
def test_a_bad_password_is_told_why_and_does_not_use_the_link_up(
    browser: TestClient, scene: Scene, password: str, again: str, why: str
) -> None:
    secret = inviting.invite(scene.store, "ruth", actor=FOUNDER, now=NOW)
    answer = welcome(browser, secret, password, again)
    assert (answer.status_code, why in answer.text) == (400, True)
    assert password not in answer.text
    assert welcome(browser, secret).status_code == 303


def test_a_password_is_changed_by_who_knows_it_and_ends_the_other_sessions(
    browser: TestClient, scene: Scene, signed_in: Client
) -> None:
    rita, other, new = signed_in("rita"), signed_in("rita"), "drei alte Hasen"
    fields = {"present": "wrong", "password": new, "again": new}
    assert "not your present password" in rita.post("/me/password", data=fields).text
    fields["present"] = PASSWORD
    assert "differ" in rita.post("/me/password", data={**fields, "again": "x"}).text
    assert rita.post("/me/password", data=fields).headers["location"] == "/me?done=password"
    assert (rita.get("/me").status_code, other.get("/me").status_code) == (200, 303)
    assert (sign_in(browser).status_code, sign_in(browser, password=new).status_code) == (401, 303)


def test_single_keys_are_switched_off_and_on_on_ones_own_page(scene: Scene, signed_in: Client) -> None:
    rita = signed_in("rita")
    assert "Switch single keys off" in rita.get("/me").text
    rita.post("/me/shortcuts", data={"on": "false"})
    assert not signing_in.preferences(scene.store, "rita").shortcuts
    assert "Switch single keys on" in rita.get("/me").text
    rita.post("/me/shortcuts", data={"on": "true"})
    assert signing_in.preferences(scene.store, "rita").shortcuts


def test_leave_is_taken_and_ended_on_ones_own_page(scene: Scene, signed_in: Client) -> None:
    rita = signed_in("rita")
    assert rita.post("/me/leave", data={"away_from": "2026-03-01", "away_until": "2026-03-09"}).status_code == 303
    assert "You are on leave" in rita.get("/me").text
    person = scene.row(schema.Person, name="rita")
    assert [person[name].day for name in ("away_from", "away_until")] == [1, 9]
    for fields in (
        {"away_from": "tomorrow"},
        {"away_until": "2026-03-09"},
        {},
        {"away_from": "2026-03-09", "away_until": "2026-03-09"},
    ):
        assert rita.post("/me/leave", data=fields).status_code == 400
    assert rita.post("/me/leave", data={"none": "true"}).status_code == 303
    assert scene.row(schema.Person, name="rita")["away_from"] is None


def test_the_first_link_makes_an_administrator_who_invites_a_reviewer_who_reviews(
    app: FastAPI, scene: Scene, chromium: Browser
) -> None:
    scene.waiting(1)
    first = inviting.first_invitation(scene.store, now=NOW)
    assert first is not None
    told: list[str] = []
    with served(app) as address:
        context = chromium.new_context(base_url=address)
        page = context.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.goto(inviting.path_of(first[1]))
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("The same once more").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Sign out").click()
        page.goto("/people")
        page.get_by_label("Name").fill(FOUNDER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        assert page.url == f"{address}/people"
        page.get_by_label("Name, as they will sign in").fill("olga")
        page.get_by_role("button", name="Add and make a link").click()
        link = page.locator("#link").inner_text()
        assert link.startswith(f"{address}/welcome?invitation=")

        elsewhere = chromium.new_context(java_script_enabled=False)
        other = elsewhere.new_page()
        other.on("console", lambda message: told.append(message.text))
        other.goto(link)
        other.get_by_label("Password").fill("drei alte Hasen")
        other.get_by_label("The same once more").fill("drei alte Hasen")
        other.get_by_role("button").click()
        assert other.url == f"{address}/review"
        assert other.get_by_role("link", name="People").count() == 0
        other.goto(link)
        assert other.get_by_text("has been used or has run out").is_visible()
        told.clear()  # Chromium says 404 there

        page.set_content(f'<a href="{address}/me">a mail</a>')
        mail = context.new_page()
        mail.goto("data:text/html,<title>mail</title>")
        mail.evaluate(f"location.href = '{address}/me'")
        mail.wait_for_url(f"{address}/me")
        mail.get_by_role("heading", name=FOUNDER).wait_for()
        assert told == []
        context.close()
        elsewhere.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_the_way_in_and_of_people_have_no_barrier(
    app: FastAPI, scene: Scene, chromium: Browser, scheme: str
) -> None:
    secret = inviting.first_invitation(scene.store, now=NOW)
    assert secret is not None
    with served(app) as address:
        context = chromium.new_context(base_url=address, color_scheme=scheme, viewport={"width": 390, "height": 844})
        page = context.new_page()
        visits = ("/sign-in", inviting.path_of(secret[1]), "/me", "/people", "/people/person?name=rita", "/nothing")
        for visit in visits:
            page.goto(visit)
            found = Axe().run(page)
            assert found.violations_count == 0, f"{visit}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), visit
            if visit.startswith("/welcome"):
                page.get_by_label("Password").fill(PASSWORD)
                page.get_by_label("The same once more").fill(PASSWORD)
                page.keyboard.press("Enter")
                page.wait_for_url(f"{address}/review")
        context.close()

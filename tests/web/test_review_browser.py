import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from handrail.store import schema
from tests.desks import Client, served, signed_in_context
from tests.scenes import NOW, Scene

Opened = Callable[..., Page]


@pytest.fixture
def opened(app: FastAPI, scene: Scene, chromium: Browser) -> Iterator[Opened]:
    """Call it for a page of rita's; at the end no page may have complained on its console."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "the server responded with a status of 4" not in message.text:
            complaints.append(message.text)

    with served(app) as address:
        contexts = []

        def open_page(name: str = "rita", **options: Any) -> Page:  # noqa: ANN401 - of the browser
            contexts.append(signed_in_context(chromium, app, address, name, **options))
            page = contexts[-1].new_page()
            page.on("console", note)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            return page

        yield open_page
        for context in contexts:
            context.close()
    assert complaints == []


def title(page: Page, case: int) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Case {case}")


def test_fifty_cases_are_cleared_with_the_keyboard_alone(scene: Scene, opened: Opened) -> None:
    shown = scene.waiting(44)
    blind = scene.waiting(6, queue="C", reason="stage_shadow", suggestion_hidden=True, due_at=NOW + timedelta(hours=9))
    page = opened()
    page.goto("/review")
    for number, case in enumerate([*shown, *blind]):
        title(page, case)
        if case in blind:
            page.keyboard.press("e")
            page.keyboard.press("2")
            page.keyboard.press("Enter")
        elif number % 7 == 3:
            page.keyboard.press("d")
            page.keyboard.press("4")
            page.keyboard.press("Enter")
        elif number % 7 == 5:
            page.keyboard.press("e")
            page.keyboard.type("tr")
            page.keyboard.press("Enter")
        else:
            page.keyboard.press("a")
    expect(page.get_by_role("heading", level=1)).to_have_text("You’re all caught up")
    decisions = scene.rows(schema.Decision)
    assert [row["case_id"] for row in decisions] == [*shown, *blind]
    made = [row["outcome"] for row in decisions[:44]]
    assert (made.count("approve"), made.count("deny"), made.count("override")) == (32, 6, 6)
    assert {row["label"] for row in decisions[44:]} == {"tracking"}
    assert all(row["seconds"] is not None for row in decisions)


def test_undo_brings_the_case_back_and_the_next_one_after_it(scene: Scene, opened: Opened) -> None:
    first, second = scene.waiting(2)
    page = opened()
    page.goto("/review")
    page.keyboard.press("a")
    title(page, second)
    expect(page.locator("#after")).to_contain_text(f"Approved case {first}.")
    page.keyboard.press("u")
    title(page, first)
    assert scene.count(schema.Decision) == 0
    page.keyboard.press("a")
    title(page, second)
    page.keyboard.press("a")
    expect(page.get_by_role("heading", level=1)).to_have_text("You’re all caught up")
    assert scene.states() == ["decided", "decided"]


def test_skipped_cases_are_told_of_when_nothing_else_waits_and_one_key_brings_them_back(
    scene: Scene, opened: Opened
) -> None:
    first, second, third = scene.waiting(3)
    page = opened()
    page.goto("/review")
    for case, key in ((first, "s"), (second, "s"), (third, "a")):
        title(page, case)
        page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing else waits for you now")
    expect(page.get_by_text("You skipped 2 cases that still wait.")).to_be_visible()
    expect(page.get_by_role("button", name="Bring back all 2")).to_be_visible()
    page.keyboard.press("b")
    title(page, first)
    page.keyboard.press("a")
    title(page, second)
    page.keyboard.press("a")
    expect(page.get_by_role("heading", level=1)).to_have_text("You’re all caught up")
    assert scene.states() == ["decided"] * 3


def test_a_whole_review_without_javascript(scene: Scene, opened: Opened) -> None:
    first, second, third, *rest = scene.waiting(6)
    page = opened(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page.goto("/review")
    title(page, first)
    page.locator("[data-panel=edit] summary").click()
    panel = page.locator("[data-panel=edit]")
    panel.get_by_label("Right category").select_option("tracking")
    panel.get_by_label("The suggested category is wrong").check()
    panel.get_by_label("Note, if you like").fill("they ask where it is")
    panel.get_by_role("button", name="Change and send").click()
    title(page, second)
    assert scene.row(schema.Note)["text"] == "they ask where it is"
    page.get_by_role("button", name=re.compile("Undo")).click()
    title(page, first)
    page.locator("[data-panel=deny] summary").click()
    page.locator("[data-panel=deny]").get_by_label("The same request is dealt with elsewhere").check()
    page.locator("[data-panel=deny]").get_by_role("button", name="Deny").click()
    title(page, second)
    page.get_by_role("button", name="Skip").click()
    title(page, third)
    page.get_by_role("link", name="Approve several at once").click()
    page.get_by_label("Category").select_option("refund")
    page.get_by_role("button", name="Show them").click()
    page.get_by_label(f"Approve case {rest[-1]}").uncheck()
    page.get_by_role("button", name=re.compile("Approve the ticked")).click()
    expect(page.get_by_text("Approved 3 cases.")).to_be_visible()
    assert scene.states() == ["done", "queued", "decided", "decided", "decided", "queued"]


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("scripted", [False, True])
def test_everything_can_be_reached_on_a_telephone(scene: Scene, opened: Opened, hidden: bool, scripted: bool) -> None:
    scene.waiting(2, queue="B", suggestion_hidden=hidden, due_at=NOW - timedelta(hours=1))
    page = opened(java_script_enabled=scripted, viewport={"width": 390, "height": 844})
    for address in ("/review", "/bulk?category=refund", "/review/1/more"):
        page.goto(address)
        width = (
            page.locator("html").evaluate("one => one.scrollWidth")
            if scripted
            else page.locator("main").bounding_box()["width"]
        )  # type: ignore[index]
        assert width <= 390
    page.goto("/review")
    for button in page.locator(".bar > form button, .bar summary").all():
        box = button.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 844


def test_what_a_decision_needs_stands_above_the_fold(scene: Scene, opened: Opened) -> None:
    scene.waiting(2)
    page = opened(viewport={"width": 1280, "height": 800})
    page.goto("/review")
    spots = {}
    for _ in range(2):
        for name in (".letter-box", ".suggestion", ".bar"):
            box = page.locator(name).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 800
            assert spots.setdefault(name, (box["x"], box["y"])) == (box["x"], box["y"])  # nothing jumps
        page.keyboard.press("s")
        page.wait_for_timeout(300)


def test_keys_rest_while_somebody_types_or_holds_ctrl(scene: Scene, opened: Opened) -> None:
    scene.waiting(2)
    page = opened()
    page.goto("/review")
    page.keyboard.press("Control+a")
    page.keyboard.press("Alt+s")
    page.keyboard.press("d")
    page.keyboard.press("a")  # an open question is answered first
    page.locator("[data-panel=deny] textarea").fill("")
    page.locator("[data-panel=deny] textarea").press_sequentially("a sad day, 4 times")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    page.wait_for_timeout(200)
    assert scene.count(schema.Decision) == 0
    assert scene.count(schema.Skip) == 0
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_keys_can_be_switched_off(app: FastAPI, scene: Scene, opened: Opened) -> None:
    from handrail.acts import signing_in

    scene.waiting(2)
    signing_in.set_shortcuts(app.state.desk.store, "rita", on=False, now=NOW)
    page = opened()
    page.goto("/review")
    expect(page.locator("kbd").first).to_be_hidden()
    page.keyboard.press("a")
    page.wait_for_timeout(200)
    assert scene.count(schema.Decision) == 0
    page.get_by_role("button", name="Approve").click()
    title(page, 2)


def test_countdowns_go_by_the_desks_clock_and_not_by_the_browsers(scene: Scene, opened: Opened) -> None:
    scene.waiting(1, due_at=NOW + timedelta(hours=2, minutes=5, seconds=30))
    page = opened()
    page.clock.install(time=NOW + timedelta(days=400))
    page.goto("/review")
    page.clock.run_for(1000)
    expect(page.locator("[data-due]")).to_have_text("due in 2 h 5 min")
    page.clock.run_for(3 * 3_600_000)
    expect(page.locator("[data-due]")).to_have_text("54 min late")


def test_two_tabs_neither_lose_nor_double_a_decision(scene: Scene, opened: Opened) -> None:
    scene.waiting(3)
    one, other = opened(), opened()
    one.goto("/review")
    expect(one.locator("#case")).to_have_attribute("data-case", "1")
    other.goto("/review")
    title(other, 1)
    one.keyboard.press("a")
    title(one, 2)
    other.keyboard.press("a")
    expect(other.locator("#after")).to_contain_text("case 1")
    assert [row["case_id"] for row in scene.rows(schema.Decision)] == [1]


def test_an_ended_session_loses_nothing_of_a_half_made_decision(
    app: FastAPI, scene: Scene, opened: Opened, signed_in: Client
) -> None:
    scene.waiting(2)
    page = opened()
    page.goto("/review")
    page.keyboard.press("d")
    page.keyboard.press("4")
    page.locator("[data-panel=deny] textarea").fill("half a thought")
    with scene.store.write() as connection:
        connection.execute(schema.Session.__table__.update().values(ended_at=NOW))
    page.locator("[data-panel=deny]").get_by_role("button", name="Deny").click()
    expect(page.get_by_role("alert")).to_contain_text("still waiting")
    assert scene.count(schema.Decision) == 0
    with scene.store.write() as connection:  # as a new sign-in in another tab: another secret for the forms
        connection.execute(schema.Session.__table__.update().values(ended_at=None, csrf="new"))
    page.locator("[data-panel=deny]").get_by_role("button", name="Deny").click()
    title(page, 2)
    assert scene.row(schema.Note)["text"] == "half a thought"


def test_a_case_that_somebody_took_leads_on_to_the_next(app: FastAPI, scene: Scene, opened: Opened) -> None:
    scene.waiting(3)
    page = opened()
    with page.expect_response("**/review/next"):  # the case fetched ahead is reserved before the clock moves
        page.goto("/review")
    title(page, 1)
    expect(page.locator("#case")).to_have_attribute("data-case", "1")
    scene.decide(1, "deny", "ruth", NOW + timedelta(minutes=5), reason_code="duplicate")
    page.keyboard.press("a")
    expect(page.get_by_role("alert")).to_contain_text("decided by somebody else")
    page.keyboard.press("Enter")
    title(page, 2)


def test_what_the_model_had_said_comes_when_the_choice_stands(app: FastAPI, scene: Scene, opened: Opened) -> None:
    scene.waiting(2, suggestion_hidden=True)
    page = opened()
    page.clock.install(time=NOW)
    page.goto("/review")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    title(page, 2)
    expect(page.locator("#after")).not_to_contain_text("refund")
    app.state.desk.clock = lambda: NOW + timedelta(seconds=10)
    page.clock.run_for(10_500)
    expect(page.locator("#after")).to_contain_text("you said tracking, the model had said refund")

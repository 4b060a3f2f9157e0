"""The operator's page: what holds, withholding and giving back, what a stage would mean, models, stuck actions."""

from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from desk.context import Desk
from handrail.acts import attending, pausing
from handrail.errors import PermanentError
from handrail.policy import Stage
from handrail.store import schema
from tasks.watch import breaker
from tests.desks import Client, served, signed_in_context
from tests.doubting import BLIND, serve
from tests.operating import ASKING, OWNER, stuck, trip, two_versions
from tests.scenes import FLOW, FOUNDER, NOW, VERSION, Scene


@pytest.fixture
def floor(app: FastAPI) -> Scene:
    """The shop whose policy asks for a second person to resume, with a product owner, and a watch that has spoken."""
    found = Scene(app.state.desk.store, ASKING)
    found.add_person(OWNER, "product_owner")
    return found


class TestTheFirstLook:
    def test_it_says_what_holds_and_what_each_category_does(self, floor: Scene, signed_in: Client) -> None:
        floor.automatic(3)
        floor.waiting(1)
        trip(floor)
        text = signed_in(FOUNDER).get("/operations").text
        for words in (
            "Refund</a> is paused since 2026-03-02 09:00 by the breaker: 3 of 45",
            "Model review 1 of",
            "No audit in the last 2 days. It looks from 30 on.",
            "Above 95.0\u202f%, as the policy fixes it. Not certified.",
            "so a person decides every case",
            "Close model review 1",
            "Start them with <code>handrail up</code>",
        ):
            assert words in text, words
        assert "Resume refund" not in text, "its model review is still open"

    def test_what_is_not_certified_says_what_is_in_the_way(self, floor: Scene, signed_in: Client) -> None:
        serve(floor, VERSION)
        for case_id in floor.waiting(3, **BLIND):
            floor.decide(case_id, "override", label="refund")
        text = signed_in(FOUNDER).get("/operations").text
        assert "as the policy fixes it. Not certified. In the way: labels (about" in text

    def test_a_quiet_shop_says_so(self, floor: Scene, signed_in: Client) -> None:
        text = signed_in(FOUNDER).get("/operations").text
        assert "Nothing is paused, held or under review." in text
        assert "no case came" in text
        assert floor.count(schema.Pause) == 0

    def test_a_silent_watch_is_named_with_the_categories_that_it_holds(self, floor: Scene, signed_in: Client) -> None:
        for name in ("quality_watch", "sla_watch"):
            attending.note_watch(floor.store, name, actor=FLOW, now=NOW)
        attending.note_watch(floor.store, "sla_watch", actor=FLOW, now=NOW - timedelta(days=2))
        text = signed_in(FOUNDER).get("/operations").text
        assert "The watch “sla watch” was last heard at 2026-02-28 09:00 UTC." in text
        assert "Automatic approval is held for everything. Start the watches" in text
        assert "audit sampling" not in text, "it never ran, and its time is not over"
        assert "Nothing is paused, held or under review." not in text
        assert text.count('<span class="tag warn">held</span>') == 4

    def test_what_was_changed_outside_is_said_with_the_remedy(self, floor: Scene, signed_in: Client) -> None:
        pausing.set_stage(floor.store, "refund", Stage.SUGGEST, reason="x", actor=FOUNDER, **floor.known)
        with floor.store.write() as connection:
            connection.execute(update(schema.StageChange).values(stage="auto"))
            connection.execute(update(schema.Policy).values(body="no policy"))
        text = signed_in(FOUNDER).get("/operations").text
        assert "and it cannot be read. Nothing is approved automatically." in text
        assert "<code>" in text
        assert "The stage of refund was changed outside Handrail: it is auto, and the audit trail says suggest." in text
        assert "Nothing is paused, held or under review." not in text
        assert '<span class="tag bad">changed outside Handrail</span>' in text

    def test_audits_are_read_with_their_interval(self, floor: Scene, signed_in: Client) -> None:
        ids = floor.automatic(2)
        floor.audit(ids)
        floor.decide(ids[0], "override", at=NOW, label="refund")
        floor.decide(ids[1], "override", at=NOW, label="tracking", reason_code="wrong_category")
        text = signed_in(FOUNDER).get("/operations").text
        assert "Not enough to say: 1 of 2 audits rejected" in text
        assert "1 of all 2 audits in the last 2 days found an error; weighted for how they were drawn: 50.0" in text
        assert "95 % sure between 9.5" in text

    def test_both_rules_are_read_and_the_one_that_pauses_is_named(self, floor: Scene, signed_in: Client) -> None:
        floor.audit(ids := floor.automatic(1))
        floor.decide(ids[0], "override", at=NOW, label="refund")
        text = signed_in(FOUNDER).get("/operations").text
        assert "Sequential rule (pauses): no audit counted yet." in text
        assert "Literal rule (shown only). Not enough to say: 0 of 1 audits rejected" in text
        assert "There are no audits" not in text
        assert "it sees 8% within" in text or "does not see 8% within a year" in text

    def test_a_model_review_shows_what_it_rests_on(self, floor: Scene, app: FastAPI, signed_in: Client) -> None:
        ids = paused_by_audits(floor, app)
        text = signed_in(FOUNDER).get("/operations").text
        for words in (
            "What it rests on: 15 of 30 audits rejected",
            "Sequential rule (paused it): 15 of 30 audits rejected; it tripped at",
            "Literal rule: 15 of 30 in its window; ",
            "15 of all 30 audits in that window found an error; weighted for how they were drawn: 50.0",
            "The evidence hour by hour",
            f'<a href="/cases/{ids[1]}">{ids[1]}</a>',
        ):
            assert words in text, words
        assert "where is my money" not in text

    def test_links_lead_to_the_servers_that_run(self, floor: Scene, app: FastAPI, signed_in: Client) -> None:
        import json
        import os

        desk: Desk = app.state.desk
        known = {"prefect_ui": "http://127.0.0.1:1", "mlflow": "http://127.0.0.1:2", "pid": os.getpid()}
        desk.workspace.server_file.write_text(json.dumps(known))
        client = signed_in(FOUNDER)
        assert 'href="http://127.0.0.1:1/runs"' in client.get("/operations").text
        desk.workspace.server_file.write_text(json.dumps({**known, "pid": 2**22 + 1}))
        assert "127.0.0.1:1" not in client.get("/operations").text, "who wrote it is gone"
        assert floor.count(schema.Pause) == 0

    def test_an_address_cannot_put_words_on_the_page(self, floor: Scene, signed_in: Client) -> None:
        client = signed_in(FOUNDER)
        for query in ("done=paused&what=<b>all</b>", "done=<b>", "done=paused&what=nothing"):
            assert 'role="status"' not in client.get(f"/operations?{query}").text
        assert floor.count(schema.Pause) == 0


class TestPausing:
    def test_a_pause_takes_effect_at_once_and_says_what_came_back(self, floor: Scene, signed_in: Client) -> None:
        ids = floor.automatic(2)
        client = signed_in(FOUNDER)
        answer = client.post("/operations/pause", data={"category": "refund", "reason": "odd letters"})
        assert answer.status_code == 303
        said = client.get(answer.headers["location"]).text
        assert "Refund is paused from the next case on. Actions not yet sent that came back to people: 2." in said
        assert [floor.state(case) for case in ids] == ["queued", "queued"]

    def test_everything_is_paused_and_the_reason_is_shown(self, floor: Scene, signed_in: Client) -> None:
        client = signed_in("mona")
        client.post("/operations/pause", data={"reason": "a strange morning"})
        assert (
            "Everything is paused since 2026-03-02 09:00 by mona: a strange morning" in client.get("/operations").text
        )
        assert floor.row(schema.Pause)["category"] is None

    def test_without_a_reason_nothing_is_paused(self, floor: Scene, signed_in: Client) -> None:
        answer = signed_in(FOUNDER).post("/operations/pause", data={"reason": "  "})
        assert answer.status_code == 400
        assert "needs a reason" in answer.text
        assert floor.rows(schema.Pause) == []

    def test_a_reviewer_has_no_business_here(self, floor: Scene, signed_in: Client) -> None:
        client = signed_in("rita")
        assert client.get("/operations").status_code == 403
        assert client.post("/operations/pause", data={"reason": "x"}).status_code == 403
        assert floor.rows(schema.Pause) == []


class TestTwoPeople:
    def test_resuming_is_proposed_and_another_person_confirms(self, floor: Scene, signed_in: Client) -> None:
        pausing.pause(floor.store, "refund", reason="odd", actor=FOUNDER, **floor.known)
        steward, owner = signed_in(FOUNDER), signed_in(OWNER)
        answer = steward.post("/operations/resume", data={"category": "refund", "reason": "mended"})
        assert answer.headers["location"].startswith("/operations?done=proposed&count=1")
        assert floor.row(schema.Pause)["until"] is None
        mine = steward.get("/operations").text
        assert "Withdraw proposal 1" in mine
        assert "Confirm proposal 1" not in mine
        assert steward.post("/operations/proposals/1/confirm").status_code == 409
        assert "Confirm proposal 1" in owner.get("/operations").text
        assert owner.post("/operations/proposals/1/confirm").status_code == 303
        assert floor.row(schema.Pause)["until"] == NOW

    def test_who_may_not_resume_may_not_confirm_or_refuse(self, floor: Scene, signed_in: Client) -> None:
        pausing.pause(floor.store, "refund", reason="odd", actor=FOUNDER, **floor.known)
        signed_in(FOUNDER).post("/operations/resume", data={"category": "refund", "reason": "mended"})
        mona = signed_in("mona")
        assert "Your role may not confirm this." in mona.get("/operations").text
        assert mona.post("/operations/proposals/1/confirm").status_code == 403
        assert mona.post("/operations/proposals/1/refuse", data={"reason": "no"}).status_code == 403
        assert floor.row(schema.Proposal)["outcome"] is None

    def test_it_is_refused_with_a_reason_or_withdrawn(self, floor: Scene, signed_in: Client) -> None:
        pausing.pause(floor.store, "refund", reason="odd", actor=FOUNDER, **floor.known)
        steward, owner = signed_in(FOUNDER), signed_in(OWNER)
        steward.post("/operations/resume", data={"category": "refund", "reason": "mended"})
        assert owner.post("/operations/proposals/1/refuse", data={"reason": "too early"}).status_code == 303
        steward.post("/operations/resume", data={"category": "refund", "reason": "really"})
        assert steward.post("/operations/proposals/2/withdraw").status_code == 303
        assert [row["outcome"] for row in floor.rows(schema.Proposal)] == ["refused", "withdrawn"]

    def test_where_the_policy_asks_nobody_one_person_resumes(self, scene: Scene, signed_in: Client) -> None:
        pausing.pause(scene.store, None, reason="odd", actor=FOUNDER, **scene.known)
        client = signed_in(FOUNDER)
        answer = client.post("/operations/resume", data={"category": "", "reason": "mended"})
        assert "Everything runs again." in client.get(answer.headers["location"]).text


class TestStages:
    def test_what_a_stage_would_mean_stands_before_it_is_confirmed(self, floor: Scene, signed_in: Client) -> None:
        floor.automatic(40, at=NOW - timedelta(days=14))
        client = signed_in(FOUNDER)
        text = client.get("/operations/stage/refund?to=suggest").text
        assert "From auto to suggest" in text
        assert "40 cases of the last 14 days" in text
        cells = [cell.split("<")[0] for cell in text.split('class="number">')[1:]]
        assert "20.0" in cells, "twenty cases a week run without a person now"
        assert "not measured" in text, "no audit has looked at them"
        client.post("/operations/stage/refund", data={"to": "suggest", "reason": "to be safe"})
        assert floor.row(schema.StageChange)["stage"] == "suggest"

    def test_the_checks_stand_beside_the_step_and_the_trail_keeps_what_they_said(
        self, floor: Scene, signed_in: Client
    ) -> None:
        client = signed_in(FOUNDER)
        text = client.get("/operations").text
        assert "Stays at auto: there is no stage after it" in text
        client.post("/operations/stage/refund", data={"to": "shadow", "reason": "a new start"})
        assert "Not ready for partial, because no version serves" in client.get("/operations").text
        text = client.get("/operations/stage/refund?to=partial").text
        assert "Not ready for partial, because no version serves" in text
        assert "It moves all the same if you say why; the audit trail keeps both." in text
        client.post("/operations/stage/refund", data={"to": "partial", "reason": "the owner wants it"})
        down, up = floor.events("stage.changed")
        assert (down["ready"], down["missing"]) == (True, [])
        assert up["ready"] is False
        assert "version" in up["missing"]
        assert up["because"] == "the owner wants it"

    def test_without_a_case_nobody_can_say_what_it_would_mean(self, floor: Scene, signed_in: Client) -> None:
        assert "Not measured: no case" in signed_in(FOUNDER).get("/operations/stage/refund?to=manual").text
        assert floor.rows(schema.StageChange) == []

    def test_a_category_that_does_not_exist_is_not_found(self, floor: Scene, signed_in: Client) -> None:
        client = signed_in(FOUNDER)
        assert client.get("/operations/stage/weather").status_code == 404
        assert client.post("/operations/stage/weather", data={"to": "auto", "reason": "x"}).status_code == 404
        assert client.post("/operations/stage/refund", data={"to": "moon", "reason": "x"}).status_code == 422
        assert floor.rows(schema.StageChange) == []


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def scripted(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_steward_reviews_and_proposes_an_owner_confirms_and_a_rollback_takes_one_sentence(
    app: FastAPI, floor: Scene, chromium: Browser, *, scripted: bool
) -> None:
    two_versions(app)
    trip(floor)
    with served(app) as address:
        steward = signed_in_context(chromium, app, address, FOUNDER, java_script_enabled=scripted)
        page = steward.new_page()
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto("/operations")
        category = page.locator("section#refund")
        expect(category.locator(".tag.bad")).to_have_text("paused")
        category.get_by_label("What was found and done?").fill("a template changed; version 3 has learnt it")
        category.get_by_role("button", name="Close model review 1").click()
        expect(page.get_by_role("status")).to_have_text("Model review 1 is closed.")
        category.locator("summary", has_text="Propose to resume refund").click()
        category.get_by_label("Why is it safe again").fill("the review is closed")
        category.get_by_role("button", name="Propose to resume").click()
        expect(page.get_by_role("status")).to_contain_text("Proposal 1 is made")

        owner = signed_in_context(chromium, app, address, OWNER, java_script_enabled=scripted)
        second = owner.new_page()
        second.goto("/operations")
        second.get_by_role("button", name="Confirm proposal 1").click()
        expect(second.get_by_role("status")).to_have_text("Proposal 1 is confirmed, and done.")
        page.goto("/operations")
        expect(category).to_contain_text("stage partial")
        expect(category.locator(".tag.bad")).to_have_count(0)

        pause_everything_in_two_clicks(page)
        page.get_by_role("link", name="Models").click()
        page.locator("summary", has_text="Roll back").click()
        page.get_by_label("Why roll back?").fill("complaints doubled since Monday")
        page.get_by_role("button", name="Leave version 2").click()
        expect(page.get_by_role("status")).to_contain_text("Version 1 serves again")
        assert errors == []
        steward.close()
        owner.close()
    assert floor.row(schema.Serving)["model_version"] == "1"


def paused_by_audits(floor: Scene, app: FastAPI) -> list[int]:
    """Refunds paused by the breaker itself, after audits of these cases of which every second was rejected."""
    early, hour = NOW - timedelta(hours=3), timedelta(hours=1)
    ids = floor.automatic(30, at=early)
    floor.audit(ids, early)
    for number, case_id in enumerate(ids):
        ruling = {"label": "tracking", "reason_code": "wrong_category"} if number % 2 else {"label": "refund"}
        floor.decide(case_id, "override", at=early + hour, **ruling)
    occasion = app.state.desk.occasion("flow:quality_watch")
    assert breaker.pause_tripped(occasion, breaker.look(occasion)) == ["refund"]
    return ids


def pause_everything_in_two_clicks(page: Page) -> None:
    page.locator("summary", has_text="Pause everything").click()
    page.get_by_label("Why pause everything?").fill("something is odd")
    page.get_by_role("button", name="Pause everything now").click()
    expect(page.get_by_text("Everything is paused since")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_operators_pages_are_accessible_and_fit_a_telephone(
    app: FastAPI,
    floor: Scene,
    chromium: Browser,
    scheme: Any,  # noqa: ANN401 - a literal of the browser's
) -> None:
    stuck(floor, PermanentError("There is no such account. Correct it."))
    floor.automatic(3, category="tracking")
    two_versions(app)
    trip(floor)
    with served(app) as address:
        context = signed_in_context(
            chromium, app, address, FOUNDER, color_scheme=scheme, viewport={"width": 390, "height": 844}
        )
        page = context.new_page()
        for place in ("", "/models", "/actions", "/stage/tracking?to=partial"):
            page.goto(f"/operations{place}")
            assert Axe().run(page).response["violations"] == [], place
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, place
        context.close()


def test_the_evidence_of_a_review_is_accessible_and_fits_a_telephone(
    app: FastAPI, floor: Scene, chromium: Browser
) -> None:
    paused_by_audits(floor, app)
    with served(app) as address:
        context = signed_in_context(chromium, app, address, FOUNDER, viewport={"width": 390, "height": 844})
        page = context.new_page()
        page.goto("/operations")
        page.locator("summary", has_text="What it rests on").click()
        expect(page.get_by_text("The evidence hour by hour")).to_be_visible()
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        context.close()

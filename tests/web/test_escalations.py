"""The escalation manager's page: one list, what is opened from it, and what becomes of it."""

from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from playwright.sync_api import Browser, Page, expect

from handrail.acts import disputing, escalating
from handrail.store import cases, schema
from tests.desks import Client, served, signed_in_context
from tests.scenes import FLOW, MANAGER, NOW, POLICY, Scene

HOUR = timedelta(hours=1)


def set_clock(app: FastAPI, now: datetime) -> None:
    app.state.desk.clock = lambda: now


def escalated(scene: Scene, reason: str = "legal", actor: str = "rita", note: str | None = "a lawyer writes") -> int:
    """A case that waits for the escalation manager; its work item."""
    (case,) = scene.waiting(1)
    scene.decide(case, "deny", actor=actor, reason_code=reason, note=note)
    return int(scene.rows(schema.WorkItem, case_id=case, kind="escalation")[0]["id"])


def breached(scene: Scene, app: FastAPI) -> int:
    """A case that was not decided in time, and the clock at which that was noticed."""
    (case,) = scene.waiting(1)
    late = NOW + 5 * HOUR
    escalating.escalate_breaches(scene.store, policy=POLICY, actor=FLOW, now=late)
    set_clock(app, late)
    return case


def fence_of(page: str) -> str:
    return page.split('name="fence" value="')[1].split('"', maxsplit=1)[0]


def settle(client: TestClient, address: str, **form: object) -> Response:
    fence = fence_of(client.get(address).text)
    return client.post(address, data={"fence": fence, **form})


class TestTheList:
    def test_an_empty_list_says_what_will_stand_in_it(self, scene: Scene, signed_in: Client) -> None:
        page = signed_in(MANAGER).get("/escalations")
        assert page.status_code == 200
        assert "Nothing waits here" in page.text
        assert "when a customer disputes a decision" in page.text

    def test_everything_that_waits_stands_in_one_list_by_due_time(
        self, app: FastAPI, scene: Scene, signed_in: Client
    ) -> None:
        item = escalated(scene)
        (contested,) = scene.automatic(1)
        dispute = disputing.open_dispute(
            scene.store, contested, "no", actor="rita", policy=POLICY, now=NOW + timedelta(minutes=1)
        )
        with scene.store.write() as connection:
            connection.execute(schema.Outbox.__table__.update().values(state="dead"))
        late = breached(scene, app)
        page = signed_in(MANAGER).get("/escalations").text
        hrefs = [f"/escalations/{item}", f"/disputes/{dispute}", f"/escalations/late/{late}", "/operations"]
        rows = page.split("<tbody>")[1]
        assert all(href in rows for href in hrefs)
        assert rows.index(hrefs[0]) < rows.index(hrefs[1]) < rows.index(hrefs[2])
        assert "4 h late" in page

    @pytest.mark.parametrize(
        ("cause", "seen", "hidden"),
        [
            ("rejections", "legal weight", "disputes the decision"),
            ("disputes", "disputes the decision", "legal weight"),
        ],
    )
    def test_the_causes_are_filters_in_the_address(
        self, scene: Scene, signed_in: Client, cause: str, seen: str, hidden: str
    ) -> None:
        escalated(scene)
        disputing.open_dispute(scene.store, scene.automatic(1)[0], "no", actor="rita", policy=POLICY, now=NOW)
        page = signed_in(MANAGER).get(f"/escalations?cause={cause}").text
        assert seen in page
        assert hidden not in page

    def test_no_colleague_is_named_who_decided_first(self, scene: Scene, signed_in: Client) -> None:
        item = escalated(scene, actor="rita")
        manager = signed_in(MANAGER)
        for address in ("/escalations", f"/escalations/{item}"):
            page = manager.get(address).text
            assert "rita" not in page
            assert "reviewer" in page

    def test_what_the_manager_decided_first_is_not_offered_to_them(self, scene: Scene, signed_in: Client) -> None:
        item = escalated(scene, actor=MANAGER)
        manager = signed_in(MANAGER)
        page = manager.get("/escalations").text
        assert "You decided it first" in page
        assert f'href="/escalations/{item}"' not in page
        refused = manager.get(f"/escalations/{item}")
        assert refused.status_code == 403
        assert "Another escalation manager has to look at it" in refused.text

    def test_others_have_no_such_list(self, scene: Scene, signed_in: Client) -> None:
        assert signed_in("rita").get("/escalations").status_code == 403


class TestSettling:
    def test_the_first_decision_is_shown_with_reason_and_note(self, scene: Scene, signed_in: Client) -> None:
        item = escalated(scene)
        with scene.store.write() as connection:
            case_id = scene.row(schema.Case)["id"]
            cases.save_redactions(connection, [cases.Redaction(case_id, "<b>my money</b>", [])])
        page = signed_in(MANAGER).get(f"/escalations/{item}").text
        assert "&lt;b&gt;my money&lt;/b&gt;" in page
        assert "turned it down" in page
        assert "It has legal weight" in page
        assert "a lawyer writes" in page

    def test_the_manager_lets_the_suggestion_go_out(self, scene: Scene, signed_in: Client) -> None:
        answer = settle(signed_in(MANAGER), f"/escalations/{escalated(scene)}", outcome="approve")
        assert answer.status_code == 303
        assert scene.row(schema.Outbox)["action"] == "pay_back"
        assert scene.rows(schema.Label)[-1]["provenance"] == "escalation"
        assert scene.row(schema.Escalation)["resolved_by"] == MANAGER
        assert scene.states() == ["decided"]

    def test_the_manager_chooses_another_category(self, scene: Scene, signed_in: Client) -> None:
        form = {"outcome": "override", "label": "tracking", "reason": "wrong_category", "note": "not a refund"}
        settle(signed_in(MANAGER), f"/escalations/{escalated(scene)}", **form)
        assert scene.row(schema.Outbox)["action"] == "send_tracking"
        assert scene.rows(schema.Label)[-1]["label"] == "tracking"

    def test_the_manager_confirms_that_nothing_is_carried_out(self, scene: Scene, signed_in: Client) -> None:
        settle(signed_in(MANAGER), f"/escalations/{escalated(scene)}", outcome="deny", reason="legal")
        assert scene.count(schema.Outbox) == 0
        assert scene.states() == ["done"]
        assert scene.row(schema.Escalation)["resolved_at"] is not None

    def test_a_settled_case_can_be_undone_for_a_moment(self, app: FastAPI, scene: Scene, signed_in: Client) -> None:
        item = escalated(scene)
        set_clock(app, NOW + timedelta(minutes=1))
        manager = signed_in(MANAGER)
        answer = settle(manager, f"/escalations/{item}", outcome="approve")
        page = manager.get(answer.headers["location"]).text
        assert "Undo" in page
        after = page.split('name="after" value="')[1].split('"')[0]
        assert manager.post("/review/undo", data={"after": after}).status_code == 303
        assert scene.row(schema.Escalation)["resolved_at"] is None

    @pytest.mark.parametrize(
        ("form", "sentence"),
        [
            ({"note": "typed much"}, "one of the three"),
            ({"outcome": "override", "label": "tracking", "note": "typed much"}, "Say why"),
            ({"outcome": "deny", "reason": "nonsense", "note": "typed much"}, "Say why"),
            ({"outcome": "override", "reason": "legal", "note": "typed much"}, "right category"),
        ],
    )
    def test_what_is_missing_is_said_and_nothing_typed_is_lost(
        self, scene: Scene, signed_in: Client, form: dict[str, str], sentence: str
    ) -> None:
        answer = settle(signed_in(MANAGER), f"/escalations/{escalated(scene)}", **form)
        assert answer.status_code == 400
        assert sentence in answer.text
        assert "typed much" in answer.text

    def test_a_stale_tab_is_told_and_changes_nothing(self, scene: Scene, signed_in: Client) -> None:
        manager, address = signed_in(MANAGER), f"/escalations/{escalated(scene)}"
        first = fence_of(manager.get(address).text)
        manager.get(address)
        answer = manager.post(address, data={"fence": first, "outcome": "approve"})
        assert answer.status_code == 409
        assert scene.count(schema.Outbox) == 0

    def test_other_work_cannot_be_settled_here(self, scene: Scene, signed_in: Client) -> None:
        (case,) = scene.waiting(1)
        claim = scene.claim(case, MANAGER)
        manager = signed_in(MANAGER)
        address = f"/escalations/{claim.item_id}"
        assert manager.get(address).status_code == 404
        assert manager.post(address, data={"fence": claim.fence, "outcome": "approve"}).status_code == 404


class TestMissedTimes:
    def test_late_work_is_handed_to_somebody_with_one_form(self, app: FastAPI, scene: Scene, signed_in: Client) -> None:
        case = breached(scene, app)
        item = scene.row(schema.WorkItem)["id"]
        manager = signed_in(MANAGER)
        page = manager.get(f"/escalations/late/{case}").text
        assert "Nobody holds it" in page
        form = {"item": item, "to": "ruth", "reason": "rita is ill"}
        assert manager.post(f"/escalations/late/{case}/hand-over", data=form).status_code == 303
        row = scene.row(schema.WorkItem)
        assert (row["assigned_to"], row["state"]) == ("ruth", "open")
        assert scene.row(schema.Escalation)["resolved_by"] == MANAGER

    def test_a_missed_time_is_noted_with_a_reason_and_the_work_stays(
        self, app: FastAPI, scene: Scene, signed_in: Client
    ) -> None:
        case = breached(scene, app)
        manager = signed_in(MANAGER)
        address = f"/escalations/late/{case}/acknowledge"
        assert "needs a reason" in manager.post(address, data={"reason": " "}).text
        assert manager.post(address, data={"reason": "two of us were ill"}).status_code == 303
        assert scene.row(schema.WorkItem)["state"] == "open"
        assert manager.get(f"/escalations/late/{case}").status_code == 404

    def test_who_cannot_do_the_work_is_not_given_it(self, app: FastAPI, scene: Scene, signed_in: Client) -> None:
        scene.add_person("carl", "data_curator")
        case = breached(scene, app)
        item = scene.row(schema.WorkItem)["id"]
        form = {"item": item, "to": "carl", "reason": "why not"}
        answer = signed_in(MANAGER).post(f"/escalations/late/{case}/hand-over", data=form)
        assert answer.status_code == 400
        assert scene.row(schema.WorkItem)["assigned_to"] is None


@pytest.mark.parametrize("javascript", [True, False])
def test_a_legal_rejection_is_settled_in_the_browser(
    app: FastAPI,
    scene: Scene,
    chromium: Browser,
    javascript: bool,
) -> None:
    """The manager sees what is due within the hour, opens it, overrides with a reason, and it is gone."""
    escalated(scene)
    complaints: list[str] = []
    with served(app) as address:
        context = signed_in_context(chromium, app, address, MANAGER, java_script_enabled=javascript)
        page: Page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.goto("/escalations")
        expect(page.get_by_text("due in 1 h")).to_be_visible()
        page.get_by_role("link", name="Open").click()
        expect(page.get_by_text("a lawyer writes")).to_be_visible()
        page.get_by_label("Another category", exact=True).check()
        page.get_by_label("Which category, if another one").select_option("complaint")
        page.get_by_label("Why, if you change it").select_option("legal")
        page.get_by_role("button", name="Decide").click()
        expect(page.get_by_text("Nothing waits here")).to_be_visible()
        context.close()
    assert complaints == []
    assert scene.row(schema.Outbox)["action"] == "open_complaint"
    assert scene.rows(schema.Label)[-1]["label"] == "complaint"

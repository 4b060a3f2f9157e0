import re
from datetime import timedelta

import pandas as pd
import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page

from handrail.acts import labelling, publishing
from handrail.policy import LabelRules, Policy
from handrail.store import schema
from tests.desks import Client, served, signed_in_context
from tests.scenes import FOUNDER, NOVICE, NOW, POLICY, Scene

CURATOR = "cara"
LABELS = LabelRules(second_share=0, gold_cases=2, gold_right=1.0, gold_share=0.0)


def in_force(scene: Scene, **labels: object) -> Policy:
    policy = POLICY.model_copy(update={"labels": LABELS.model_copy(update=labels)})
    publishing.publish(scene.store, policy, actor=FOUNDER, now=NOW)
    scene.policy = policy
    scene.known["policy"] = policy
    return policy


@pytest.fixture
def scene(scene: Scene) -> Scene:
    in_force(scene)
    scene.add_person(CURATOR, "data_curator")
    return scene


def attested(scene: Scene, count: int) -> None:
    rows = pd.DataFrame({"text": [f"letter {n}" for n in range(count)], "label": "refund"})
    labelling.write(scene.store, rows, actor=CURATOR, **scene.known)


def finished(scene: Scene, cases: int) -> list[int]:
    """Decided cases with a text."""
    ids = scene.waiting(cases)
    with scene.store.write() as connection:
        connection.execute(schema.CaseInput.__table__.update().values(redacted="Please send my money back."))
    for case_id in ids:
        scene.decide(case_id, "override", "rita", label="refund")
    return ids


class TestTheCurator:
    def test_attests_from_a_case_and_retires_with_a_reason(self, scene: Scene, signed_in: Client) -> None:
        (case_id,) = finished(scene, 1)
        cara = signed_in(CURATOR)
        page = cara.get(f"/training/gold/new?case={case_id}")
        assert "Please send my money back." in page.text
        assert cara.post("/training/gold", data={"case": case_id, "label": "refund"}).status_code == 303
        assert "already" in cara.get(f"/training/gold/new?case={case_id}").text
        assert cara.post("/training/gold", data={"case": case_id, "label": "refund"}).status_code == 409
        assert cara.post(f"/training/gold/{case_id}/retire", data={"reason": " "}).status_code == 400
        assert cara.post(f"/training/gold/{case_id}/retire", data={"reason": "two fit"}).status_code == 303
        assert "retired" in cara.get("/training/gold").text

    def test_is_told_of_a_case_that_waits_or_does_not_exist(self, scene: Scene, signed_in: Client) -> None:
        (waiting,) = scene.waiting(1)
        with scene.store.write() as connection:
            connection.execute(schema.CaseInput.__table__.update().values(redacted="where"))
        cara = signed_in(CURATOR)
        assert "still waits" in cara.get(f"/training/gold/new?case={waiting}").text
        assert cara.get("/training/gold/new?case=999").status_code == 404
        assert cara.get("/training/gold/new").status_code == 422

    def test_writes_one_by_hand_and_it_is_redacted(self, scene: Scene, signed_in: Client) -> None:
        cara = signed_in(CURATOR)
        letter = {"text": "Write to ann@example.com, I want it back", "label": "refund"}
        assert cara.post("/training/gold/written", data=letter).status_code == 303
        (found,) = scene.rows(schema.CaseInput)
        assert "ann@example.com" not in found["redacted"]

    def test_hands_out_a_test_and_cancels_it(self, scene: Scene, signed_in: Client) -> None:
        attested(scene, 2)
        cara = signed_in(CURATOR)
        assert cara.post(f"/training/people/{NOVICE}/test").status_code == 303
        assert "under way: 2 of 2 left" in cara.get("/training/people").text
        assert cara.post(f"/training/people/{NOVICE}/test").status_code == 409
        assert cara.post(f"/training/people/{NOVICE}/cancel", data={"reason": "on leave"}).status_code == 303
        assert "cancelled" in cara.get("/training/people").text

    def test_is_nobody_else(self, scene: Scene, signed_in: Client) -> None:
        attested(scene, 2)
        rita = signed_in("rita")
        assert [rita.get(path).status_code for path in ("/training/gold", "/training/people")] == [403, 403]
        assert rita.post("/training/people/rita/test").status_code == 403


class TestTheReviewer:
    def test_begins_a_test_and_sees_no_answer_before_it_is_finished(self, scene: Scene, signed_in: Client) -> None:
        attested(scene, 2)
        nils = signed_in(NOVICE)
        begun = nils.post("/training/begin")
        assert (begun.status_code, begun.headers["location"]) == (303, "/review?kinds=gold")
        assert "0 of 2 decided" in nils.get("/training").text
        for answer in ("refund", "cancel"):
            page = nils.get("/review?kinds=gold").text
            item, fence = re.search(r'action="/review/(\d+)"', page), re.search(r'name="fence" value="(\d+)"', page)
            assert item is not None
            assert fence is not None
            assert nils.get("/training/tests/1").status_code == 404
            ruling = {"fence": fence[1], "outcome": "override", "label": answer, "kinds": "gold"}
            decided = nils.post(f"/review/{item[1]}", data=ruling)
            assert decided.headers["location"].endswith("kinds=gold")
        assert "1 of 2" in nils.get("/training").text
        page = nils.get("/training/tests/1").text
        assert page.count('class="tag good"') == page.count('class="tag bad"') == 1
        again = nils.post("/training/begin")
        assert again.status_code == 409, "not before tomorrow"
        assert "Not possible now" in again.text, "nobody else was faster"
        assert signed_in("rita").get("/training/tests/1").status_code == 404

    def test_practises_and_hears_at_once(self, scene: Scene, signed_in: Client) -> None:
        attested(scene, 4)
        nils = signed_in(NOVICE)
        for label, told in (("refund", "right, it is"), ("cancel", "it is <strong>refund</strong>")):
            page = nils.get("/training/practice").text
            case = re.search(r'action="/training/practice/(\d+)"', page)
            assert case is not None
            answer = nils.post(f"/training/practice/{case[1]}", data={"label": label})
            assert told in " ".join(nils.get(answer.headers["location"]).text.split())
        assert "No case is free for practice" in nils.get("/training/practice").text
        assert nils.post("/training/practice/1", data={"label": ""}).status_code == 400

    def test_is_told_what_to_do_when_the_training_is_lost(self, app: FastAPI, scene: Scene, signed_in: Client) -> None:
        in_force(scene, gold_share=1.0, seeded_wrong=1.0)
        scene.waiting(1)
        attested(scene, 2)
        rita = signed_in("rita")
        for _ in range(2):
            page = rita.get("/review").text
            item, fence = re.search(r'action="/review/(\d+)"', page), re.search(r'name="fence" value="(\d+)"', page)
            assert item is not None
            assert fence is not None
            assert "gold" not in page.lower()
            assert "Suggestion" in page
            decided = rita.post(f"/review/{item[1]}", data={"fence": fence[1], "outcome": "approve"})
            assert decided.status_code == 303
        assert "training does not count" in rita.get("/quality").text
        assert "Your training ended on" in rita.get("/training").text
        app.state.desk.clock = lambda: NOW + timedelta(minutes=1)
        told = rita.get(decided.headers["location"]).text
        assert "its suggestion was wrong on purpose" in told
        assert "wrong on purpose" in rita.get("/training").text


def test_a_curator_tests_a_reviewer_who_takes_the_test_in_the_desk_and_is_trained(
    app: FastAPI, scene: Scene, chromium: Browser
) -> None:
    """The curator works with scripts, the reviewer without."""
    first, second = finished(scene, 2)
    with served(app) as address, signed_in_context(chromium, app, address, CURATOR) as curator:
        page = curator.new_page()
        problems = _watched(page)
        for case_id in (first, second):
            page.goto("/training/gold")
            page.get_by_label("Number of a finished case").fill(str(case_id))
            page.get_by_role("button", name="Look at it").click()
            page.get_by_label("Its category").select_option("refund")
            page.get_by_role("button", name="Vouch for it").click()
        page.goto("/training/people")
        page.get_by_role("button", name=f"Hand out a test to {NOVICE}").click()
        page.get_by_text("under way: 2 of 2 left").wait_for()
        with signed_in_context(chromium, app, address, NOVICE, java_script_enabled=False) as reviewer:
            _sit(reviewer.new_page())
        page.reload()
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=NOVICE, exact=True)).first
        assert "2 of 2, passed" in row.inner_text()
        assert "not trained" not in row.inner_text()
        assert problems == []


def _sit(page: Page) -> None:
    page.goto("/training")
    page.get_by_role("link", name="Go on with the test").click()
    for _ in range(2):
        page.get_by_label("refund", exact=False).first.check()
        page.get_by_role("button", name="Choose this category").click()
    page.get_by_role("link", name="See how it went").click()
    page.get_by_text("You are trained until").wait_for()
    page.get_by_role("link", name=re.compile("Case by case")).click()
    assert page.get_by_text("right", exact=True).count() == 2


def _watched(page: Page) -> list[str]:
    """What the page complains of."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found

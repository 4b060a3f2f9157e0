import re
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from desk.delivery import ACTOR, Delivery
from handrail.acts import claiming, handing, pausing
from handrail.errors import DatabaseBusy
from handrail.store import schema
from tests.desks import Client
from tests.logs import every_line
from tests.reviewing import JSON, LATER, at, decide, hidden, on_screen, written
from tests.scenes import FOUNDER, NOW, POLICY, Scene


def test_a_case_is_approved_at_the_desk(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    rita = signed_in("rita")
    page = rita.get("/review").text
    assert f"Case {case}" in page
    assert "Refund".lower() in page
    answer = decide(rita, page)
    assert answer.status_code == 303
    assert scene.state(case) == "decided"
    shown = rita.get(answer.headers["location"]).text
    assert f"Approved case {case}" in shown
    assert "all caught up" in shown


def test_what_is_held_is_shown_again_and_nothing_more_is_claimed(scene: Scene, signed_in: Client) -> None:
    scene.waiting(3)
    rita = signed_in("rita")
    first = on_screen(rita.get("/review").text)
    assert on_screen(rita.get("/review").text) == first
    assert len(claiming.held(scene.store, "rita")) == 1


def test_the_next_case_is_fetched_beside_the_held_one(scene: Scene, signed_in: Client) -> None:
    scene.waiting(2)
    rita = signed_in("rita")
    first = on_screen(rita.get("/review").text)
    ahead = rita.post("/review/next", headers=JSON)
    assert on_screen(ahead.text)["item"] != first["item"]
    assert "<html" not in ahead.text
    assert rita.post("/review/next").status_code == 204


def test_personal_data_is_named_where_it_was_taken_out_and_brackets_of_the_customer_stay(
    scene: Scene, signed_in: Client
) -> None:
    written(scene, "Call +1 415 555 2671 or write to ann@shop.example, not [PHONE].")
    page = signed_in("rita").get("/review").text
    assert '<mark class="removed">phone number removed</mark>' in page
    assert '<mark class="removed">e-mail address removed</mark>' in page
    assert "not [PHONE]." in page
    assert "2671" not in page


def test_scripts_and_formulas_are_text(scene: Scene, signed_in: Client) -> None:
    written(scene, "<script>alert(1)</script> =HYPERLINK(1) <img src=x onerror=alert(1)>")
    page = signed_in("rita").get("/review").text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "=HYPERLINK(1)" in page


def test_a_letter_of_20_kb_is_shown_in_full(scene: Scene, signed_in: Client) -> None:
    text = "word " * 4000 + "the end"
    written(scene, text)
    assert text in signed_in("rita").get("/review").text


@pytest.mark.parametrize("kind", ["review", "audit", "second"])
def test_a_blind_case_says_nothing_of_the_suggestion_anywhere(scene: Scene, signed_in: Client, kind: str) -> None:
    if kind == "audit":
        scene.audit(scene.automatic(1))
    else:
        hidden(scene)
        if kind == "second":
            scene.decide(1, "override", label="tracking")
            with scene.store.write() as connection:
                connection.execute(schema.WorkItem.__table__.update().values(kind="second", state="open", holder=None))
    ruth = signed_in("ruth")
    page = ruth.get("/review")
    assert page.status_code == 200
    everything = page.text + str(page.headers)
    for telling in ("99.0", "0.99", "very sure", "stage_shadow", kind if kind != "review" else "Suggestion", "approve"):
        assert telling not in everything


def test_all_blind_cases_look_alike_whatever_the_model_said(scene: Scene, signed_in: Client) -> None:
    scene.audit(scene.automatic(1))
    scene.waiting(1, "tracking", queue="C", reason="stage_shadow", confidence=0.4, suggestion_hidden=True)
    rita = signed_in("rita")
    pages = []
    for _ in range(2):
        page = rita.get("/review").text
        pages.append(re.sub(r"\d+", "0", page.split("<article")[1].split("</article")[0]))
        assert rita.post(f"/review/{on_screen(page)['item']}/skip").status_code == 303
    assert re.sub(r"due in.*?<", "<", pages[0]) == re.sub(r"due in.*?<", "<", pages[1])


def test_what_the_model_had_said_is_told_when_a_blind_choice_can_no_longer_be_undone(
    app: FastAPI, scene: Scene, signed_in: Client
) -> None:
    (case,) = hidden(scene)
    rita = signed_in("rita")
    answer = decide(rita, rita.get("/review").text, "override", label="tracking")
    assert scene.row(schema.Decision)["blind"]
    location = answer.headers["location"]
    before = rita.get(location).text
    assert f"Decided case {case}" in before
    assert "refund" not in before
    at(app, LATER)
    told = rita.get(location).text
    assert f"Case {case}: you said tracking, the model had said refund" in told
    assert "refund" in rita.get(location.replace("/review?", "/review/after?")).text


def test_nobody_learns_of_anothers_decision_by_its_number(scene: Scene, signed_in: Client, app: FastAPI) -> None:
    hidden(scene, 1)
    rita = signed_in("rita")
    location = decide(rita, rita.get("/review").text, "override", label="tracking").headers["location"]
    at(app, LATER)
    assert "the model had said" not in signed_in("ruth").get(location).text


def test_the_customers_earlier_cases_stand_beside_the_letter_and_nobody_elses(scene: Scene, signed_in: Client) -> None:
    (mine,) = scene.waiting(1)
    scene.decide(mine, "deny", "ruth", reason_code="duplicate")
    (other,) = scene.scored(1, customer_id="c-2")
    scene.waiting(1)
    page = signed_in("rita").get("/review").text
    table = page.split("Earlier cases, newest first")[1].split("</table>")[0]
    assert f"<td>{mine}</td>" in table
    assert "denied" in table
    assert f"<td>{other}</td>" not in table


def test_the_policy_passage_and_what_approving_sends_stand_beside_the_case(scene: Scene, signed_in: Client) -> None:
    scene.waiting(1)
    page = signed_in("rita").get("/review").text
    assert "Approving sends: <strong>pay back</strong>" in page
    assert "a mistake would cost little" in page


def test_a_denial_says_why(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    rita = signed_in("rita")
    page = rita.get("/review").text
    refused = decide(rita, page, "deny")
    assert refused.status_code == 400
    assert "Say why" in refused.text
    assert decide(rita, page, "deny", reason="duplicate", note="see case 9").status_code == 303
    assert scene.state(case) == "done"
    assert scene.row(schema.Note)["text"] == "see case 9"


def test_a_change_of_the_suggestion_says_why_and_a_blind_choice_need_not(scene: Scene, signed_in: Client) -> None:
    scene.waiting(1)
    rita = signed_in("rita")
    page = rita.get("/review").text
    assert decide(rita, page, "override", label="tracking").status_code == 400
    assert decide(rita, page, "override", label="tracking", reason="wrong_category").status_code == 303
    hidden(scene)
    assert decide(rita, rita.get("/review").text, "override", label="tracking").status_code == 303


@pytest.mark.parametrize(
    "fields", [{"label": "no such category", "reason": "wrong_category"}, {"label": "tracking", "reason": "because"}]
)
def test_a_label_or_reason_that_the_policy_does_not_know_changes_nothing(
    scene: Scene, signed_in: Client, fields: dict[str, str]
) -> None:
    scene.waiting(1)
    rita = signed_in("rita")
    assert decide(rita, rita.get("/review").text, "override", **fields).status_code in {400, 404}
    assert scene.count(schema.Decision) == 0


def test_an_override_with_high_consequence_waits_for_a_second_person(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    rita = signed_in("rita")
    page = rita.get("/review").text
    assert "cancel – a second person confirms" in page
    assert "tracking – a second person" not in page
    decide(rita, page, "override", label="cancel", reason="wrong_category")
    assert scene.state(case) == "queued"
    assert scene.count(schema.Outbox) == 0


def test_the_action_is_held_back_as_long_as_it_can_be_undone(app: FastAPI, scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    rita = signed_in("rita")
    decide(rita, rita.get("/review").text)
    delivery = Delivery(app.state.desk)
    at(app, LATER - timedelta(microseconds=1))
    assert delivery.send() == 0
    at(app, LATER)
    assert delivery.send() == 1
    assert scene.state(case) == "done"
    assert scene.events("action.done")[0]["actor"] == ACTOR


def test_undone_is_as_if_it_had_not_been(app: FastAPI, scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    rita = signed_in("rita")
    location = decide(rita, rita.get("/review").text).headers["location"]
    number = location.split("after=")[1]
    back = rita.post("/review/undo", data={"after": number})
    assert back.status_code == 303
    assert f"Case {case}" in rita.get(back.headers["location"]).text
    assert (scene.state(case), scene.count(schema.Decision)) == ("queued", 0)
    at(app, LATER)
    assert Delivery(app.state.desk).send() == 0


def test_after_its_time_a_decision_stands(app: FastAPI, scene: Scene, signed_in: Client) -> None:
    scene.waiting(1)
    rita = signed_in("rita")
    location = decide(rita, rita.get("/review").text).headers["location"]
    at(app, LATER)
    assert "Undo" not in rita.get(location).text.split("<dialog")[0]
    assert rita.post("/review/undo", data={"after": location.split("after=")[1]}).status_code == 409
    assert scene.count(schema.Decision) == 1


def test_the_heartbeat_keeps_what_is_on_the_screen(app: FastAPI, scene: Scene, signed_in: Client) -> None:
    scene.waiting(1)
    rita = signed_in("rita")
    item = on_screen(rita.get("/review").text)["item"]
    at(app, NOW + timedelta(minutes=4))
    assert rita.post("/review/renew", data={"item": item}).json() == {"kept": [int(item)], "seconds": 300}
    at(app, NOW + timedelta(minutes=8))
    assert signed_in("ruth").post("/review/next").status_code == 204
    at(app, NOW + timedelta(minutes=9))
    assert signed_in("ruth").post("/review/next").status_code == 200
    assert rita.post("/review/renew", data={"item": item}).json()["kept"] == []


@pytest.mark.parametrize(
    ("act", "fields", "told"),
    [
        ("skip", {}, "skipped"),
        ("snooze", {"minutes": "60"}, "put off"),
        ("release", {}, "given back"),
        ("hand-over", {"to": "ruth", "reason": "she knows them"}, "handed over"),
    ],
)
def test_a_case_is_passed_on(scene: Scene, signed_in: Client, act: str, fields: dict[str, str], told: str) -> None:
    scene.waiting(1)
    rita = signed_in("rita")
    item = on_screen(rita.get("/review").text)["item"]
    more = rita.get(f"/review/{item}/more").text
    assert act == "skip" or f'action="/review/{item}/{act}"' in more
    answer = rita.post(f"/review/{item}/{act}", data=fields)
    assert answer.status_code == 303
    shown = rita.get(answer.headers["location"]).text
    assert told in shown
    assert ("all caught up" in shown) == (act == "hand-over")
    assert ("Nothing else waits for you now" in shown) == (act in {"skip", "snooze"})
    assert rita.post(f"/review/{item}/skip").status_code == (303 if act == "release" else 409)


def test_what_carried_the_suggestion_is_told_to_its_holder_only(scene: Scene, signed_in: Client) -> None:
    scene.waiting(1)
    rita = signed_in("rita")
    item = on_screen(rita.get("/review").text)["item"]
    assert rita.get(f"/review/{item}/because").status_code == 200
    assert signed_in("ruth").get(f"/review/{item}/because").status_code == 404


def test_a_pause_keeps_the_desk_from_sending_automatic_actions_and_not_a_persons(
    app: FastAPI, scene: Scene, signed_in: Client
) -> None:
    (automatic,) = scene.automatic(1)
    scene.waiting(1)
    rita = signed_in("rita")
    decide(rita, rita.get("/review").text)
    pausing.pause(scene.store, "refund", reason="odd", actor=FOUNDER, policy=POLICY, now=NOW)
    at(app, LATER)
    assert Delivery(app.state.desk).send() == 1
    assert scene.state(automatic) == "queued"


def test_with_nothing_due_the_desk_sends_and_writes_nothing(
    app: FastAPI, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise AssertionError("a look without need must not write")

    monkeypatch.setattr(app.state.desk.store, "write", refuse)
    assert Delivery(app.state.desk).send() == 0


def test_a_fault_ends_no_delivery(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.delivery.EVERY", 0.001)
    delivery = Delivery(app.state.desk)
    looks: list[int] = []

    def look() -> int:
        looks.append(1)
        if len(looks) == 1:
            raise RuntimeError("the letter said so")
        if len(looks) == 2:
            raise DatabaseBusy("The database is busy. It is tried again.")
        delivery._ended.set()
        return 0

    monkeypatch.setattr(delivery, "send", look)
    with every_line() as lines:
        delivery._work()
    assert len(looks) == 3
    told = "\n".join(lines)
    assert "RuntimeError" in told
    assert "the letter" not in told


def test_a_seeded_suggestion_looks_like_any_other(scene: Scene, signed_in: Client) -> None:
    scene.waiting(2, confidence=0.9)
    with scene.store.write() as connection:
        seeded = {"shown_label": "refund", "shown_confidence": 0.9, "kind": "gold", "assigned_to": "rita"}
        connection.execute(update(schema.WorkItem).where(schema.WorkItem.case_id == 1).values(**seeded))
        connection.execute(update(schema.Route).where(schema.Route.case_id == 1).values(category="tracking"))
    rita = signed_in("rita")
    pages = []
    for _ in range(2):
        page = rita.get("/review").text
        assert "refund" in page
        assert "gold" not in page
        pages.append(re.sub(r"\d+", "0", re.sub(r'<p class="meta">.*?</p>', "", page.split("<article")[1])))
        rita.post(f"/review/{on_screen(page)['item']}/skip")
    assert pages[0] == pages[1]


def test_an_empty_desk_says_that_cases_have_arrived_which_nobody_queued(scene: Scene, signed_in: Client) -> None:
    rita = signed_in("rita")
    assert "Cases have arrived" not in rita.get("/review").text
    scene.accepted(2)
    assert "Cases have arrived that are not in a queue yet." in rita.get("/review").text


def test_an_empty_desk_after_skipping_tells_of_the_skips_and_brings_them_back(scene: Scene, signed_in: Client) -> None:
    first, _ = scene.waiting(2)
    rita = signed_in("rita")
    for _ in range(2):
        item = on_screen(rita.get("/review").text)["item"]
        answer = rita.post(f"/review/{item}/skip")
    empty = rita.get(answer.headers["location"]).text
    assert "You skipped 2 cases that still wait." in empty
    assert "Every case that you may decide is decided" not in empty
    assert "comes back by itself at 2026-03-02 " in empty
    answer = rita.post("/review/recall")
    assert answer.headers["location"] == "/review?done=recalled"
    page = rita.get(answer.headers["location"]).text
    assert "offered to you again" in page
    assert f"Case {first}" in page
    assert "You skipped 1 case that still waits." not in page


def test_who_is_on_leave_reads_that_and_not_that_everything_is_decided(scene: Scene, signed_in: Client) -> None:
    scene.waiting(1)
    handing.set_away(scene.store, "rita", NOW, None, actor="rita", now=NOW)
    page = signed_in("rita").get("/review").text
    assert "You are on leave" in page
    assert "Every case that you may decide is decided" not in page

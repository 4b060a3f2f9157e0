import re
from datetime import timedelta

import pytest
from fastapi import FastAPI

from desk.delivery import Delivery
from handrail.acts import bulk, claiming, handing
from handrail.bulk_approval import Fate
from handrail.errors import NotFound, Refused
from handrail.store import schema
from tests.desks import Client
from tests.fates import one_of_each_fate
from tests.programs import Program, refused
from tests.scenes import NOW, POLICY, Scene

LIMIT = POLICY.desk.bulk_limit


def ticked(page: str) -> list[str]:
    return re.findall(r'name="case" value="(\d+)" checked', page)


def test_only_what_may_be_approved_unopened_is_offered(scene: Scene, signed_in: Client) -> None:
    first, second = scene.waiting(2)
    scene.waiting(1, "tracking")
    scene.waiting(1, suggestion_hidden=True)
    scene.waiting(1, queue="C", reason="low_confidence")
    scene.audit(scene.automatic(1))
    (held,) = scene.waiting(1)
    scene.claim(held, "ruth")
    page = signed_in("rita").get("/bulk?category=refund").text
    assert ticked(page) == [str(first), str(second)]
    assert "refund – 2" in page
    assert "tracking – 1" in page


def test_the_list_ends_at_the_policys_limit_and_more_are_refused(scene: Scene, signed_in: Client) -> None:
    scene.waiting(LIMIT + 1)
    rita = signed_in("rita")
    page = rita.get("/bulk?category=refund").text
    assert len(ticked(page)) == LIMIT
    everything = {"category": "refund", "case": [str(number) for number in range(1, LIMIT + 2)]}
    assert rita.post("/bulk", data=everything).status_code == 400
    assert scene.count(schema.Decision) == 0
    assert rita.post("/bulk", data={**everything, "case": ticked(page)}).status_code == 303
    assert scene.count(schema.Decision) == LIMIT


def test_ticked_cases_are_approved_together_and_can_be_undone_together(
    app: FastAPI, scene: Scene, signed_in: Client
) -> None:
    first, unticked, third = scene.waiting(3)
    rita = signed_in("rita")
    answer = rita.post("/bulk", data={"category": "refund", "case": [first, third]})
    assert [scene.state(case) for case in (first, unticked, third)] == ["decided", "queued", "decided"]
    page = rita.get(answer.headers["location"]).text
    assert "Approved 2 cases" in page
    numbers = re.findall(r'name="after" value="(\d+)"', page)
    assert rita.post("/review/undo", data={"after": numbers}).headers["location"] == "/bulk"
    assert scene.states() == ["queued"] * 3
    app.state.desk.clock = lambda: NOW + POLICY.desk.undo_within
    assert Delivery(app.state.desk).send() == 0


def test_what_somebody_else_took_meanwhile_is_left_alone_and_named(scene: Scene, signed_in: Client) -> None:
    mine, held, decided = scene.waiting(3)
    rita = signed_in("rita")
    cases = ticked(rita.get("/bulk?category=refund").text)
    scene.claim(held, "ruth")
    scene.decide(decided, "deny", "ron", reason_code="duplicate")
    answer = rita.post("/bulk", data={"category": "refund", "case": cases})
    page = rita.get(answer.headers["location"]).text
    assert f"Case {held}: A colleague is working on it." in page
    assert f"Case {decided}: It is decided already." in page
    assert f"Approved case {mine}" in page
    assert [scene.state(case) for case in (mine, held, decided)] == ["decided", "queued", "done"]


def test_a_hidden_or_wrongly_named_case_is_not_approved_by_its_number(scene: Scene, signed_in: Client) -> None:
    (blind,) = scene.waiting(1, suggestion_hidden=True)
    (other,) = scene.waiting(1, "tracking")
    rita = signed_in("rita")
    answer = rita.post("/bulk", data={"category": "refund", "case": [blind, other]})
    page = rita.get(answer.headers["location"]).text
    assert f"Case {blind}: It has to be looked at by itself." in page
    assert f"Case {other}: It is suggested for another category now." in page
    assert scene.count(schema.Decision) == 0


def test_the_same_form_sent_twice_approves_once(scene: Scene, signed_in: Client) -> None:
    cases = scene.waiting(2)
    rita = signed_in("rita")
    for _ in range(2):
        rita.post("/bulk", data={"category": "refund", "case": cases})
    assert (scene.count(schema.Decision), scene.count(schema.Outbox)) == (2, 2)


def test_nothing_ticked_is_said_and_nothing_waiting_too(scene: Scene, signed_in: Client) -> None:
    rita = signed_in("rita")
    assert "Nothing waits that could be approved together" in rita.get("/bulk").text
    assert rita.post("/bulk", data={"category": "refund"}).status_code == 400


class TestEachNumberGetsItsTrueFate:
    def test_in_the_api(self, scene: Scene, program: Program) -> None:
        fates = one_of_each_fate(scene)
        answer = program("rita").post("/queue/approve", json={"category": "refund", "cases": list(fates)})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        told = dict.fromkeys(body["approved"], "approved") | {one["case"]: one["fate"] for one in body["left"]}
        assert told == fates
        assert len(body["decisions"]) == 1
        assert {one["why"] for one in body["left"]} == {
            Fate(code).sentence for code in fates.values() if code != "approved"
        }

    def test_at_the_desk(self, scene: Scene, signed_in: Client) -> None:
        fates = one_of_each_fate(scene)
        rita = signed_in("rita")
        answer = rita.post("/bulk", data={"category": "refund", "case": list(fates)})
        page = rita.get(answer.headers["location"]).text
        told = {
            int(number): sentence
            for numbers, sentence in re.findall(r"<li>Cases? ([0-9, ]+): ([^<]+)</li>", page)
            for number in numbers.split(", ")
        }
        assert told == {case: Fate(code).sentence for case, code in fates.items() if code != "approved"}

    def test_what_a_colleague_takes_between_the_look_and_the_claim(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine, lost = scene.waiting(2)
        ordinary = claiming.claim_case

        def overtaken(store: object, case_id: int, actor: str, **values: object) -> object:
            if case_id == lost:
                ordinary(scene.store, lost, "ruth", policy=POLICY, now=NOW)
            return ordinary(scene.store, case_id, actor, **values)

        monkeypatch.setattr(claiming, "claim_case", overtaken)
        done = bulk.approve(scene.store, [mine, lost], "rita", category="refund", policy=POLICY, now=NOW)
        assert (done.cases, done.left) == ([mine], {lost: Fate.HELD})

    def test_what_is_more_than_one_person_may_hold(self, scene: Scene) -> None:
        policy = POLICY.model_copy(update={"desk": POLICY.desk.model_copy(update={"most_held": 2})})
        cases = scene.waiting(3)
        done = bulk.approve(scene.store, cases, "rita", category="refund", policy=policy, now=NOW)
        assert (done.cases, done.left) == (cases[:2], {cases[2]: Fate.FULL})

    def test_nobody_on_leave_approves_and_no_category_is_made_up(self, scene: Scene) -> None:
        cases = scene.waiting(1)
        with pytest.raises(NotFound, match="refnud"):
            bulk.approve(scene.store, cases, "rita", category="refnud", policy=POLICY, now=NOW)
        handing.set_away(scene.store, "rita", NOW, NOW + timedelta(days=1), actor="rita", now=NOW)
        with pytest.raises(Refused, match="leave"):
            bulk.approve(scene.store, cases, "rita", category="refund", policy=POLICY, now=NOW)
        assert scene.states() == ["queued"]

    def test_a_call_without_a_case_is_refused_in_the_apis_words(self, scene: Scene, program: Program) -> None:
        rita = program("rita")
        assert "cases" in refused(rita.post("/queue/approve", json={"category": "refund", "cases": []}), 422)

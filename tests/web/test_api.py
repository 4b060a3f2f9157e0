"""Programs do what people do, by a token, each call once; whatever they send, the answer is a sentence."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from desk.api.document import document, scopes
from desk.app import create_app
from handrail.acts import tokens
from handrail.roles import PERMITTED
from handrail.sample import SampleBusiness
from handrail.store import schema
from handrail.workspace import Workspace
from tests.desks import Client
from tests.scenes import FOUNDER, MANAGER, NOW, Scene
from tests.workspaces import MAPPING, MORNING, Handrail, deliver

Program = Callable[..., TestClient]
JSON = {"Content-Type": "application/json"}


def token_of(app: FastAPI, name: str, *wanted: str, days: int = 90) -> str:
    """A token of `name`; without scopes, with all that they may have."""
    roles = {row["name"]: row["roles"] for row in Scene.rows(Looking(app), schema.Person)}[name]
    offered = [act for act in scopes() if PERMITTED[act].intersection(roles)]
    desk = app.state.desk
    return tokens.create(
        desk.store, name="a test", scopes=wanted or offered, days=days, actor=name, now=desk.clock()
    ).secret


class Looking:
    """Enough of a scene to look into the store behind a desk."""

    def __init__(self, app: FastAPI) -> None:
        self.store = app.state.desk.store


@pytest.fixture
def program(app: FastAPI, scene: Scene) -> Program:
    """Call it with a name, and scopes if not all are meant, for a client that sends a token of theirs."""

    def begin(name: str, *wanted: str, days: int = 90) -> TestClient:
        client = TestClient(app, base_url="https://desk.test/api/v1", follow_redirects=False)
        client.headers["Authorization"] = f"Bearer {token_of(app, name, *wanted, days=days)}"
        return client

    return begin


def refused(answer: Any, status: int) -> str:  # noqa: ANN401 - a response
    """The one sentence of a refusal."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"status", "problem"}
    assert body["status"] == status
    assert body["problem"].endswith((".", "`."))
    return str(body["problem"])


class TestTheWayIn:
    def test_a_token_opens_what_scope_and_role_allow(self, program: Program) -> None:
        assert program("rita", "read_cases").get("/work").status_code == 200

    def test_without_a_valid_token_the_answer_is_401_and_names_the_scheme(self, app: FastAPI, scene: Scene) -> None:
        client = TestClient(app, base_url="https://desk.test/api/v1")
        good = token_of(app, "rita")
        for sent in ("", "Bearer ", "Bearer handrail_unknown", f"Basic {good}", f"bearer {good}x", good):
            answer = client.get("/work", headers={"Authorization": sent})
            assert "Bearer handrail_" in refused(answer, 401)
            assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_a_cookie_opens_nothing(self, scene: Scene, signed_in: Client) -> None:
        rita = signed_in("rita")
        assert rita.get("/api/v1/work").status_code == 401
        assert rita.post("/api/v1/work/next", json={}).status_code == 401

    def test_a_token_opens_no_page(self, program: Program) -> None:
        assert program("rita").get("https://desk.test/review").status_code in {303, 401}

    def test_expired_and_revoked_tokens_are_out_at_once(self, app: FastAPI, scene: Scene, program: Program) -> None:
        rita = program("rita", days=1)
        app.state.desk.clock = lambda: NOW + timedelta(days=1)
        refused(rita.get("/work"), 401)
        app.state.desk.clock = lambda: NOW
        assert rita.get("/work").status_code == 200
        tokens.revoke(scene.store, 1, actor="rita", now=NOW)
        refused(rita.get("/work"), 401)

    def test_a_scope_that_is_missing_and_a_role_that_went_are_403(self, scene: Scene, program: Program) -> None:
        assert "scope decide" in refused(program("rita", "read_cases").post("/work/next", json={}), 403)
        mona = program(MANAGER)
        scene.add_person(MANAGER, "data_curator")
        assert "escalation_manager" in refused(mona.post("/work/next", json={}), 403)

    def test_a_token_for_reviews_takes_and_decides_no_escalation(self, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, "deny", reason_code="legal")
        narrow, wide = program(MANAGER, "decide"), program(MANAGER, "decide", "resolve_escalation")
        assert narrow.post("/work/next", json={}).json() == {"case": None}
        taken = wide.post("/work/next", json={}).json()["case"]
        assert (taken["case"], taken["kind"]) == (case, "escalation")
        body = {"fence": taken["fence"], "outcome": "approve"}
        assert "resolve_escalation" in refused(narrow.post(f"/work/{taken['item']}/decision", json=body), 403)
        assert wide.post(f"/work/{taken['item']}/decision", json=body).status_code == 200

    def test_each_call_refuses_every_role_that_the_table_does_not_permit(self, app: FastAPI, scene: Scene) -> None:
        """The token names every scope, so that only the role decides; the body is empty, so nothing happens."""
        everything = sorted(PERMITTED)
        secrets = {}
        for role in ("reviewer", "escalation_manager", "model_steward", "data_curator", "product_owner"):
            scene.add_person(role, "reviewer", "escalation_manager", "model_steward", "data_curator", "product_owner")
            wanted = [act for act in everything if PERMITTED[act] & {*PERMITTED["come_in"]}]
            secrets[role] = tokens.create(scene.store, name="all", scopes=wanted, actor=role, now=NOW).secret
            scene.add_person(role, role)
        client = TestClient(app, base_url="https://desk.test")
        for path, method, act in calls():
            for role, secret in secrets.items():
                answer = client.request(
                    method, path.format(item=1, case=1, batch=1, proposal=1),
                    headers={"Authorization": f"Bearer {secret}", **JSON}, content=b"{}" if method == "POST" else None,
                )  # fmt: skip
                may = role in PERMITTED[act]
                assert (answer.status_code != 403) == may, (method, path, role, answer.text)


def calls() -> list[tuple[str, str, str]]:
    """Path, method and act of every call, as the routes themselves name them."""
    from desk.api.bearer import Scoped
    from desk.api.document import ROUTERS

    found = []
    for router in ROUTERS:
        for route in router.routes:
            acts = [one.call.act for one in route.dependant.dependencies if isinstance(one.call, Scoped)]
            assert len(acts) == 1, route.path
            found += [(f"/api/v1{route.path}", method, acts[0]) for method in route.methods]
    return found


def test_every_call_of_the_document_names_one_act_and_every_scope_is_explained() -> None:
    from desk.routes.tokens import MEANINGS

    described = {(path, method.upper()) for path, ways in document()["paths"].items() for method in ways}
    assert {(path, method) for path, method, _ in calls()} == described
    assert set(scopes()) == set(MEANINGS)


class TestReviewing:
    def test_a_case_is_claimed_looked_at_and_decided(self, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        rita = program("rita")
        shown = rita.post("/work/next", json={}).json()["case"]
        assert (shown["case"], shown["suggestion"]["category"], shown["fence"]) == (case, "refund", 1)
        assert [one["item"] for one in rita.get("/work/held").json()["claims"]] == [shown["item"]]
        answer = rita.post(f"/work/{shown['item']}/decision", json={"fence": 1, "outcome": "approve"})
        assert answer.json() == {"item": shown["item"], "decision": 1, "outcome": "approve"}
        assert scene.state(case) == "decided"
        assert scene.events("case.decided")[-1]["actor"] == "rita"

    def test_a_decision_is_taken_back_within_its_time_and_not_after(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        (case,) = scene.waiting(1)
        rita = program("rita")
        item = rita.post(f"/work/cases/{case}/claim").json()["item"]
        body = {"fence": 1, "outcome": "approve"}
        decision = rita.post(f"/work/{item}/decision", json=body).json()["decision"]
        (claim,) = rita.post("/work/undo", json={"decisions": [decision]}).json()["claims"]
        assert (claim["item"], scene.state(case)) == (item, "queued")
        body["fence"] = claim["fence"]
        decision = rita.post(f"/work/{item}/decision", json=body).json()["decision"]
        app.state.desk.clock = lambda: NOW + timedelta(seconds=10)
        refused(rita.post("/work/undo", json={"decisions": [decision]}), 409)

    def test_claimed_work_is_given_back_passed_on_put_off_and_handed_over(self, scene: Scene, program: Program) -> None:
        ids = scene.waiting(4)
        rita, ruth = program("rita"), program("ruth")
        given, passed, off, handed = (rita.post(f"/work/cases/{case}/claim").json()["item"] for case in ids)
        assert rita.post("/work/release", json={"items": [given]}).json() == {"items": [given]}
        assert rita.post(f"/work/{passed}/skip").json() == {"done": True}
        until = (NOW + timedelta(hours=1)).isoformat()
        assert rita.post(f"/work/{off}/snooze", json={"until": until}).json() == {"done": True}
        asked = {"to": "ruth", "reason": "she knows them"}
        refused(program("ron").post(f"/work/{handed}/hand-over", json=asked), 403)
        assert rita.post(f"/work/{handed}/hand-over", json=asked).json() == {"done": True}
        assert rita.get("/work/held").json() == {"claims": []}
        assert ruth.post("/work/next", json={}).json()["case"]["item"] in {given, passed, handed}
        refused(rita.post(f"/work/{passed}/skip"), 409)
        refused(rita.post(f"/work/{off}/snooze", json={"until": NOW.isoformat()}), 400)

    def test_nothing_waits_is_an_answer_and_no_refusal(self, program: Program) -> None:
        assert program("rita").post("/work/next", json={}).json() == {"case": None}

    def test_a_stale_fence_is_a_conflict_and_decides_nothing(self, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        rita = program("rita")
        item = rita.post(f"/work/cases/{case}/claim").json()["item"]
        assert "no longer yours" in refused(
            rita.post(f"/work/{item}/decision", json={"fence": 0, "outcome": "approve"}), 409
        )
        assert scene.state(case) == "queued"

    def test_a_claim_is_prolonged_and_a_foreign_one_is_not(self, app: FastAPI, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        item = program("rita").post(f"/work/cases/{case}/claim").json()["item"]
        app.state.desk.clock = lambda: NOW + timedelta(minutes=3)
        (claim,) = program("rita").post("/work/renew", json={"items": [item]}).json()["claims"]
        assert claim["lease_until"] == "2026-03-02T09:08:00Z"
        assert program("ruth").post("/work/renew", json={"items": [item]}).json() == {"claims": []}

    def test_a_hidden_suggestion_stays_hidden_everywhere(self, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1, suggestion_hidden=True)
        rita = program("rita")
        (listed,) = rita.get("/work").json()["work"]
        assert (listed["case"], listed["category"], listed["confidence"]) == (case, None, None)
        looked = rita.get(f"/cases/{case}").json()
        assert looked["withheld"]
        assert (looked["category"], looked["confidence"], looked["queue"]) == (None, None, None)
        told = rita.get("/trail", params={"case": case}).json()["events"]
        assert all("refund" not in json.dumps(event) for event in told)
        shown = rita.post("/work/next", json={}).json()["case"]
        assert shown["suggestion"] is None
        assert "approve" in refused(
            rita.post(f"/work/{shown['item']}/decision", json={"fence": shown["fence"], "outcome": "approve"}), 400
        )

    def test_a_list_is_read_a_page_at_a_time_without_gap_or_repeat(self, scene: Scene, program: Program) -> None:
        ids = scene.waiting(3) + scene.waiting(2, due_at=NOW + timedelta(hours=1))
        rita, found, cursor = program("rita"), [], None
        while True:
            page = rita.get("/work", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
            found += [row["case"] for row in page["work"]]
            if (cursor := page["cursor"]) is None:
                break
        assert found == ids[3:] + ids[:3]


class TestOnceOnly:
    KEY: ClassVar = {"Idempotency-Key": "call-1"}

    def test_the_same_key_claims_one_case_and_answers_alike(self, scene: Scene, program: Program) -> None:
        scene.waiting(2)
        rita = program("rita")
        asked = {"besides_held": True}
        first = rita.post("/work/next", json=asked, headers=self.KEY)
        again = rita.post("/work/next", json=asked, headers=self.KEY)
        assert first.json() == again.json()
        assert ("Idempotency-Replayed" in first.headers, "Idempotency-Replayed" in again.headers) == (False, True)
        assert len(rita.get("/work/held").json()["claims"]) == 1

    def test_at_the_same_moment_it_happens_once(self, scene: Scene, program: Program) -> None:
        ids = scene.waiting(8)
        rita = program("rita")
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(
                    lambda _: rita.post("/work/next", json={"besides_held": True}, headers=self.KEY).json(), range(8)
                )
            )
        assert {answer["case"]["case"] for answer in answers} == {ids[0]}
        assert len(rita.get("/work/held").json()["claims"]) == 1

    def test_also_after_a_restart_of_the_desk(self, app: FastAPI, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        rita = program("rita")
        item = rita.post(f"/work/cases/{case}/claim").json()["item"]
        body = {"fence": 1, "outcome": "approve"}
        first = rita.post(f"/work/{item}/decision", json=body, headers=self.KEY)
        restarted = create_app(app.state.desk.workspace, clock=lambda: NOW)
        client = TestClient(restarted, base_url="https://desk.test/api/v1", headers=rita.headers)
        again = client.post(f"/work/{item}/decision", json=body, headers=self.KEY)
        restarted.state.desk.close()
        assert (again.status_code, again.json()) == (200, first.json())
        assert len(scene.events("case.decided")) == 1

    def test_another_request_under_the_key_is_a_conflict(self, scene: Scene, program: Program) -> None:
        rita = program("rita")
        rita.post("/work/next", json={}, headers=self.KEY)
        assert "new key" in refused(rita.post("/work/next", json={"besides_held": True}, headers=self.KEY), 409)
        assert program("ruth").post("/work/next", json={}, headers=self.KEY).status_code == 200

    def test_a_refusal_is_not_kept(self, scene: Scene, program: Program) -> None:
        stella = program(FOUNDER)
        body = {"category": "refund", "reason": "checked"}
        refused(stella.post("/automation/resume", json=body, headers=self.KEY), 409)
        stella.post("/automation/pause", json=body)
        assert stella.post("/automation/resume", json=body, headers=self.KEY).status_code == 200

    def test_what_is_kept_holds_no_text(self, scene: Scene, program: Program) -> None:
        scene.waiting(1)
        program("rita").post("/work/next", json={}, headers=self.KEY)
        assert "money" not in json.dumps([row["body"] for row in scene.rows(schema.IdempotentAnswer)])


class TestOperating:
    def test_automation_is_paused_and_given_back(self, scene: Scene, program: Program) -> None:
        scene.automatic(2)
        stella = program(FOUNDER)
        body = {"category": None, "reason": "odd answers"}
        assert stella.post("/automation/pause", json=body).json() == {"category": None, "returned": 2}
        status = stella.get("/status").json()
        assert [(pause["category"], pause["by"]) for pause in status["pauses"]] == [(None, FOUNDER)]
        assert stella.post("/automation/resume", json=body).json()["done"]
        assert stella.get("/status").json()["pauses"] == []
        assert scene.events("automation.paused")[0]["because"] == "odd answers"

    def test_a_category_moves_to_another_stage(self, program: Program) -> None:
        stella = program(FOUNDER)
        body = {"category": "refund", "stage": "suggest", "reason": "to be sure"}
        assert stella.post("/automation/stage", json=body).json() == {"done": True, "proposal": None}
        assert stella.get("/status").json()["stages"]["refund"] == "suggest"
        refused(stella.post("/automation/stage", json={**body, "category": "flying"}), 404)

    def test_the_trail_is_read_backwards_a_page_at_a_time(self, scene: Scene, program: Program) -> None:
        scene.automatic(3)
        rita = program("rita")
        first = rita.get("/trail", params={"limit": 2, "kind": "case.received"}).json()
        rest = rita.get("/trail", params={"limit": 2, "kind": "case.received", "before": first["before"]}).json()
        seqs = [event["seq"] for event in first["events"] + rest["events"]]
        assert (len(seqs), rest["before"]) == (3, None)
        assert seqs == sorted(seqs, reverse=True)

    def test_an_escalation_is_listed_and_resolved(self, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, "deny", reason_code="policy")
        mona = program(MANAGER)
        (listed,) = mona.get("/escalations").json()["escalations"]
        assert (listed["case"], listed["cause"], listed["first_decider"]) == (case, "policy", "rita")
        shown = mona.post(f"/work/cases/{case}/claim").json()
        mona.post(f"/work/{shown['item']}/decision", json={"fence": shown["fence"], "outcome": "approve"})
        assert mona.get("/escalations").json() == {"escalations": []}

    def test_a_dispute_is_taken_down_and_listed_without_its_text(self, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, "deny", reason_code="out_of_scope")
        ruth = program("ruth")
        refused(ruth.post("/disputes", json={"case": case, "text": "x" * 20_001}), 422)
        answer = ruth.post("/disputes", json={"case": case, "text": "I did pay. " * 1_000})
        assert answer.status_code == 201
        (listed,) = ruth.get("/disputes").json()["disputes"]
        assert (listed["dispute"], listed["case"], listed["upheld"]) == (answer.json()["dispute"], case, None)
        refused(ruth.post("/disputes", json={"case": case, "text": "again"}), 409)


RUBBISH: list[tuple[bytes, int]] = [
    (b"", 422), (b"{", 400), (b"[]", 422), (b"null", 422), (b'"x"', 422), (b"\xff\xfe", 400), (b"\xef\xbb\xbf{}", 400),
    (b'{"category": null, "category": "refund", "reason": "x"}', 400), (b'{"reason": NaN}', 400),
    (b'{"category": null, "reason": "x", "more": 1}', 422), (b'{"category": null, "reason": 7}', 422),
    (b'{"category": null, "reason": ""}', 422), (b'{"category": null, "reason": "   "}', 400),
    (b'{"category": null, "reason": "a\\u0000b"}', 422), (b'{"category": null, "reason": "a\\ud800b"}', 422),
    (b'{"category": "\\ud800", "reason": "x"}', 422), (b"[" * 50_000, 400), (b'{"a":' * 20_000, 400),
    (b'{"category": null, "reason": ' + b"9" * 5_000 + b"}", 400), (b'{"reason": "' + b"x" * 20_000 + b'"}', 422),
    (b'{"reason": "' + b"x" * 1_000_000 + b'"}', 413),
]  # fmt: skip


class TestFaults:
    @pytest.mark.parametrize(("body", "status"), RUBBISH, ids=range(len(RUBBISH)))
    def test_a_body_that_cannot_be_used_is_a_sentence_and_changes_nothing(
        self, scene: Scene, program: Program, body: bytes, status: int
    ) -> None:
        before = scene.count(schema.TrailEvent) + 1  # the token's own
        refused(program(FOUNDER).post("/automation/pause", content=body, headers=JSON), status)
        assert scene.count(schema.TrailEvent) == before

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/xml"])
    def test_another_content_type_is_refused(self, program: Program, kind: str) -> None:
        answer = program(FOUNDER).post("/automation/pause", content=b"{}", headers={"Content-Type": kind})
        assert "application/json" in refused(answer, 415)

    @pytest.mark.parametrize("number", ["0", "-1", str(2**63), "9" * 400, "1.5", "x", "%00", "NaN"])
    def test_a_number_that_no_database_has_is_refused(self, program: Program, number: str) -> None:
        refused(program("rita").get(f"/cases/{number}"), 422)

    def test_what_does_not_exist_is_404(self, program: Program) -> None:
        rita = program("rita")
        for path in ("/cases/99", f"/cases/{2**63 - 1}", "/nothing"):
            refused(rita.get(path), 404)
        refused(rita.post("/work/99/decision", json={"fence": 1, "outcome": "approve"}), 404)

    def test_a_method_that_nobody_offers_is_405_and_says_what_is(self, program: Program) -> None:
        answer = program("rita").delete("/work")
        refused(answer, 405)
        assert answer.headers["Allow"] == "GET"

    @pytest.mark.parametrize("key", ["", "x" * 129, "a b", "ü"])
    def test_a_key_that_is_none_is_refused(self, program: Program, key: str) -> None:
        refused(program("rita").post("/work/next", json={}, headers={"Idempotency-Key": key.encode("latin-1")}), 422)

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=201", "cursor=x", "cursor=1-2-3", "queue=D", "cursor=" + "9" * 40]
    )
    def test_a_page_outside_its_bounds_is_refused(self, program: Program, query: str) -> None:
        refused(program("rita").get(f"/work?{query}"), 422)

    @pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-02", "now"])
    def test_a_moment_that_no_clock_shows_is_refused(self, program: Program, at: str) -> None:
        refused(program("rita").get("/trail", params={"since": at}), 422)

    def test_the_document_is_public_and_asks_for_nothing_from_outside(self, app: FastAPI) -> None:
        answer = TestClient(app).get("/api/openapi.json")
        assert answer.status_code == 200
        assert answer.json() == document()
        for way in [way for ways in document()["paths"].values() for way in ways.values()]:
            assert way["summary"]
            assert way["description"]
            assert {"400", "401", "403", "404", "409", "413", "422", "503"} <= set(way["responses"])


class TestThePage:
    def test_a_token_is_made_shown_once_and_revoked(self, app: FastAPI, scene: Scene, signed_in: Client) -> None:
        rita = signed_in("rita")
        page = rita.post("/tokens", data={"name": "the shop", "days": "30", "scope": ["decide", "read_cases"]})
        secret = "handrail_" + page.text.split("handrail_")[1].split("<")[0]
        client = TestClient(app, base_url="https://desk.test/api/v1", headers={"Authorization": f"Bearer {secret}"})
        assert client.get("/work").status_code == 200
        again = rita.get("/tokens").text
        assert "the shop" in again
        assert "handrail_" not in again
        assert rita.post("/tokens/1/revoke").status_code == 303
        assert client.get("/work").status_code == 401
        assert "revoked" in rita.get("/tokens").text

    def test_only_what_the_person_may_do_is_offered(self, scene: Scene, signed_in: Client) -> None:
        page = signed_in("rita").get("/tokens").text
        assert 'value="decide"' in page
        assert 'value="set_stage"' not in page

    @pytest.mark.parametrize("sent", [{"name": ""}, {"days": "0"}, {"days": "x"}, {"days": "9" * 30}, {"scope": []}])
    def test_what_cannot_be_is_said_in_a_sentence_and_the_form_keeps_what_was_written(
        self, scene: Scene, signed_in: Client, sent: dict[str, Any]
    ) -> None:
        form = {"name": "the shop", "days": "30", "scope": ["decide"], **sent}
        page = signed_in("rita").post("/tokens", data=form)
        assert page.status_code == 400
        assert 'role="alert"' in page.text
        assert scene.count(schema.Token) == 0

    def test_nobody_gets_a_scope_by_sending_another_form(self, scene: Scene, signed_in: Client) -> None:
        page = signed_in("rita").post("/tokens", data={"name": "x", "days": "30", "scope": ["set_stage"]})
        assert page.status_code == 400
        assert scene.count(schema.Token) == 0


class TestIntake:
    CASE: ClassVar[dict[str, Any]] = {"external_id": "T-1", "text": "where is my parcel", "amount": 19.9}

    def send(self, program: Program, *rows: dict[str, Any], **headers: str) -> Any:  # noqa: ANN401 - a response
        body = {"source": "shop", "cases": [{**self.CASE, **row} for row in rows]}
        return program(FOUNDER, "intake").post("/cases/batch", json=body, headers=headers)

    def arrive(self, app: FastAPI) -> None:
        assert app.state.intake.wait(60)

    def test_a_posted_case_reaches_a_person_redacted(self, app: FastAPI, scene: Scene, program: Program) -> None:
        text = "my mail is jane.doe@example.com, call +1 202 555 0143"
        body = {"source": "shop", "case": {**self.CASE, "text": text}}
        answer = program(FOUNDER, "intake").post("/cases", json=body)
        assert answer.status_code == 202
        (row,) = answer.json()["rows"]
        assert (row["result"], row["expectation"], row["reason"]) == ("received", None, None)
        self.arrive(app)
        looked = program("rita").get(f"/cases/{row['case']}").json()
        assert (looked["state"], looked["withheld"]) == ("queued", True)  # without a model people decide blindly
        assert "jane" not in looked["text"]
        assert "0143" not in looked["text"]
        route = scene.row(schema.Route)
        assert (route["queue"], route["reason"]) == ("C", "no_model")
        assert scene.events("case.received")[0]["actor"] == FOUNDER
        batch = program(FOUNDER, "intake").get(f"/batches/{answer.json()['batch']}").json()
        assert (batch["state"], batch["cases"]) == ("done", {"queued": 1})

    def test_great_expectations_put_a_case_from_the_future_aside(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        answer = self.send(program, {"received_at": "2027-01-01T00:00:00Z"})
        case = answer.json()["rows"][0]["case"]
        self.arrive(app)
        looked = program("rita").get(f"/cases/{case}").json()
        assert looked["state"] == "quarantined"
        assert looked["reason"]
        assert scene.rows(schema.WorkItem) == []

    def test_rows_that_cannot_be_read_are_put_aside_with_the_reason_and_the_rest_goes_on(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        rows = [{"external_id": f"T-{number}"} for number in range(12)]
        rows[3] |= {"amount": "lots"}
        told = self.send(program, *rows).json()
        assert (told["received"], told["duplicates"], told["quarantined"]) == (11, 0, 1)
        assert told["rows"][3]["expectation"] == "amount_parses"
        assert "'lots'" in told["rows"][3]["reason"]
        self.arrive(app)
        assert scene.states() == ["queued"] * 11
        (aside,) = program(FOUNDER, "intake").get(f"/batches/{told['batch']}").json()["aside"]
        assert (aside["row"], aside["external_id"]) == (4, "T-3")

    def test_too_many_bad_rows_stop_the_batch(self, app: FastAPI, scene: Scene, program: Program) -> None:
        told = self.send(program, {"external_id": "a"}, {"external_id": "b", "amount": -1}).json()
        self.arrive(app)
        assert scene.states() == ["received"]
        assert program(FOUNDER, "intake").get(f"/batches/{told['batch']}").json()["state"] == "stopped"
        corrected = self.send(program, {"external_id": "a"}, {"external_id": "b"}).json()
        assert corrected["received"] == 2
        self.arrive(app)
        assert set(scene.states()) == {"queued"}

    def test_a_case_that_is_known_is_a_duplicate(self, app: FastAPI, scene: Scene, program: Program) -> None:
        first = self.send(program, {}, {}).json()
        self.arrive(app)
        again = self.send(program, {}).json()
        case = first["rows"][0]["case"]
        assert [(row["result"], row["case"]) for row in first["rows"]] == [("received", case), ("duplicate", case)]
        assert (again["batch"], again["duplicates"], again["rows"][0]["case"]) == (None, 1, case)
        assert scene.states() == ["queued"]

    def test_the_same_key_takes_the_cases_in_once_and_answers_with_the_reasons_again(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        rows = [{"external_id": "good"}, {"external_id": "bad", "amount": "lots and lots"}]
        key = {"Idempotency-Key": "delivery-7"}
        first, again = self.send(program, *rows, **key), self.send(program, *rows, **key)
        assert first.json() == again.json()
        assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
        assert scene.count(schema.Case) == 1
        assert "lots and lots" not in json.dumps([row["body"] for row in scene.rows(schema.IdempotentAnswer)])
        self.arrive(app)

    def test_what_a_killed_desk_left_is_brought_in_by_the_scheduled_flow(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        from flows.queue_assignment import queue_assignment

        app.state.intake.wake = lambda: None
        told = self.send(program, {"external_id": "a"}, {"external_id": "b"}).json()
        assert scene.states() == ["received"] * 2
        home = app.state.desk.workspace.home
        counts = queue_assignment.fn(as_of=NOW.isoformat(), home=str(home))
        assert (counts["C"], scene.states()) == (2, ["queued"] * 2)
        again = queue_assignment.fn(as_of=NOW.isoformat(), home=str(home))
        assert (again["C"], scene.count(schema.WorkItem)) == (0, 2)
        assert program(FOUNDER, "intake").get(f"/batches/{told['batch']}").json()["state"] == "done"

    def test_many_calls_at_once_share_a_few_rounds(self, app: FastAPI, scene: Scene, program: Program) -> None:
        client = program(FOUNDER, "intake")
        bodies = [{"source": "shop", "case": {**self.CASE, "external_id": f"T-{number}"}} for number in range(24)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda body: client.post("/cases", json=body).status_code, bodies))
        assert answers == [202] * 24
        self.arrive(app)
        assert scene.states() == ["queued"] * 24
        assert scene.trail_is_whole()

    @pytest.mark.parametrize(
        "row",
        [
            {"text": "a\x00b\ud800"}, {"text": "x" * 20_000}, {"external_id": 7}, {"amount": "1,234.50"},
            {"amount": 10**13}, {"amount": -3}, {"external_id": ""}, {"external_id": "a\u200bb"}, {"text": None},
            {"received_at": "yesterday"}, {"received_at": "0001-01-01T00:00:00+14:00"}, {"consent": "perhaps"},
            {"consent": False}, {"fields": {"channel": "web", "region": 4}}, {"customer_id": "\ud83d"},
            {"text": "=cmd|' /C calc'!A0 <script>alert(1)</script>"},
        ],
    )  # fmt: skip
    def test_an_odd_row_is_taken_in_or_put_aside_and_never_breaks_the_call(
        self, app: FastAPI, scene: Scene, program: Program, row: dict[str, Any]
    ) -> None:
        body = json.dumps({"source": "shop", "case": {**self.CASE, **row}})
        answer = program(FOUNDER, "intake").post("/cases", content=body, headers=JSON)
        assert answer.status_code == 202, answer.text
        (told,) = answer.json()["rows"]
        assert (told["case"] is None) == (told["result"] == "quarantined") == (told["reason"] is not None)
        self.arrive(app)
        assert set(scene.states()) <= {"queued", "quarantined"}

    @pytest.mark.parametrize(
        ("rows", "status"),
        [
            ([], 422), ([{"text": ["x"]}], 422), ([{"label": "refund"}], 422), ([{"amount": 10**400}], 422),
            ([{"amount": True}], 422), ([{"consent": 1}], 422), ([{"fields": {"salary": "1"}}], 400),
            ([{"prediction": {"label": "refund", "confidence": 0.9}}], 400), ([{"fields": {"channel": {}}}], 422),
        ],
    )  # fmt: skip
    def test_a_call_that_no_row_can_come_from_is_refused_whole(
        self, scene: Scene, program: Program, rows: list[dict[str, Any]], status: int
    ) -> None:
        refused(self.send(program, *rows), status)
        assert (scene.count(schema.Case), scene.count(schema.Batch)) == (0, 0)

    def test_a_source_is_named_in_at_most_a_hundred_characters(self, scene: Scene, program: Program) -> None:
        stella = program(FOUNDER)
        for source, status in [("", 422), ("x" * 100, 202), ("x" * 101, 422), ("a\x00", 422)]:
            answer = stella.post("/cases", json={"source": source, "case": self.CASE})
            assert answer.status_code == status, answer.text

    def test_outcomes_are_joined_to_their_cases_once(self, app: FastAPI, scene: Scene, program: Program) -> None:
        self.send(program, {})
        one = {"external_id": "T-1", "kind": "csat", "at": "2026-03-02T08:00:00Z", "value": 4}
        body = {"outcomes": [one, {**one, "external_id": "nobody"}]}
        stella = program(FOUNDER)
        assert stella.post("/outcomes", json=body).json() == {"imported": 1, "duplicates": 0, "unknown": 1}
        assert stella.post("/outcomes", json=body).json() == {"imported": 0, "duplicates": 1, "unknown": 1}
        self.arrive(app)


@pytest.mark.slow
def test_with_a_model_a_posted_case_is_scored_and_routed_like_a_case_of_a_file(
    trained: Handrail, business: SampleBusiness, tmp_path: Path
) -> None:
    now = datetime.fromisoformat(MORNING)
    rows = business.cases.head(40).astype(object).where(business.cases.head(40).notna(), None)
    twin = Handrail(Path(shutil.copytree(trained.home, tmp_path / "twin")))
    app = create_app(Workspace(trained.home), clock=lambda: now)
    client = TestClient(app, base_url="https://desk.test/api/v1")
    client.headers["Authorization"] = f"Bearer {token_of(app, FOUNDER)}"
    answer = client.post(
        "/cases/batch", json={"source": "sample", "cases": [_posted(row) for row in rows.to_dict("records")]}
    )
    assert answer.json()["received"] == 40, answer.text
    assert app.state.intake.wait(120)
    app.state.desk.close()
    twin.ask("run", deliver(business.cases.head(40), tmp_path / "day.csv"), "--mapping", MAPPING, "--as-of", MORNING)
    query = """SELECT c.external_id, r.queue, r.reason, r.category, round(r.confidence, 6), i.redacted FROM cases c
        JOIN routes r ON r.case_id = c.id JOIN case_inputs i ON i.case_id = c.id WHERE NOT c.history ORDER BY 1"""
    found = trained.rows(query)
    assert len(found) == 40
    assert found == twin.rows(query)
    assert {queue for _, queue, *_ in found} >= {"A", "C"}


def _posted(row: dict[str, Any]) -> dict[str, Any]:
    """A case of the sample business as a call sends it."""
    own = {
        name: str(row[name]) for name in ("external_id", "received_at", "text", "customer_id") if row[name] is not None
    }
    fields = {name: str(row[name]) for name in ("channel", "region", "tier") if row[name] is not None}
    amount = None if row["amount"] is None else float(row["amount"])
    return {**own, "amount": amount, "consent": str(row["consent"]), "fields": fields}

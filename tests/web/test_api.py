"""Programs do what people do, by a token, each call once."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ClassVar

import pandas as pd
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from desk.api.document import document, scopes
from desk.app import create_app
from handrail.acts import attending, labelling, tokens
from handrail.permissions import PERMITTED
from handrail.store import schema, work
from tests.desks import Client
from tests.programs import JSON, Program, refused, token_of
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, Scene


class TestTheWayIn:
    def test_a_token_opens_what_scope_and_role_allow(self, program: Program) -> None:
        assert program("rita", "read_cases").get("/queue").status_code == 200

    def test_without_a_valid_token_the_answer_is_401_and_names_the_scheme(self, app: FastAPI, scene: Scene) -> None:
        client = TestClient(app, base_url="https://desk.test/api/v1")
        good = token_of(app, "rita")
        for sent in ("", "Bearer ", "Bearer handrail_unknown", f"Basic {good}", f"bearer {good}x", good):
            answer = client.get("/queue", headers={"Authorization": sent})
            assert "Bearer handrail_" in refused(answer, 401)
            assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_a_cookie_opens_nothing(self, scene: Scene, signed_in: Client) -> None:
        rita = signed_in("rita")
        assert rita.get("/api/v1/queue").status_code == 401
        assert rita.post("/api/v1/queue/next", json={}).status_code == 401

    def test_a_token_opens_no_page(self, program: Program) -> None:
        assert program("rita").get("https://desk.test/review").status_code in {303, 401}

    def test_expired_and_revoked_tokens_are_out_at_once(self, app: FastAPI, scene: Scene, program: Program) -> None:
        rita = program("rita", days=1)
        app.state.desk.clock = lambda: NOW + timedelta(days=1)
        refused(rita.get("/queue"), 401)
        app.state.desk.clock = lambda: NOW
        assert rita.get("/queue").status_code == 200
        tokens.revoke(scene.store, 1, actor="rita", now=NOW)
        refused(rita.get("/queue"), 401)

    def test_a_scope_that_is_missing_and_a_role_that_went_are_403(self, scene: Scene, program: Program) -> None:
        assert "scope decide" in refused(program("rita", "read_cases").post("/queue/next", json={}), 403)
        mona = program(MANAGER)
        scene.add_person(MANAGER, "data_curator")
        assert "escalation_manager" in refused(mona.post("/queue/next", json={}), 403)

    def test_a_token_for_reviews_takes_and_decides_no_escalation(self, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, "deny", reason_code="legal")
        narrow, wide = program(MANAGER, "decide"), program(MANAGER, "decide", "resolve_escalation")
        assert narrow.post("/queue/next", json={}).json()["case"] is None
        taken = wide.post("/queue/next", json={}).json()["case"]
        assert (taken["case"], taken["kind"]) == (case, "escalation")
        body = {"fence": taken["fence"], "outcome": "approve"}
        assert "resolve_escalation" in refused(narrow.post(f"/queue/{taken['item']}/decision", json=body), 403)
        assert wide.post(f"/queue/{taken['item']}/decision", json=body).status_code == 200

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
                    method,
                    path.format(item=1, case=1, batch=1, proposal=1),
                    headers={"Authorization": f"Bearer {secret}", **JSON},
                    content=b"{}" if method == "POST" else None,
                )
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
        shown = rita.post("/queue/next", json={}).json()["case"]
        assert (shown["case"], shown["suggestion"]["category"], shown["fence"]) == (case, "refund", 1)
        assert [one["item"] for one in rita.get("/queue/held").json()["claims"]] == [shown["item"]]
        answer = rita.post(f"/queue/{shown['item']}/decision", json={"fence": 1, "outcome": "approve"})
        assert answer.json() == {"item": shown["item"], "decision": 1, "outcome": "approve"}
        assert scene.state(case) == "decided"
        assert scene.events("case.decided")[-1]["actor"] == "rita"

    def test_a_decision_is_taken_back_within_its_time_and_not_after(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        (case,) = scene.waiting(1)
        rita = program("rita")
        item = rita.post(f"/queue/cases/{case}/claim").json()["item"]
        body = {"fence": 1, "outcome": "approve"}
        decision = rita.post(f"/queue/{item}/decision", json=body).json()["decision"]
        (claim,) = rita.post("/queue/undo", json={"decisions": [decision]}).json()["claims"]
        assert (claim["item"], scene.state(case)) == (item, "queued")
        body["fence"] = claim["fence"]
        decision = rita.post(f"/queue/{item}/decision", json=body).json()["decision"]
        app.state.desk.clock = lambda: NOW + timedelta(seconds=10)
        refused(rita.post("/queue/undo", json={"decisions": [decision]}), 409)

    def test_what_was_skipped_is_told_of_and_had_back(self, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        rita = program("rita")
        item = rita.post("/queue/next", json={}).json()["case"]["item"]
        rita.post(f"/queue/{item}/skip")
        nothing = rita.post("/queue/next", json={}).json()
        aside = {"skipped": 1, "snoozed": 0, "back_at": "2026-03-02T09:30:00Z", "is_away": False}
        assert nothing == {"case": None, "put_aside": aside}
        assert rita.post("/queue/recall").json() == {"recalled": 1}
        again = rita.post("/queue/next", json={}).json()
        assert (again["case"]["case"], again["put_aside"]) == (case, None)

    def test_claimed_work_is_given_back_passed_on_put_off_and_handed_over(self, scene: Scene, program: Program) -> None:
        ids = scene.waiting(4)
        rita, ruth = program("rita"), program("ruth")
        given, passed, off, handed = (rita.post(f"/queue/cases/{case}/claim").json()["item"] for case in ids)
        assert rita.post("/queue/release", json={"items": [given]}).json() == {"items": [given]}
        assert rita.post(f"/queue/{passed}/skip").json() == {"done": True}
        until = (NOW + timedelta(hours=1)).isoformat()
        assert rita.post(f"/queue/{off}/snooze", json={"until": until}).json() == {"done": True}
        asked = {"to": "ruth", "reason": "she knows them"}
        refused(program("ron").post(f"/queue/{handed}/hand-over", json=asked), 403)
        assert rita.post(f"/queue/{handed}/hand-over", json=asked).json() == {"done": True}
        assert rita.get("/queue/held").json() == {"claims": []}
        assert ruth.post("/queue/next", json={}).json()["case"]["item"] in {given, passed, handed}
        refused(rita.post(f"/queue/{passed}/skip"), 409)
        refused(rita.post(f"/queue/{off}/snooze", json={"until": NOW.isoformat()}), 400)

    def test_nothing_waits_is_an_answer_and_no_refusal(self, program: Program) -> None:
        assert program("rita").post("/queue/next", json={}).json()["case"] is None

    def test_a_stale_fence_is_a_conflict_and_decides_nothing(self, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        rita = program("rita")
        item = rita.post(f"/queue/cases/{case}/claim").json()["item"]
        assert "no longer yours" in refused(
            rita.post(f"/queue/{item}/decision", json={"fence": 0, "outcome": "approve"}), 409
        )
        assert scene.state(case) == "queued"

    def test_a_claim_is_prolonged_and_a_foreign_one_is_not(self, app: FastAPI, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        item = program("rita").post(f"/queue/cases/{case}/claim").json()["item"]
        app.state.desk.clock = lambda: NOW + timedelta(minutes=3)
        (claim,) = program("rita").post("/queue/renew", json={"items": [item]}).json()["claims"]
        assert claim["lease_until"] == "2026-03-02T09:08:00Z"
        assert program("ruth").post("/queue/renew", json={"items": [item]}).json() == {"claims": []}

    def test_a_hidden_suggestion_stays_hidden_everywhere(self, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1, suggestion_hidden=True)
        rita = program("rita")
        (listed,) = rita.get("/queue").json()["work"]
        assert (listed["case"], listed["category"], listed["confidence"]) == (case, None, None)
        looked = rita.get(f"/cases/{case}").json()
        assert looked["withheld"]
        assert (looked["category"], looked["confidence"], looked["queue"]) == (None, None, None)
        told = rita.get("/trail", params={"case": case}).json()["events"]
        assert all("refund" not in json.dumps(event) for event in told)
        shown = rita.post("/queue/next", json={}).json()["case"]
        assert shown["suggestion"] is None
        assert "approve" in refused(
            rita.post(f"/queue/{shown['item']}/decision", json={"fence": shown["fence"], "outcome": "approve"}), 400
        )

    def test_a_gold_case_among_the_work_looks_like_a_review_everywhere(self, scene: Scene, program: Program) -> None:
        (waiting,) = scene.waiting(1, suggestion_hidden=True)
        letters = pd.DataFrame({"text": ["where is my money"], "label": ["refund"]})
        scene.add_person("cara", "data_curator")
        labelling.write(scene.store, letters, actor="cara", **scene.known)
        test = scene.row(schema.GoldCase)["case_id"]
        slipped_in = labelling.gold_work(test, "rita", now=NOW, due_at=NOW + timedelta(hours=4), slipped_in=True)
        with scene.store.write() as connection:
            work.insert_work(connection, [slipped_in])
        own = ("case", "item", "received_at", "text", "amount", "fields")  # what came in differs by itself
        rita, same = program("rita"), dict.fromkeys(own)
        for address in ("/cases/{case}", "/queue/cases/{case}/claim", "/cases/{case}"):
            ask = rita.post if address.endswith("claim") else rita.get
            assert ask(address.format(case=test)).json() | same == ask(address.format(case=waiting)).json() | same
        first, second = (row | dict.fromkeys(("case", "item")) for row in rita.get("/queue").json()["work"])
        assert first == second
        assert [row["case"] for row in program("ruth").get("/queue").json()["work"]] == [waiting]

    def test_a_list_is_read_a_page_at_a_time_without_gap_or_repeat(self, scene: Scene, program: Program) -> None:
        ids = scene.waiting(3) + scene.waiting(2, due_at=NOW + timedelta(hours=1))
        rita, found, cursor = program("rita"), [], None
        while True:
            page = rita.get("/queue", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
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
        first = rita.post("/queue/next", json=asked, headers=self.KEY)
        again = rita.post("/queue/next", json=asked, headers=self.KEY)
        assert first.json() == again.json()
        assert ("Idempotency-Replayed" in first.headers, "Idempotency-Replayed" in again.headers) == (False, True)
        assert len(rita.get("/queue/held").json()["claims"]) == 1

    def test_at_the_same_moment_it_happens_once(self, scene: Scene, program: Program) -> None:
        ids = scene.waiting(8)
        rita = program("rita")
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(
                    lambda _: rita.post("/queue/next", json={"besides_held": True}, headers=self.KEY).json(), range(8)
                )
            )
        assert {answer["case"]["case"] for answer in answers} == {ids[0]}
        assert len(rita.get("/queue/held").json()["claims"]) == 1

    def test_also_after_a_restart_of_the_desk(self, app: FastAPI, scene: Scene, program: Program) -> None:
        (case,) = scene.waiting(1)
        rita = program("rita")
        item = rita.post(f"/queue/cases/{case}/claim").json()["item"]
        body = {"fence": 1, "outcome": "approve"}
        first = rita.post(f"/queue/{item}/decision", json=body, headers=self.KEY)
        restarted = create_app(app.state.desk.workspace, clock=lambda: NOW)
        client = TestClient(restarted, base_url="https://desk.test/api/v1", headers=rita.headers)
        again = client.post(f"/queue/{item}/decision", json=body, headers=self.KEY)
        restarted.state.desk.close()
        assert (again.status_code, again.json()) == (200, first.json())
        assert len(scene.events("case.decided")) == 1

    def test_another_request_under_the_key_is_a_conflict(self, scene: Scene, program: Program) -> None:
        rita = program("rita")
        rita.post("/queue/next", json={}, headers=self.KEY)
        assert "new key" in refused(rita.post("/queue/next", json={"besides_held": True}, headers=self.KEY), 409)
        assert program("ruth").post("/queue/next", json={}, headers=self.KEY).status_code == 200

    def test_a_refusal_is_not_kept(self, scene: Scene, program: Program) -> None:
        stella = program(FOUNDER)
        body = {"category": "refund", "reason": "checked"}
        refused(stella.post("/automation/resume", json=body, headers=self.KEY), 409)
        stella.post("/automation/pause", json=body)
        assert stella.post("/automation/resume", json=body, headers=self.KEY).status_code == 200

    def test_what_is_kept_holds_no_text(self, scene: Scene, program: Program) -> None:
        scene.waiting(1)
        program("rita").post("/queue/next", json={}, headers=self.KEY)
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

    def test_a_silent_watch_and_what_was_changed_outside_stand_in_the_status(
        self, scene: Scene, program: Program
    ) -> None:
        status = program(FOUNDER).get("/status").json()
        assert (status["held_by"], status["held"], status["altered"]) == (None, [], [])
        attending.note_watch(scene.store, "sla_watch", actor=FLOW, now=NOW - timedelta(days=2))
        with scene.store.write() as connection:
            connection.execute(update(schema.Policy).values(version="0" * 12))
        status = program(FOUNDER).get("/status").json()
        (held,), (altered,) = status["held"], status["altered"]
        assert (status["held_by"], held["watch"], held["categories"]) == ("sla_watch", "sla_watch", None)
        assert (held["last_heard"], held["since"]) == ("2026-02-28T09:00:00Z", "2026-03-01T15:00:00Z")
        assert (altered["what"], altered["category"]) == ("policy", None)
        assert "not what was published" in altered["sentence"]
        assert altered["sentence"].endswith(". Ask whoever runs Handrail."), "the API has no command to name"

    def test_a_category_moves_to_another_stage(self, program: Program) -> None:
        stella = program(FOUNDER)
        body = {"category": "refund", "stage": "suggest", "reason": "to be sure"}
        assert stella.post("/automation/stage", json=body).json() == {"done": True, "proposal": None, "checks": None}
        assert stella.get("/status").json()["stages"]["refund"] == "suggest"
        refused(stella.post("/automation/stage", json={**body, "category": "flying"}), 404)

    def test_stages_are_listed_with_what_is_missing_and_a_step_says_it_too(self, program: Program) -> None:
        stella = program(FOUNDER)
        stella.post("/automation/stage", json={"category": "refund", "stage": "shadow", "reason": "a new start"})
        rows = {row["category"]: row for row in stella.get("/automation/stages").json()["categories"]}
        refund = rows["refund"]
        assert (refund["stage"], refund["next_stage"], refund["ready"]) == ("shadow", "partial", False)
        assert refund["sentence"].startswith("not ready for partial, because ")
        assert "version" in refund["missing"]
        done = stella.post("/automation/stage", json={"category": "refund", "stage": "partial", "reason": "I know"})
        assert done.json()["checks"] == refund["sentence"]

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
        shown = mona.post(f"/queue/cases/{case}/claim").json()
        mona.post(f"/queue/{shown['item']}/decision", json={"fence": shown["fence"], "outcome": "approve"})
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

"""What is posted travels on to its queue as the rows of a file do, and every row is answered for."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from desk.app import create_app
from handrail.sample import SampleBusiness
from handrail.store import schema
from handrail.workspace import Workspace
from tests.programs import JSON, Program, refused, token_of
from tests.scenes import FOUNDER, NOW, Scene
from tests.workspaces import MAPPING, MORNING, Handrail, deliver


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

    def test_a_row_under_an_id_that_handrail_made_is_put_aside_and_the_rest_goes_on(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        (case,) = scene.automatic(1)
        name = scene.row(schema.Case, id=case)["external_id"]
        (opened,) = self.send(program, {"external_id": name, "text": "I want it all back"}).json()["rows"]
        assert opened["result"] == "reopened"
        made = {"external_id": f"{name} (reopened 1)", "text": "another request"}
        told = self.send(program, made, {"external_id": "T-9"}, made).json()
        assert (told["received"], told["duplicates"], told["quarantined"]) == (1, 0, 2)
        aside, taken, _ = told["rows"]
        assert (aside["case"], aside["field"], taken["result"]) == (None, "external_id", "received")
        assert "Send it under another id" in aside["reason"]
        self.arrive(app)
        assert scene.row(schema.CaseInput, case_id=opened["case"])["text"] == "I want it all back"

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

    def test_one_bad_row_of_two_is_put_aside_and_the_other_goes_on(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        told = self.send(program, {"external_id": "a"}, {"external_id": "b", "amount": -1}).json()
        good, bad = told["rows"]
        assert (good["result"], good["external_id"], good["field"], good["reason"]) == ("received", "a", None, None)
        assert (bad["row"], bad["result"], bad["external_id"], bad["field"]) == (2, "quarantined", "b", "amount")
        assert "is negative" in bad["reason"]
        self.arrive(app)
        assert scene.states() == ["queued"]
        batch = program(FOUNDER, "intake").get(f"/batches/{told['batch']}").json()
        assert (batch["state"], batch["received"], batch["accepted"], batch["quarantined"]) == ("done", 2, 1, 1)

    def stop(self, app: FastAPI, program: Program) -> int:
        """A batch of thirty of which twenty rows are bad."""
        rows = [{"external_id": f"T-{number}", "amount": -1 if number < 20 else 5} for number in range(30)]
        told = self.send(program, *rows).json()
        assert (told["received"], told["quarantined"]) == (10, 20)
        self.arrive(app)
        return int(told["batch"])

    def test_a_stopped_batch_is_released_over_the_api_and_tells_what_became_of_it(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        number = self.stop(app, program)
        client = program(FOUNDER)
        stopped = client.get(f"/batches/{number}").json()
        assert (stopped["state"], stopped["waiting"], stopped["quarantined"]) == ("stopped", 10, 20)
        assert scene.states() == ["received"] * 10
        settled = client.post(f"/batches/{number}/release", json={"reason": "the twenty are tests"})
        assert settled.json() == {"batch": number, "state": "released", "superseded": 0}
        self.arrive(app)
        batch = client.get(f"/batches/{number}").json()
        assert (batch["state"], batch["accepted"], batch["quarantined"]) == ("done", 10, 20)
        assert scene.states() == ["queued"] * 10
        assert "not stopped" in refused(client.post(f"/batches/{number}/reject", json={"reason": "no"}), 409)

    def test_a_stopped_batch_is_rejected_over_the_api_and_enters_when_it_is_sent_again(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        number = self.stop(app, program)
        client = program(FOUNDER)
        assert client.post(f"/batches/{number}/reject", json={"reason": "wrong"}).json()["state"] == "rejected"
        assert scene.states() == ["quarantined"] * 10
        again = self.send(program, *({"external_id": f"T-{number}"} for number in range(30))).json()
        assert again["received"] == 30
        self.arrive(app)
        assert scene.states() == ["queued"] * 30

    def test_the_same_id_with_other_content_is_a_change_and_the_answer_says_so(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        case = self.send(program, {}).json()["rows"][0]["case"]
        self.arrive(app)
        told = self.send(program, {"text": "it has arrived, thank you"}).json()
        assert (told["received"], told["changed"], told["duplicates"]) == (0, 1, 0)
        assert [(row["result"], row["case"]) for row in told["rows"]] == [("changed", case)]
        self.arrive(app)
        assert program("rita").get(f"/cases/{case}").json()["text"] == "it has arrived, thank you"
        shown = program("rita").post("/queue/next", json={}).json()["case"]
        assert (shown["case"], shown["earlier_text"]) == (case, "where is my parcel")
        assert shown["changed_at"] is not None
        assert self.send(program, {"text": "it has arrived, thank you"}).json()["duplicates"] == 1

    def test_a_change_after_a_decision_is_answered_as_reopened(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        case = self.send(program, {}).json()["rows"][0]["case"]
        self.arrive(app)
        scene.decide(case, "deny", reason_code="out_of_scope")
        told = self.send(program, {"text": "I still wait"}).json()
        (row,) = told["rows"]
        assert (row["result"], told["reopened"], row["case"]) == ("reopened", 1, case + 1)
        self.arrive(app)
        looked = program(FOUNDER).get(f"/cases/{row['case']}").json()
        assert looked["goes_on_from"] == case
        assert program(FOUNDER).get(f"/cases/{case}").json()["goes_on_as"] == row["case"]

    def test_an_amount_in_another_currency_is_compared_with_no_limit(
        self, app: FastAPI, scene: Scene, program: Program
    ) -> None:
        self.send(program, {"currency": "EUR"}, {"external_id": "T-2", "currency": "USD"})
        self.arrive(app)
        foreign, own = (scene.row(schema.Case, external_id=name) for name in ("T-1", "T-2"))
        assert (foreign["amount"], foreign["fields"]["stated_amount"]) == (None, "19.90 EUR")
        assert (own["amount"], own["flags"]) == (19.9, [])

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
            {"text": "a\x00b\ud800"},
            {"text": "x" * 20_000},
            {"external_id": 7},
            {"amount": "1,234.50"},
            {"amount": 10**13},
            {"amount": -3},
            {"external_id": ""},
            {"external_id": "a\u200bb"},
            {"text": None},
            {"received_at": "yesterday"},
            {"received_at": "0001-01-01T00:00:00+14:00"},
            {"consent": "perhaps"},
            {"consent": False},
            {"fields": {"channel": "web", "region": 4}},
            {"customer_id": "\ud83d"},
            {"text": "=cmd|' /C calc'!A0 <script>alert(1)</script>"},
        ],
    )
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

    @pytest.mark.parametrize(("said", "given"), [({}, True), ({"consent": None}, False), ({"consent": " "}, False)])
    def test_consent_that_is_named_and_not_given_is_none(
        self, scene: Scene, program: Program, said: dict[str, Any], given: bool
    ) -> None:
        assert self.send(program, {"external_id": "a", **said}).status_code == 202
        assert scene.row(schema.Case)["consent"] is given

    @pytest.mark.parametrize(
        ("rows", "status"),
        [
            ([], 422),
            ([{"text": ["x"]}], 422),
            ([{"label": "refund"}], 422),
            ([{"amount": 10**400}], 422),
            ([{"amount": True}], 422),
            ([{"consent": 1}], 422),
            ([{"fields": {"salary": "1"}}], 400),
            ([{"prediction": {"label": "refund", "confidence": 0.9}}], 400),
            ([{"fields": {"channel": {}}}], 422),
        ],
    )
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

"""Whatever a program sends, the answer is a sentence; and the page on which people make its tokens."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from desk.api.document import document
from handrail.store import schema
from tests.desks import Client
from tests.programs import JSON, Program, refused
from tests.scenes import FOUNDER, Scene

RUBBISH: list[tuple[bytes, int]] = [
    (b"", 422),
    (b"{", 400),
    (b"[]", 422),
    (b"null", 422),
    (b'"x"', 422),
    (b"\xff\xfe", 400),
    (b"\xef\xbb\xbf{}", 400),
    (b'{"category": null, "category": "refund", "reason": "x"}', 400),
    (b'{"reason": NaN}', 400),
    (b'{"category": null, "reason": "x", "more": 1}', 422),
    (b'{"category": null, "reason": 7}', 422),
    (b'{"category": null, "reason": ""}', 422),
    (b'{"category": null, "reason": "   "}', 400),
    (b'{"category": null, "reason": "a\\u0000b"}', 422),
    (b'{"category": null, "reason": "a\\ud800b"}', 422),
    (b'{"category": "\\ud800", "reason": "x"}', 422),
    (b"[" * 50_000, 400),
    (b'{"a":' * 20_000, 400),
    (b'{"category": null, "reason": ' + b"9" * 5_000 + b"}", 400),
    (b'{"reason": "' + b"x" * 20_000 + b'"}', 422),
    (b'{"reason": "' + b"x" * 1_000_000 + b'"}', 413),
]


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

    @pytest.mark.parametrize("number", ["1_2", "+12", "%2012", "12.0", "true"])
    def test_what_only_reads_as_a_number_is_no_case(self, program: Program, number: str) -> None:
        assert "case" in refused(program("rita").get(f"/cases/{number}"), 422)

    @pytest.mark.parametrize("item", ["1_2", True, 1.0, " 1"])
    def test_what_only_reads_as_a_number_is_no_work(self, program: Program, item: object) -> None:
        assert refused(program("rita").post("/queue/release", json={"items": [item]}), 422).startswith("items[0] ")

    @pytest.mark.parametrize(
        "until", [1767225600, 1767225600000, 1.7e9, "1767225600", "20260302", "2026-03-02T09:00:00"]
    )
    def test_a_moment_that_could_be_two_is_refused(self, program: Program, until: object) -> None:
        refused(program("rita").post("/queue/1/snooze", json={"until": until}), 422)

    @pytest.mark.parametrize("query", ["limt=5", "limit=5&x", "%00=1", "Limit=5"])
    def test_a_question_that_nobody_answers_is_refused(self, program: Program, query: str) -> None:
        rita = program("rita")
        assert rita.get("/queue?limit=5").status_code == 200
        assert "The query has no" in refused(rita.get(f"/queue?{query}"), 422)
        refused(rita.post(f"/queue/next?{query}", json={}), 422)

    def test_what_does_not_exist_is_404(self, program: Program) -> None:
        rita = program("rita")
        for path in ("/cases/99", f"/cases/{2**63 - 1}", "/nothing"):
            refused(rita.get(path), 404)
        refused(rita.post("/queue/99/decision", json={"fence": 1, "outcome": "approve"}), 404)

    def test_a_method_that_nobody_offers_is_405_and_says_what_is(self, program: Program) -> None:
        answer = program("rita").delete("/queue")
        refused(answer, 405)
        assert answer.headers["Allow"] == "GET"

    @pytest.mark.parametrize("key", ["", "x" * 129, "a b", "ü"])
    def test_a_key_that_is_none_is_refused(self, program: Program, key: str) -> None:
        refused(program("rita").post("/queue/next", json={}, headers={"Idempotency-Key": key.encode("latin-1")}), 422)

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=201", "cursor=x", "cursor=1-2-3", "queue=D", "cursor=" + "9" * 40]
    )
    def test_a_page_outside_its_bounds_is_refused(self, program: Program, query: str) -> None:
        refused(program("rita").get(f"/queue?{query}"), 422)

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
        assert client.get("/queue").status_code == 200
        again = rita.get("/tokens").text
        assert "the shop" in again
        assert "handrail_" not in again
        assert rita.post("/tokens/1/revoke").status_code == 303
        assert client.get("/queue").status_code == 401
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

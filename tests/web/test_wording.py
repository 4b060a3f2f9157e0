"""The API speaks of the API and the desk of its pages, whatever is refused: no command, no library's words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from desk.api.document import document
from desk.wording import API, DESK, Face, worded
from handrail.acts import keying
from tests.desks import client_of
from tests.programs import JSON, program_of, refused
from tests.routes import every_route
from tests.scenes import FLOW, NOW, Scene

ROOT = Path(__file__).resolve().parent.parent.parent
SPEAKING = ("handrail", "tasks", "models", "expectations", "desk")
FOREIGN = re.compile(
    r"(?<!\S)`?--[a-z]|\bhandrail [a-z]|Input should|type=|\bloc\b|pydantic|Traceback"
    r"|constrained-|function-|value_error"
)
EVERY_ROLE = ("reviewer", "escalation_manager", "model_steward", "data_curator", "product_owner")
RUBBISH: tuple[Any, ...] = ({}, [], None, "x", {"unheard_of": 1})
VALUES: tuple[Any, ...] = (None, "", "x", -1, 2**70, 1.5, True, [], ["x"], [{}], {}, {"x": {}}, "\0", "x" * 30_000)
QUERY = ("", "x", "-1", "9" * 30)
FORMS: tuple[dict[str, str], ...] = (
    {},
    {"reason": "x", "fence": "1", "outcome": "deny", "label": "x", "category": "x", "case": "999"},
)
AS_JSON = {"Accept": "application/json"}
EXAMPLE = {"item": 999, "case": 999, "batch": 999, "proposal": 999}


@pytest.fixture
def everything(app: FastAPI, scene: Scene) -> TestClient:
    """A program of somebody with every role, at a desk with a case of each kind."""
    scene.waiting(2)
    scene.waiting(1, suggestion_hidden=True)
    scene.automatic(1)
    scene.add_person("eve", *EVERY_ROLE)
    return program_of(app, "eve")


def bodies(operation: dict[str, Any]) -> Iterator[Any]:
    """Bodies that fit nowhere, and such as the call asks for with one value that does not fit."""
    yield from RUBBISH
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    shape = _resolved(content)
    usual = {name: _example(_resolved(one)) for name, one in shape.get("properties", {}).items()}
    yield usual
    for name in usual:
        yield {key: value for key, value in usual.items() if key != name}
        yield from ({**usual, name: value} for value in VALUES)


def _resolved(shape: dict[str, Any]) -> dict[str, Any]:
    name = shape.get("$ref", "").rpartition("/")[2]
    return document()["components"]["schemas"][name] if name else shape


def _example(shape: dict[str, Any]) -> Any:  # noqa: ANN401 - a value of JSON
    if "examples" in shape:
        return shape["examples"][0]
    if "anyOf" in shape:
        return _example(_resolved(shape["anyOf"][0]))
    if "enum" in shape:
        return shape["enum"][0]
    if shape.get("type") == "object":
        return {name: _example(_resolved(one)) for name, one in shape.get("properties", {}).items()}
    if shape.get("type") == "array":
        return [_example(_resolved(shape["items"]))]
    return {"integer": 999, "number": 1, "boolean": True}.get(shape.get("type", ""), "x")


def calls() -> list[tuple[str, str]]:
    return [(path, method) for path, ways in document()["paths"].items() for method in ways]


@pytest.mark.parametrize(("path", "method"), calls(), ids=str)
def test_every_refusal_of_a_call_speaks_of_the_api(everything: TestClient, path: str, method: str) -> None:
    operation = document()["paths"][path][method]
    address = f"https://desk.test{path.format(**EXAMPLE)}"
    answers = [everything.get(f"{address}?unheard_of=1"), everything.put(address)]
    if method == "get":
        asked = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
        answers += [everything.get(address, params={name: value}) for name in asked for value in QUERY]
        answers += [everything.get(address)]
    else:
        answers += [everything.post(address, json=body, headers=JSON) for body in bodies(operation)]
        answers += [everything.post(address, json={}, headers={**JSON, "Idempotency-Key": "x" * 200})]
    refusals = [answer for answer in answers if answer.status_code >= 400]
    assert refusals
    for answer in refusals:
        assert answer.status_code < 500
        sentence = refused(answer, answer.status_code)
        assert not FOREIGN.search(sentence), sentence


@pytest.mark.parametrize(
    ("method", "route"),
    [(method, route) for method, route in every_route() if not route.path.startswith(("/api", "/static"))],
    ids=lambda part: str(getattr(part, "path", part)),
)
def test_every_refusal_of_the_desk_speaks_of_its_pages(
    app: FastAPI,
    everything: TestClient,
    method: str,
    route: Any,  # noqa: ANN401 - a route
) -> None:
    eve = client_of(app, "eve")
    for number in ("999", "x"):
        address = re.sub(r"\{[^}]+\}", number, route.path)
        for form in FORMS:
            answer = eve.request(method, address, data=form or None, headers={"Accept": "application/json"})
            if answer.status_code >= 400 and answer.headers["Content-Type"].startswith("application/json"):
                sentence = refused(answer, answer.status_code)
                assert not FOREIGN.search(sentence), sentence


@pytest.mark.parametrize("face", [API, DESK], ids=["api", "desk"])
def test_no_sentence_of_the_house_keeps_a_command_for_a_face_that_has_none(face: Face) -> None:
    sentences = list(_sentences())
    assert len(sentences) > 80
    for sentence in sentences:
        told = worded(sentence, face)
        assert "`handrail " not in told, sentence
        assert not re.search(r"(?<!\S)`?--[a-z]|\bHANDRAIL_", told), sentence


def _sentences() -> Iterator[str]:
    """What any module says with a command or an option in it; 7 stands for what is put in."""
    for path in (path for folder in SPEAKING for path in (ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        docs = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and _has_doc(node)}
        for node in ast.walk(tree):
            if id(node) in docs or id(node) in pieces:
                continue
            text = _text(node)
            if text and ("`handrail " in text or "`--" in text or " HANDRAIL_" in text):
                yield text


def _has_doc(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> bool:
    return bool(node.body) and isinstance(node.body[0], ast.Expr)


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in node.values)
    return None


class TestWhatIsWrongIsNamedInTheUsersWords:
    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ({}, "fence is missing; outcome is missing."),
            ({"fence": -1, "outcome": "approve"}, "fence is smaller than 0."),
            ({"fence": "x", "outcome": "approve"}, "fence cannot be used: write it in digits alone, such as 12."),
            ({"fence": 1, "outcome": "maybe"}, "outcome is none of 'approve', 'override' or 'deny'."),
            ({"fence": 1, "outcome": "deny", "why": 1}, "why is not known here."),
            ({"fence": 1, "outcome": "deny", "label": ""}, "label is empty."),
            (
                {"fence": 1, "outcome": "deny", "note": "a\0"},
                "note cannot be used: a NUL or half a character stands in it.",
            ),
        ],
        ids=range(7),
    )
    def test_of_a_decision(self, everything: TestClient, body: dict[str, Any], told: str) -> None:
        sentence = refused(everything.post("/queue/1/decision", json=body), 422)
        assert sentence == f"{told} Correct this and send it again."

    def test_deep_in_a_batch(self, everything: TestClient) -> None:
        body = {"source": "shop", "cases": [{"external_id": "1"}, {"external_id": "2", "amount": []}]}
        sentence = refused(everything.post("/cases/batch", json=body), 422)
        assert sentence.startswith("cases[1].amount is ")
        assert "; " in sentence or sentence.count(".") <= 3

    @pytest.mark.parametrize("is_lost", [False, True], ids=["another", "lost"])
    def test_a_key_that_is_not_the_database_s_is_for_whoever_runs_handrail(
        self, app: FastAPI, everything: TestClient, *, is_lost: bool
    ) -> None:
        desk, eve = app.state.desk, client_of(app, "eve")
        keying.bind(desk.store, desk.secret(), actor=FLOW, now=NOW)
        if is_lost:
            desk.workspace.secret_file.unlink()
        else:
            desk.workspace.secret_file.write_text("b" * 64)
        desk._secret = desk._policy = None  # as in a desk that begins
        for answer in (everything.get("/status"), eve.get("/operations", headers=AS_JSON)):
            sentence = refused(answer, 503)
            assert sentence.endswith("Ask whoever runs Handrail.")
            assert str(desk.workspace.home) not in sentence

    def test_a_command_that_helps_nobody_here_becomes_whom_to_ask(self) -> None:
        assert (
            worded("There is no workspace. Run `handrail init`.", API)
            == "There is no workspace. Ask whoever runs Handrail."
        )
        assert (
            worded("Pause instead: `handrail pause --all --reason …`.", DESK) == "Pause instead on the page Operations."
        )

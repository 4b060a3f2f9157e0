"""What a reviewer does with a page, for the tests of the review."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from handrail import pii
from handrail.store import cases
from tests.scenes import NOW, POLICY, Scene

JSON = {"Accept": "application/json"}
LATER = NOW + POLICY.desk.undo_within


def written(scene: Scene, text: str, **route: object) -> int:
    """A case in queue B with this text, redacted as the flow does."""
    (case,) = scene.scored(1, text=text)
    found = pii.redact(text)
    findings = [[f.type, f.start, f.end] for f in found.findings]
    with scene.store.write() as connection:
        cases.save_redactions(connection, [cases.Redaction(case, found.text, findings)])
    scene.assign([case], **{"queue": "B", "reason": "stage_suggest", **route})
    return case


def hidden(scene: Scene, cases: int = 1, **route: object) -> list[int]:
    return scene.waiting(cases, **{"queue": "C", "reason": "stage_shadow", "suggestion_hidden": True, **route})


def on_screen(page: str) -> dict[str, str]:
    """What the forms of the case on a page send back."""
    item = re.search(r'data-item="(\d+)"', page)
    fence = re.search(r'name="fence" value="(\d+)"', page)
    assert item
    assert fence
    return {"item": item[1], "fence": fence[1]}


def decide(client: TestClient, page: str, outcome: str = "approve", **fields: str) -> Any:  # noqa: ANN401
    seen = on_screen(page)
    return client.post(f"/review/{seen['item']}", data={"fence": seen["fence"], "outcome": outcome, **fields})


def at(app: FastAPI, moment: object) -> None:
    app.state.desk.clock = lambda: moment

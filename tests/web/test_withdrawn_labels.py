"""The page of withdrawn labels: preview, act and way back, for data curators alone."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from handrail.acts import reading
from handrail.reading import Reading, Verdict
from handrail.store import schema
from tests.desks import Client
from tests.scenes import NOW, Scene

BLIND = {"queue": "C", "reason": "stage_shadow", "stage": "shadow", "suggestion_hidden": True}
RON = {"reviewer": "ron", "since": NOW.isoformat()}


@pytest.fixture
def labelled(scene: Scene) -> Scene:
    scene.add_person("cora", "data_curator")
    for case_id in scene.waiting(2, **BLIND):
        scene.decide(case_id, "override", "ron", label="refund")
    return scene


def statuses(scene: Scene) -> set[str]:
    return {row["status"] for row in scene.rows(schema.Label)}


def test_a_curator_sees_what_it_would_touch_withdraws_and_takes_it_back(labelled: Scene, signed_in: Client) -> None:
    cora = signed_in("cora")
    address = f"/training/labels?reviewer=ron&since={quote(NOW.isoformat())}"
    assert "2 labels and 2 rulings of ron on 2 cases would count no longer" in cora.get(address).text
    assert statuses(labelled) == {"accepted"}
    assert cora.post("/training/labels", data={**RON, "reason": "He clicked through."}).status_code == 303
    assert statuses(labelled) == {"withdrawn"}
    assert "Reinstate" in cora.get("/training/labels").text
    assert cora.post("/training/labels/1/reinstate", data={"reason": "A mistake."}).status_code == 303
    assert statuses(labelled) == {"accepted"}
    assert "count again since" in cora.get("/training/labels").text


def test_without_a_reason_and_for_others_nothing_is_withdrawn(labelled: Scene, signed_in: Client) -> None:
    cora, rita = signed_in("cora"), signed_in("rita")
    assert cora.post("/training/labels", data={**RON, "reason": ""}).status_code >= 400
    assert rita.get("/training/labels").status_code == 403
    assert rita.post("/training/labels", data={**RON, "reason": "x"}).status_code == 403
    assert statuses(labelled) == {"accepted"}


def test_who_is_named_stands_on_the_page_reviewers_with_what_can_be_done(labelled: Scene, signed_in: Client) -> None:
    figures = {"name": "rechecks", "verdict": "alarm", "value": 0.226, "low": 0.09, "high": 0.42, "n": 62}
    body = {"signals": [{**figures, "wrong": 14, "pending": 1, "bound": 0.06}]}
    window = (NOW - timedelta(days=28), NOW)
    reading.record(
        labelled.store, [Reading("reviewers", "ron", window, Verdict.ALARM, body)], actor="flow:watch", now=NOW
    )
    page = " ".join(signed_in("cora").get("/reviewers").text.split())
    assert "<strong>Named: ron</strong>, 14 of 62 rechecks wrong, 1 not settled, 95 % interval 9–42 %." in page
    assert 'href="/training/labels?reviewer=ron"' in page
    assert 'href="/training/people"' in page
    mine = " ".join(signed_in("ron").get("/quality").text.split())
    assert "14 of 62 rechecks wrong" in mine

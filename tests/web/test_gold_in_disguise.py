"""To its reviewer a gold case is ordinary work until it is decided: at the desk, over the API, in every list."""

import re
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from handrail import gold
from handrail.acts import labelling
from handrail.gold import GoldCandidate, Ordinary
from handrail.policy import LabelRules
from handrail.store import schema
from tests.desks import Client
from tests.programs import Program
from tests.scenes import NOW, POLICY, Scene

SEEDED = {"gold_share": 1.0, "seeded_wrong": 1.0}
BLIND = {"gold_share": 1.0, "seeded_wrong": 0.0}
NOTE = "a first look"
CHANNEL = {"channel": "web"}
EARLIER = NOW - timedelta(days=90)


@pytest.fixture
def shop(scene: Scene) -> Scene:
    """Old gold, one written by hand and one with a note of its first life, and enough ordinary work of today."""
    scene.add_person("cara", "data_curator")
    *_, noted = ordinary(scene, 13, EARLIER)
    with scene.store.write() as connection:
        connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
    scene.decide(noted, "override", "ruth", EARLIER, label="tracking", reason_code="wrong_category", note=NOTE)
    labelling.attest(scene.store, noted, "tracking", policy=scene.policy, actor="cara", now=NOW)
    letters = pd.DataFrame({"text": ["where is my money"], "label": ["refund"]})
    labelling.write(scene.store, letters, actor="cara", policy=scene.policy, now=NOW)
    with scene.store.write() as connection:  # what waited of the old days is done
        connection.execute(schema.WorkItem.__table__.update().values(state="closed"))
    ordinary(scene, 2, NOW, "complaint", "medium_consequence")
    ordinary(scene, 4, NOW)
    with scene.store.write() as connection:
        connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
    return scene


def ordinary(
    scene: Scene,
    cases: int,
    at: Any,  # noqa: ANN401 - a moment
    category: str = "refund",
    reason: str = "below_threshold",
) -> list[int]:
    came = {"fields": CHANNEL, "received_at": at - timedelta(hours=1), "customer_id": ""}  # nobody has a history
    ids = scene.scored(cases, category, at, **came)
    scene.assign(ids, at, category=category, queue="B", reason=reason, confidence=0.9)
    return ids


def in_force(scene: Scene, **rules: float) -> None:
    scene.publish(POLICY.model_copy(update={"labels": LabelRules(second_share=0, gold_cases=2, **rules)}))


def is_gold(scene: Scene, case: int) -> bool:
    return case in {row["case_id"] for row in scene.rows(schema.GoldCase)}


def shape(value: Any) -> Any:  # noqa: ANN401 - of JSON
    """The keys of a JSON value, and of each other value its kind."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(one) for one in value[:1]] if isinstance(value, list) else type(value).__name__


def given(rita: TestClient, scene: Scene, count: int = 6) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The next cases over the API: gold ones, and ordinary ones."""
    found: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    for _ in range(count):
        case = rita.post("/queue/next", json={}).json()["case"]
        found[not is_gold(scene, case["case"])].append(case)
        body = {"fence": case["fence"], "outcome": "override", "label": "complaint", "reason": "wrong_category"}
        assert rita.post(f"/queue/{case['item']}/decision", json=body).status_code == 200
    return found


def test_gold_cases_reach_reviewers_who_work_over_the_api(shop: Scene, program: Program) -> None:
    in_force(shop, **SEEDED)
    tests, work = given(program("rita"), shop)
    assert len(tests) == 2
    assert len(work) == 4


def test_over_the_api_a_gold_case_has_the_shape_the_age_and_the_fields_of_ordinary_work(
    shop: Scene, program: Program
) -> None:
    in_force(shop, **SEEDED)
    tests, work = given(program("rita"), shop)
    assert [shape(one) for one in tests] == [shape(work[0])] * len(tests)
    for one in tests:
        assert one["kind"] == "review"
        assert one["queue"] in {same["queue"] for same in work}
        assert set(one["fields"].items()) <= {pair for same in work for pair in same["fields"].items()}
        assert set(one["fields"]) == set(work[0]["fields"])
        assert one["flags"] == []
        assert one["why"] in {same["why"] for same in work}
        assert one["suggestion"]["confidence"] in {same["suggestion"]["confidence"] for same in work}
        away = pd.Timestamp(work[0]["due_at"]) - pd.Timestamp(one["due_at"])
        assert timedelta(0) < away <= timedelta(minutes=15, seconds=1)


def test_every_list_tells_the_same_age_of_a_claimed_gold_case_as_of_ordinary_work(
    shop: Scene, program: Program, signed_in: Client
) -> None:
    in_force(shop, **SEEDED)
    rita, desk = program("rita"), signed_in("rita")
    case = rita.post("/queue/next", json={}).json()["case"]["case"]
    assert is_gold(shop, case)
    work = next(row["case_id"] for row in shop.rows(schema.WorkItem, state="open", kind="review"))
    rita.post(f"/queue/cases/{work}/claim")
    listed = {row["case"]: row for row in rita.get("/queue").json()["work"]}
    assert shape(listed[case]) == shape(listed[work])
    views = {number: rita.get(f"/cases/{number}").json() for number in (case, work)}
    assert shape(views[case]) == shape(views[work])
    for told in (views[case], {"received_at": listed[case]["opened_at"]}):
        assert pd.Timestamp(told["received_at"]) > pd.Timestamp(NOW - timedelta(hours=2))
    assert views[case]["state"] == views[work]["state"] == "queued"
    pages = [desk.get(f"/cases/{number}").text for number in (case, work)]
    day = f"{EARLIER:%Y-%m-%d}"
    assert [day in page for page in pages] == [False, False]
    assert day not in desk.get(f"/cases?q={case}").text.split("<main")[1]


def test_a_gold_case_that_nobody_has_claimed_stands_in_no_list(shop: Scene, program: Program) -> None:
    in_force(shop, **SEEDED)
    rita = program("rita")
    before = [row["case"] for row in rita.get("/queue").json()["work"]]
    claimed = rita.post("/queue/next", json={}).json()["case"]
    rita.post("/queue/release", json={"items": [claimed["item"]]})
    assert [row["case"] for row in rita.get("/queue").json()["work"]] == before


@pytest.mark.parametrize("rules", [SEEDED, BLIND], ids=["seeded", "blind"])
def test_at_the_desk_the_page_of_a_gold_case_differs_in_nothing_but_its_words(
    shop: Scene, signed_in: Client, rules: dict[str, float]
) -> None:
    in_force(shop, **rules)
    if rules is BLIND:
        with shop.store.write() as connection:
            connection.execute(schema.WorkItem.__table__.update().values(suggestion_hidden=True))
    rita = signed_in("rita")
    pages: dict[bool, list[str]] = {True: [], False: []}
    for _ in range(5):
        page = rita.get("/review").text
        case = int(re.findall(r'data-case="(\d+)"', page)[0])
        assert NOTE not in page
        assert "gold" not in page.split("<article")[1].lower()
        pages[is_gold(shop, case)].append(tags(page))
        item, fence = re.findall(r'data-item="(\d+)"', page)[0], re.findall(r'name="fence" value="(\d+)"', page)[0]
        choice = {"fence": fence, "outcome": "override", "label": "complaint", "reason": "wrong_category"}
        assert rita.post(f"/review/{item}", data=choice).status_code == 303
    assert len(pages[True]) == 2
    assert set(pages[True]) <= set(pages[False])


def tags(page: str) -> str:
    """The elements of a case on a page, without what they hold."""
    return " ".join(re.findall(r"<(/?[a-z0-9]+)", page.split("<article")[1].split("</article", maxsplit=1)[0]))


def test_a_seeded_suggestion_can_be_approved_among_others(shop: Scene, signed_in: Client, app: FastAPI) -> None:
    in_force(shop, **SEEDED)
    rita = signed_in("rita")
    case = int(re.findall(r'data-case="(\d+)"', rita.get("/review").text)[0])
    assert is_gold(shop, case)
    label = shop.row(schema.WorkItem, kind="gold")["shown_label"]
    assert f'name="case" value="{case}" checked' in rita.get(f"/bulk?category={label}").text
    answer = rita.post("/bulk", data={"category": label, "case": [case]})
    assert f"Approved case {case}" in rita.get(answer.headers["location"]).text


def test_a_gold_case_that_would_give_itself_away_is_not_slipped_in() -> None:
    like = Ordinary(NOW, NOW, NOW, frozenset({"channel"}), first_case=100)
    old = GoldCandidate(7, "refund", frozenset({"channel", "tier"}), flagged=False)
    flagged = GoldCandidate(8, "refund", frozenset({"channel"}), flagged=True)
    bare = GoldCandidate(9, "refund", frozenset(), flagged=False)
    recent = GoldCandidate(104, "refund", frozenset({"channel"}), flagged=False)
    assert gold.passing([old, flagged, bare], like) == [old]
    assert gold.passing([old, flagged, bare, recent], like) == [recent]
    assert gold.passing([flagged, bare], like) == [bare]
    assert gold.passing([flagged], like) == []


def test_who_is_told_of_gold_is_told_so_after_the_decision_alone(shop: Scene, program: Program) -> None:
    in_force(shop, **SEEDED)
    rita = program("rita")
    case = rita.post("/queue/next", json={}).json()["case"]
    assert "gold" not in str(case).lower()
    assert "gold" not in rita.get("/trail", params={"case": case["case"]}).text.lower()

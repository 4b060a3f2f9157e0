"""Who manages people adds them, gives out links, changes what they may do, sends them on leave and lets them go."""

import pytest
from fastapi.testclient import TestClient

from handrail.acts import inviting, signing_in
from handrail.store import schema
from tests.desks import Client
from tests.scenes import FOUNDER, NOW, POLICY, Scene


@pytest.fixture
def stella(scene: Scene, signed_in: Client) -> TestClient:
    return signed_in(FOUNDER)


def line(client: TestClient, name: str) -> str:
    """What the page says of a person."""
    page = client.get("/people").text
    return page.split(f">{name}</a>")[1].split("</tr>")[0]


def test_the_page_says_who_works_here_and_how_they_stand(stella: TestClient, scene: Scene) -> None:
    inviting.invite(scene.store, "ruth", actor=FOUNDER, now=NOW)
    signing_in.open_session(scene.store, "ron", policy=POLICY, now=NOW)
    assert "trained until 2026-04-01" in line(stella, "rita")
    assert "no link yet" in line(stella, "rita")
    assert "not trained" in line(stella, "nils")
    assert "invited" in line(stella, "ruth")
    assert "just now" in line(stella, "ron")
    assert "escalation manager, reviewer" in line(stella, "mona")


def test_somebody_added_gets_a_link_that_is_shown_once_and_lets_them_in(stella: TestClient, scene: Scene) -> None:
    answer = stella.post("/people/add", data={"name": " olga ", "role": ["reviewer", "data_curator"]})
    assert answer.status_code == 200
    link = answer.text.split('<code id="link">')[1].split("<")[0]
    assert link.startswith("https://desk.test/welcome?invitation=")
    assert link.rpartition("=")[2] not in stella.get("/people/person?name=olga").text
    person = scene.row(schema.Person, name="olga")
    assert (person["roles"], person["trained_until"], person["active"]) == (["reviewer", "data_curator"], None, True)
    assert inviting.invited(scene.store, link.rpartition("=")[2], now=NOW) == "olga"


@pytest.mark.parametrize(
    ("name", "roles", "why"),
    [
        ("rita", ["reviewer"], "known already"),
        ("olga", [], "No role"),
        ("olga", ["emperor"], "emperor"),
        ("flow:x", ["reviewer"], "name"),
        ("  ", ["reviewer"], "name"),
        ("o\0", ["reviewer"], "that nobody sees"),
    ],
)
def test_who_cannot_be_added_is_told_why_with_what_was_typed(
    stella: TestClient, scene: Scene, name: str, roles: list[str], why: str
) -> None:
    before = scene.rows(schema.Person)
    answer = stella.post("/people/add", data={"name": name, "role": roles})
    assert (answer.status_code, why in answer.text) == (400, True)
    assert scene.rows(schema.Person) == before


def test_the_link_on_the_page_is_under_the_address_that_people_use(stella: TestClient) -> None:
    stella.app.state.address = "https://desk.example.com"  # type: ignore[attr-defined]
    answer = stella.post("/people/invite", data={"name": "rita"}, headers={"host": "desk.example.com"})
    assert "https://desk.example.com/welcome?invitation=" in answer.text


def test_roles_and_categories_are_changed_together(stella: TestClient, scene: Scene) -> None:
    fields = {"name": "rita", "role": ["reviewer", "data_curator"], "skill": ["refund", "tracking"]}
    answer = stella.post("/people/change", data=fields)
    assert answer.headers["location"] == "/people/person?name=rita&done=saved"
    assert "counts from their next click" in stella.get(answer.headers["location"]).text
    assert "only refund, tracking" in line(stella, "rita")
    stella.post("/people/change", data={"name": "rita", "role": "reviewer"})
    assert scene.row(schema.Person, name="rita")["skills"] is None


def test_the_only_product_owner_stays_one(stella: TestClient, scene: Scene) -> None:
    for address, fields in (("/people/change", {"role": "reviewer"}), ("/people/deactivate", {})):
        answer = stella.post(address, data={"name": FOUNDER, **fields})
        assert (answer.status_code, "product owner" in answer.text) == (400, True)
    assert stella.get("/people").status_code == 200


def test_who_is_deactivated_is_out_at_once_and_may_be_let_in_again(
    stella: TestClient, scene: Scene, signed_in: Client
) -> None:
    rita = signed_in("rita")
    assert stella.post("/people/deactivate", data={"name": "rita"}).status_code == 303
    assert rita.get("/review").status_code == 303
    assert "deactivated" in line(stella, "rita")
    assert stella.post("/people/invite", data={"name": "rita"}).status_code == 404
    assert "let them act again" in stella.get("/people/person?name=rita").text
    stella.post("/people/change", data={"name": "rita", "role": "reviewer"})
    assert rita.get("/me").status_code == 303, "the old session stays ended"
    assert signed_in("rita").get("/me").status_code == 200


def test_somebody_is_sent_on_leave_and_called_back(stella: TestClient, scene: Scene) -> None:
    stella.post("/people/leave", data={"name": "rita", "away_from": "2026-03-01"})
    assert "away</span>" in line(stella, "rita")
    stella.post("/people/leave", data={"name": "rita", "away_from": "2026-03-05", "away_until": "2026-03-09"})
    assert "away from 2026-03-05 back 2026-03-09" in line(stella, "rita")
    assert stella.post("/people/leave", data={"name": "rita", "away_from": "x"}).status_code == 400
    stella.post("/people/leave", data={"name": "rita", "none": "true"})
    assert "away" not in line(stella, "rita")


def test_a_leave_begins_at_midnight_where_the_business_is(
    stella: TestClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    calendar = POLICY.sla.calendar.model_copy(update={"timezone": "America/New_York"})
    policy = POLICY.model_copy(update={"sla": POLICY.sla.model_copy(update={"calendar": calendar})})
    monkeypatch.setattr(stella.app.state.desk, "policy", lambda: policy)  # type: ignore[attr-defined]
    stella.post("/people/leave", data={"name": "rita", "away_from": "2026-03-05"})
    assert scene.row(schema.Person, name="rita")["away_from"].hour == 5
    assert 'value="2026-03-05"' in stella.get("/people/person?name=rita").text


def test_nobody_of_that_name_is_told_in_a_sentence(stella: TestClient) -> None:
    assert "Nobody is called eve." in stella.get("/people/person?name=eve").text
    for address in ("/people/change", "/people/invite", "/people/leave", "/people/deactivate"):
        fields = {"name": "eve", "role": "reviewer", "away_from": "2026-03-05"}
        assert stella.post(address, data=fields).status_code == 404, address

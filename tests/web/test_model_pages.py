"""Models: which version serves, what its gates said, and the way back of one that was left."""

import pytest
from fastapi import FastAPI

from handrail.acts import publishing
from handrail.policy import DeskRules
from handrail.store import schema
from tests.desks import Client
from tests.operating import ASKING, OWNER, two_versions
from tests.scenes import FOUNDER, NOW, Scene


@pytest.fixture
def floor(app: FastAPI) -> Scene:
    """The shop whose policy asks for a second person to resume, with a product owner."""
    found = Scene(app.state.desk.store, ASKING)
    found.add_person(OWNER, "product_owner")
    return found


class TestModels:
    def test_champion_and_challenger_stand_with_their_figures_and_judgements(
        self, app: FastAPI, floor: Scene, signed_in: Client
    ) -> None:
        told = {
            "passed": False,
            "outcome": "refused",
            "reasons": ["the gain is not sure"],
            "gain": 0.1,
            "low": -0.05,
            "high": 0.25,
        }
        two_versions(app, challenger=told)
        text = signed_in(FOUNDER).get("/operations/models").text
        for words in (
            "Version 2 serves",
            "on somebody&#39;s word: nothing had judged it",
            "better on 300 cases",
            "91.0",
            "Version 3 is watched as challenger",
            "Refused on 300 withheld cases: a gain of 0.10 USD a case, at least -0.05 and at most 0.25",
            "(each 95 % sure)",
            "The gain is not sure.",
        ):
            assert words in text, words
        assert floor.count(schema.Proposal) == 0

    def test_without_a_model_it_says_how_to_get_one(self, floor: Scene, signed_in: Client) -> None:
        assert "handrail train" in signed_in(FOUNDER).get("/operations/models").text
        assert floor.count(schema.ModelVersion) == 0

    def test_a_refused_promotion_shows_the_sentence_of_the_refusal(
        self, app: FastAPI, floor: Scene, signed_in: Client
    ) -> None:
        two_versions(app)
        client = signed_in(FOUNDER)
        answer = client.post("/operations/models/promote", data={"version": "2", "reason": "it was fine"})
        assert answer.status_code == 409
        assert "Version 2 serves already" in answer.text
        assert client.post("/operations/models/promote", data={"version": "9", "reason": "x"}).status_code == 404
        assert floor.row(schema.Serving)["model_version"] == "2"

    def test_a_rollback_takes_one_sentence(self, app: FastAPI, floor: Scene, signed_in: Client) -> None:
        two_versions(app)
        client = signed_in(FOUNDER)
        answer = client.post("/operations/models/roll-back", data={"version": "2", "reason": "complaints doubled"})
        assert answer.status_code == 303, answer.text
        assert "Version 1 serves again" in client.get(answer.headers["location"]).text
        (event,) = floor.events("model.rolled_back")
        assert (event["barred"], event["because"]) == ("2", "complaints doubled")

    def test_a_rehearsed_rollback_bars_nothing_and_names_the_way_back(
        self, app: FastAPI, floor: Scene, signed_in: Client
    ) -> None:
        two_versions(app)
        client = signed_in(FOUNDER)
        form = {"version": "2", "reason": "practice", "rehearsal": "true"}
        answer = client.post("/operations/models/roll-back", data=form)
        text = client.get(answer.headers["location"]).text
        assert "Version 1 serves again from the next batch on. The one left is not barred" in text
        assert "Promote version 2 again" in text
        (event,) = floor.events("model.rolled_back")
        assert (event["barred"], event["left"]) == (None, "2")

    def test_a_version_that_was_rolled_back_says_what_it_takes_to_serve_again(
        self, app: FastAPI, floor: Scene, signed_in: Client
    ) -> None:
        two_versions(app)
        client = signed_in(FOUNDER)
        client.post("/operations/models/roll-back", data={"version": "2", "reason": "complaints doubled"})
        text = client.get("/operations/models").text
        assert "it is judged anew, on labels that people gave after that, and serves only if it passes" in text
        assert [row["status"] for row in floor.rows(schema.ModelVersion)] == ["champion", "rolled_back", "challenger"]

    def test_where_it_takes_two_a_rollback_is_proposed(self, app: FastAPI, floor: Scene, signed_in: Client) -> None:
        both = ASKING.model_copy(update={"desk": DeskRules(second_person=("promote", "roll_back"))})
        publishing.publish(floor.store, both, actor=FOUNDER, now=NOW)
        two_versions(app)
        steward, owner = signed_in(FOUNDER), signed_in(OWNER)
        steward.post("/operations/models/roll-back", data={"version": "2", "reason": "complaints doubled"})
        steward.post("/operations/models/promote", data={"version": "3", "reason": "try it"})
        form = {"version": "2", "reason": "practice", "rehearsal": "true"}
        steward.post("/operations/models/roll-back", data=form)
        assert "Roll back version 2 (a rehearsal)" in owner.get("/operations").text
        assert floor.row(schema.Serving)["model_version"] == "2"
        assert owner.post("/operations/proposals/2/confirm").status_code == 403, "a product owner promotes nothing"
        assert owner.post("/operations/proposals/1/confirm").status_code == 303
        assert floor.row(schema.Serving)["model_version"] == "1"

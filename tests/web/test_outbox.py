"""Actions that died or of which nobody knows: shown with error and age, and settled at the desk."""

import pytest
from fastapi import FastAPI

from handrail.errors import PermanentError, Unanswered
from handrail.store import schema
from tests.desks import Client
from tests.operating import ASKING, OWNER, stuck
from tests.scenes import FOUNDER, Scene


@pytest.fixture
def floor(app: FastAPI) -> Scene:
    """The shop with a product owner."""
    found = Scene(app.state.desk.store, ASKING)
    found.add_person(OWNER, "product_owner")
    return found


class TestActions:
    def test_dead_and_unknown_actions_stand_with_error_and_age_and_are_settled(
        self, floor: Scene, signed_in: Client
    ) -> None:
        dead = stuck(floor, PermanentError("There is no <such> account. Correct it."))
        unknown = stuck(floor, Unanswered("No answer within 10 s. Look there."))
        client = signed_in(FOUNDER)
        assert "1 failed for good, 1 with unknown outcome" in client.get("/operations").text
        text = client.get("/operations/actions").text
        assert "There is no &lt;such&gt; account." in text
        assert "decided without a person just now; 1 attempt<" in text
        assert "It was not: send it again" in text
        assert "It was not: a person decides the case again" in text
        assert text.count("never acknowledged, so it may have been carried out") == 1, "the other was refused at once"
        why = {"reason": "I asked them"}
        answer = client.post(f"/operations/actions/{unknown}/confirm", data=why)
        assert "counts as executed" in client.get(answer.headers["location"]).text
        assert client.post(f"/operations/actions/{dead}/abandon", data=why).status_code == 303
        assert [row["state"] for row in floor.rows(schema.Outbox)] == ["withdrawn", "done"]
        assert "No action waits for a person." in client.get("/operations/actions").text
        assert client.post(f"/operations/actions/{dead}/retry", data=why).status_code == 409

    def test_the_case_page_says_what_is_known_of_an_action_in_doubt(self, floor: Scene, signed_in: Client) -> None:
        stuck(floor, Unanswered("No answer within 10 s. Look there."))
        text = signed_in(FOUNDER).get(f"/cases/{floor.row(schema.Case)['id']}").text
        assert "was handed over and never acknowledged: it may have been carried out" in text

    def test_a_dead_action_is_sent_again(self, floor: Scene, signed_in: Client) -> None:
        dead = stuck(floor, PermanentError("There is no such account. Correct it."))
        client = signed_in(OWNER)
        assert client.post(f"/operations/actions/{dead}/retry", data={"reason": "opened"}).status_code == 303
        assert floor.row(schema.Outbox)["state"] == "new"

    def test_an_escalation_manager_may_look_and_not_settle(self, floor: Scene, signed_in: Client) -> None:
        dead = stuck(floor, PermanentError("There is no such account. Correct it."))
        mona = signed_in("mona")
        assert "Send it again" not in mona.get("/operations/actions").text
        assert mona.post(f"/operations/actions/{dead}/retry", data={"reason": "x"}).status_code == 403

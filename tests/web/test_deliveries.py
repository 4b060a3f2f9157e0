"""Stopped deliveries stand at the desk with what is wrong, until somebody releases or rejects them."""

from fastapi import FastAPI

from handrail.acts import intake, revising
from handrail.store import schema
from handrail.store.cases import Redaction
from tests.desks import Client
from tests.scenes import FLOW, FOUNDER, NOW, POLICY, Scene


def stop(scene: Scene) -> int:
    taken = scene.take_in({"external_id": "e-1"}, {"external_id": "e-2"}, bad=["b-1", "b-2"])
    assert taken.delivery.batch_id is not None
    intake.close_batch(scene.store, taken.delivery.batch_id, "stopped", actor=FLOW, now=NOW)
    return taken.delivery.batch_id


class TestDeliveries:
    def test_a_stopped_delivery_says_how_many_rows_are_bad_and_why(self, scene: Scene, signed_in: Client) -> None:
        number = stop(scene)
        text = signed_in(FOUNDER).get("/deliveries").text
        assert f"Delivery {number} " in text
        assert "4 rows, 2 of them bad, 2 wait" in text
        assert "the amount &#39;lots&#39; is no number" in text

    def test_one_row_is_spoken_of_as_one(self, scene: Scene, signed_in: Client) -> None:
        batch = scene.take_in({"external_id": "e-1"}).delivery.batch_id
        assert batch is not None
        intake.close_batch(scene.store, batch, "stopped", actor=FLOW, now=NOW)
        assert "1 row, 0 of them bad, 1 waits." in signed_in(FOUNDER).get("/deliveries").text

    def test_released_at_the_desk_its_good_rows_travel(self, app: FastAPI, scene: Scene, signed_in: Client) -> None:
        number, client = stop(scene), signed_in(FOUNDER)
        answer = client.post(f"/deliveries/{number}/release", data={"reason": "they are known"})
        assert "is released" in client.get(answer.headers["location"]).text
        assert app.state.intake.wait(60)
        assert scene.states() == ["queued", "queued"]
        assert scene.row(schema.Batch)["state"] == "done"
        assert "No delivery is stopped." in client.get("/deliveries").text

    def test_rejected_at_the_desk_nothing_of_it_goes_on(self, scene: Scene, signed_in: Client) -> None:
        number, client = stop(scene), signed_in(FOUNDER)
        answer = client.post(f"/deliveries/{number}/reject", data={"reason": "the wrong file"})
        assert "is rejected" in client.get(answer.headers["location"]).text
        assert scene.states() == ["quarantined", "quarantined"]
        assert client.post(f"/deliveries/{number}/release", data={"reason": "after all"}).status_code == 409

    def test_a_reviewer_settles_no_delivery(self, scene: Scene, signed_in: Client) -> None:
        number = stop(scene)
        assert signed_in("rita").post(f"/deliveries/{number}/release", data={"reason": "x"}).status_code == 403
        assert scene.row(schema.Batch)["state"] == "stopped"


def test_the_reviewer_sees_that_the_request_changed_and_what_it_said_before(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    intake.save_redactions(scene.store, [Redaction(case, "the first wish")], policy=POLICY)
    client = signed_in("rita")
    old = scene.claim(case)
    name = scene.row(schema.Case)["external_id"]
    scene.take_in({"external_id": name, "text": "the second wish", "row_digest": "second"}, file="second")
    revising.apply(scene.store, 2, policy=POLICY, actor=FLOW, now=NOW)
    intake.save_redactions(scene.store, [Redaction(case, "the second wish")], policy=POLICY)
    answer = client.post(f"/review/{old.item_id}", data={"outcome": "approve", "fence": str(old.fence)})
    assert answer.status_code == 409
    assert "changed while you had it" in answer.text
    assert scene.rows(schema.Decision) == []
    with scene.store.write() as connection:
        connection.execute(schema.Case.__table__.update().values(state="scored"))
    scene.assign([case], queue="C", reason="no_model", category=None, model_version=None)
    scene.claim(case)
    text = client.get("/review").text
    assert "The request changed" in text
    assert "the first wish" in text
    assert "the second wish" in text
    page = signed_in(FOUNDER).get(f"/cases/{case}").text
    assert "the first wish" in page
    assert "The request came again with delivery 2" in page

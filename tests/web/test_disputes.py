"""A customer's dispute at the desk: taken down, explained, settled by another person than the first."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from handrail.acts import disputing
from handrail.acts.disputing import LONGEST
from handrail.store import cases, schema
from tests.contesting import send
from tests.desks import Client, served, signed_in_context
from tests.scenes import FLOW, MANAGER, NOW, POLICY, Scene

SAID = "I never asked for this"
SCRIPT = "<script>alert('x')</script> =1+1"


def contested(scene: Scene, case: int, actor: str = "remo", text: str = SAID) -> int:
    return disputing.open_dispute(scene.store, case, text, actor=actor, policy=POLICY, now=NOW)


def read(scene: Scene, case: int, text: str) -> None:
    """Let `text` be what was read of a case."""
    with scene.store.write() as connection:
        cases.save_redactions(connection, [cases.Redaction(case, text, [])])


def fence_of(page: str) -> str:
    return page.split('name="fence" value="')[1].split('"', maxsplit=1)[0]


def settled(client: TestClient, dispute: int, **form: str) -> int:
    """Open a dispute, send its form, and the status of the answer."""
    fence = fence_of(client.get(f"/disputes/{dispute}").text)
    answer = {"answer": "We looked again.", "fence": fence, **form}
    return client.post(f"/disputes/{dispute}", data=answer).status_code


class TestTakingDown:
    @pytest.mark.parametrize("role", ["reviewer", "data_curator", "escalation_manager", "product_owner"])
    def test_whoever_talks_with_customers_takes_it_down(self, scene: Scene, signed_in: Client, role: str) -> None:
        (case,) = scene.automatic(1)
        scene.add_person("paula", role)
        paula = signed_in("paula")
        assert f'value="{case}"' in paula.get(f"/disputes/new?case={case}").text
        answer = paula.post("/disputes", data={"case": case, "text": SAID})
        assert (answer.status_code, answer.headers["location"]) == (303, "/disputes/1/packet?opened=1")
        page = paula.get("/disputes/1/packet?opened=1")
        assert "The dispute is taken down" in page.text
        assert "A computer decided on 2 March 2026" in page.text

    def test_a_model_steward_does_not(self, scene: Scene, signed_in: Client) -> None:
        scene.add_person("mia", "model_steward")
        assert signed_in("mia").get("/disputes/new").status_code == 403

    def test_what_cannot_be_contested_is_said_before_anything_is_typed(self, scene: Scene, signed_in: Client) -> None:
        waiting, (done,) = scene.waiting(1)[0], scene.automatic(1)
        rita = signed_in("rita")
        assert "not decided yet" in rita.get(f"/disputes/new?case={waiting}").text
        assert rita.get("/disputes/new?case=99").status_code == 404
        contested(scene, done)
        assert "open already" in rita.get(f"/disputes/new?case={done}").text
        assert rita.post("/disputes", data={"case": done, "text": "again"}).status_code == 409
        assert rita.post("/disputes", data={"case": waiting, "text": "no"}).status_code == 409

    @pytest.mark.parametrize(("text", "status"), [("x" * LONGEST, 303), ("x" * (LONGEST + 1), 400), ("  ", 400)])
    def test_twenty_kilobytes_are_enough(self, scene: Scene, signed_in: Client, text: str, status: int) -> None:
        (case,) = scene.automatic(1)
        answer = signed_in("rita").post("/disputes", data={"case": case, "text": text})
        assert answer.status_code == status
        assert status == 303 or 'role="alert"' in answer.text

    def test_a_missing_number_keeps_what_was_typed(self, scene: Scene, signed_in: Client) -> None:
        answer = signed_in("rita").post("/disputes", data={"text": SAID})
        assert (answer.status_code, SAID in answer.text) == (400, True)
        assert scene.count(schema.Dispute) == 0

    def test_a_script_in_the_text_is_text(self, scene: Scene, signed_in: Client) -> None:
        (case,) = scene.automatic(1)
        read(scene, case, SCRIPT)
        dispute = contested(scene, case, text=SCRIPT)
        manager = signed_in(MANAGER)
        for address in (f"/disputes/{dispute}", f"/disputes/{dispute}/packet"):
            page = manager.get(address).text
            assert "<script>alert" not in page
            assert "&lt;script&gt;alert" in page


class TestThePacket:
    def test_it_names_nobody(self, scene: Scene, signed_in: Client) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, "override", actor="rita", label="tracking", note="remo said so")
        dispute = contested(scene, case)
        page = signed_in(MANAGER).get(f"/disputes/{dispute}/packet").text.split("<main")[1]
        assert not [name for name in ("rita", "remo", "mona") if name in page]
        assert "A person decided" in page

    def test_it_says_that_nothing_was_carried_out_and_why(self, scene: Scene, signed_in: Client) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, "deny", reason_code="missing_information")
        page = signed_in(MANAGER).get(f"/disputes/{contested(scene, case)}/packet").text
        assert "Nothing was carried out." in page
        assert "The customer has to tell us more first" in page

    def test_it_is_kept_from_whoever_may_have_to_judge_the_case_blind(self, scene: Scene, signed_in: Client) -> None:
        (case,) = scene.automatic(1)
        scene.audit([case])
        dispute = contested(scene, case)
        assert signed_in("rita").get(f"/disputes/{dispute}/packet").status_code == 403
        assert signed_in(MANAGER).get(f"/disputes/{dispute}/packet").status_code == 200

    def test_there_is_none_of_a_dispute_that_does_not_exist(self, scene: Scene, signed_in: Client) -> None:
        manager = signed_in(MANAGER)
        addresses = [f"/disputes/{number}{end}" for number in (9, 0) for end in ("", "/packet")]
        assert {manager.get(address).status_code for address in addresses} == {404}


class TestSettling:
    def test_the_contested_decision_is_shown_and_not_a_later_look(self, scene: Scene, signed_in: Client) -> None:
        (case,) = scene.automatic(1)
        scene.audit([case])
        scene.decide(case, "override", label="refund")
        page = signed_in(MANAGER).get(f"/disputes/{contested(scene, case)}").text
        assert "The computer</strong> approved" in page

    def test_the_first_decision_stands(self, scene: Scene, signed_in: Client) -> None:
        (case,) = scene.automatic(1)
        manager, dispute = signed_in(MANAGER), contested(scene, case)
        assert settled(manager, dispute, outcome="approve") == 303
        assert scene.row(schema.Dispute)["upheld"]
        page = manager.get(f"/disputes/{dispute}").text
        assert "The first decision stands." in page
        assert "We looked again." in page
        assert "first decision stands" in manager.get("/disputes").text

    def test_what_a_change_does_to_the_action_is_said_beforehand(self, scene: Scene, signed_in: Client) -> None:
        (case,) = scene.automatic(1)
        manager, dispute = signed_in(MANAGER), contested(scene, case)
        assert "has not been carried out yet" in manager.get(f"/disputes/{dispute}").text
        for state, sentence in (("done", "cannot be taken back"), ("unknown", "Nobody knows whether")):
            with scene.store.write() as connection:
                connection.execute(schema.Outbox.__table__.update().values(state=state))
            assert sentence in manager.get(f"/disputes/{dispute}").text

    @pytest.mark.parametrize(
        "form", [{}, {"outcome": "approve", "answer": ""}, {"outcome": "deny"}, {"outcome": "override", "label": ""}]
    )
    def test_what_is_missing_is_said_and_nothing_typed_is_lost(
        self, scene: Scene, signed_in: Client, form: dict[str, str]
    ) -> None:
        dispute = contested(scene, scene.automatic(1)[0])
        manager = signed_in(MANAGER)
        fence = fence_of(manager.get(f"/disputes/{dispute}").text)
        sent = {"fence": fence, "answer": "You see", "note": "typed much", **form}
        answer = manager.post(f"/disputes/{dispute}", data=sent)
        assert (answer.status_code, "typed much" in answer.text, 'role="alert"' in answer.text) == (400, True, True)
        assert scene.row(schema.Dispute)["closed_at"] is None

    def test_two_managers_at_once_are_one_ruling(self, scene: Scene, signed_in: Client) -> None:
        scene.add_person("max", "escalation_manager")
        dispute = contested(scene, scene.automatic(1)[0])
        mona, other = signed_in(MANAGER), signed_in("max")
        fence = fence_of(mona.get(f"/disputes/{dispute}").text)
        assert "held by mona" in other.get(f"/disputes/{dispute}").text
        form = {"fence": fence, "outcome": "approve", "answer": "It stands."}
        assert other.post(f"/disputes/{dispute}", data=form).status_code == 409
        assert mona.post(f"/disputes/{dispute}", data=form).status_code == 303
        assert mona.post(f"/disputes/{dispute}", data=form).status_code == 409
        assert len(scene.rows(schema.Decision, kind="dispute")) == 1

    def test_the_first_decider_hears_that_another_must(self, scene: Scene, signed_in: Client) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case, actor=MANAGER)
        dispute = contested(scene, case)
        answer = signed_in(MANAGER).get(f"/disputes/{dispute}")
        assert answer.status_code == 403
        assert "Another escalation manager has to look at it" in answer.text

    def test_a_reviewer_does_not_settle_it(self, scene: Scene, signed_in: Client) -> None:
        dispute = contested(scene, scene.automatic(1)[0])
        assert signed_in("rita").get(f"/disputes/{dispute}").status_code == 403


@pytest.mark.parametrize("javascript", [True, False])
def test_a_decision_is_overturned_in_the_browser(
    app: FastAPI, scene: Scene, chromium: Browser, *, javascript: bool
) -> None:
    """The manager reads the packet, overturns the decision, and label and action are in the store."""
    (case,) = scene.automatic(1)
    read(scene, case, "where is my parcel")
    contested(scene, case)
    (own,) = scene.waiting(1)
    scene.decide(own, actor=MANAGER)
    contested(scene, own)
    send(scene)  # or the desk's own sender has the action in hand just when the manager rules
    complaints: list[str] = []
    with served(app) as address:
        context = signed_in_context(chromium, app, address, MANAGER, java_script_enabled=javascript)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.goto("/escalations?cause=disputes")
        expect(page.get_by_text("You decided it first: somebody else has to look.")).to_be_visible()
        page.get_by_role("link", name=re.compile(rf"case {case}$")).click()
        expect(page.get_by_text(SAID)).to_be_visible()
        page.get_by_text("The first decision in plain words").click()
        expect(page.get_by_text("No person looked at the request before.")).to_be_visible()
        page.get_by_label("Another category", exact=True).check()
        page.get_by_label("Which category, if another one").select_option("tracking")
        page.get_by_label("Why, if you change it").select_option("wrong_category")
        page.get_by_label("Answer to the customer").fill("You only asked where it is. The parcel is on its way.")
        page.get_by_role("button", name="Decide and close the dispute").click()
        expect(page.get_by_text(f"Case {case} is settled.")).to_be_visible()
        context.close()
    assert complaints == []
    # Whether the desk's sender was faster than the manager is left to chance: the second action follows either way.
    assert [row["action"] for row in scene.rows(schema.Outbox, case_id=case)] == ["pay_back", "send_tracking"]
    assert scene.row(schema.Label, case_id=case)["label"] == "tracking"
    assert scene.row(schema.CaseOutcome)["kind"] == "reversal"
    assert scene.row(schema.Dispute, case_id=case)["first_decider"] == FLOW
    assert scene.events("dispute.closed")[0]["label"] == "tracking"

"""A known case that comes again with other content is changed, reopened or labelled, and never silently replaced."""

from datetime import timedelta

import pandas as pd
import pytest

from handrail.acts import claiming, intake, purging, releasing, revising, routing
from handrail.acts.intake import Delivery, Taken
from handrail.errors import Conflict
from handrail.store import batches, cases, changes, schema
from handrail.store.cases import CALL, Redaction
from handrail.store.engine import Store
from handrail.trail.chain import digest
from tests.scenes import FLOW, FOUNDER, NOW, POLICY, Scene, bad_rows, good_rows

SECOND = NOW + timedelta(hours=1)
FAILURE = ["case_id", "external_id", "row_digest", "reason", "expectation"]


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def row(scene: Scene, case_id: int, **values: object) -> dict[str, object]:
    """The row of a case as it would come again, with other cells."""
    name = str(scene.row(schema.Case, id=case_id)["external_id"])
    return {"external_id": name, "row_digest": f"{name}-anew", **values}


def again(scene: Scene, *rows: dict[str, object], file: str = "again", source: str = "shop") -> Taken:
    """Deliver rows as another file and let it through its gate."""
    good = good_rows(*rows)
    delivery = intake.resume(scene.store, source, file)
    taken = intake.take_in(scene.store, good, bad_rows(), delivery, policy=POLICY, actor=FLOW, now=SECOND)
    batch_id = taken.delivery.batch_id
    if batch_id is not None:
        with scene.store.read() as connection:
            received = cases.pick(connection, cases.State.RECEIVED, [], batch_id=batch_id)["case_id"].tolist()
        intake.accept(scene.store, received, [], batch_id=batch_id, actor=FLOW, now=SECOND)
        revising.apply(scene.store, batch_id, policy=POLICY, actor=FLOW, now=SECOND)
        intake.close_batch(scene.store, batch_id, "gated", actor=FLOW, now=SECOND)
    return taken


def text(scene: Scene, case_id: int) -> str:
    return str(scene.row(schema.CaseInput, case_id=case_id)["text"])


def test_a_changed_text_of_a_waiting_case_is_a_revision_that_is_scored_and_routed_again(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    intake.save_redactions(scene.store, [Redaction(case, "where is my money", flags=["legal"])], policy=POLICY)
    before = scene.row(schema.CaseInput)
    taken = again(scene, row(scene, case, text="I want a lawyer"))
    assert (taken.new, taken.duplicates, taken.changed) == (0, 0, 1)
    assert (scene.state(case), text(scene, case)) == ("accepted", "I want a lawyer")
    assert scene.row(schema.CaseInput)["redacted"] is None
    assert scene.row(schema.Case)["flags"] == []
    assert scene.rows(schema.Prediction) == scene.rows(schema.Route) == []
    assert [work["state"] for work in scene.rows(schema.WorkItem)] == ["closed"]
    (event,) = scene.events("case.changed")
    after = scene.row(schema.CaseInput)
    assert event["before"] == digest(before["salt"], before["text"])
    assert event["input"] == digest(after["salt"], after["text"])
    with scene.store.read() as connection:
        (shown,) = changes.shown(connection, case)
    assert (shown.earlier, shown.at) == ("where is my money", SECOND)
    assert scene.trail_is_whole()


def test_the_same_content_again_is_a_duplicate_whatever_its_form(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    taken = again(scene, row(scene, case, received_at=SECOND))
    assert (taken.new, taken.duplicates, taken.changed) == (0, 1, 0)
    assert taken.delivery.batch_id is None
    assert scene.state(case) == "queued"


def test_an_older_file_that_comes_again_turns_nothing_back(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    again(scene, row(scene, case, text="new words"))
    taken = again(scene, row(scene, case, row_digest="the first"), file="older")
    assert (taken.duplicates, taken.changed, text(scene, case)) == (1, 0, "new words")


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ({"amount": 30.0}, 1),
        ({"consent": False}, 1),
        ({"text": " where is my money\n"}, 0),
        ({"fields": {"channel": "mail"}}, 0),  # the policy's model reads no field
        ({"fields": {"channel": "web", "tier": "gold"}}, 0),
    ],
)
def test_what_a_decision_rests_on_is_a_change_and_nothing_else(
    scene: Scene, values: dict[str, object], changed: int
) -> None:
    (case,) = scene.waiting(1)
    assert again(scene, row(scene, case, **values)).changed == changed
    assert scene.state(case) == ("accepted" if changed else "queued")


def test_who_holds_a_claim_on_a_changed_case_is_told_that_the_request_changed(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    claim = scene.claim(case)
    again(scene, row(scene, case, text="something else"))
    with pytest.raises(Conflict, match=f"The request of case {case} changed"):
        scene.rule(claim, at=SECOND)
    assert scene.rows(schema.Decision) == []


def test_a_changed_case_is_routed_again_once_and_decided_once(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    again(scene, row(scene, case, text="something else"))
    routing.pass_unscored(scene.store, [case], version=None, actor=FLOW)
    scene.assign([case], SECOND, queue="C", reason="no_model", category=None, model_version=None)
    assert [work["state"] for work in scene.rows(schema.WorkItem)] == ["closed", "open"]
    scene.decide(case, "override", label="refund", at=SECOND)
    assert (scene.state(case), scene.count(schema.Outbox)) == ("decided", 1)


def test_an_escalated_case_stays_with_its_manager_and_shows_no_old_suggestion(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    scene.decide(case, "deny", reason_code="legal")
    claim = scene.claim(case, "mona")
    again(scene, row(scene, case, text="I meant another thing"))
    assert (scene.state(case), text(scene, case)) == ("queued", "I meant another thing")
    work = scene.row(schema.WorkItem, kind="escalation")
    assert (work["state"], work["suggestion_hidden"], work["fence"]) == ("open", True, claim.fence + 1)
    with pytest.raises(Conflict, match="changed while you had it"):
        scene.rule(claim, "override", "mona", SECOND, label="refund")


def test_a_change_after_a_decision_opens_a_case_that_goes_on_from_it(scene: Scene) -> None:
    (case,) = scene.automatic(1)
    taken = again(scene, row(scene, case, text="I want it all back"))
    assert (taken.new, taken.reopened, taken.changed) == (1, 1, 0)
    new = scene.row(schema.Case, id=case + 1)
    assert new["external_id"].endswith(" (reopened 1)")
    assert (new["state"], new["flags"]) == ("accepted", ["reopened"])
    assert (scene.state(case), text(scene, case)) == ("decided", "where is my money")
    with scene.store.read() as connection:
        assert changes.links(connection, new["id"]) == (case, None)
        assert changes.links(connection, case) == (None, new["id"])
    (event,) = scene.events("case.reopened")
    assert (event["case"], event["earlier"]) == (new["id"], case)
    assert {"input", "before"} <= event.keys()
    assert scene.trail_is_whole()


def test_a_reopened_case_goes_on_where_its_source_id_comes_again(scene: Scene) -> None:
    (case,) = scene.automatic(1)
    name = row(scene, case)["external_id"]
    again(scene, row(scene, case, text="second wish"))
    same = again(scene, {"external_id": name, "text": "second wish", "row_digest": "x"}, file="third")
    older = again(scene, {"external_id": name, "row_digest": "y"}, file="fourth")
    third = again(scene, {"external_id": name, "text": "third wish", "row_digest": "z"}, file="fifth")
    assert [(one.new, one.duplicates, one.changed) for one in (same, older, third)] == [(0, 1, 0), (0, 1, 0), (0, 0, 1)]
    assert scene.count(schema.Case) == 2
    assert text(scene, case + 1) == "third wish"


def test_a_case_that_was_decided_before_its_change_passed_the_gate_is_reopened(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    good = good_rows(row(scene, case, text="too late"))
    delivery = Delivery("shop", "again")
    taken = intake.take_in(scene.store, good, bad_rows(), delivery, policy=POLICY, actor=FLOW, now=SECOND)
    assert taken.changed == 1
    scene.decide(case)
    batch_id = taken.delivery.batch_id
    assert batch_id is not None
    revising.apply(scene.store, batch_id, policy=POLICY, actor=FLOW, now=SECOND)
    assert scene.states() == ["decided", "accepted"]
    with scene.store.read() as connection:
        counts = batches.counts(connection, batch_id)
    assert (counts.accepted, counts.reopened, counts.changed) == (1, 1, 0)


def test_a_late_outcome_of_a_known_case_becomes_a_label_once(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    for file in ("late", "later"):
        again(scene, row(scene, case, history=True, label="tracking"), file=file)
    (label,) = scene.rows(schema.Label)
    assert (label["case_id"], label["label"], label["status"]) == (case, "tracking", "imported")
    assert len(scene.events("case.outcome_known")) == 1
    assert scene.state(case) == "queued", "people still decide it"


def test_within_one_second_a_call_replaces_nothing_silently(scene: Scene) -> None:
    first, second = Delivery("shop", f"{CALL}1"), Delivery("shop", f"{CALL}2")
    rows = {"external_id": "T-1"}, {"external_id": "T-1", "text": "other words", "row_digest": "T-1-2"}
    for delivery, one in zip((first, second), rows, strict=True):
        taken = intake.take_in(scene.store, good_rows(one), bad_rows(), delivery, policy=POLICY, actor=FLOW, now=NOW)
    assert (taken.new, taken.changed, text(scene, 1)) == (0, 1, "where is my money")
    revising.apply(scene.store, 2, policy=POLICY, actor=FLOW, now=NOW)
    assert (text(scene, 1), scene.state(1)) == ("other words", "received")
    assert scene.row(schema.Case)["batch_id"] == 1, "the first call's row is still counted there"
    assert len(scene.events("case.changed")) == 1


def test_what_a_killed_delivery_left_keeps_its_earlier_text_when_another_one_brings_it_anew(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1"})
    scene.take_in({"external_id": "e-1", "text": "other", "row_digest": "e-1-2"}, file="file-2")
    assert text(scene, 1) == "other"
    assert scene.row(schema.CaseChange)["text"] == "where is my money"
    assert len(scene.events("case.changed")) == 1


def test_the_same_request_of_another_source_is_known_and_another_text_is_its_own_case(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1"}, {"external_id": "e-2"})
    taken = again(
        scene,
        {"external_id": "e-1", "row_digest": "other-1"},
        {"external_id": "e-2", "text": "not that", "row_digest": "other-2"},
        source="export-30.csv",
    )
    assert (taken.new, taken.duplicates, taken.elsewhere) == (1, 1, 1)


def test_the_retention_erases_what_a_case_said_before(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    again(scene, row(scene, case, text="second words"))
    assert scene.row(schema.CaseChange)["text"] == "where is my money"
    routing.pass_unscored(scene.store, [case], version=None, actor=FLOW)
    scene.assign([case], SECOND, queue="C", reason="no_model", category=None, model_version=None)
    scene.decide(case, "deny", reason_code="out_of_scope", at=SECOND)
    later = NOW + timedelta(days=400)
    purging.purge(scene.store, policy=POLICY, actor=FOUNDER, now=later, dry_run=False)
    assert scene.rows(schema.CaseInput) == []
    kept = scene.row(schema.CaseChange)
    assert {kept[name] for name in ("text", "redacted", "salt", "customer_id", "amount")} == {None}
    assert kept["fields"] == {}


def test_a_redaction_of_a_text_that_has_changed_meanwhile_is_not_saved(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    salt = scene.row(schema.CaseInput)["salt"]
    again(scene, row(scene, case, text="new words"))
    intake.save_redactions(scene.store, [Redaction(case, "where is my money", salt=salt)], policy=POLICY)
    assert scene.row(schema.CaseInput)["redacted"] is None


def test_claims_of_others_are_left_alone(scene: Scene) -> None:
    first, second = scene.waiting(2)
    scene.claim(second)
    again(scene, row(scene, first, text="new words"))
    assert [claim.case_id for claim in claiming.held(scene.store, "rita")] == [second]


class TestIdsThatLookReopened:
    def test_a_reopened_case_takes_the_next_free_number_and_nothing_of_the_delivery_is_lost(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        name = str(scene.row(schema.Case, id=case)["external_id"])
        scene.take_in({"external_id": f"{name} (reopened 1)"}, {"external_id": f"{name} (reopened 2)"}, file="theirs")
        taken = again(scene, row(scene, case, text="all of it back"), {"external_id": "n-1"})
        assert (taken.new, taken.reopened, taken.quarantined) == (2, 1, 0)
        (link,) = scene.rows(schema.Reopening)
        assert scene.row(schema.Case, id=link["case_id"])["external_id"] == f"{name} (reopened 3)"
        assert len(scene.rows(schema.Case, external_id="n-1")) == 1

    def test_a_change_that_waited_for_its_gate_takes_the_next_free_number_too(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        name = str(scene.row(schema.Case, id=case)["external_id"])
        scene.take_in({"external_id": f"{name} (reopened 1)"}, file="theirs")
        batch_id = scene.take_in(row(scene, case, text="all of it back"), file="again").delivery.batch_id
        scene.decide(case, "override", label="refund")
        revising.apply(scene.store, batch_id, policy=POLICY, actor=FLOW, now=SECOND)
        (link,) = scene.rows(schema.Reopening)
        assert scene.row(schema.Case, id=link["case_id"])["external_id"] == f"{name} (reopened 2)"
        assert "waiting" not in {change["state"] for change in scene.rows(schema.CaseChange)}

    def test_a_row_under_an_id_that_handrail_made_is_put_aside_and_the_rest_goes_on(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        again(scene, row(scene, case, text="I want it all back"))
        made = scene.row(schema.Case, id=case + 1)
        theirs = {"external_id": made["external_id"], "text": "another request", "consent": False}
        taken = again(scene, theirs, {"external_id": "n-1"}, file="theirs")
        assert (taken.new, taken.changed, taken.quarantined) == (1, 0, 1)
        assert (text(scene, case + 1), scene.row(schema.Case, id=case + 1)) == ("I want it all back", made)
        (aside,) = scene.rows(schema.Quarantine)
        assert (aside["external_id"], aside["case_id"]) == (made["external_id"], None)
        assert aside["row"]["text"] == "another request"
        assert "under another id" in aside["reason"]
        repeated = again(scene, theirs, file="theirs again")
        assert (repeated.duplicates, repeated.quarantined) == (1, 0)
        assert scene.trail_is_whole()

    def test_another_source_may_use_the_id_for_a_case_of_its_own(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        again(scene, row(scene, case, text="I want it all back"))
        name = str(scene.row(schema.Case, id=case + 1)["external_id"])
        taken = again(scene, {"external_id": name, "text": "I want it all back"}, file="other", source="mail")
        assert (taken.new, taken.elsewhere, taken.quarantined) == (1, 0, 0)


@pytest.mark.parametrize("aside", ["stopped", "rejected", "quarantined"])
def test_a_reopened_case_that_was_put_aside_enters_again_as_itself(scene: Scene, aside: str) -> None:
    (case,) = scene.automatic(1)
    name = str(row(scene, case)["external_id"])
    came = {"external_id": name, "text": "all the money", "row_digest": "bad"}
    batch = scene.take_in(came, bad=["b-1"], file="second").delivery.batch_id
    assert batch is not None
    own = scene.row(schema.Case, id=case + 1)["external_id"]
    if aside == "quarantined":
        failures = pd.DataFrame([(case + 1, own, "bad", "in the future", "received_at_past")], columns=FAILURE)
        intake.quarantine(scene.store, batch, failures, actor=FLOW, now=NOW)
    else:
        intake.close_batch(scene.store, batch, "stopped", actor=FLOW, now=NOW)
    if aside == "rejected":
        releasing.reject(scene.store, batch, reason="the wrong file", actor=FOUNDER, now=NOW)
    again(scene, came | {"row_digest": "good"}, file="third")
    readmitted = scene.row(schema.Case, id=case + 1)
    assert (readmitted["external_id"], readmitted["flags"]) == (f"{name} (reopened 1)", ["reopened"])
    assert (readmitted["state"], readmitted["row_digest"]) == ("accepted", "good")
    left = scene.rows(schema.Quarantine, released_at=None)
    assert [one["external_id"] for one in left] == ["b-1"]
    again(scene, came | {"text": "once more", "row_digest": "next"}, file="fourth")
    assert scene.row(schema.Case, id=case + 1)["flags"] == ["reopened"]
    assert (scene.count(schema.Case), text(scene, case + 1)) == (2, "once more")
    assert scene.trail_is_whole()

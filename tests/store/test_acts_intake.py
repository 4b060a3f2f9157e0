"""Rows become cases once, and what was wrong with them can be put right."""

from datetime import timedelta

import pandas as pd
import pytest

from handrail.acts import intake, purging
from handrail.store import cases, labels, schema
from handrail.store import quarantine as stored_quarantine
from handrail.store.engine import Store
from handrail.trail.chain import digest
from tests.scenes import FLOW, FOUNDER, NOW, Scene


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def failures(scene: Scene, *case_ids: int) -> pd.DataFrame:
    found = [scene.row(schema.Case, id=case_id) for case_id in case_ids]
    return pd.DataFrame(
        {
            "case_id": case_ids,
            "external_id": [row["external_id"] for row in found],
            "row_digest": [row["row_digest"] for row in found],
            "reason": "an amount is 0 or more: correct it",
            "expectation": "expect_column_values_to_be_between",
        }
    )


def quarantine(scene: Scene, *case_ids: int) -> int:
    batch_id = scene.row(schema.Case, id=case_ids[0])["batch_id"]
    return intake.quarantine(scene.store, batch_id, failures(scene, *case_ids), actor=FLOW, now=NOW)


def accept(scene: Scene, case_ids: list[int], history: list[int] | None = None) -> None:
    intake.accept(scene.store, case_ids, history or [], actor=FLOW, now=NOW)


def close(scene: Scene, batch_id: int, state: str) -> None:
    intake.close_batch(scene.store, batch_id, state, actor=FLOW, now=NOW)


def test_taking_in_the_same_file_again_adds_nothing(scene: Scene) -> None:
    first = scene.take_in({"external_id": "e-1"}, {"external_id": "e-2"}, bad=["e-3"])
    accept(scene, [1, 2])
    close(scene, first.delivery.batch_id, "done")
    before = scene.count(schema.TrailEvent)
    again = scene.take_in({"external_id": "e-1"}, {"external_id": "e-2"}, bad=["e-3"])
    assert (first.new, first.duplicates, first.quarantined) == (2, 0, 1)
    assert (again.new, again.duplicates, again.quarantined) == (0, 3, 0)
    assert scene.count(schema.Case) == scene.count(schema.CaseInput) == 2
    assert scene.count(schema.Quarantine) == 1
    assert scene.count(schema.TrailEvent) == before
    assert again.delivery.batch_id is None


def test_a_killed_run_is_continued_in_its_own_batch(scene: Scene) -> None:
    killed = scene.take_in({"external_id": "e-1"})
    again = scene.take_in({"external_id": "e-1"}, {"external_id": "e-2"})
    assert again.delivery.batch_id == killed.delivery.batch_id
    assert again.new == 2, "what the killed run took in belongs to this run"
    assert scene.count(schema.Case) == 2


def test_the_same_id_of_another_source_is_another_case(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1"})
    with scene.store.read() as connection:
        assert cases.known(connection, "other", ["e-1"]) == {}


def test_the_trail_holds_a_digest_that_only_the_salt_explains(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1", "text": "a secret wish"})
    given = scene.row(schema.CaseInput)
    (event,) = scene.events("case.received")
    assert event["input"] == digest(given["salt"], "a secret wish")


def test_a_row_of_a_stopped_batch_is_taken_over_by_the_corrected_file(scene: Scene) -> None:
    stopped = scene.take_in({"external_id": "e-1"}, {"external_id": "e-2"}, file="bad file")
    close(scene, stopped.delivery.batch_id, "stopped")
    taken = scene.take_in({"external_id": "e-1"}, {"external_id": "e-2", "amount": 5.0}, file="good file")
    assert taken.new == 2
    assert taken.delivery.batch_id != stopped.delivery.batch_id
    assert {row["batch_id"] for row in scene.rows(schema.Case)} == {taken.delivery.batch_id}
    assert [row["amount"] for row in scene.rows(schema.Case)] == [20.0, 5.0]
    assert scene.trail_is_whole()


def test_a_case_that_another_file_took_over_is_settled_by_that_files_gate_alone(scene: Scene) -> None:
    """What the first run judged is not what the case carries by now."""
    judged = scene.take_in({"external_id": "e-1"}, {"external_id": "e-2"})
    found = failures(scene, 1, 2)
    taken = scene.take_in({"external_id": "e-1", "amount": -1.0}, file="file-2")
    batch_id = judged.delivery.batch_id
    intake.accept(scene.store, [1, 2], [], batch_id=batch_id, actor=FLOW, now=NOW)
    assert (scene.row(schema.Case, id=1)["state"], scene.row(schema.Case, id=2)["state"]) == ("received", "accepted")
    assert intake.quarantine(scene.store, batch_id, found, actor=FLOW, now=NOW) == 0
    assert scene.row(schema.Case, id=1)["state"] == "received"
    intake.accept(scene.store, [1], [], batch_id=taken.delivery.batch_id, actor=FLOW, now=NOW)
    assert scene.row(schema.Case, id=1)["state"] == "accepted"


def test_a_batch_that_is_done_stays_done(scene: Scene) -> None:
    batch_id = scene.take_in({"external_id": "e-1"}).delivery.batch_id
    close(scene, batch_id, "done")
    before = scene.count(schema.TrailEvent)
    close(scene, batch_id, "gated")
    assert scene.row(schema.Batch, id=batch_id)["state"] == "done"
    assert scene.count(schema.TrailEvent) == before


def test_a_stopped_file_does_not_lose_its_bad_rows_on_the_second_run(scene: Scene) -> None:
    good = {"external_id": "e-1"}
    stopped = scene.take_in(good, bad=["e-2", "e-3"], file="bad file")
    close(scene, stopped.delivery.batch_id, "stopped")
    again = scene.take_in(good, bad=["e-2", "e-3"], file="bad file")
    with scene.store.read() as connection:
        assert stored_quarantine.quarantine_count(connection, again.delivery.batch_id) == 2


def test_bad_rows_that_stopped_one_file_count_in_the_next_one_too(scene: Scene) -> None:
    good = {"external_id": "e-1"}
    stopped = scene.take_in(good, bad=["e-2", "e-3"], file="bad file")
    close(scene, stopped.delivery.batch_id, "stopped")
    half = scene.take_in(good, {"external_id": "e-2"}, bad=["e-3"], file="half corrected")
    with scene.store.read() as connection:
        assert stored_quarantine.quarantine_count(connection, half.delivery.batch_id) == 1


def test_a_corrected_row_replaces_a_quarantined_case(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1", "text": "old", "customer_id": "c-old"}, {"external_id": "e-2"})
    assert quarantine(scene, 1) == 1
    accept(scene, [1, 2])
    assert scene.states() == ["quarantined", "accepted"]
    new = {"external_id": "e-1", "text": "new", "customer_id": "c-new", "row_digest": "e-1-2"}
    assert scene.take_in(new, file="file-2").new == 1
    given = scene.row(schema.CaseInput, case_id=1)
    assert (scene.state(1), given["text"], given["customer_id"]) == ("received", "new", "c-new")
    assert scene.events("case.readmitted")[0]["input"] == digest(given["salt"], "new")
    assert scene.row(schema.Quarantine)["released_at"] == NOW


def test_the_same_bad_row_stays_in_quarantine(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1"})
    quarantine(scene, 1)
    taken = scene.take_in({"external_id": "e-1"}, file="file-2")
    assert (taken.new, taken.duplicates, scene.state(1)) == (0, 1, "quarantined")


def test_an_unreadable_row_is_released_when_its_corrected_version_comes(scene: Scene) -> None:
    scene.take_in(bad=["e-1"])
    scene.take_in({"external_id": "e-1"}, file="file-2")
    assert scene.row(schema.Quarantine)["released_at"] == NOW


def test_a_quarantined_row_can_be_corrected_after_its_input_was_purged(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1"})
    quarantine(scene, 1)
    with scene.store.write() as connection:
        cases.delete_inputs(connection, [1])
    scene.take_in({"external_id": "e-1", "text": "again", "row_digest": "e-1-2"}, file="file-2")
    assert scene.row(schema.CaseInput)["text"] == "again"


def test_a_case_that_went_on_is_never_replaced_before_the_gate_has_spoken(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1"})
    accept(scene, [1])
    taken = scene.take_in({"external_id": "e-1", "text": "other", "row_digest": "e-1-2"}, file="file-2")
    assert (taken.new, taken.duplicates, taken.changed) == (0, 0, 1)
    assert scene.row(schema.CaseInput)["text"] == "where is my money", "the change waits for its gate"


def test_quarantine_and_acceptance_move_received_cases_only(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1"}, {"external_id": "e-2"})
    accept(scene, [1])
    assert quarantine(scene, 1, 2) == 1
    accept(scene, [1, 2])
    assert scene.states() == ["accepted", "quarantined"]
    assert [event["case"] for event in scene.events("case.quarantined")] == [2]


def test_history_is_done_at_once_with_its_imported_label(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1", "history": True, "label": "refund"}, {"external_id": "e-2"})
    accept(scene, [1, 2], history=[1])
    assert scene.states() == ["done", "accepted"]
    label = scene.row(schema.Label)
    assert (label["case_id"], label["label"], label["status"], label["blind"]) == (1, "refund", "imported", False)
    assert [event["case"] for event in scene.events("case.imported")] == [1]


def test_a_corrected_outcome_replaces_the_imported_label(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1", "history": True, "label": "refnud"})
    quarantine(scene, 1)
    corrected = {"external_id": "e-1", "history": True, "label": "refund", "row_digest": "e-1-2"}
    scene.take_in(corrected, file="file-2")
    assert [row["label"] for row in scene.rows(schema.Label)] == ["refund"]
    with scene.store.read() as connection:
        assert labels.imported_labels(connection, [1]) == {1: "refund"}


def test_a_batch_is_closed_once_and_says_with_which_counts(scene: Scene) -> None:
    taken = scene.take_in({"external_id": "e-1"})
    for _ in range(2):
        close(scene, taken.delivery.batch_id, "gated")
    (event,) = scene.events("batch.gated")
    assert event["received"] == 1


def test_a_failure_in_the_middle_of_a_chunk_leaves_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the disk is gone")

    before = scene.count(schema.TrailEvent)
    monkeypatch.setattr(cases, "insert_inputs", fail)
    with pytest.raises(RuntimeError, match="disk"):
        scene.take_in({"external_id": "e-1"})
    assert scene.count(schema.Case) == scene.count(schema.Batch) == 0
    assert scene.count(schema.TrailEvent) == before


def test_purging_reaches_the_input_of_a_case_that_was_never_let_in(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1"}, {"external_id": "e-2"})
    quarantine(scene, 1)
    at = NOW + timedelta(days=1) + scene.policy.retention.inputs
    purging.purge(scene.store, policy=scene.policy, actor=FOUNDER, now=at, dry_run=False)
    assert [row["case_id"] for row in scene.rows(schema.CaseInput)] == [2], "case 2 is still on its way"

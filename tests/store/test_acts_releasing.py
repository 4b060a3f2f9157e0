"""A stopped delivery waits, alarmed, until a person lets it go on or ends it; its counts are those of the pages."""

from datetime import timedelta

import pytest

from handrail.acts import alerting, intake, releasing, revising
from handrail.acts.intake import Taken
from handrail.alerts import troubles
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted
from handrail.store import batches, quarantine, schema
from handrail.store.batches import BatchCounts
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, NOW, POLICY, Scene

BAD = tuple(f"b-{number}" for number in range(3))


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def stop(scene: Scene, *rows: dict[str, object], file: str = "bad file") -> int:
    """A delivery with three bad rows that was stopped."""
    taken: Taken = scene.take_in(*(rows or ({"external_id": "e-1"}, {"external_id": "e-2"})), bad=BAD, file=file)
    assert taken.delivery.batch_id is not None
    intake.close_batch(scene.store, taken.delivery.batch_id, "stopped", actor=FLOW, now=NOW)
    return taken.delivery.batch_id


def alarmed(scene: Scene) -> list[str]:
    with scene.store.read() as connection:
        facts = alerting.survey(connection, policy=POLICY, channels=[], now=NOW)
    return [one.subject for one in troubles(facts) if one.kind == "delivery"]


def counts(scene: Scene, batch: int) -> BatchCounts:
    """The counts of a batch, which must be those that were written down and those that the quarantine shows."""
    with scene.store.read() as connection:
        found = batches.counts(connection, batch)
        assert found.quarantined == len(quarantine.in_quarantine(connection, batch, 1000))
    kept = scene.row(schema.Batch, id=batch)["counts"]
    assert {name: kept[name] for name in BatchCounts.__dataclass_fields__} == {
        name: getattr(found, name) for name in BatchCounts.__dataclass_fields__
    }
    return found


def test_the_next_good_delivery_does_not_end_the_alarm_of_a_stopped_one(scene: Scene) -> None:
    batch = stop(scene)
    other = scene.take_in({"external_id": "f-1"}, file="good file").delivery.batch_id
    for state in ("gated", "done"):
        intake.close_batch(scene.store, other, state, actor=FLOW, now=NOW)
    assert alarmed(scene) == [str(batch)]


def test_a_released_delivery_is_alarmed_no_more_and_waits_for_its_gate(scene: Scene) -> None:
    batch = stop(scene)
    releasing.release(scene.store, batch, reason="the three are known", actor=FOUNDER, now=NOW)
    assert alarmed(scene) == []
    assert scene.row(schema.Batch)["state"] == "released"
    (event,) = scene.events("batch.released")
    assert (event["actor"], event["batch"]) == (FOUNDER, batch)
    with pytest.raises(Conflict, match="is released and not stopped"):
        releasing.release(scene.store, batch, reason="again", actor=FOUNDER, now=NOW)


def test_a_rejected_delivery_ends_and_its_rows_enter_when_they_come_again(scene: Scene) -> None:
    batch = stop(scene)
    assert releasing.reject(scene.store, batch, reason="the wrong file", actor=FOUNDER, now=NOW) == 2
    assert (alarmed(scene), scene.states()) == ([], ["quarantined", "quarantined"])
    assert counts(scene, batch) == BatchCounts(5, 0, 0, 0, 0, 5, 0)
    taken = scene.take_in({"external_id": "e-1"}, {"external_id": "e-2"}, file="right file")
    assert (taken.new, scene.states()) == (2, ["received", "received"])
    assert counts(scene, batch) == BatchCounts(3, 0, 0, 0, 0, 3, 0)
    assert scene.trail_is_whole()


def test_what_a_rejected_delivery_would_have_changed_stays_as_it_is(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    name = scene.row(schema.Case, id=case)["external_id"]
    batch = stop(scene, {"external_id": name, "text": "changed", "row_digest": "changed"})
    assert counts_changed(scene, batch) == 1
    releasing.reject(scene.store, batch, reason="the wrong file", actor=FOUNDER, now=NOW)
    assert (scene.state(case), counts_changed(scene, batch)) == ("queued", 0)
    change = scene.row(schema.CaseChange)
    assert (change["state"], change["text"], change["salt"]) == ("dropped", None, None)


def counts_changed(scene: Scene, batch: int) -> int:
    with scene.store.read() as connection:
        return batches.counts(connection, batch).changed


def test_a_stopped_delivery_whose_rows_all_came_anew_is_replaced(scene: Scene) -> None:
    batch = stop(scene)
    rows = [{"external_id": name} for name in ("e-1", "e-2", *BAD)]
    scene.take_in(*rows[:-1], file="half")
    assert alarmed(scene) == [str(batch)]
    scene.take_in(*rows, file="whole")
    assert (alarmed(scene), scene.row(schema.Batch, id=batch)["state"]) == ([], "replaced")
    assert counts(scene, batch) == BatchCounts(0, 0, 0, 0, 0, 0, 0)
    assert [event["batch"] for event in scene.events("batch.replaced")] == [batch]


def known_case(scene: Scene) -> tuple[int, str]:
    (case,) = scene.waiting(1)
    return case, str(scene.row(schema.Case, id=case)["external_id"])


def change(name: str, text: str) -> dict[str, object]:
    return {"external_id": name, "text": text, "row_digest": text}


def let_through(scene: Scene, batch: int | None) -> None:
    assert batch is not None
    revising.apply(scene.store, batch, policy=POLICY, actor=FLOW, now=NOW)
    intake.close_batch(scene.store, batch, "done", actor=FLOW, now=NOW)


@pytest.mark.parametrize("decided", [False, True])
def test_a_released_delivery_turns_no_newer_text_back(scene: Scene, decided: bool) -> None:
    case, name = known_case(scene)
    batch = stop(scene, change(name, "second text"), {"external_id": "e-9"})
    if decided:
        scene.decide(case)
    let_through(scene, scene.take_in(change(name, "third text"), file="newer").delivery.batch_id)
    assert scene.row(schema.Batch, id=batch)["state"] == "stopped"
    assert releasing.release(scene.store, batch, reason="known", actor=FOUNDER, now=NOW) == 1
    let_through(scene, batch)
    ids = [row["id"] for row in scene.rows(schema.Case, source="shop") if name in row["external_id"]]
    assert len(ids) == 1 + decided
    assert scene.row(schema.CaseInput, case_id=ids[-1])["text"] == "third text"
    left_out = scene.row(schema.CaseChange, batch_id=batch)
    assert (left_out["state"], left_out["text"], counts_changed(scene, batch)) == ("dropped", None, 0)
    (event,) = scene.events("changes.superseded")
    assert (event["batch"], event["changes"]) == (batch, 1)
    assert scene.trail_is_whole()


def test_a_released_delivery_still_brings_its_own_changes(scene: Scene) -> None:
    case, name = known_case(scene)
    batch = stop(scene, change(name, "second text"))
    assert releasing.release(scene.store, batch, reason="known", actor=FOUNDER, now=NOW) == 0
    let_through(scene, batch)
    assert scene.row(schema.CaseInput, case_id=case)["text"] == "second text"
    assert scene.events("changes.superseded") == []


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("text", ["second text", "third text"])
def test_a_stopped_delivery_whose_changes_also_came_anew_is_replaced(scene: Scene, text: str, decided: bool) -> None:
    case, name = known_case(scene)
    batch = stop(scene, change(name, "second text"))
    if decided:
        scene.decide(case)
    scene.take_in(*({"external_id": bad} for bad in BAD), file="half")
    assert alarmed(scene) == [str(batch)]
    scene.take_in(change(name, text), file="the rest")
    assert (alarmed(scene), scene.row(schema.Batch, id=batch)["state"]) == ([], "replaced")
    assert counts(scene, batch) == BatchCounts(0, 0, 0, 0, 0, 0, 0)
    assert scene.row(schema.CaseChange, batch_id=batch)["state"] == "dropped"


def test_only_who_settles_deliveries_may_and_says_why(scene: Scene) -> None:
    batch = stop(scene)
    with pytest.raises(NotPermitted, match="settle deliveries"):
        releasing.release(scene.store, batch, reason="so", actor="rita", now=NOW)
    with pytest.raises(NotPermitted):
        releasing.reject(scene.store, batch, reason="so", actor=FLOW, now=NOW)
    with pytest.raises(BadInput, match="needs a reason"):
        releasing.release(scene.store, batch, reason=" ", actor=FOUNDER, now=NOW)
    with pytest.raises(NotFound, match="no delivery 99"):
        releasing.reject(scene.store, 99, reason="so", actor=FOUNDER, now=NOW)
    assert scene.row(schema.Batch)["state"] == "stopped"


def test_a_delivery_never_ends_before_it_began(scene: Scene) -> None:
    batch = scene.take_in({"external_id": "e-1"}, at=NOW).delivery.batch_id
    intake.close_batch(scene.store, batch, "gated", actor=FLOW, now=NOW - timedelta(days=2))
    row = scene.row(schema.Batch)
    assert row["finished_at"] >= row["started_at"]
    later = NOW + timedelta(hours=1)
    intake.close_batch(scene.store, batch, "done", actor=FLOW, now=later)
    assert scene.row(schema.Batch)["finished_at"] == later

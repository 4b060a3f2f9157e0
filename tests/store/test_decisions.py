"""What the store tells training, watches and KPIs about the decisions."""

from datetime import datetime, timedelta

import pytest

from handrail.acts import attending
from handrail.store import cases, decisions, drifts, judging, labels, predictions, routes, schema, worklist
from handrail.store import escalations as stored_escalations
from handrail.store.engine import Store
from handrail.window import Window
from tests.scenes import FLOW, MANAGER, NOW, Scene

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
DAY = (NOW - 12 * HOUR, NOW + 12 * HOUR)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def window(since: datetime = DAY[0], until: datetime = DAY[1]) -> Window:
    return Window(since, until)


def test_decisions_come_with_the_times_and_groups_of_their_case(scene: Scene) -> None:
    (automatic,), (reviewed,) = scene.automatic(1, fields={"channel": "app"}), scene.waiting(1)
    scene.decide(reviewed, "override", label="tracking", at=NOW + HOUR, seconds=42.0)
    with scene.store.read() as connection:
        found = decisions.decided(connection, window())
        assert decisions.decided(connection, window(NOW, NOW + HOUR))["case_id"].tolist() == [automatic]
    assert found["kind"].tolist() == ["automatic", "review"]
    assert found["queue"].tolist() == ["A", "B"]
    assert found["fields"].tolist() == [{"channel": "app"}, {"channel": "web"}]
    assert found["proposed"].tolist() == ["refund", "refund"]
    assert found["label"].tolist() == ["refund", "tracking"]


def test_what_was_withdrawn_was_not_executed(scene: Scene) -> None:
    kept, withdrawn = scene.automatic(2)
    (denied,) = scene.waiting(1)
    scene.decide(denied, "deny", reason_code="out_of_scope")
    with scene.store.write() as connection:
        connection.execute(
            schema.Outbox.__table__.update()
            .where(schema.Outbox.__table__.c.case_id == withdrawn)
            .values(state="withdrawn")
        )
    with scene.store.read() as connection:
        found = decisions.executed(connection, window())
        names = cases.ids_of(connection, "shop", found["external_id"].tolist())
    assert list(names.values()) == [kept]
    assert found["automatic"].tolist() == [True]


def test_the_error_in_shadow_is_the_share_that_people_decided_otherwise(scene: Scene) -> None:
    with scene.store.read() as connection:
        assert predictions.shadow_error(connection) is None
    ids = scene.waiting(4, queue="C", reason="stage_shadow", stage="shadow", suggestion_hidden=True)
    suggested = scene.waiting(1)
    scene.decide(suggested[0], "override", label="tracking")
    for case_id, label in zip(ids[:3], ["refund", "tracking", "refund"], strict=True):
        scene.decide(case_id, "override", label=label)
    scene.decide(ids[3], "deny", reason_code="out_of_scope")
    with scene.store.read() as connection:
        assert predictions.shadow_error(connection) == pytest.approx(2 / 4)


def test_models_and_people_are_compared_case_by_case(scene: Scene) -> None:
    (blind,) = scene.waiting(1, suggestion_hidden=True)
    scene.automatic(1)
    scene.decide(blind, "override", label="tracking")
    with scene.store.read() as connection:
        found = predictions.compared(connection, window())
    assert found[["predicted", "decided", "role"]].to_numpy().tolist() == [["refund", "tracking", "champion"]]
    assert found["blind"].astype(bool).tolist() == [True]


def test_waiting_work_is_counted_by_queue_and_kind(scene: Scene) -> None:
    scene.waiting(2, due_at=NOW + HOUR)
    scene.waiting(1, queue="C", due_at=NOW + 2 * HOUR)
    scene.audit(scene.automatic(1))
    with scene.store.read() as connection:
        found = worklist.waiting(connection, NOW + HOUR + timedelta(seconds=1))
        nothing = worklist.waiting(connection, NOW)
    assert found[["queue", "kind", "waiting", "overdue"]].to_numpy().tolist() == [
        ["A", "audit", 1, 0],
        ["B", "review", 2, 2],
        ["C", "review", 1, 0],
    ]
    assert nothing["overdue"].tolist() == [0, 0, 0]


def test_escalations_and_routes_of_a_window(scene: Scene) -> None:
    first, second = scene.waiting(2)
    scene.decide(first, "deny", reason_code="legal", at=NOW)
    scene.decide(first, "deny", MANAGER, NOW + HOUR, reason_code="legal")
    with scene.store.read() as connection:
        escalations = stored_escalations.escalations_in(connection, window())
        assert stored_escalations.escalations_in(connection, window(NOW + HOUR, NOW + 2 * HOUR)).empty
        assert routes.routed(connection, window())["case_id"].tolist() == [first, second]
        assert stored_escalations.open_escalations(connection).empty
    assert escalations["cause"].tolist() == ["legal"]
    assert escalations["resolved_at"].iloc[0].to_pydatetime() == NOW + HOUR


def test_the_newest_label_that_may_train_counts(scene: Scene) -> None:
    (case_id,) = scene.waiting(1, queue="C", reason="stage_shadow", stage="shadow", suggestion_hidden=True)
    with scene.store.write() as connection:
        connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
    scene.decide(case_id, "deny", "rita", reason_code="legal", label="refund")
    scene.decide(case_id, "override", MANAGER, label="tracking")
    with scene.store.read() as connection:
        found = labels.labelled(connection, scene.policy)
    assert found["label"].tolist() == ["tracking"]
    assert found["blind"].astype(bool).tolist() == [True], "one of its labels is blind: the case may be withheld"


def test_the_drift_watch_sees_redacted_live_cases_of_its_window(scene: Scene) -> None:
    ids = scene.scored(2)
    with scene.store.write() as connection:
        table = schema.CaseInput.__table__
        connection.execute(table.update().where(table.c.case_id == ids[0]).values(redacted="where"))
    with scene.store.read() as connection:
        found = drifts.received(connection, scene.policy, window(), version="1")
        other = drifts.received(connection, scene.policy, window(), version="2")
    assert found[["case_id", "text", "label"]].to_numpy().tolist() == [[ids[0], "where", "refund"]]
    assert other["label"].isna().all()


def test_a_watch_that_succeeds_again_is_remembered_once(scene: Scene) -> None:
    for moment in (NOW, NOW + HOUR):
        attending.note_watch(scene.store, "sla_watch", actor=FLOW, now=moment)
    assert [row["succeeded_at"] for row in scene.rows(schema.Watch)] == [NOW + HOUR]


@pytest.mark.parametrize("stage", ["shadow", "suggest"])
def test_a_case_judges_models_once_however_many_looked_at_it_blindly(scene: Scene, stage: str) -> None:
    (case_id,) = scene.waiting(1, queue="C", stage=stage, suggestion_hidden=True)
    with scene.store.write() as connection:
        connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
    scene.decide(case_id, "override", "rita", label="cancel")
    scene.decide(case_id, "override", "ruth", label="refund")
    with scene.store.read() as connection:
        for until in (None, NOW):
            fresh = judging.withheld(connection, scene.policy, since=NOW - HOUR, until=until)
            assert fresh["label"].tolist() == ["refund"]
        assert judging.withheld(connection, scene.policy, since=NOW - HOUR, until=NOW - SECOND).empty


def test_a_second_look_judges_no_model_where_the_first_was_not_blind(scene: Scene) -> None:
    (case_id,) = scene.waiting(1, queue="B", stage="suggest")
    with scene.store.write() as connection:
        connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
    scene.decide(case_id, "override", "rita", label="cancel")
    scene.decide(case_id, "override", "ruth", label="refund")
    with scene.store.read() as connection:
        assert judging.withheld(connection, scene.policy, since=NOW - HOUR).empty

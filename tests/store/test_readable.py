"""What a model or a profile may see of cases, and who may not be seen; on both databases."""

from collections.abc import Callable
from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import update

from handrail.acts import consenting, intake, models, routing
from handrail.policy import FairnessRules, ModelRules
from handrail.queues import route_many
from handrail.store import drifts, judging, labels, predictions, readable, schema
from handrail.store.engine import Connection, Store
from handrail.window import Window
from tests.scenes import FLOW, FOUNDER, NOW, POLICY, VERSION, Scene, bad_rows, good_rows

DAY = timedelta(days=1)
EVER = Window(NOW - DAY, NOW + DAY)
SEEN = POLICY.model_copy(
    update={"model": ModelRules(fields=("channel",)), "fairness": FairnessRules(groups=("region",))}
)
DOORS: dict[str, Callable[[Connection], pd.DataFrame]] = {
    "training": lambda c: labels.labelled(c, SEEN),
    "judging": lambda c: judging.withheld(c, SEEN, since=NOW - DAY),
    "drift": lambda c: drifts.received(c, SEEN, EVER, version=VERSION),
    "shadow": lambda c: predictions.unscored_by(c, "another", SEEN, since=NOW - DAY, limit=10),
    "by id": lambda c: readable.of(c, [1, 2, 3], SEEN),
}
"""Every query by which cases reach a model or a profile after their way to a queue."""


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store, SEEN)


def change(scene: Scene, table: type[schema.Base], case_id: int, **values: object) -> None:
    key = "id" if table is schema.Case else "case_id"
    with scene.store.write() as connection:
        connection.execute(update(table).where(table.__table__.c[key] == case_id).values(**values))


def labelled(scene: Scene, count: int) -> list[int]:
    """Redacted cases in shadow that somebody has labelled blindly."""
    ids = scene.waiting(count, queue="C", stage="shadow", suggestion_hidden=True)
    for case_id in ids:
        change(scene, schema.CaseInput, case_id, redacted="where is it")
        change(scene, schema.Case, case_id, fields={"channel": "web", "region": "north", "salary": "1"})
        scene.decide(case_id, "override", label="tracking")
    return ids


def erase(scene: Scene, case_id: int) -> None:
    with scene.store.write() as connection:
        connection.execute(schema.CaseInput.__table__.delete().where(schema.CaseInput.case_id == case_id))


HIDDEN: dict[str, Callable[[Scene, int], None]] = {
    "no consent": lambda scene, case_id: change(scene, schema.Case, case_id, consent=False),
    "erased": erase,
    "not redacted": lambda scene, case_id: change(scene, schema.CaseInput, case_id, redacted=None),
}


@pytest.mark.parametrize("why", HIDDEN)
def test_no_query_shows_a_model_or_a_profile_a_case_that_it_may_not_see(scene: Scene, why: str) -> None:
    hidden, shown = labelled(scene, 2)
    with scene.store.read() as connection:
        before = {name: door(connection)["case_id"].tolist() for name, door in DOORS.items()}
    assert before == {name: [hidden, shown] for name in DOORS}
    HIDDEN[why](scene, hidden)
    with scene.store.read() as connection:
        after = {name: door(connection)["case_id"].tolist() for name, door in DOORS.items()}
    assert after == {name: [shown] for name in DOORS}


@pytest.mark.parametrize("door", DOORS)
def test_of_the_fields_only_those_that_the_policy_permits_are_shown(scene: Scene, door: str) -> None:
    labelled(scene, 1)
    with scene.store.read() as connection:
        (row,) = DOORS[door](connection).to_dict("records")
    assert (row["text"], row["fields"]) == ("where is it", {"channel": "web", "region": "north"})


def test_only_the_drift_watch_sees_cases_without_a_text(scene: Scene) -> None:
    (case_id,) = labelled(scene, 1)
    change(scene, schema.Case, case_id, has_text=False)
    with scene.store.read() as connection:
        assert [name for name, door in DOORS.items() if len(door(connection))] == ["drift"]


def test_the_champion_scores_accepted_cases_that_it_may_see_in_order(scene: Scene) -> None:
    first, refusing, wordless, unredacted, last = scene.accepted(5)
    for case_id in (first, refusing, wordless, last):
        change(scene, schema.CaseInput, case_id, redacted="where")
    change(scene, schema.Case, refusing, consent=False)
    change(scene, schema.Case, wordless, has_text=False)
    with scene.store.read() as connection:
        assert readable.accepted(connection, SEEN, after=0, limit=9)["case_id"].tolist() == [first, last]
        assert readable.accepted(connection, SEEN, after=first, limit=9)["case_id"].tolist() == [last]
        assert readable.accepted(connection, SEEN, after=0, limit=1)["case_id"].tolist() == [first]
        assert readable.accepted(connection, SEEN, after=last, limit=9).empty
    assert unredacted not in (first, last)


def test_what_somebody_elses_model_said_of_a_case_without_consent_is_not_told(scene: Scene) -> None:
    ids = scene.accepted(2)
    with scene.store.write() as connection:
        rows = [{"case_id": case_id, "label": "refund", "confidence": 0.9} for case_id in ids]
        connection.execute(schema.GivenPrediction.__table__.insert(), rows)
    change(scene, schema.Case, ids[0], consent=False)
    with scene.store.read() as connection:
        assert readable.given(connection, ids)["given_label"].tolist() == [None, "refund"]


def again(scene: Scene, file: str, **changes: object) -> None:
    """The cases e-1 to e-3 are delivered a second time."""
    rows = good_rows(*({"external_id": f"e-{n}", "row_digest": f"{file}-{n}", **changes} for n in (1, 2, 3)))
    delivery = intake.resume(scene.store, "shop", file)
    intake.take_in(scene.store, rows, bad_rows(), delivery, policy=scene.policy, actor=FLOW, now=NOW)


class TestWithdrawn:
    def test_a_later_delivery_takes_consent_back_and_none_gives_it_again(self, scene: Scene) -> None:
        scene.waiting(3)
        again(scene, "second", consent=False)
        again(scene, "third", consent=True)
        assert [row["consent"] for row in scene.rows(schema.Case)] == [False] * 3
        assert [event["case"] for event in scene.events("consent.withdrawn")] == [1, 2, 3]
        again(scene, "fourth", consent=False)
        assert len(scene.events("consent.withdrawn")) == 3
        assert scene.trail_is_whole()

    def test_what_a_model_said_goes_where_it_has_routed_nothing_and_stands_where_it_has(self, scene: Scene) -> None:
        (routed,), (unrouted,) = scene.waiting(1), scene.scored(1)
        with scene.store.write() as connection:
            assert consenting.withdraw(connection, [routed, unrouted], actor=FLOW, now=NOW) == [routed, unrouted]
        assert [row["case_id"] for row in scene.rows(schema.Prediction)] == [routed]

    def test_consent_withdrawn_while_the_model_reads_leaves_no_prediction(self, scene: Scene) -> None:
        kept, withdrawn = scene.accepted(2)
        said = pd.DataFrame(
            {"case_id": [kept, withdrawn], "label": "refund", "confidence": 0.9, "novelty": 0.1, "novel": False}
        )
        change(scene, schema.Case, withdrawn, consent=False)
        for role, advance, written in (("champion", True, 1), ("challenger", False, 1)):
            known = {"version": role, "role": role, "advance": advance, "actor": FLOW, "now": NOW}
            assert routing.record_predictions(scene.store, said, **known) == written
        assert {row["case_id"] for row in scene.rows(schema.Prediction)} == {kept}
        assert [scene.state(case_id) for case_id in (kept, withdrawn)] == ["scored", "accepted"]

    def test_consent_withdrawn_while_cases_are_routed_approves_nothing(self, scene: Scene) -> None:
        scene.add_version(VERSION)
        models.set_champion(scene.store, VERSION, reason="the first", actor=FOUNDER, now=NOW)
        kept, withdrawn = scene.scored(2)
        change(scene, schema.Case, withdrawn, consent=False)

        def plan(waiting: routing.Waiting) -> pd.DataFrame:
            routes = route_many(waiting.cases, waiting.situation, SEEN, [0.5] * len(waiting.cases))
            said = waiting.cases[["case_id", "label", "confidence"]].rename(columns={"label": "category"})
            return said.join(routes.drop(columns="flags")).assign(
                suggestion_hidden=False, blind_chance=None, model_version=VERSION, due_at=NOW
            )

        counts = routing.assign(scene.store, [kept, withdrawn], plan, policy=SEEN, actor=FLOW, now=NOW)
        assert counts == {"A": 1, "B": 0, "C": 1}
        assert [scene.state(case_id) for case_id in (kept, withdrawn)] == ["decided", "queued"]
        assert [row["reason"] for row in scene.rows(schema.Route)] == ["auto", "no_consent"]
        assert [row["case_id"] for row in scene.rows(schema.Outbox)] == [kept]

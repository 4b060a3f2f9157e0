"""Which rulings may judge a model, and the chance that each had when it was asked for; on both databases."""

from datetime import timedelta

import numpy as np
import pytest

from handrail import chances
from handrail.store import judging, schema
from handrail.store.engine import Store
from models.withheld import production_weights
from tests.scenes import NOW, Scene

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BLIND = {"suggestion_hidden": True}


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def readable(scene: Scene) -> None:
    with scene.store.write() as connection:
        connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))


def test_each_label_keeps_the_chance_it_had_when_it_was_asked_for_whatever_the_policy_says_since(scene: Scene) -> None:
    (shadow,) = scene.waiting(1, queue="C", reason="stage_shadow", stage="shadow", blind_chance=1.0, **BLIND)
    (tenth,) = scene.waiting(1, stage="suggest", blind_chance=0.1, **BLIND)
    (half,) = scene.waiting(1, stage="suggest", blind_chance=0.5, **BLIND)
    (before,) = scene.waiting(1, stage="suggest", blind_chance=None, **BLIND)
    (audited,) = scene.automatic(1)
    scene.audit([audited])
    readable(scene)
    for case_id in (shadow, tenth, half, before, audited):
        scene.decide(case_id, "override", label="tracking")
    with scene.store.read() as connection:
        fresh = judging.withheld(connection, scene.policy, since=NOW - DAY).set_index("case_id")
    for share, old in ((0.25, 4.0), (1.0, 1.0)):
        weights = dict(zip(fresh.index, production_weights(fresh, share), strict=True))
        assert {weights[shadow], weights[tenth], weights[half], weights[audited]} == {1.0, 10.0, 2.0, 20.0}
        assert weights[before] == old, "only of a route from before chances were kept is the policy's share taken"


def test_who_found_no_category_right_judges_models_too(scene: Scene) -> None:
    (denied,) = scene.waiting(1, stage="shadow", queue="C", **BLIND)
    readable(scene)
    scene.decide(denied, "deny", reason_code="out_of_scope")
    with scene.store.read() as connection:
        fresh = judging.withheld(connection, scene.policy, since=NOW - DAY)
        used = judging.withheld(connection, scene.policy, since=NOW)
    assert fresh["case_id"].tolist() == [denied]
    assert fresh["label"].isna().all()
    assert used.empty, "it has judged"


def test_what_people_decide_with_the_suggestion_in_sight_is_known_apart(scene: Scene) -> None:
    (seen,) = scene.waiting(1, queue="C", reason="novel", stage="auto", blind_chance=0.0)
    (quick,) = scene.waiting(1, queue="B", stage="suggest", blind_chance=0.1)
    (denied,) = scene.waiting(1, queue="C", reason="novel", stage="auto", blind_chance=0.0)
    readable(scene)
    for case_id in (seen, quick):
        scene.decide(case_id, "approve")
    scene.decide(denied, "deny", reason_code="out_of_scope")
    with scene.store.read() as connection:
        found = judging.decided_in_sight(connection, scene.policy, since=NOW - HOUR, until=NOW)
        blind = judging.withheld(connection, scene.policy, since=NOW - HOUR)
        later = judging.decided_in_sight(connection, scene.policy, since=NOW, until=NOW + HOUR)
    assert found["case_id"].tolist() == [seen, denied]
    assert found["label"].tolist()[0] == "refund"
    assert found["label"].isna().tolist() == [False, True]
    assert blind.empty
    assert later.empty
    assert np.isnan(chances.of_a_blind_look(found, 0.5)).all(), "no blind label of theirs stands for the others"

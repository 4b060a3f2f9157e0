"""What the gates said of a version is kept with it; the trail holds ids, codes and counts of it."""

from datetime import timedelta
from typing import Any

import pytest

from handrail.acts import models as acts
from handrail.errors import Conflict, NotPermitted
from handrail.store import models, schema
from handrail.store.engine import Store
from tests.scenes import BETTER, FLOW, NOW, POLICY, Scene

KNOWN: dict[str, Any] = {"actor": FLOW, "now": NOW}
HOUR = timedelta(hours=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    scene = Scene(store, POLICY)
    scene.add_version("1", metrics=BETTER)
    return scene


def judgement(scene: Scene) -> object:
    with scene.store.read() as connection:
        return models.version(connection, "1").judgement


def test_a_judgement_keeps_its_figures_with_the_version_and_its_codes_in_the_trail(scene: Scene) -> None:
    told = {"gain": 0.25, "low": -0.5, "reasons": ["region 'south' gets worse"]}
    acts.record_judgement(scene.store, "1", passed=False, cases=250, reasons=["group_worse"], told=told, **KNOWN)
    assert judgement(scene) == {"passed": False, "cases": 250, **told}
    (event,) = scene.events("model.judged")
    assert event["reasons"] == ["group_worse"]
    assert "south" not in str(event)
    assert scene.trail_is_whole()


@pytest.mark.parametrize("version", [None, "1"])
def test_a_failed_gate_names_expectations_counts_and_cases(scene: Scene, version: str | None) -> None:
    told = {"outcome": "waiting", "reasons": ["a label is unknown"]}
    acts.record_failed_gate(
        scene.store,
        "withheld_set",
        broken={"expect_one(label)": 2, "expect_other()": 0},
        case_ids=[7, 9],
        version=version,
        told=told,
        **KNOWN,
    )
    (event,) = scene.events("gate.failed")
    assert (event["suite"], event["version"]) == ("withheld_set", version)
    assert (event["expectations"], event["counts"]) == (["expect_one(label)", "expect_other()"], [2, 0])
    assert event["case_ids"] == [7, 9]
    assert judgement(scene) == (None if version is None else {"passed": False, **told})
    assert scene.trail_is_whole()


def test_who_may_not_change_the_model_may_not_judge_it(scene: Scene) -> None:
    for act in (
        lambda: acts.record_judgement(scene.store, "1", passed=True, cases=1, reasons=(), actor="rita", now=NOW),
        lambda: acts.record_failed_gate(scene.store, "challenger", broken={}, case_ids=(), actor="rita", now=NOW),
    ):
        with pytest.raises(NotPermitted):
            act()
    assert not scene.events("model.judged")
    assert judgement(scene) is None


def second_version(scene: Scene) -> None:
    scene.add_version("2", metrics=BETTER)


def promote(scene: Scene, version: str, resting_on: acts.Evidence | None = None) -> None:
    acts.set_champion(scene.store, version, reason="a test", resting_on=resting_on, **KNOWN)


def test_labels_that_another_judgement_used_meanwhile_judge_nobody(scene: Scene) -> None:
    second_version(scene)
    told: dict[str, Any] = {"passed": True, "cases": 250, "reasons": (), "since": NOW - HOUR, **KNOWN}
    acts.record_judgement(scene.store, "1", **told)
    with pytest.raises(Conflict, match="used the labels up"):
        acts.record_judgement(scene.store, "2", **told)
    acts.record_judgement(scene.store, "2", **{**told, "since": NOW, "now": NOW + HOUR})
    assert [event["version"] for event in scene.events("model.judged")] == ["1", "2"]


def test_a_version_that_was_judged_against_a_former_champion_does_not_take_the_place_of_another(scene: Scene) -> None:
    second_version(scene)
    promote(scene, "1", "first")
    told = {"champion": "0"}
    acts.record_judgement(scene.store, "2", passed=True, cases=250, reasons=(), told=told, **KNOWN)
    with pytest.raises(Conflict, match="promoted or rolled back while version 2"):
        promote(scene, "2", "judged")
    with scene.store.read() as connection:
        assert models.serving(connection).model_version == "1"
    acts.record_judgement(scene.store, "2", passed=True, cases=250, reasons=(), told={"champion": "1"}, **KNOWN)
    promote(scene, "2", "judged")


def test_a_rollback_bars_only_the_version_that_it_was_asked_of(scene: Scene) -> None:
    second_version(scene)
    promote(scene, "1")
    promote(scene, "2")
    with pytest.raises(Conflict, match="Version 1 does not serve any more, version 2 does"):
        acts.roll_back(scene.store, reason="worse", of="1", **KNOWN)
    assert acts.roll_back(scene.store, reason="worse", of="2", **KNOWN) == "1"


def test_who_serves_is_refused_no_more(scene: Scene) -> None:
    second_version(scene)
    promote(scene, "1")
    with pytest.raises(Conflict, match="was promoted while it was looked at"):
        acts.refuse(scene.store, "1", reasons=["too late"], **KNOWN)
    assert not scene.events("model.refused")


def test_who_has_served_stays_what_it_is(scene: Scene) -> None:
    second_version(scene)
    promote(scene, "1")
    promote(scene, "2")
    acts.refuse(scene.store, "1", reasons=["no_gain"], **KNOWN)
    assert [row["status"] for row in scene.rows(schema.ModelVersion)] == ["retired", "champion"]

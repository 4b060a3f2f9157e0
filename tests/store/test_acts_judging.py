"""What the gates said of a version is kept with it; the trail holds ids, codes and counts of it."""

import pytest

from handrail.acts import models as acts
from handrail.errors import NotPermitted
from handrail.store import models
from handrail.store.engine import Store
from tests.scenes import FLOW, NOW, POLICY, Scene

KNOWN = {"actor": FLOW, "now": NOW}


@pytest.fixture
def scene(store: Store) -> Scene:
    scene = Scene(store, POLICY)
    acts.add_version(
        store, version="1", run_id="r", artifact_digest="a" * 64, dataset_digest="d" * 64, policy_version="p",
        labels=10, cause="first", metrics={}, novelty_threshold=0.5, **KNOWN,
    )  # fmt: skip
    return scene


def judgement(scene: Scene) -> object:
    with scene.store.read() as connection:
        return (models.version(connection, "1") or {})["judgement"]


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
        scene.store, "withheld_set", broken={"expect_one(label)": 2, "expect_other()": 0}, case_ids=[7, 9],
        version=version, told=told, **KNOWN,
    )  # fmt: skip
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

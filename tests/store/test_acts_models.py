"""One row says which model serves; every change of it stands in the trail."""

from datetime import timedelta
from typing import Any

import pytest

from handrail.acts import models as acts
from handrail.errors import BadInput, NotFound, Refused
from handrail.store import models, schema
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, NOW, Scene


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def register(scene: Scene, *versions: str) -> None:
    for version in versions:
        acts.add_version(
            scene.store, version=version, run_id=f"run-{version}", cause="by_hand", artifact_digest="a" * 64,
            dataset_digest="d" * 64, policy_version=scene.policy.version, labels=300, metrics={"accuracy": 0.9},
            novelty_threshold=0.5, trained_until=NOW, actor=FLOW, now=NOW,
        )  # fmt: skip


def promote(scene: Scene, version: str) -> None:
    acts.set_champion(scene.store, version, actor=FOUNDER, reason="better", now=NOW)


def roll_back(scene: Scene) -> str:
    return acts.roll_back(scene.store, actor=FOUNDER, reason="worse after all", now=NOW)


def certify(scene: Scene, version: str, category: str | None = "refund") -> None:
    acts.certify(
        scene.store, model_version=version, category=category, threshold=0.97, max_error=0.02, delta=0.05, labels=300,
        errors=1, window_from=NOW, window_to=NOW, expires_at=NOW + timedelta(days=60), voided_at=None,
        void_reason=None, actor=FLOW, now=NOW,
    )  # fmt: skip


def serving(scene: Scene) -> dict[str, Any]:
    with scene.store.read() as connection:
        row = models.serving(connection)
    return {name: row[name] for name in ("model_version", "previous", "challenger")}


def statuses(scene: Scene) -> list[str]:
    return [row["status"] for row in scene.rows(schema.ModelVersion)]


def test_nothing_serves_in_an_empty_workspace(scene: Scene) -> None:
    assert serving(scene) == {"model_version": None, "previous": None, "challenger": None}
    with pytest.raises(Refused, match="no earlier version"):
        roll_back(scene)


def test_the_first_champion_has_no_previous(scene: Scene) -> None:
    register(scene, "1")
    assert serving(scene)["challenger"] is None, "without a champion there is nobody to challenge"
    promote(scene, "1")
    assert serving(scene) == {"model_version": "1", "previous": None, "challenger": None}
    assert statuses(scene) == ["champion"]


def test_the_second_champion_retires_the_first(scene: Scene) -> None:
    register(scene, "1")
    promote(scene, "1")
    register(scene, "2")
    assert serving(scene)["challenger"] == "2"
    promote(scene, "2")
    assert serving(scene) == {"model_version": "2", "previous": "1", "challenger": None}
    assert statuses(scene) == ["retired", "champion"]
    event = scene.events("model.promoted")[-1]
    assert (event["version"], event["previous"]) == ("2", "1")


def test_a_rollback_returns_to_the_previous_version_and_bars_the_present_one(scene: Scene) -> None:
    register(scene, "1", "2")
    promote(scene, "1")
    promote(scene, "2")
    assert roll_back(scene) == "1"
    assert serving(scene) == {"model_version": "1", "previous": None, "challenger": None}
    assert statuses(scene) == ["champion", "rolled_back"]
    with pytest.raises(Refused, match="rolled back and may not serve again"):
        promote(scene, "2")
    with pytest.raises(Refused, match="no earlier version"):
        roll_back(scene)
    assert scene.events("model.rolled_back")[0]["barred"] == "2"


def test_only_a_registered_version_that_does_not_serve_may_be_promoted(scene: Scene) -> None:
    register(scene, "1")
    with pytest.raises(NotFound, match="not registered"):
        promote(scene, "9")
    with pytest.raises(BadInput, match="needs a reason"):
        acts.set_champion(scene.store, "1", actor=FOUNDER, reason=" ", now=NOW)
    promote(scene, "1")
    with pytest.raises(Refused, match="serves already"):
        promote(scene, "1")


def test_a_refused_challenger_leaves_its_place(scene: Scene) -> None:
    register(scene, "1")
    promote(scene, "1")
    register(scene, "2")
    acts.refuse(scene.store, "2", reasons=("the gain is not certain enough",), actor=FLOW, now=NOW)
    assert serving(scene) == {"model_version": "1", "previous": None, "challenger": None}
    assert statuses(scene) == ["champion", "refused"]


def test_refusing_an_old_challenger_keeps_the_new_one(scene: Scene) -> None:
    register(scene, "1")
    promote(scene, "1")
    register(scene, "2", "3")
    acts.refuse(scene.store, "2", reasons=(), actor=FLOW, now=NOW)
    assert serving(scene)["challenger"] == "3"


def test_a_judgement_stands_in_the_trail(scene: Scene) -> None:
    register(scene, "1")
    acts.record_judgement(scene.store, "1", passed=False, cases=250, reasons=("too little",), actor=FLOW, now=NOW)
    (event,) = scene.events("model.judged")
    assert (event["version"], event["passed"], event["cases"]) == ("1", False, 250)


@pytest.mark.parametrize("change", ["promotion", "rollback"])
def test_a_change_of_the_model_voids_its_certificates(scene: Scene, change: str) -> None:
    register(scene, "1", "2")
    promote(scene, "1")
    if change == "rollback":
        promote(scene, "2")
    version = str(serving(scene)["model_version"])
    certify(scene, version)
    certify(scene, version, None)
    with scene.store.read() as connection:
        assert len(models.certificates(connection, version, NOW)) == 2
    if change == "rollback":
        roll_back(scene)
    else:
        promote(scene, "2")
    with scene.store.read() as connection:
        assert models.certificates(connection, version, NOW).empty
        assert models.certificates(connection, str(serving(scene)["model_version"]), NOW).empty
    assert scene.events()[-1]["certificates_voided"] == 2


def test_a_certificate_ends_with_its_time_and_belongs_to_its_version(scene: Scene) -> None:
    register(scene, "1")
    certify(scene, "1")
    end = NOW + timedelta(days=60)
    with scene.store.read() as connection:
        assert len(models.certificates(connection, "1", end - timedelta(seconds=1))) == 1
        assert models.certificates(connection, "1", end).empty
        assert models.certificates(connection, "2", NOW).empty
    assert scene.events("certificate.issued")[0]["threshold_ppm"] == 970_000


def test_an_alias_moved_by_hand_is_recorded_and_changes_nothing(scene: Scene) -> None:
    register(scene, "1", "2")
    promote(scene, "1")
    acts.note_alias_moved(scene.store, found="2", serving="1", actor=FLOW, now=NOW)
    assert scene.events("model.alias_moved")[0]["found"] == "2"
    assert serving(scene)["model_version"] == "1"
    assert scene.trail_is_whole()

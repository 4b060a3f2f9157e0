"""What settling came to and cost, and what person and model both may miss."""

from datetime import timedelta
from pathlib import Path

import pytest

from handrail.store.engine import Store
from handrail.workspace import Workspace
from tasks.occasion import Occasion
from tasks.views.differences import differences
from tests.doubting import BLIND, DRAWN, LATE, SETTLING, rule, serve
from tests.scenes import NOW, VERSION, Scene


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store, DRAWN)
    serve(found, VERSION)
    return found


def sentences(scene: Scene, folder: Path, days: float = 0.01) -> list[str]:
    occasion = Occasion(Workspace(folder, "sqlite://"), scene.store, scene.policy, NOW + timedelta(days=days), "stella")
    return differences(occasion).sentences


def test_what_both_miss_is_estimated_from_agreements_that_were_looked_at_again(scene: Scene, tmp_path: Path) -> None:
    assert sentences(scene, tmp_path) == [
        "No agreement of person and model was looked at again: nobody knows what both miss."
    ]
    ids = scene.waiting(6, **BLIND)
    for case_id in ids:
        rule(scene, case_id, "rita", "refund")
    for case_id in ids[:4]:
        rule(scene, case_id, "ruth", "refund")
    for case_id in ids[4:]:
        rule(scene, case_id, "ruth", "tracking")
    assert sentences(scene, tmp_path)[0].startswith("Of 4 agreements looked at again 0 were wrong: at most 49.0% [0.0%")
    assert sentences(scene, tmp_path)[0].endswith("(2 more are still looked at).")
    rule(scene, ids[4], "ron", "tracking")
    rule(scene, ids[5], "ron", "refund")
    assert sentences(scene, tmp_path)[0].startswith("Of 6 agreements looked at again 1 were wrong: at most")


def test_a_contradiction_that_the_recheck_confirms_is_no_agreement(scene: Scene, tmp_path: Path) -> None:
    (case_id,) = scene.waiting(1, **BLIND)
    rule(scene, case_id, "rita", "tracking")
    rule(scene, case_id, "ruth", "tracking")
    assert sentences(scene, tmp_path)[0].startswith("No agreement")


def test_the_cost_is_told_in_minutes_and_what_waits_too_long_is_told(scene: Scene, tmp_path: Path) -> None:
    scene.policy = scene.known["policy"] = SETTLING
    error, slip, waits = scene.waiting(3, **BLIND)
    for case_id in (error, slip, waits):
        rule(scene, case_id, "rita", "tracking")
    rule(scene, error, "ruth", "tracking")
    rule(scene, slip, "ruth", "refund")
    assert sentences(scene, tmp_path)[1:] == [
        "Of 2 differences settled in 4 weeks 1 were errors of the model, 1 slips of people; 1 wait for another look.",
        "2 looks because of doubt in 4 weeks: 0.1 minutes a day.",
    ]
    late = sentences(scene, tmp_path, (LATE - NOW) / timedelta(days=1))
    assert "1 wait for another look, 1 of them longer than an audit may and counted as errors by alarms." in late[1]

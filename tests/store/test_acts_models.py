"""One row says which model serves; every change of it stands in the trail."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from handrail.acts import certifying
from handrail.acts import models as acts
from handrail.alpha_spending import Look, Terms
from handrail.certification import Certification
from handrail.errors import BadInput, Conflict, NotFound, Refused
from handrail.store import certificates, models, schema
from handrail.store.engine import Store
from tests.scenes import BETTER, FLOW, FOUNDER, NOW, Scene

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def register(scene: Scene, *versions: str, figures: Mapping[str, float] = BETTER) -> None:
    for version in versions:
        scene.add_version(version, cause="by_hand", labels=300, metrics={"accuracy": 0.9, **figures}, trained_until=NOW)


def promote(scene: Scene, version: str) -> None:
    acts.set_champion(scene.store, version, actor=FOUNDER, reason="better", now=NOW)


def roll_back(scene: Scene) -> str:
    return acts.roll_back(scene.store, actor=FOUNDER, reason="worse after all", now=NOW)


def certify(scene: Scene, version: str, category: str | None = "refund") -> None:
    terms = Terms(version, category, 0.02, 0.05, NOW + timedelta(days=60))
    found = Certification(0.97, 0.4, 1, 300, 0)
    one = Look(terms, 1, 0.025, found, 700, (NOW, NOW), (NOW, NOW))
    certifying.record_look(scene.store, one, actor=FLOW, now=NOW)


def serving(scene: Scene) -> dict[str, Any]:
    with scene.store.read() as connection:
        row = models.serving(connection)
    return {name: getattr(row, name) for name in ("model_version", "previous", "challenger")}


def statuses(scene: Scene) -> list[str]:
    return [row["status"] for row in scene.rows(schema.ModelVersion)]


def test_nothing_serves_in_an_empty_workspace(scene: Scene) -> None:
    assert serving(scene) == {"model_version": None, "previous": None, "challenger": None}
    with pytest.raises(Refused, match="no earlier version"):
        roll_back(scene)


def test_the_first_champion_has_no_previous(scene: Scene) -> None:
    register(scene, "1")
    assert serving(scene) == {"model_version": None, "previous": None, "challenger": "1"}, (
        "it waits until somebody asks"
    )
    promote(scene, "1")
    assert serving(scene) == {"model_version": "1", "previous": None, "challenger": None}
    assert statuses(scene) == ["champion"]


@pytest.mark.parametrize(
    ("figures", "evidence"),
    [
        ({"only_model_right": 5.0, "only_commonest_right": 0.0}, "first"),  # p 0.031
        ({"only_model_right": 4.0, "only_commonest_right": 0.0}, "none"),  # p 0.063
        ({"only_model_right": 30.0, "only_commonest_right": 30.0}, "none"),
        ({}, "none"),
    ],
)
def test_nothing_speaks_for_a_first_version_that_does_not_beat_the_commonest_category(
    scene: Scene, figures: dict[str, float], evidence: str
) -> None:
    register(scene, "1", figures=figures)
    if evidence == "none":
        with pytest.raises(Conflict):
            acts.set_champion(scene.store, "1", actor=FLOW, reason="the first", now=NOW, resting_on="first")
        assert serving(scene)["model_version"] is None
    assert acts.set_champion(scene.store, "1", actor=FOUNDER, reason="nothing better", now=NOW) == evidence
    assert scene.events("model.promoted")[0]["evidence"] == evidence


def test_a_version_that_waits_is_superseded_by_the_next(scene: Scene) -> None:
    register(scene, "1", "2", figures={})
    assert statuses(scene) == ["superseded", "challenger"]
    assert serving(scene) == {"model_version": None, "previous": None, "challenger": "2"}


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
    with pytest.raises(Refused, match="rolled back and serves again only once a judgement"):
        promote(scene, "2")
    with pytest.raises(Refused, match="no earlier version"):
        roll_back(scene)
    assert scene.events("model.rolled_back")[0]["barred"] == "2"


def test_rollback_after_rollback_goes_back_through_all_who_served(scene: Scene) -> None:
    register(scene, "1", "2", "3", "4")
    for version in ("1", "3", "2", "4"):
        promote(scene, version)
    assert [roll_back(scene), serving(scene)["previous"]] == ["2", "3"], "who served last comes first"
    assert [roll_back(scene), serving(scene)["previous"]] == ["3", "1"]
    assert [roll_back(scene), serving(scene)["previous"]] == ["1", None]
    with pytest.raises(Refused, match="no earlier version"):
        roll_back(scene)
    assert statuses(scene) == ["champion", "rolled_back", "rolled_back", "rolled_back"]
    assert scene.trail_is_whole()


def test_a_rollback_goes_only_to_a_version_that_served(scene: Scene) -> None:
    register(scene, "1", "2", "3", "4")
    for version in ("1", "2", "3"):
        promote(scene, version)
    for never in ("4", "9", "3"):
        with pytest.raises(Refused, match="may not serve again"):
            acts.roll_back(scene.store, actor=FOUNDER, reason="worse", now=NOW, to=never)
    assert acts.roll_back(scene.store, actor=FOUNDER, reason="worse", now=NOW, to="1") == "1"
    assert serving(scene)["previous"] == "2"


def test_a_version_that_was_refused_is_not_promoted(scene: Scene) -> None:
    register(scene, "1", "2", "3")
    promote(scene, "1")
    acts.record_judgement(
        scene.store,
        "2",
        passed=False,
        cases=250,
        reasons=["no_gain"],
        told={"reasons": ["the gain is unsure"]},
        actor=FLOW,
        now=NOW,
    )
    acts.refuse(scene.store, "2", reasons=["no_gain"], actor=FLOW, now=NOW)
    with pytest.raises(Refused, match=r"did not pass its gates \(the gain is unsure\)"):
        promote(scene, "2")
    assert serving(scene)["model_version"] == "1"


def test_a_promotion_says_what_it_rests_on(scene: Scene) -> None:
    register(scene, "1")
    promote(scene, "1")
    register(scene, "2", "3", "4")
    promote(scene, "2")
    for version, champion in (("3", "2"), ("4", "2")):
        acts.record_judgement(
            scene.store, version, passed=True, cases=250, reasons=[], told={"champion": champion}, actor=FLOW, now=NOW
        )
    promote(scene, "3")
    promote(scene, "4")
    said = [event["evidence"] for event in scene.events("model.promoted")]
    assert said == ["first", "none", "judged", "none"], "to have beaten version 2 says nothing against version 3"


def test_who_is_promoted_past_the_challenger_leaves_it_in_shadow(scene: Scene) -> None:
    register(scene, "1")
    promote(scene, "1")
    register(scene, "2", "3")
    promote(scene, "2")
    assert serving(scene) == {"model_version": "2", "previous": "1", "challenger": "3"}


def test_a_registration_stands_in_the_trail_with_its_digests(scene: Scene) -> None:
    acts.add_version(
        scene.store,
        version="1",
        run_id="run-1",
        cause="by_hand",
        artifact_digest="a" * 64,
        dataset_digest="d" * 64,
        policy_version=scene.policy.version,
        labels=300,
        metrics={},
        novelty_threshold=0.5,
        trained_until=NOW,
        kind="trained",
        rebuild={"predictions_digest": "e" * 64},
        actor=FLOW,
        now=NOW,
    )
    (event,) = scene.events("model.registered")
    digests = [event[f"{name}_digest"] for name in ("artifact", "dataset", "predictions")]
    assert digests == ["a" * 64, "d" * 64, "e" * 64]


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
        assert len(certificates.certificates(connection, version, NOW)) == 2
    if change == "rollback":
        roll_back(scene)
    else:
        promote(scene, "2")
    with scene.store.read() as connection:
        assert certificates.certificates(connection, version, NOW).empty
        assert certificates.certificates(connection, str(serving(scene)["model_version"]), NOW).empty
    assert scene.events()[-1]["certificates_voided"] == 2


def judged_again(scene: Scene, version: str, since: datetime, at: datetime, *, champion: str = "1") -> None:
    """A judgement of labels from `since` on that passes."""
    known = {"passed": True, "cases": 200, "reasons": [], "told": {"champion": champion}}
    acts.record_judgement(scene.store, version, since=since, actor=FLOW, now=at, **known)


class TestRehearsedRollback:
    def test_a_rehearsed_rollback_goes_back_and_bars_nothing(self, scene: Scene) -> None:
        register(scene, "1", "2")
        promote(scene, "1")
        judged_again(scene, "2", NOW - DAY, NOW)
        promote(scene, "2")
        certify(scene, "2")
        assert acts.roll_back(scene.store, actor=FOUNDER, reason="practice", now=NOW, rehearsal=True) == "1"
        assert (serving(scene)["model_version"], statuses(scene)) == ("1", ["champion", "retired"])
        event = scene.events("model.rolled_back")[-1]
        assert (event["barred"], event["left"], event["rehearsal"]) == (None, "2", True)
        with scene.store.read() as connection:
            assert certificates.certificates(connection, "1", NOW).empty, "nobody promises for the other"
        promote(scene, "2")
        assert scene.events("model.promoted")[-1]["evidence"] == "judged", "what spoke for it still does"
        assert (serving(scene)["model_version"], statuses(scene)) == ("2", ["retired", "champion"])
        with scene.store.read() as connection:
            assert len(certificates.certificates(connection, "2", NOW)) == 1, "practice costs no certificate"
        assert scene.trail_is_whole()

    def test_it_goes_there_and_back_by_two_rehearsals(self, scene: Scene) -> None:
        register(scene, "1", "2")
        promote(scene, "1")
        promote(scene, "2")
        register(scene, "3")
        certify(scene, "2")
        certify(scene, "3")
        for serves in ("1", "2"):
            assert acts.roll_back(scene.store, actor=FOUNDER, reason="practice", now=NOW, rehearsal=True) == serves
            with scene.store.read() as connection:
                kept = [len(certificates.certificates(connection, version, NOW)) for version in ("2", "3")]
            assert kept == [1, 1], "practice costs no certificate, of a challenger neither"
        assert statuses(scene)[:2] == ["retired", "champion"]


def test_of_two_versions_that_beat_each_other_the_newer_judgement_counts(scene: Scene) -> None:
    register(scene, "1", "2")
    promote(scene, "1")
    for at, version, champion in ((NOW, "2", "1"), (NOW + DAY, "1", "2")):
        told = {"champion": champion, "judged_at": at.isoformat()}
        acts.record_judgement(
            scene.store, version, passed=True, cases=200, reasons=[], told=told, since=at - HOUR, actor=FLOW, now=at
        )
        acts.set_champion(scene.store, version, actor=FOUNDER, reason="better", now=at, resting_on="judged")
    with scene.store.read() as connection:
        row = models.version(connection, "2")
        assert row is not None
        assert acts.evidence_for(connection, row) == "none", "the old word would let them take turns"


class TestReinstatement:
    @pytest.fixture
    def rolled_back(self, scene: Scene) -> Scene:
        register(scene, "1", "2")
        promote(scene, "1")
        judged_again(scene, "2", NOW - DAY, NOW - HOUR)
        promote(scene, "2")
        roll_back(scene)
        return scene

    def test_what_was_judged_before_the_rollback_speaks_for_nobody(self, rolled_back: Scene) -> None:
        with pytest.raises(Refused, match="serves again only once a judgement on labels from after that"):
            promote(rolled_back, "2")
        assert serving(rolled_back)["model_version"] == "1"

    def test_a_later_judgement_of_older_labels_speaks_for_nobody(self, rolled_back: Scene) -> None:
        judged_again(rolled_back, "2", NOW - timedelta(seconds=1), NOW + DAY)
        with pytest.raises(Refused, match="rolled back"):
            promote(rolled_back, "2")

    def test_a_judgement_against_another_champion_speaks_for_nobody(self, rolled_back: Scene) -> None:
        judged_again(rolled_back, "2", NOW, NOW + DAY, champion="0")
        with pytest.raises(Refused, match="rolled back"):
            promote(rolled_back, "2")

    def test_a_judgement_of_labels_from_after_the_rollback_lets_it_serve_again(self, rolled_back: Scene) -> None:
        judged_again(rolled_back, "2", NOW, NOW + DAY)
        promote(rolled_back, "2")
        assert (serving(rolled_back)["model_version"], statuses(rolled_back)) == ("2", ["retired", "champion"])
        assert rolled_back.events("model.promoted")[-1]["evidence"] == "judged"

    def test_one_that_fails_its_new_judgement_stays_rolled_back(self, rolled_back: Scene) -> None:
        acts.refuse(rolled_back.store, "2", reasons=["no_gain"], actor=FLOW, now=NOW + DAY)
        assert statuses(rolled_back) == ["champion", "rolled_back"]
        assert rolled_back.events("model.refused")[-1]["version"] == "2"

    def test_a_second_rollback_asks_for_a_second_judgement(self, rolled_back: Scene) -> None:
        judged_again(rolled_back, "2", NOW, NOW + DAY)
        promote(rolled_back, "2")
        acts.roll_back(rolled_back.store, actor=FOUNDER, reason="worse again", now=NOW + 2 * DAY)
        with pytest.raises(Refused, match="rolled back"):
            promote(rolled_back, "2")


def test_a_certificate_ends_with_its_time_and_belongs_to_its_version(scene: Scene) -> None:
    register(scene, "1")
    promote(scene, "1")
    certify(scene, "1")
    end = NOW + timedelta(days=60)
    with scene.store.read() as connection:
        assert len(certificates.certificates(connection, "1", end - timedelta(seconds=1))) == 1
        assert certificates.certificates(connection, "1", end).empty
        assert certificates.certificates(connection, "2", NOW).empty
    assert scene.events("certificate.issued")[0]["threshold_ppm"] == 970_000


def test_an_alias_moved_by_hand_is_recorded_and_changes_nothing(scene: Scene) -> None:
    register(scene, "1", "2")
    promote(scene, "1")
    acts.note_alias_moved(scene.store, found="2", serving="1", actor=FLOW, now=NOW)
    assert scene.events("model.alias_moved")[0]["found"] == "2"
    assert serving(scene)["model_version"] == "1"
    assert scene.trail_is_whole()

"""A look, its certificate and its trail events stand or fall together."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from handrail.acts import alerting, certifying, drifting
from handrail.acts import models as model_acts
from handrail.alerts import troubles
from handrail.alpha_spending import Look, Terms
from handrail.certificate import Certificate
from handrail.certification import Certification
from handrail.errors import Conflict, NotPermitted
from handrail.policy import CertificateRules
from handrail.store import certificates, schema, situation
from handrail.store.engine import Store
from handrail.store.frames import records
from tests.scenes import FLOW, FOUNDER, NOW, Scene

UNTIL = NOW + timedelta(days=60)
CASES = (NOW - timedelta(days=27), NOW)
GOOD = Certification(0.97, 0.4, 1, 300, 0)
NOTHING = Certification(None, 0.0, 9, 400, 120)


@pytest.fixture
def scene(store: Store) -> Scene:
    """Version 1 serves, version 2 waits."""
    found = Scene(store)
    for version in ("1", "2"):
        found.add_version(version, cause="by_hand", labels=300, metrics={"accuracy": 0.9}, trained_until=NOW)
    model_acts.set_champion(store, "1", actor=FOUNDER, reason="first", now=NOW)
    return found


def look(
    scene: Scene,
    number: int,
    found: Certification = GOOD,
    *,
    category: str | None = "refund",
    version: str = "1",
    at: datetime = NOW,
    shift: datetime | None = None,
) -> int | None:
    terms = Terms(version, category, 0.02, 0.05, at + timedelta(days=60))
    one = Look(terms, number, 0.05 / (number * (number + 1)), found, 700, (NOW, NOW), CASES, shift, outside=3)
    return certifying.record_look(scene.store, one, actor=FLOW, now=at)


def valid(
    scene: Scene, at: datetime = NOW, rules: CertificateRules | None = None, *, version: str = "1"
) -> list[str | None]:
    with scene.store.read() as connection:
        return [row["category"] for row in records(certificates.certificates(connection, version, at, rules=rules))]


def test_a_look_that_certifies_writes_itself_the_certificate_and_counts_into_the_trail(scene: Scene) -> None:
    issued = look(scene, 1)
    certificate, attempt = scene.row(schema.Certificate), scene.row(schema.CertificateAttempt)
    assert (certificate["model_version"], certificate["category"], certificate["threshold"]) == ("1", "refund", 0.97)
    assert (certificate["labels"], certificate["errors"], certificate["max_error"]) == (300, 1, 0.02)
    assert (certificate["delta"], certificate["expires_at"]) == (0.05, UNTIL)
    assert (attempt["certificate_id"], attempt["labels"], attempt["delta"]) == (issued, 700, pytest.approx(0.025))
    looked, granted = scene.events("certificate.looked")[0], scene.events("certificate.issued")[0]
    assert (looked["spent_ppm"], looked["looked_at"], looked["needed"]) == (25_000, 700, 0)
    assert (granted["threshold_ppm"], granted["max_error_ppm"], granted["delta_ppm"]) == (970_000, 20_000, 50_000)
    assert (granted["certificate"], granted["replaced"]) == (issued, 0)
    assert (certificate["cases_from"], certificate["cases_until"], certificate["outside"]) == (*CASES, 3)
    assert (granted["cases_from"], granted["outside"]) == (CASES[0].isoformat(), 3)
    assert scene.trail_is_whole()


def test_a_look_that_certifies_nothing_is_spent_all_the_same_and_leaves_the_certificate(scene: Scene) -> None:
    look(scene, 1)
    assert look(scene, 2, NOTHING) is None
    assert valid(scene) == ["refund"]
    assert [row["needed"] for row in scene.rows(schema.CertificateAttempt)] == [0, 120]
    assert len(scene.events("certificate.issued")) == 1


def test_a_new_certificate_takes_the_place_of_the_one_before_it_alone(scene: Scene) -> None:
    look(scene, 1)
    look(scene, 1, category="tracking")
    look(scene, 1, category=None)
    renewed = look(scene, 2, replace(GOOD, threshold=0.96), at=NOW + timedelta(days=50))
    assert sorted(valid(scene, NOW + timedelta(days=50)), key=str) == [None, "refund", "tracking"]
    first = scene.row(schema.Certificate, id=1)
    assert (first["void_reason"], first["voided_at"]) == ("renewed", NOW + timedelta(days=50))
    assert scene.row(schema.Certificate, id=renewed)["voided_at"] is None
    assert [event["replaced"] for event in scene.events("certificate.issued")] == [0, 0, 0, 1]


def test_a_look_that_allows_no_more_leaves_the_certificate_and_one_that_does_takes_its_place(scene: Scene) -> None:
    look(scene, 1)
    later = NOW + timedelta(days=9)
    assert look(scene, 2, Certification(0.98, 0.3, 1, 600, 0), at=later) is None
    assert [row["voided_at"] for row in scene.rows(schema.Certificate)] == [None]
    assert look(scene, 3, Certification(0.96, 0.5, 3, 900, 0), at=later) is not None
    assert [row["void_reason"] for row in scene.rows(schema.Certificate)] == ["renewed", None]


def test_two_runs_at_once_do_not_look_twice(scene: Scene) -> None:
    look(scene, 1)
    with pytest.raises(Conflict, match="shadow scoring again"):
        look(scene, 1)
    assert scene.count(schema.CertificateAttempt) == scene.count(schema.Certificate) == 1


def test_the_version_in_shadow_has_its_certificate_before_it_serves_and_keeps_it_then(scene: Scene) -> None:
    look(scene, 1)
    assert look(scene, 1, version="2") is not None
    model_acts.set_champion(scene.store, "2", actor=FOUNDER, reason="better", now=NOW)
    assert valid(scene) == []
    assert valid(scene, version="2") == ["refund"], "a promotion does not begin from nothing"
    assert scene.events("model.promoted")[-1]["certificates_voided"] == 1


def test_a_version_that_neither_serves_nor_is_in_shadow_is_not_certified(scene: Scene) -> None:
    with pytest.raises(Conflict, match="version 3"):
        look(scene, 1, version="3")
    assert scene.count(schema.Certificate) == 0


class TestContradicted:
    """Audits that speak against a certificate end it, and its cases go to people until another is earned."""

    def end(self, scene: Scene, *, wrong: int = 9, at: datetime = NOW) -> bool:
        (row,) = scene.rows(schema.Certificate, category="refund")
        return certifying.void(scene.store, Certificate(**row), wrong=wrong, audited=100, actor=FLOW, now=at)

    def test_it_is_void_once_and_the_trail_says_why(self, scene: Scene) -> None:
        issued = look(scene, 1)
        look(scene, 1, category=None)
        assert self.end(scene)
        assert not self.end(scene), "it was void already"
        assert valid(scene) == [None]
        (event,) = scene.events("certificate.voided")
        assert (event["certificate"], event["wrong"], event["audited"]) == (issued, 9, 100)
        assert scene.row(schema.Certificate, id=issued)["void_reason"] == "contradicted by audits"
        assert scene.trail_is_whole()

    def test_its_cases_go_to_people_whatever_the_policy_says_of_uncertified_ones(self, scene: Scene) -> None:
        look(scene, 1)
        look(scene, 1, category=None)
        self.end(scene)
        with scene.store.read() as connection:
            seen = situation.read(connection, scene.policy, NOW)
        assert seen.contradicted == {"refund"}
        for uncertified in ("fixed", "review"):
            rules = scene.policy.queues.model_copy(update={"uncertified": uncertified})
            policy = scene.policy.model_copy(update={"queues": rules})
            assert seen.is_uncertified("refund", policy)
            assert not seen.is_uncertified("tracking", policy), "the overall one covers it"

    def test_the_alert_stands_until_another_is_earned(self, scene: Scene) -> None:
        look(scene, 1)
        self.end(scene)

        def told() -> list[str]:
            with scene.store.read() as connection:
                facts = alerting.survey(connection, policy=scene.policy, channels=[], now=NOW)
            return [one.subject for one in troubles(facts) if one.kind == "certificate"]

        assert told() == ["refund"]
        look(scene, 2)
        assert told() == []

    def test_a_reviewer_voids_nothing(self, scene: Scene) -> None:
        look(scene, 1)
        (row,) = scene.rows(schema.Certificate)
        with pytest.raises(NotPermitted):
            certifying.void(scene.store, Certificate(**row), wrong=9, audited=10, actor="rita", now=NOW)
        assert valid(scene) == ["refund"]


def test_a_reviewer_certifies_nothing(scene: Scene) -> None:
    one = Look(Terms("1", None, 0.02, 0.05, UNTIL), 1, 0.025, GOOD, 700, (NOW, NOW), CASES)
    with pytest.raises(NotPermitted):
        certifying.record_look(scene.store, one, actor="rita", now=NOW)
    assert scene.count(schema.CertificateAttempt) == 0


def test_at_the_moment_of_its_end_a_certificate_holds_no_more(scene: Scene) -> None:
    look(scene, 1)
    assert valid(scene, UNTIL - timedelta(seconds=1)) == ["refund"]
    assert valid(scene, UNTIL) == []
    assert valid(scene, UNTIL + timedelta(seconds=1)) == []
    look(scene, 2, at=UNTIL)
    assert scene.row(schema.Certificate, id=1)["voided_at"] is None, "it ended by age, nothing replaced it"


@pytest.mark.parametrize(
    ("max_error", "delta", "holds"),
    [(0.02, 0.05, True), (0.03, 0.10, True), (0.019, 0.05, False), (0.02, 0.049, False)],
)
def test_a_policy_that_asks_for_more_by_now_has_no_use_for_it(
    scene: Scene, max_error: float, delta: float, holds: bool
) -> None:
    look(scene, 1)
    rules = CertificateRules(max_error=max_error, delta=delta)
    assert valid(scene, rules=rules) == (["refund"] if holds else [])


def test_a_new_model_voids_what_holds_and_says_so(scene: Scene) -> None:
    look(scene, 1)
    look(scene, 1, category=None)
    model_acts.set_champion(scene.store, "2", actor=FOUNDER, reason="better", now=NOW)
    assert valid(scene) == []
    assert {row["void_reason"] for row in scene.rows(schema.Certificate)} == {"version 2 serves"}
    assert scene.events("model.promoted")[-1]["certificates_voided"] == 2


def test_a_drift_voids_what_holds_and_not_what_had_ended(scene: Scene) -> None:
    look(scene, 1)
    late = UNTIL + timedelta(days=1)
    look(scene, 1, category=None, at=UNTIL)
    profile = drifting.save_profile(scene.store, "{}", cause="first", cases=30, window=(NOW, NOW), actor=FLOW, now=NOW)
    _, voided = drifting.record_drift(
        scene.store,
        profile_id=profile,
        columns=["amount"],
        terms=[],
        window=(NOW, late),
        policy=scene.policy,
        actor=FLOW,
        now=late,
    )
    assert voided == 1
    assert valid(scene, late) == []
    assert [row["void_reason"] for row in scene.rows(schema.Certificate)] == [None, "drift 1"]


@pytest.mark.parametrize("began", [NOW - timedelta(days=7), NOW + timedelta(days=1)])
def test_a_drift_found_while_labels_are_looked_at_leaves_nothing_to_certify(scene: Scene, began: datetime) -> None:
    profile = drifting.save_profile(scene.store, "{}", cause="first", cases=30, window=(NOW, NOW), actor=FLOW, now=NOW)
    drifting.record_drift(
        scene.store,
        profile_id=profile,
        columns=["amount"],
        terms=[],
        window=(began, NOW),
        policy=scene.policy,
        actor=FLOW,
        now=NOW,
    )
    with pytest.raises(Conflict, match="a drift was found"):
        look(scene, 1)
    assert scene.count(schema.Certificate) == scene.count(schema.CertificateAttempt) == 0
    assert look(scene, 1, shift=began) is not None

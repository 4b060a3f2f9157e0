"""The cases and rulings that certificates rest on, as both databases tell them."""

from datetime import timedelta

import numpy as np
import pytest

from handrail.acts import labelling
from handrail.store import certificates, judging, labels, schema
from handrail.store.engine import Store
from tests.scenes import MANAGER, NOVICE, NOW, POLICY, VERSION, Scene

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def test_the_population_holds_every_routed_case_with_how_it_was_drawn(scene: Scene) -> None:
    audited, approved = scene.automatic(2)
    (hidden,) = scene.waiting(1, suggestion_hidden=True)
    scene.audit([audited])
    with scene.store.read() as connection:
        found = certificates.population(connection, VERSION, since=NOW).set_index("case_id")
        none = certificates.population(connection, "2", since=NOW)
        old = certificates.population(connection, VERSION, since=NOW + HOUR)
    assert found.loc[[audited, approved, hidden], "audited"].tolist() == [True, False, False]
    assert found.loc[[audited, approved, hidden], "hidden"].tolist() == [False, False, True]
    assert found.loc[[audited, approved, hidden], "inclusion"].notna().tolist() == [True, False, False]
    assert none.empty
    assert old.empty


def test_the_newest_blind_ruling_of_trained_people_counts_a_denial_without_a_label(scene: Scene) -> None:
    right, denied, seen, novice = scene.waiting(3, suggestion_hidden=True)[:3] + scene.waiting(
        1, suggestion_hidden=True
    )
    scene.decide(right, "override", label="tracking")
    scene.decide(denied, "deny", reason_code="out_of_scope")
    scene.decide(seen, "deny", reason_code="out_of_scope", label="refund")
    scene.decide(novice, "deny", actor=NOVICE, reason_code="out_of_scope")
    with scene.store.read() as connection:
        found = certificates.blind_rulings(connection, since=NOW).set_index("case_id")["label"]
        later = certificates.blind_rulings(connection, since=NOW + HOUR)
    assert set(found.index) == {right, denied, seen}
    assert found[right] == "tracking"
    assert found[[denied, seen]].isna().all(), "an approval would have been wrong, whatever the category"
    assert later.empty


def test_only_the_newest_certificate_of_each_category_is_told(scene: Scene) -> None:
    with scene.store.write() as connection:
        for category in ("refund", None, "refund"):
            certificates.insert_certificate(
                connection,
                model_version="1",
                category=category,
                threshold=0.9,
                max_error=0.02,
                delta=0.05,
                labels=200,
                errors=0,
                window_from=NOW,
                window_to=NOW,
                issued_at=NOW,
                expires_at=NOW + DAY,
                voided_at=None,
                void_reason=None,
            )
    with scene.store.read() as connection:
        newest = certificates.newest_certificates(connection)
    assert newest["id"].tolist() == [2, 3]
    assert scene.count(schema.Certificate) == 3


def test_a_case_that_becomes_gold_keeps_its_own_ruling_and_answers_to_a_test_are_none(scene: Scene) -> None:
    (gold,) = scene.waiting(1, suggestion_hidden=True)
    with scene.store.write() as connection:
        connection.execute(schema.CaseInput.__table__.update().values(redacted="where is my money"))
    scene.decide(gold, "override", "ruth", label="refund")
    scene.add_person("cara", "data_curator")
    labelling.attest(scene.store, gold, "refund", actor="cara", **scene.known)
    one = scene.policy.model_copy(update={"labels": scene.policy.labels.model_copy(update={"gold_cases": 1})})
    rng = np.random.default_rng(7)
    labelling.test(scene.store, "rita", policy=one, actor="cara", now=NOW, rng=rng)
    scene.decide(gold, "deny", "rita", NOW + HOUR, reason_code="out_of_scope")
    with scene.store.read() as connection:
        found = certificates.blind_rulings(connection, since=NOW)
    # Left out, the sample would be what a curator has chosen afterwards, and no random one any more.
    assert found[["case_id", "label"]].to_numpy().tolist() == [[gold, "refund"]]


def blind_denials(scene: Scene) -> set[int]:
    with scene.store.read() as connection:
        return set(certificates.blind_rulings(connection, since=NOW - DAY)["case_id"])


def test_a_denial_counts_as_its_person_was_trained_when_they_decided(scene: Scene) -> None:
    before, after, while_trained = scene.waiting(3, suggestion_hidden=True)
    scene.decide(before, "deny", actor=NOVICE, reason_code="out_of_scope")
    scene.decide(while_trained, "deny", reason_code="out_of_scope")
    assert blind_denials(scene) == {while_trained}
    scene.add_person(NOVICE, "reviewer", trained_until=NOW + 30 * DAY)
    assert blind_denials(scene) == {while_trained}, "who learns it today did not know it yesterday"
    scene.decide(after, "deny", actor=NOVICE, reason_code="out_of_scope")
    scene.add_person("rita", "reviewer", trained_until=None)
    scene.add_person(NOVICE, "reviewer", trained_until=None)
    assert blind_denials(scene) == {while_trained, after}, "what a trained person said stays said"


def test_a_label_counts_as_its_person_was_trained_when_they_gave_it(scene: Scene) -> None:
    (case,) = scene.waiting(1, suggestion_hidden=True)
    scene.decide(case, "override", actor=NOVICE, label="tracking")
    scene.add_person(NOVICE, "reviewer", trained_until=NOW + 30 * DAY)
    with scene.store.read() as connection:
        withheld = judging.withheld(connection, POLICY, since=NOW - DAY)
        train = labels.labelled(connection, POLICY)
    assert withheld.empty
    assert train.empty
    assert blind_denials(scene) == set()
    labelling.adjudicate(scene.store, case, "tracking", policy=POLICY, actor=MANAGER, now=NOW + HOUR)
    assert blind_denials(scene) == {case}, "an adjudication accepts it expressly"

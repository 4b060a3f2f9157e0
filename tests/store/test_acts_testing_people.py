"""Tests of reviewers in the hands of others: cancelled, listed, and kept from whom they may still test."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handrail.acts import claiming, labelling, training
from handrail.acts.claiming import Claim
from handrail.errors import BadInput, NotFound, NotPermitted
from handrail.policy import LabelRules
from handrail.store import schema
from handrail.store.engine import Store
from tests.scenes import FOUNDER, NOVICE, NOW, POLICY, Scene

CURATOR = "cara"
SECRET = b"of this shop"
LABELS = LabelRules(second_share=0, gold_cases=3, gold_right=0.7, gold_share=1.0, gold_window=5, seeded_wrong=0.0)
RULES = POLICY.model_copy(update={"labels": LABELS})
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store, RULES)
    found.add_person(CURATOR, "data_curator")
    return found


def attested(scene: Scene, count: int, label: str = "refund") -> list[int]:
    """Gold cases written by hand."""
    start = scene.count(schema.GoldCase)
    rows = pd.DataFrame({"text": [f"letter {start + n}" for n in range(count)], "label": label})
    labelling.write(scene.store, rows, actor=CURATOR, **scene.known)
    return [row["case_id"] for row in scene.rows(schema.GoldCase)][-count:]


def slip(scene: Scene, person: str = "rita", **values: Any) -> bool:  # noqa: ANN401 - of the act
    return training.slip_in(scene.store, person, **{"policy": RULES, "secret": SECRET, "now": NOW, **values})


def next_of(scene: Scene, person: str = "rita") -> Claim:
    return claiming.claim(scene.store, person, policy=RULES, now=NOW)[0]


def answer(scene: Scene, right: bool, person: str = "rita", at: datetime = NOW) -> None:
    """Be given a gold case, and answer it."""
    assert slip(scene, person)
    scene.rule(next_of(scene, person), "override", person, at, label="refund" if right else "cancel")


class TestCancelling:
    def open(self, scene: Scene) -> None:
        attested(scene, 4)
        labelling.test(scene.store, NOVICE, actor=CURATOR, rng=np.random.default_rng(1), **scene.known)

    def cancel(self, scene: Scene, actor: str = CURATOR, reason: str = "on leave") -> None:
        labelling.cancel_test(scene.store, NOVICE, reason=reason, actor=actor, now=LATER)

    def test_an_unfinished_test_ends_without_a_result_and_another_can_follow(self, scene: Scene) -> None:
        self.open(scene)
        claim = claiming.claim(scene.store, NOVICE, kinds=["gold"], **scene.known)[0]
        scene.rule(claim, "override", NOVICE, label="refund")
        self.cancel(scene)
        test = scene.row(schema.Qualification)
        assert (test["passed"], test["right"], test["closed_at"]) == (None, None, LATER)
        assert claiming.claim(scene.store, NOVICE, kinds=["gold"], **scene.known) == []
        with pytest.raises(NotFound):
            training.result(scene.store, NOVICE, test["id"])
        labelling.test(scene.store, NOVICE, actor=CURATOR, rng=np.random.default_rng(2), **scene.known)
        for one in claiming.claim(scene.store, NOVICE, kinds=["gold"], limit=9, **scene.known):
            scene.rule(one, "override", NOVICE, label="refund")
        assert scene.rows(schema.Qualification)[-1]["right"] == 3, "the answer to the cancelled one is not counted"

    def test_only_who_hands_tests_out_cancels_and_says_why(self, scene: Scene) -> None:
        self.open(scene)
        with pytest.raises(NotPermitted):
            self.cancel(scene, NOVICE)
        with pytest.raises(BadInput):
            self.cancel(scene, reason=" ")
        self.cancel(scene)
        with pytest.raises(NotFound, match="no unfinished test"):
            self.cancel(scene)


def test_a_curator_who_reviews_sees_only_answers_that_can_no_longer_test_them(scene: Scene) -> None:
    scene.add_person("both", "data_curator", "reviewer")
    others = attested(scene, 3)
    labelling.write(scene.store, pd.DataFrame({"text": ["mine"], "label": ["refund"]}), actor="both", **scene.known)

    def shown(person: str) -> set[int]:
        found = labelling.gold(scene.store, actor=person)
        return set(found[found["label"].notna()]["case_id"])

    assert shown(CURATOR) >= set(others)
    assert shown("both").isdisjoint(others)
    assert len(shown("both")) == 1
    training.begin(scene.store, "both", rng=np.random.default_rng(1), **scene.known)
    claims = claiming.claim(scene.store, "both", kinds=["gold"], limit=9, **scene.known)
    scene.rule(claims[0], "override", "both", label="refund")
    assert shown("both").isdisjoint(others), "the test is still under way"
    for claim in claims[1:]:
        scene.rule(claim, "override", "both", label="refund")
    assert shown("both") >= set(others)


def test_the_product_owner_sees_tests_and_a_reviewer_does_not(scene: Scene) -> None:
    attested(scene, 3)
    training.begin(scene.store, NOVICE, rng=np.random.default_rng(1), **scene.known)
    (test,) = labelling.tests(scene.store, actor=FOUNDER)
    assert (test.person, test.closed_at) == (NOVICE, None)
    with pytest.raises(NotPermitted):
        labelling.tests(scene.store, actor=NOVICE)

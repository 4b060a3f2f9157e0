"""Where training rows come from, what never stands in both sets, and people who earn their word."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from handrail import labels
from handrail import policy as policies
from handrail.acts import labelling, pausing, publishing
from handrail.errors import NotPermitted
from handrail.founding import Kind
from handrail.near_duplicates import twins
from handrail.policy import Stage
from handrail.sample import generate, reviewers
from handrail.store import labels as label_rows
from handrail.store import schema, staff
from handrail.store.engine import Store
from handrail.store.frames import records
from handrail.workspace import Workspace
from models import training_set
from tasks.learning import retrain
from tasks.learning.label import give_test, write_gold
from tasks.occasion import enter
from tasks.rehearsal import simulate
from tests.scenes import FOUNDER, NOVICE
from tests.shop import HISTORY, LATER, NOW, WORDS, Shop, letters

SAMPLE = Path(__file__).resolve().parents[2] / "policy" / "sample" / "policy.yaml"


def label_blindly(shop: Shop, cases: list[dict[str, object]]) -> None:
    """Deliver cases in shadow and let people decide them, blind and rightly."""
    known = {"reason": "test", "policy": shop.policy, "actor": FOUNDER, "now": LATER}
    for category in WORDS:
        pausing.set_stage(shop.at().store, category, Stage.SHADOW, **known)
    shop.deliver("shadow.csv", cases)
    shop.work(LATER)


class TestTrainingRows:
    def test_each_row_says_whence_it_comes(self, shop: Shop) -> None:
        label_blindly(shop, letters(24))
        rows = retrain.training_examples(shop.at())
        assert {"case_id", "provenance", "status", "reviewer", "labelled_at", "blind"} <= set(rows.columns)
        taught = rows[rows["provenance"] == "review"]
        assert set(taught["status"]) == {"accepted"}
        assert set(taught["blind"]) == {True}
        assert taught["reviewer"].notna().all()
        counts = labels.provenance_counts(rows)
        assert counts["review_accepted"] == counts["blind"] == len(taught) > 0
        assert sum(counts.values()) - counts["blind"] == len(rows)

    def test_the_digest_of_the_set_does_not_depend_on_the_order_of_its_rows(self, shop: Shop) -> None:
        rows = retrain.training_examples(shop.at())
        shuffled = rows.sample(frac=1, random_state=1)
        assert training_set.dataset_digest(rows) == training_set.dataset_digest(shuffled)

    def test_what_differs_from_a_withheld_case_by_a_number_or_a_word_does_not_train(self, shop: Shop) -> None:
        again = [
            {**letter, "text": f"{letter['text']} because of my order 4711 from last month please look", "label": ""}
            for letter in letters(40)
        ]
        shop.deliver(
            "history2.csv",
            [{**one, "text": one["text"].replace("4711", "99"), "label": "refund"} for one in again],
            NOW,
        )
        before = retrain.training_examples(shop.at())
        label_blindly(shop, again)
        occasion = shop.at()
        after = retrain.training_examples(occasion)
        blind = [row["case_id"] for row in shop.rows(schema.Label) if row["blind"]]
        held = [case_id for case_id, is_held in zip(blind, occasion.withholding.draws(blind), strict=True) if is_held]
        texts = [shop.rows(schema.CaseInput, case_id=case_id)[0]["redacted"] for case_id in held]
        assert len(held) > 5
        assert twins(texts, before["text"].tolist(), 0.8).all(), "they came before, with another number"
        assert not twins(texts, after["text"].tolist(), 0.8).any()

    def test_a_gold_case_leaves_the_training_set(self, shop: Shop) -> None:
        (first, *_) = retrain.training_examples(shop.at())["case_id"]
        occasion = shop.at(LATER, FOUNDER)
        labelling.attest(occasion.store, int(first), "refund", policy=occasion.policy, actor=FOUNDER, now=LATER)
        rows = retrain.training_examples(shop.at())
        assert first not in set(rows["case_id"])
        assert len(rows) == HISTORY - 1


class TestQualifying:
    def test_gold_cases_are_redacted_like_any_other_text(self, shop: Shop) -> None:
        written = write_gold(shop.at(LATER, FOUNDER), ["write to ann@example.org about my refund"], ["refund"])
        assert written == {"written": 1, "duplicates": 0}
        kept = shop.rows(schema.CaseInput)[-1]
        assert "ann@" not in kept["text"] + kept["redacted"]

    def test_who_may_not_test_hands_out_nothing(self, shop: Shop) -> None:
        with pytest.raises(NotPermitted):
            give_test(shop.at(LATER, NOVICE), NOVICE)
        assert shop.rows(schema.WorkItem, kind="gold") == []

    def test_simulated_reviewers_earn_their_word_by_what_they_know(self, tmp_path: Path) -> None:
        workspace = Workspace(tmp_path / "home")
        workspace.create()
        store = Store(workspace.database_url)
        store.upgrade()
        publishing.found(store, policies.read(SAMPLE), founder=simulate.STEWARD, now=NOW, workspace=Kind.REHEARSAL)
        occasion = enter(workspace, simulate.STEWARD, NOW)
        people = [person for person in reviewers() if person.name in ("ada", "dev")]
        simulate.staff(occasion, people)
        passed = simulate.qualify(occasion, generate(weeks=1, per_week=200).gold, people, np.random.default_rng(1))
        with store.read() as connection:
            tests = label_rows.last_tests(connection)
            known = {row["name"]: row["trained_until"] for row in records(staff.people(connection))}
        assert {name: test.cases for name, test in tests.items()} == {"ada": 20, "dev": 20, "mona": 20}
        assert passed == sum(test.right >= 17 for test in tests.values()) > 0
        for name, test in tests.items():
            assert known[name] == (NOW + timedelta(days=180) if test.passed else None)

from collections import Counter

import pytest

from handrail import gold
from handrail.errors import BadInput
from handrail.gold import Chance
from handrail.policy import LabelRules, QueueRules

SECRET = b"of this shop"
RULES = LabelRules(gold_cases=10, gold_right=0.8, gold_share=0.1, gold_window=20, seeded_wrong=0.5)
CATEGORIES = ["refund", "tracking", "cancel"]


def chance(after: int, secret: bytes = SECRET, person: str = "rita") -> Chance:
    return Chance(secret, person, after)


class TestTheDraw:
    def test_the_policys_share_of_moments_is_drawn(self) -> None:
        drawn = sum(gold.is_due(SECRET, "rita", after, RULES) for after in range(5000))
        assert 420 <= drawn <= 580, "500 expected, five standard deviations are 106"

    def test_asking_again_draws_the_same_and_another_person_or_secret_another(self) -> None:
        def drawn(secret: bytes, person: str) -> list[bool]:
            return [gold.is_due(secret, person, after, RULES) for after in range(300)]

        assert drawn(SECRET, "rita") == drawn(SECRET, "rita")
        assert drawn(SECRET, "rita") != drawn(SECRET, "ruth")
        assert drawn(SECRET, "rita") != drawn(b"of another", "rita")

    def test_a_share_of_nothing_needs_no_secret_and_any_other_does(self) -> None:
        assert not gold.is_due(b"", "rita", 1, LabelRules(gold_share=0))
        with pytest.raises(BadInput, match="handrail init"):
            gold.is_due(b"", "rita", 1, RULES)

    def test_half_of_them_carry_a_wrong_suggestion_whether_or_not_they_were_likely_to_come(self) -> None:
        due = [after for after in range(8000) if gold.is_due(SECRET, "rita", after, RULES)]
        seeded = sum(gold.is_seeded(chance(after), RULES) for after in due)
        assert 0.4 < seeded / len(due) < 0.6

    @pytest.mark.parametrize(("share", "seeded"), [(0.0, False), (1.0, True)])
    def test_the_policy_may_seed_none_or_all(self, share: float, seeded: bool) -> None:
        rules = RULES.model_copy(update={"seeded_wrong": share})
        assert all(gold.is_seeded(chance(after), rules) is seeded for after in range(200))


class TestTheSuggestion:
    def test_it_is_never_the_attested_category(self) -> None:
        for after in range(300):
            found = gold.wrong_suggestion(chance(after), "refund", CATEGORIES, ["refund"], {"refund": 9, "cancel": 1})
            assert found in ("tracking", "cancel")

    def test_what_a_model_said_wrongly_of_the_case_comes_first(self) -> None:
        found = gold.wrong_suggestion(chance(1), "refund", CATEGORIES, ["refund", "cancel", "tracking"], {})
        assert found == "cancel"

    def test_else_what_models_mistake_such_cases_for_as_often_as_they_do(self) -> None:
        counts = {"tracking": 3, "cancel": 1}
        drawn = Counter(gold.wrong_suggestion(chance(n), "refund", CATEGORIES, [], counts) for n in range(2000))
        assert set(drawn) == {"tracking", "cancel"}
        assert 0.7 < drawn["tracking"] / 2000 < 0.8

    def test_else_any_other_alike_and_none_where_there_is_no_other(self) -> None:
        drawn = Counter(gold.wrong_suggestion(chance(n), "refund", CATEGORIES, ["weather"], {}) for n in range(2000))
        assert 0.45 < drawn["cancel"] / 2000 < 0.55
        assert gold.wrong_suggestion(chance(1), "refund", ["refund"], [], {}) is None

    def test_its_confidence_is_one_that_ordinary_work_had_or_lies_in_the_policys_band(self) -> None:
        ordinary = [0.71, 0.83, 0.94]
        drawn = {gold.confidence(chance(n), ordinary, QueueRules()) for n in range(200)}
        assert drawn == set(ordinary)
        without = [gold.confidence(chance(n), [], QueueRules()) for n in range(200)]
        assert min(without) >= 0.70
        assert max(without) < 0.95
        assert len(set(without)) == 200


class TestTheRollingBar:
    @pytest.mark.parametrize(
        ("right", "judged", "ends"),
        [(7, 9, False), (0, 9, False), (7, 10, True), (8, 10, False), (9, 10, False), (0, 10, True)],
    )
    def test_below_the_bar_a_training_ends_once_as_many_count_as_a_test_has(
        self, right: int, judged: int, ends: bool
    ) -> None:
        assert gold.rolling([True] * right + [False] * (judged - right), RULES).ends_training is ends

    def test_only_the_newest_of_the_window_count(self) -> None:
        found = gold.rolling([True] * 20 + [False] * 50, RULES)
        assert (found.right, found.judged, found.ends_training) == (20, 20, False)

    def test_a_window_smaller_than_a_test_can_still_be_full(self) -> None:
        found = gold.rolling([False] * 5, LabelRules(gold_cases=20, gold_window=5))
        assert found.is_enough


def test_what_is_slipped_in_passes_for_a_review_and_a_test_does_not() -> None:
    shown = [gold.shown_kind(kind, queue) for kind, queue in (("gold", "B"), ("gold", "C"), ("audit", "A"))]
    assert shown == ["review", "gold", "audit"]
    assert gold.is_slipped_in("gold", gold.queue_of(slipped_in=True))
    assert not gold.is_slipped_in("gold", gold.queue_of(slipped_in=False))
    assert not gold.is_slipped_in("review", "B")

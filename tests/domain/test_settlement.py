"""What others make of a difference between a person and a model."""

from itertools import product

import pytest

from handrail.settlement import NextStep, Resolution, resolve

MODEL = "refund"


@pytest.mark.parametrize(
    ("opinions", "predicted", "found"),
    [
        (["cancel"], [MODEL], Resolution(NextStep.LOOK)),
        (["cancel", "cancel"], [MODEL], Resolution(NextStep.SETTLED, "cancel")),
        (["cancel", MODEL], [MODEL], Resolution(NextStep.SETTLED, MODEL)),
        (["cancel", "other"], [MODEL], Resolution(NextStep.LOOK)),
        (["cancel", "other", "cancel"], [MODEL], Resolution(NextStep.SETTLED, "cancel")),
        (["cancel", "other", "other"], [MODEL], Resolution(NextStep.SETTLED, "other")),
        (["cancel", "other", MODEL], [MODEL], Resolution(NextStep.SETTLED, MODEL)),
        (["cancel", "other", "third"], [MODEL], Resolution(NextStep.ADJUDICATION)),
        # A recheck that differs from an agreement: the model's word does not outvote the second person by itself.
        ([MODEL, "cancel"], [MODEL], Resolution(NextStep.LOOK)),
        ([MODEL, "cancel", "cancel"], [MODEL], Resolution(NextStep.SETTLED, "cancel")),
        ([MODEL, "cancel", MODEL], [MODEL], Resolution(NextStep.SETTLED, MODEL)),
        # Champion and challenger differ, and a person stands with each.
        ([MODEL, "cancel"], [MODEL, "cancel"], Resolution(NextStep.LOOK)),
        ([MODEL, "cancel", "other"], [MODEL, "cancel"], Resolution(NextStep.ADJUDICATION)),
    ],
)
def test_the_majority_of_people_and_model_settles(opinions: list[str], predicted: list[str], found: Resolution) -> None:
    assert resolve(opinions, predicted) == found


def test_nothing_is_settled_by_one_person_and_no_case_waits_for_a_fifth() -> None:
    for many in range(1, 5):
        for opinions in product("abcd", repeat=many):
            for predicted in ("a", "ab"):
                found = resolve(opinions, predicted)
                assert (found.next is NextStep.SETTLED) == (found.opinion is not None)
                if many == 1:
                    assert found.next is NextStep.LOOK
                if many > 2:
                    assert found.next is not NextStep.LOOK
                if found.opinion is not None:
                    assert opinions.count(found.opinion) + (found.opinion in predicted) >= 2

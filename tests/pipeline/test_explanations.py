"""A person who sees a suggestion sees what carried it; who decides blind sees neither."""

import shutil

from console.deciding import _card
from handrail.acts import claiming
from handrail.policy import Stage
from models import copies
from tasks.views.review import ShownCase, shown_case
from tests.shop import LATER, WORDS, Shop, in_stage, letters


def shown(shop: Shop) -> ShownCase:
    shop.deliver("live.csv", letters(1, only="complaint"))
    occasion = shop.at()
    (claim,) = claiming.claim(occasion.store, "rita", policy=occasion.policy, now=LATER)
    return shown_case(occasion, claim)


def test_a_suggestion_comes_with_the_words_of_the_case_that_carried_it(shop: Shop) -> None:
    value = shown(shop)
    assert value.suggestion == "complaint"
    because = value.because
    words = [part.term for part in because.words]
    assert words
    assert all(word in str(value.text).lower() for word in words)
    assert because.words[0].weight > 0
    assert [part.term for part in because.fields] == ["channel"]
    assert because.second_choice in set(WORDS) - {"complaint"}
    assert f"because: {words[0]} +" in _card(value)


def test_a_blind_reviewer_sees_no_word_of_it(shop: Shop) -> None:
    in_stage(shop, "complaint", Stage.SHADOW)
    value = shown(shop)
    assert (value.suggestion, value.because) == (None, None)
    assert "because" not in _card(value)


def test_without_the_models_files_the_case_is_shown_without_explanation(shop: Shop) -> None:
    shop.deliver("first.csv", letters(1, only="complaint"))
    shutil.rmtree(shop.workspace.model_cache)
    (shop.workspace.home / "mlflow.db").unlink()
    copies.loaded._models.clear()
    occasion = shop.at()
    (claim,) = claiming.claim(occasion.store, "rita", policy=occasion.policy, now=LATER)
    value = shown_case(occasion, claim)
    assert (value.suggestion, value.because) == ("complaint", None)

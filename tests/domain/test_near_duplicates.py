"""Near-duplicates: the plain definition, pair by pair, is the oracle."""

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.near_duplicates import normalise, twins

SENTENCE = "please send the money for my broken kettle back to me at once"


def triples(text: str) -> set[tuple[str, ...]]:
    words = normalise(text)
    if len(words) < 3:
        return {("short", *words)} if words else set()
    return {tuple(words[at : at + 3]) for at in range(len(words) - 2)}


def plain(texts: list[str], among: list[str], at_least: float) -> list[bool]:
    """The definition, without any index."""
    sets = [triples(text) for text in among]
    return [
        any(mine and mine & other and len(mine & other) >= at_least * len(mine | other) - 1e-9 for other in sets)
        for mine in map(triples, texts)
    ]


words = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "9", "17"]), max_size=12).map(" ".join)


@settings(max_examples=100, deadline=None)
@given(st.lists(words, max_size=8), st.lists(words, max_size=8), st.sampled_from([0.2, 0.5, 0.6, 0.75, 0.8, 1.0]))
def test_no_near_duplicate_escapes_and_none_is_invented(texts: list[str], among: list[str], at_least: float) -> None:
    assert twins(texts, among, at_least).tolist() == plain(texts, among, at_least)


def test_many_letters_of_few_words_are_judged_as_by_the_definition() -> None:
    rng = np.random.default_rng(3)
    letters = [" ".join(rng.choice(list("abcdefghij"), rng.integers(1, 40))) for _ in range(300)]
    changed = [letter.replace("a b", "a x", 1) + " z" for letter in letters[:150]]
    assert twins(changed, letters, 0.7).tolist() == plain(changed, letters, 0.7)
    assert 10 < twins(changed, letters, 0.7).sum() < 150


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (SENTENCE, True),
        (SENTENCE.upper() + "!!", True),
        (f"{SENTENCE} please", True),  # 11 of 12 triples in common
        (f"{SENTENCE} thank you so", False),  # 11 of 14
        (SENTENCE.replace("kettle", "toaster"), False),  # 8 of 14
        ("where is my parcel", False),
        ("", False),
    ],
)
def test_texts_that_share_four_of_five_triples_are_alike(other: str, alike: bool) -> None:
    assert twins([other], [SENTENCE], 0.8).tolist() == [alike]


@pytest.mark.parametrize(("common", "alike"), [(8, True), (7, False)])
def test_the_share_itself_is_enough(common: int, alike: bool) -> None:
    """Of ten triples in all: eight in common are 0.8, seven are not."""
    names = [f"w{chr(97 + at)}" for at in range(12)]
    shorter = names[: common + 2]
    assert twins([" ".join(shorter)], [" ".join(names)], 0.8).tolist() == [alike]


def test_another_order_number_or_date_makes_no_other_letter() -> None:
    first = "my order 4711 of 2026-03-01 did not arrive, where is it"
    assert twins([first], ["My order 99 of 2025-12-24 did not arrive. Where is it?"], 1.0).tolist() == [True]
    assert twins(["4711", "12 30"], ["4712", "12 30"], 0.8).tolist() == [False, True], "numbers alone are told apart"


def test_short_texts_are_alike_only_when_they_are_equal() -> None:
    assert twins(["cancel it", "cancel", "Cancel it!"], ["cancel it", "cancel now"], 0.5).tolist() == [
        True,
        False,
        True,
    ]


def test_a_text_without_a_word_is_nobodys_twin() -> None:
    assert twins(["", "...", "a"], ["", "!!", "a"], 0.8).tolist() == [False, False, True]


def test_nothing_among_nothing() -> None:
    assert twins([], ["a"], 0.8).tolist() == []
    assert twins(["a", "b"], [], 0.8).tolist() == [False, False]


@pytest.mark.slow
def test_twenty_thousand_letters_are_compared_with_two_thousand_in_seconds() -> None:
    rng = np.random.default_rng(1)
    vocabulary = np.array(["".join(letters) for letters in product("abcdefghijklmno", repeat=3)])[:3000]
    frequent = 1 / np.arange(1, 3001)
    letters = [" ".join(row) for row in rng.choice(vocabulary, (22_000, 50), p=frequent / frequent.sum())]
    planted = [f"{letter} again" for letter in letters[:100]]
    began = time.process_time()
    found = twins([*letters[2000:], *planted], letters[:2000], 0.8)
    assert found[-100:].all()
    assert time.process_time() - began < 20

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import comb

from handrail.errors import BadInput
from handrail.terms import TermProfile, build, new_terms, oov_rate, terms_of

LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = np.array([f"w{a}{b}{c}" for a in LETTERS[:6] for b in LETTERS for c in LETTERS[:10]])
WEIGHTS = 1 / np.arange(1, len(VOCABULARY) + 1)


def texts(chance: np.random.Generator, documents: int, length: float) -> list[str]:
    lengths = np.maximum(chance.poisson(length, documents), 3)
    words = chance.choice(VOCABULARY, lengths.sum(), p=WEIGHTS / WEIGHTS.sum())
    return [" ".join(part) for part in np.split(words, np.cumsum(lengths)[:-1])]


@pytest.fixture(scope="module")
def reference() -> TermProfile:
    return build(texts(np.random.default_rng(1), 4_000, 25))


def test_a_new_product_is_named_with_its_cases(reference: TermProfile) -> None:
    current = texts(np.random.default_rng(2), 1_000, 25)
    for row in range(100, 110):
        current[row] += " zephyrix"
    found = new_terms(reference, current, [f"case-{row}" for row in range(1_000)])
    assert [term.term for term in found] == ["zephyrix"]
    assert found[0].documents == 10
    assert found[0].lift == pytest.approx((10 / 1_000) / (1 / 4_000))
    assert found[0].example_ids == ("case-100", "case-101", "case-102", "case-103", "case-104")


@pytest.mark.parametrize("length", [12, 25, 60])
def test_nothing_new_is_named_when_only_the_length_of_texts_changes(reference: TermProfile, length: float) -> None:
    chance = np.random.default_rng(3)
    assert sum(len(new_terms(reference, texts(chance, 1_000, length))) for _ in range(6)) <= 3


def test_p_is_the_exact_hypergeometric_tail() -> None:
    # One tested term beside "old": 6 of 10 current documents hold it, 2 of 30 before.
    profile = TermProfile(30, 32, {"old": 30, "tea": 2})
    current = [f"tea {'x' * i}" for i in range(1, 7)] + ["y", "yy", "yyy", "yyyy"]
    (found,) = new_terms(profile, current, fdr=1.0)
    documents, incidences = (40, 10), (32 + 22, 22)

    def tail(population: int, draws: int) -> float:
        ways = sum(comb(8, k, exact=True) * comb(population - 8, draws - k, exact=True) for k in range(6, 9))
        return ways / comb(population, draws, exact=True)

    raw = max(tail(*documents), tail(*incidences))
    assert found.term == "tea"
    assert found.p == pytest.approx(min(1.0, 2 * raw))
    assert found.lift == pytest.approx((6 / 10) / (2 / 30))


def test_copies_of_one_text_count_once(reference: TermProfile) -> None:
    current = texts(np.random.default_rng(4), 500, 25)
    letter = " ".join(texts(np.random.default_rng(5), 1, 80)) + " boycott"
    assert new_terms(reference, [*current, *[letter] * 40]) == []
    nearly = [f"{letter} {name}" for name in VOCABULARY[:40]]
    assert "boycott" not in {term.term for term in new_terms(reference, [*current, *nearly])}


def test_a_pair_of_known_words_can_be_new(reference: TermProfile) -> None:
    current = texts(np.random.default_rng(6), 800, 25)
    first, second = VOCABULARY[40], VOCABULARY[60]
    for row in range(20):
        current[row] += f" {VOCABULARY[row]} {first} {second}"
    assert [term.term for term in new_terms(reference, current)] == [f"{first} {second}"]


def test_fewer_documents_than_the_minimum_name_nothing(reference: TermProfile) -> None:
    current = texts(np.random.default_rng(7), 300, 25)
    for row in range(4):
        current[row] += " zephyrix"
    assert new_terms(reference, current) == []
    current[4] += " zephyrix"
    assert [term.term for term in new_terms(reference, current)] == ["zephyrix"]


def test_empty_windows_name_nothing(reference: TermProfile) -> None:
    assert new_terms(reference, []) == []
    assert new_terms(reference, ["", "12 34"]) == []
    assert new_terms(build([]), ["tea"] * 20) == []
    assert oov_rate(reference, []) == 0


def test_ids_must_match_the_texts(reference: TermProfile) -> None:
    with pytest.raises(BadInput, match="one id"):
        new_terms(reference, ["tea"], [])


def test_the_share_of_unknown_words_is_counted() -> None:
    assert oov_rate(build(["tea cup"]), ["tea pot", "cup"]) == pytest.approx(1 / 3)


def test_a_profile_survives_json_and_drops_the_rarest_terms_openly() -> None:
    profile = build(["tea cup", "tea pot"], cap=2)
    assert profile.frequencies == {"tea": 2, "cup": 1}
    assert profile.dropped == 1
    assert TermProfile.from_json(profile.to_json()) == profile
    with pytest.raises(BadInput, match="Build it again"):
        TermProfile.from_json("[]")


@given(st.lists(st.text(max_size=60), max_size=12))
def test_a_window_equal_to_its_reference_names_nothing(window: list[str]) -> None:
    assert new_terms(build(window), window) == []
    assert oov_rate(build(window), window) == 0
    assert all(term == term.lower() for text in window for term in terms_of(text) if text.isascii())

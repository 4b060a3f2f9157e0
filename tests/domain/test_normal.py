"""One normaliser: what looks like plain letters is read as plain letters, and ordinary text is left alone."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.normal import normalise, skeleton

SEEN = "".join(sorted(set(string.printable) - {"\x0b", "\x0c"}))
LATIN = "".join(chr(code) for code in range(0xA1, 0x250) if code != 0xAD) + "ẞ–—‘’“”„…€™½•"
HIDDEN = "\x00\x0b\x1f\x7f\x9f\u200b\u200d\u00ad\ufeff\u2060\u202e\ufe0f\U000e0061"
MARKS = "\u0301\u0336\u20dd"


@pytest.mark.parametrize(
    "disguised",
    [
        "law\u200byer",
        "law\x7fyer",
        "l\x00aw\x1fyer",
        "law\x85y\x9fer",
        "l\u00adaw\u00adyer",
        "\u202elaw\ufeffyer\u202c",
        "\uff4c\uff41\uff57\uff59\uff45\uff52",
        "".join(chr(0x1D4F5 - ord("l") + ord(letter)) for letter in "lawyer"),
        "".join(chr(0x24D0 - ord("a") + ord(letter)) for letter in "lawyer"),
        "ʟᴀᴡʏᴇʀ",
        "l\u0336a\u0336w\u0336y\u0336e\u0336r\u0336",
        "lawye\u0301r",
        "l\u0430wy\u0435r",
        "\u04cfawyer",
        "lαwyer",
    ],
)
def test_a_word_in_disguise_is_read_as_the_word(disguised: str) -> None:
    assert normalise(disguised).text == "lawyer"


@given(st.text(alphabet=SEEN + LATIN))
def test_ordinary_latin_text_is_unchanged(text: str) -> None:
    assert normalise(text).text == text
    assert normalise(text).original(0, len(text)) == (0, len(text))


@pytest.mark.parametrize(
    "text",
    [
        "Я хочу вернуть деньги",
        "Θέλω τα χρήματά μου",
        "お金を返してください",
        "أريد استرداد أموالي",
        "Mюллер, ВКонтакте",
    ],
)
def test_words_of_another_script_stay_what_they_are(text: str) -> None:
    assert normalise(text).text == text


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(HIDDEN + MARKS + "ﬁ\u00a0ａ１аое"))))
def test_every_character_knows_where_it_stood(text: str) -> None:
    read = normalise(text)
    for at in range(len(read.text)):
        start, end = read.original(at, at + 1)
        assert 0 <= start < end <= len(text)
        assert read.text[at] in normalise(text[start:end]).text or normalise(text[start:end]).text.isalpha()
    for at in range(1, len(read.text)):
        assert read.original(at - 1, at)[0] <= read.original(at, at + 1)[0]


@given(
    st.lists(st.tuples(st.sampled_from(string.ascii_letters + string.digits), st.sampled_from(["", *HIDDEN, *MARKS])))
)
def test_a_span_covers_what_is_hidden_in_it_and_the_marks_over_its_end(pairs: list[tuple[str, str]]) -> None:
    read = normalise("".join(letter + after for letter, after in pairs))
    assert read.text == "".join(letter for letter, _ in pairs)
    starts = [sum(len(letter + after) for letter, after in pairs[:at]) for at in range(len(pairs))]
    for at, (_, after) in enumerate(pairs):
        assert read.original(at, at + 1) == (starts[at], starts[at] + (2 if after in MARKS and after else 1))
    if pairs:
        assert read.original(0, len(pairs)) == (0, starts[-1] + (2 if pairs[-1][1] in MARKS and pairs[-1][1] else 1))


def test_a_ligature_is_covered_whole() -> None:
    read = normalise("oﬃce")
    assert read.text == "office"
    assert read.original(2, 3) == (1, 2)
    assert read.original(3, 3) == (0, 0)


@pytest.mark.parametrize(
    "twin",
    ["cleo ", "Cleo", "сleo", "c\u200bleo", "\uff43leo", "cIeo", "c1eo", "cle0", "  CLEO", "cleo\u0336"],
)
def test_names_that_look_alike_have_one_skeleton(twin: str) -> None:
    assert skeleton(twin) == skeleton("cleo")


def test_a_word_of_one_other_script_has_the_skeleton_of_the_word_it_looks_like() -> None:
    assert skeleton("сорре") == skeleton("coppe")
    assert skeleton("rené") == skeleton(unicodedata.normalize("NFD", "rené")) != skeleton("rene")

import re
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.flags import find_flags
from handrail.policy import CategoryRules, Policy


def policy(**flags: tuple[str, ...]) -> Policy:
    return Policy(business="test", categories={"a": CategoryRules(action="a")}, flags=flags)


RULES = policy(legal=(r"\blawyers?\b", r"\bsue\b"), safety=(r"\bsmoke\b",), policy=(r"gift card\s+codes?",))


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("My LAWYER will write", ("legal",)),
        ("I will sue, there was smoke", ("legal", "safety")),
        ("pay in Gift Card  Codes", ("policy",)),
        ("pursue the smoker", ()),
        ("", ()),
    ],
)
def test_a_text_gets_the_kinds_whose_patterns_match(text: str, flags: tuple[str, ...]) -> None:
    assert find_flags([text], RULES) == [flags]


def test_texts_keep_their_order_and_no_texts_give_none() -> None:
    assert find_flags(["a", "smoke", "b"], RULES) == [(), ("safety",), ()]
    assert find_flags([], RULES) == []


def test_a_policy_without_patterns_flags_nothing() -> None:
    assert find_flags(["my lawyer"], policy()) == [()]


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"\bSCRA\b", "the scra applies", True),
        (r"\S+ LAW", "the law", True),
        (r"(ha)\1", "haha", True),
        (r"(ha)\1", "ha ho", False),
        (r"(?P<word>\w+) (?P=word)", "no no", True),
        (r"(?i)court", "COURT", True),
        (r"straße", "STRASSE", False),
        (r"ärger", "ÄRGER", True),
    ],
)
def test_patterns_mean_together_what_they_mean_alone(pattern: str, text: str, matches: bool) -> None:
    expected = [("legal",)] if matches else [()]
    assert find_flags([text], policy(legal=(pattern,))) == expected
    assert find_flags([text], policy(legal=(r"(x)(y)zzz", pattern))) == expected


@given(st.lists(st.text(alphabet="lawyersuemok gift\nA", max_size=40), max_size=5))
def test_the_joined_search_never_hides_a_match(texts: list[str]) -> None:
    import re

    expected = [
        tuple(
            kind
            for kind, patterns in RULES.flags.items()
            if any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
        )
        for text in texts
    ]
    assert find_flags(texts, RULES) == expected


@pytest.mark.parametrize(
    "disguised",
    [
        "my law\u200byer writes",
        "my law\x7fyer writes",
        "my l\x00aw\x85yer writes",
        "my l\u00adawyer writes",
        "my \uff4c\uff41\uff57\uff59\uff45\uff52 writes",
        "my l\u0336a\u0336w\u0336yer writes",
        "my lawye\u0301r writes",
        "my l\u0430wy\u0435r writes",
        "MY \u202eL\u0410WYER WRITES",
        "pay in gift\u00a0card\u2003codes",
    ],
)
def test_a_word_in_disguise_flags_like_the_word(disguised: str) -> None:
    assert find_flags([disguised], RULES) != [()]


def test_a_pattern_with_accents_meets_accents_however_they_are_written() -> None:
    accented = policy(legal=("réclamation",))
    for form in ("NFC", "NFD"):
        assert find_flags([normalize(form, "Ma Réclamation")], accented) == [("legal",)]


@pytest.mark.parametrize("pattern", ["law\u200byer", "\u0430вокат", "\uff4caw"])
def test_what_a_pattern_itself_writes_in_disguise_is_still_met(pattern: str) -> None:
    assert find_flags([f"mein {pattern} schreibt"], policy(legal=(pattern,))) == [("legal",)]


@given(st.lists(st.text(alphabet="abcdelmowy rsu.-é’ß0123", max_size=30)))
def test_ordinary_text_flags_as_its_letters_say(texts: list[str]) -> None:
    kinds = [
        tuple(kind for kind, of in RULES.flags.items() if any(re.search(p, text, re.IGNORECASE) for p in of))
        for text in texts
    ]
    assert find_flags(texts, RULES) == kinds

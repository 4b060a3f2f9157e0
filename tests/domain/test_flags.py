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

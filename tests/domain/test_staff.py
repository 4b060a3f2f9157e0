"""What a person may be called: nobody can be taken for somebody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail import staff
from handrail.errors import BadInput, Conflict, HandrailError

TWINS = ["Cleo", "CLEO", "сlео", "c1eo"]
HIDING = [
    "cleo ",
    " cleo",
    "c\u200bleo",
    "\uff43leo",
    "cleo\u0301\u0336",
    "c\u0435cile",
    "cl eo  x",
    "cleo\n",
    "cleo\u00a0x",
]
IMPOSSIBLE = ["", "   ", "flow:triage", "Flow:x", "f\u200blow:x", "x" * 81, "cleo\0", "-cleo", "cleo:x", "<cleo>"]
USUAL = [
    "cleo",
    "Anna-Maria",
    "second manager",
    "o'brien",
    "j.doe@example.org",
    "ada_2",
    "Jürgen",
    "Ольга",
    "王芳",
    "रीता",
]


@pytest.mark.parametrize("name", USUAL)
def test_an_ordinary_name_of_any_script_is_a_name(name: str) -> None:
    staff.require_new_name(name, ["rita", "mona"])


@pytest.mark.parametrize("name", TWINS)
def test_a_name_that_could_be_taken_for_a_colleagues_is_refused_with_theirs(name: str) -> None:
    with pytest.raises((BadInput, Conflict), match="cleo"):
        staff.require_new_name(name, ["ada", "cleo"])


@pytest.mark.parametrize("name", HIDING)
def test_a_name_with_something_hidden_is_refused_even_where_nobody_has_it(name: str) -> None:
    with pytest.raises(BadInput, match=r"Write it as|Choose another"):
        staff.require_new_name(name, [])


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_name_that_marks_a_flow_or_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="cannot be a person's name"):
        staff.require_new_name(name, [])


def test_the_refusal_offers_the_name_as_people_read_it() -> None:
    with pytest.raises(BadInput, match=r"Write it as 'cleo'\."):
        staff.require_new_name("\uff43leo ", [])


@given(st.text(max_size=12), st.text(max_size=12))
def test_of_two_names_that_are_let_in_none_is_the_other_in_another_dress(first: str, second: str) -> None:
    try:
        staff.require_new_name(first, [])
        staff.require_new_name(second, [first])
    except HandrailError:
        return
    assert first.strip().casefold() != second.strip().casefold()
    assert staff.look_alike(second, [first]) is None

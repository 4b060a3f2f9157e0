import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail.breaker.suspects import GroupCount, groups, telling_terms

WORDS = ("parcel late again", "where is my order", "no answer since monday", "please call back soon")


def texts(count: int, more: str = "") -> list[str]:
    return [
        f"{WORDS[number % 4]} number {chr(97 + number % 26)}{chr(97 + number // 26)} {more}" for number in range(count)
    ]


def test_a_term_of_the_rejected_cases_is_named_with_its_cases() -> None:
    written = [*texts(60), *texts(8, "frobnicator")]
    rejected = np.array([False] * 60 + [True] * 8)
    found = telling_terms(written, rejected, list(range(100, 168)))
    assert found[0].term == "frobnicator"
    assert found[0].documents == 8
    assert set(found[0].cases) <= set(range(160, 168))


def test_words_that_both_kinds_share_are_not_named() -> None:
    assert telling_terms(texts(60), np.arange(60) < 8, list(range(60))) == []


@pytest.mark.parametrize("rejected", [np.ones(5, dtype=bool), np.zeros(5, dtype=bool)])
def test_without_both_kinds_no_term_is_named(rejected: np.ndarray) -> None:
    assert telling_terms(texts(5), rejected, list(range(5))) == []
    assert telling_terms([], np.array([], dtype=bool), []) == []


def test_the_group_that_holds_the_rejections_comes_first_and_stands_out() -> None:
    fields = [{"region": "north" if number < 20 else "south", "channel": "web"} for number in range(80)]
    rejected = np.arange(80) < 10
    found = groups(fields, rejected, ["region", "channel", "tier"])
    assert found[0] == GroupCount(column="region", group="north", reviewed=20, rejected=10, stands_out=True)
    assert {(one.group, one.stands_out) for one in found[1:]} == {("south", False), ("web", False)}
    tail = stats.hypergeom.sf(9, 80, 10, 20)
    assert tail < 0.05 / 3


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "", None]), st.booleans()), max_size=60))
def test_groups_hold_every_review_with_a_value_once(rows: list[tuple[str | None, bool]]) -> None:
    found = groups([{"x": value} for value, _ in rows], np.array([bad for _, bad in rows], dtype=bool), ["x"])
    known = [(value, bad) for value, bad in rows if value]
    assert sum(one.reviewed for one in found) == len(known)
    assert sum(one.rejected for one in found) == sum(bad for _, bad in known)

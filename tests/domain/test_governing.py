"""What governs automation is what the trail tells; rows that say something else are named."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.governing import Change, TrailState, altered_policy, altered_rows, first_raised, replay

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ("refund", "tracking")


def event(kind: str, day: float = 0, **data: object) -> Change:
    return Change.of({"kind": kind, "at": (START + day * DAY).isoformat(), **data})


def begun(day: float = 0, policy: str = "p1") -> Change:
    return event("workspace.begun", day, policy=policy, business="shop")


def published(day: float, policy: str) -> Change:
    return event("policy.published", day, policy=policy, previous="p1")


def moved(day: float, to: str, category: str = "refund") -> Change:
    return event("stage.changed", day, category=category, to=to, **{"from": "shadow"})


STORY = [
    begun(),
    moved(1, "auto"),
    event("model.promoted", 1, version="1"),
    published(2, "p2"),
    event("automation.paused", 3, category=None),
    event("automation.paused", 3, category="refund"),
    event("automation.resumed", 4, category="refund"),
    moved(4, "partial"),
    event("model.promoted", 5, version="2"),
    event("model.rolled_back", 6, version="1"),
]


def test_the_trail_tells_what_governs_now() -> None:
    assert replay(STORY) == TrailState(
        "shop", "p2", frozenset({"p1", "p2"}), {"refund": "partial"}, frozenset({None}), "1"
    )
    assert replay([]) == TrailState()


class TestFirstRaised:
    def found(self, *events: Change, **raised_by: tuple[str, ...]) -> dict[str, float]:
        known = {"p1": (), **raised_by}
        return {name: (at - START) / DAY for name, at in first_raised(events, known, NAMES).items()}

    def test_a_category_counts_from_its_first_raise_whatever_comes_later(self) -> None:
        later = (moved(2, "suggest"), moved(3, "auto"), moved(4, "partial", "tracking"), published(5, "p1"))
        assert self.found(begun(), moved(1, "partial"), *later) == {"refund": 1, "tracking": 4}

    def test_what_never_left_shadow_was_never_raised(self) -> None:
        assert self.found(begun(), moved(1, "suggest"), moved(2, "manual")) == {}

    def test_a_policy_whose_stages_begin_raised_counts_until_the_first_change(self) -> None:
        raising = {"p1": ("refund",), "p2": ("refund", "tracking")}
        assert self.found(begun(), published(3, "p2"), published(9, "p2"), **raising) == {"refund": 0, "tracking": 3}
        assert self.found(begun(), moved(1, "shadow", "tracking"), published(3, "p2"), **raising) == {"refund": 0}

    def test_a_policy_of_which_nothing_is_known_raises_everything(self) -> None:
        assert self.found(begun(policy="gone"), published(5, "p1")) == dict.fromkeys(NAMES, 0)

    def test_a_raise_under_a_clock_that_was_ahead_gives_way_to_an_earlier_moment(self) -> None:
        assert self.found(begun(), moved(400, "auto"), moved(2, "suggest"), moved(3, "auto")) == {"refund": 3}

    @given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["shadow", "suggest", "partial", "auto"]))))
    def test_no_later_change_starts_the_clock_again(self, moves: list[tuple[str, str]]) -> None:
        events = [moved(day, to, category) for day, (category, to) in enumerate(moves)]
        whole = self.found(*events)
        for end in range(len(events)):
            for name, day in self.found(*events[:end]).items():
                assert whole[name] == day


def rows(**other: Any) -> list[tuple[str, str | None]]:  # noqa: ANN401 - arguments of `altered_rows`
    given = {"stages": {"refund": "partial"}, "paused": {None}, "serving": "1", "categories": NAMES, **other}
    return [(one.what, one.category) for one in altered_rows(replay(STORY), **given)]


def test_rows_that_are_what_the_trail_tells_are_no_alteration() -> None:
    assert rows() == []


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"stages": {"refund": "auto"}}, [("stage", "refund")]),
        ({"stages": {}}, [("stage", "refund")]),
        ({"stages": {"refund": "partial", "tracking": "auto"}}, [("stage", "tracking")]),
        ({"paused": ()}, [("pause", None)]),
        ({"paused": {None, "tracking"}}, []),
        ({"serving": "3"}, [("serving", None)]),
        ({"serving": None}, []),
    ],
)
def test_a_row_that_was_changed_outside_is_named(other: dict[str, Any], found: list[tuple[str, str | None]]) -> None:
    assert rows(**other) == found


def test_each_says_what_to_do() -> None:
    found = altered_rows(replay(STORY), stages={}, paused=(), serving="3", categories=NAMES)
    assert ["`handrail " in one.sentence for one in found] == [True] * 3
    assert "it is the policy's, and the audit trail says partial" in found[0].sentence
    assert "`handrail pause --all" in found[1].sentence


@pytest.mark.parametrize(
    ("digest", "version", "is_readable", "words"),
    [
        ("p2", "p2", True, None),
        ("xx", "p2", True, "its content is not what was published."),
        ("p2", "xx", True, "its content is not what was published."),
        ("xx", "xx", True, "its content is not what was published."),
        ("p1", "p1", True, "its content is not what was published."),
        ("xx", "p2", False, "and it cannot be read"),
        ("p2", "p2", False, "cannot be read by this version"),
        (None, None, False, "was deleted"),
    ],
)
def test_a_policy_is_what_was_published_or_it_is_named(
    digest: str | None, version: str | None, is_readable: bool, words: str | None
) -> None:
    found = altered_policy(replay(STORY), digest=digest, version=version, is_readable=is_readable)
    if words is None:
        assert found is None
    else:
        assert found is not None
        assert words in found.sentence
        assert found.sentence.endswith("`handrail policy publish FILE`.")
        assert (found.what, found.category) == ("policy", None)

"""One count of the cases holds every rate by group."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.cube import MISSING, Cube, binary, cubes, grouped
from handrail.errors import BadInput

CASES = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([0, 1, None]), st.sampled_from([0, 1, None])),
    max_size=40,
)


def rate_by_loop(rows: list[tuple[str | None, int | None, int | None]], group: str, metric: str) -> tuple[int, int]:
    """A metric of one group, counted case by case."""
    of_group = [(t, o) for g, t, o in rows if (g or MISSING) == group and o is not None]
    match metric:
        case "selection":
            kept = [o == 1 for _, o in of_group]
        case "error":
            kept = [o != t for t, o in of_group if t is not None]
        case "false positive":
            kept = [o == 1 for t, o in of_group if t == 0]
        case _:
            kept = [o == 0 for t, o in of_group if t == 1]
    return sum(kept), len(kept)


@settings(deadline=None)
@given(CASES)
def test_every_rate_is_what_counting_case_by_case_gives(rows: list[tuple[str | None, int | None, int | None]]) -> None:
    frame = pd.DataFrame(rows, columns=["group", "truth", "said"])
    frame = frame.astype({"truth": "Int64", "said": "Int64", "group": object})
    (cube,) = cubes(frame, ["group"], "said", "truth")
    for tally in (cube.selection(), cube.error(), cube.false_positive(), cube.false_negative()):
        for at, name in enumerate(cube.groups):
            assert (tally.k[at], tally.n[at]) == rate_by_loop(rows, name, tally.metric), tally.metric


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=1))
def test_one_label_against_the_rest_is_the_outcome_is_this_label(rows: list[tuple[str, str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["group", "truth", "said"])
    (cube,) = cubes(frame, ["group"], "said", "truth")
    label = cube.labels[0]
    as_flags = frame.assign(truth=frame["truth"] == label, said=frame["said"] == label)
    (expected,) = cubes(as_flags, ["group"], "said", "truth")
    assert cube.against_rest(label).counts.tolist() == expected.counts.tolist()
    assert (
        cube.against_rest(label).without_truth().counts.tolist()
        == cubes(as_flags, ["group"], "said")[0].counts.tolist()
    )


def test_several_groupings_count_the_same_cases() -> None:
    frame = pd.DataFrame({"region": list("abab"), "tier": list("xxyy"), "said": [1, 0, 1, 1]})
    region, tier = cubes(frame, ["region", "tier"], "said")
    assert (region.grouping, region.groups, tier.groups) == ("region", ("a", "b"), ("x", "y"))
    assert (region.selection().k.tolist(), tier.selection().k.tolist()) == ([2, 1], [1, 2])
    assert [tally.metric for tally in region.tallies()] == ["selection"]


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([True, False], [1, 0]),
        ([1, 0], [1, 0]),
        ([1.0, np.nan], [1, -1]),
        (["true", "FALSE", None], [1, 0, -1]),
        (["yes", "no "], [1, 0]),
        (["1", 0, True, None], [1, 0, 1, -1]),
        ([0.5, 1], None),
        ([-1, 1], None),
        ([np.inf, 1], None),
        (["yes", "maybe"], None),
        ([None, None], [-1, -1]),
        ([], []),
    ],
)
def test_an_outcome_is_read_as_people_write_it(values: list[object], codes: list[int] | None) -> None:
    found = binary(pd.Series(values))
    assert (None if found is None else found.tolist()) == codes


def test_nullable_booleans_are_outcomes_too() -> None:
    found = binary(pd.Series([True, None, False], dtype="boolean"))
    assert found is not None
    assert found.tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        (["b", "a", "b"], ("a", "b")),
        ([1, "1", 2], ("1", "2")),
        ([2.5, np.nan], (MISSING, "2.5")),
        ([["x"], ["x"], None], (MISSING, "['x']")),
        (pd.Categorical(["b", "a"], ["b", "a", "c"]), ("a", "b", "c")),
        ([], ()),
    ],
)
def test_any_column_has_groups(values: list[object], groups: tuple[str, ...]) -> None:
    codes, names = grouped(pd.Series(values))
    assert names == groups
    assert len(codes) == len(values)


def test_labels_of_mixed_kinds_are_compared_as_they_are_written() -> None:
    frame = pd.DataFrame({"group": list("aab"), "truth": [1.0, 2.0, np.nan], "said": ["1", "3", "2"]})
    (cube,) = cubes(frame, ["group"], "said", "truth")
    assert cube.labels == ("1", "2", "3")
    assert (cube.error().k.tolist(), cube.error().n.tolist()) == ([1, 0], [2, 0])


def test_labels_need_a_truth_beside_them() -> None:
    frame = pd.DataFrame({"group": ["a"], "said": ["refund"]})
    with pytest.raises(BadInput, match=r"holds refund\. Convert it first, or name the column with the truth"):
        cubes(frame, ["group"], "said")


def test_a_column_of_amounts_is_no_label_and_no_group() -> None:
    amounts = np.arange(5_000) + 0.5
    frame = pd.DataFrame({"group": amounts, "truth": amounts % 80, "said": amounts, "few": "a"})
    with pytest.raises(BadInput, match="has 5000 groups"):
        cubes(frame.assign(said=True), ["group"], "said")
    with pytest.raises(BadInput, match="5000 different values"):
        cubes(frame, ["few"], "said", "truth")
    with pytest.raises(BadInput, match="Name a column with fewer groups"):
        cubes(frame.assign(said=frame["truth"]), ["group"], "said", "truth")


def test_an_unknown_label_is_refused_with_those_there_are() -> None:
    cube = Cube("g", ("a",), ("x", "y"), np.zeros((1, 3, 2), dtype=np.int64))
    with pytest.raises(BadInput, match="Choose among x, y"):
        cube.against_rest("z")

"""`handrail agreement FILE`: what other programs rely on, what people read, and what bad files are told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.workspaces import Handrail

WORKED = {"A": "*****34121133*3", "B": "1*213343*******", "C": "**21344*21133*4"}


@pytest.fixture
def anywhere(tmp_path: Path) -> Handrail:
    """A command line without a workspace."""
    return Handrail(tmp_path / "none")


def written(folder: Path, text: str, name: str = "ratings.csv") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def worked(tmp_path: Path) -> Path:
    """Krippendorff's worked example: three coders, missing ratings are empty cells."""
    rows = [f"{unit},{coder},{label.strip('*')}" for coder, all_ in WORKED.items() for unit, label in enumerate(all_)]
    return written(tmp_path, "\n".join(["item,rater,label", *rows]))


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.691358), ("ordinal", 0.806721), ("interval", 0.810845)])
def test_the_worked_example_by_level(anywhere: Handrail, worked: Path, level: str, alpha: float) -> None:
    found = anywhere("agreement", worked, "--level", level, "--json").json
    assert found["alpha"] == pytest.approx(alpha, abs=1e-6)
    low, high = found["alpha_interval"]
    assert low < alpha < high
    assert [pair["raters"] for pair in found["pairs"]] == [["A", "B"], ["A", "C"], ["B", "C"]]
    assert set(found["raters"]) == {"A", "B", "C"}
    assert found["raters"]["A"]["confusion"]["1"].keys() == {"1", "2", "3", "4"}
    assert found["accuracy"] is None


def test_the_same_file_gives_the_same_answer(anywhere: Handrail, worked: Path) -> None:
    assert anywhere("agreement", worked, "--json").out == anywhere("agreement", worked, "--json").out


def test_people_read_lines_of_eighty_characters(anywhere: Handrail, worked: Path) -> None:
    lines = anywhere("agreement", worked, "--level", "ordinal").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("low to high: 1, 2, 3, 4" in line for line in lines)


def test_with_a_truth_the_consensus_is_measured_beside_the_majority(anywhere: Handrail, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 400)
    rows = [
        (item, rater, "abc"[label if rng.random() < sure else (label + rng.integers(1, 3)) % 3])
        for item, label in enumerate(truth)
        for rater, sure in enumerate((0.97, 0.95, 0.5, 0.45, 0.4))
    ]
    file, known = tmp_path / "ratings.parquet", tmp_path / "truth.csv"
    pd.DataFrame(rows, columns=["item", "rater", "label"]).to_parquet(file)
    pd.DataFrame({"item": range(400), "truth": ["abc"[label] for label in truth]}).to_csv(known, index=False)
    found = anywhere("agreement", file, "--truth", known, "--json").json
    assert found["accuracy"]["dawid_skene"] > found["accuracy"]["majority"] + 0.05
    assert found["raters"]["0"]["accuracy"] > 0.9 > found["raters"]["4"]["accuracy"]


@pytest.mark.parametrize(
    ("rows", "words", "told"),
    [
        ("", (), "no rows"),
        ("1,a,x\n1,a,y\n", (), "Keep one rating"),
        ("1,a,low\n1,b,high\n", ("--level", "interval"), "nominal or ordinal"),
        ("1,a,low\n1,b,high\n", ("--level", "ordinal", "--order", "low"), "Name every label once"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_remedy(
    anywhere: Handrail, tmp_path: Path, rows: str, words: tuple[str, ...], told: str
) -> None:
    assert told in anywhere("agreement", written(tmp_path, "item,rater,label\n" + rows), *words).refusal


@pytest.mark.parametrize(("truth", "told"), [("1,x\n1,y\n", "two truths for item 1"), ("9,x\n", "none of the items")])
def test_a_truth_that_contradicts_itself_or_knows_other_items_is_refused(
    anywhere: Handrail, tmp_path: Path, truth: str, told: str
) -> None:
    ratings = written(tmp_path, "item,rater,label\n1,a,x\n1,b,x\n")
    known = written(tmp_path, "item,truth\n" + truth, "truth.csv")
    assert told in anywhere("agreement", ratings, "--truth", known).refusal


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ("1,a,x\n2,a,y\n", "No item has two ratings"),
        ("1,a,x\n1,b,x\n2,a,x\n2,b,x\n", "one label"),
        ("1,,x\n", "No item"),
    ],
)
def test_nothing_to_compare_is_said_and_no_figure_is_made_up(
    anywhere: Handrail, tmp_path: Path, rows: str, note: str
) -> None:
    found = anywhere("agreement", written(tmp_path, "item,rater,label\n" + rows), "--json").json
    assert (found["alpha"], found["alpha_interval"], found["fleiss"]) == (None, [None, None], None)
    assert any(note in each for each in found["notes"])


def test_the_same_rating_twice_counts_once_and_nan_is_no_label(anywhere: Handrail, tmp_path: Path) -> None:
    rows = "item,rater,label\n1,a,x\n1,b,x\n2,a,x\n2,b,y\n"
    once = anywhere("agreement", written(tmp_path, rows), "--json").json
    more = anywhere("agreement", written(tmp_path, rows + "1,a,x\n3,a,nan\n3,b,\n"), "--json").json
    assert (more["alpha"], more["labels"], more["without_label"]) == (once["alpha"], ["x", "y"], 2)

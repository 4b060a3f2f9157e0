"""Without enough to learn from there is no training, and nothing is left behind."""

from pathlib import Path

import pandas as pd
import pytest

from handrail.sample import SampleBusiness
from tests.deliveries import run
from tests.workspaces import MORNING, Handrail, deliver


def test_without_history_there_is_no_training(begun: Handrail) -> None:
    assert "300 labels" in begun("train", "--as-of", MORNING, "--json").refusal
    assert begun.rows("SELECT count(*) FROM model_versions") == [(0,)]


def test_history_of_one_category_trains_nothing_until_there_are_two(
    begun: Handrail, business: SampleBusiness, file: Path
) -> None:
    history = business.history.head(400)
    assert run(begun, deliver(history, file, ["complaint"] * len(history))).code == 0
    assert "two categories" in begun("train", "--as-of", MORNING, "--json").refusal
    assert begun.rows("SELECT count(*) FROM model_versions") == [(0,)]
    rest = business.history.tail(400)
    assert run(begun, deliver(rest, file, rest["label"].tolist())).code == 0
    assert begun.ask("train", "--as-of", MORNING)["serves"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("too few", "a"), ("to learn", "b")], "labels"),
        ([(f"text {number}", "a") for number in range(200)], "categor"),
        ([("text", ""), ("more", "")], "no label in column 'label'"),
    ],
)
def test_a_labelled_file_with_nothing_to_learn_is_refused(
    tmp_path: Path, file: Path, rows: list[tuple[str, str]], words: str
) -> None:
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(file, index=False)
    handrail = Handrail(tmp_path / "own")
    assert words in handrail("train", file, "--text", "text", "--label", "label", "--json").refusal
    assert not handrail.home.exists()


@pytest.mark.parametrize("option", ["--text", "--label", "--time"])
def test_a_labelled_file_without_the_named_column_is_refused(tmp_path: Path, file: Path, option: str) -> None:
    pd.DataFrame({"text": ["x"], "label": ["a"], "at": ["2026-01-01"]}).to_csv(file, index=False)
    options = {"--text": "text", "--label": "label", "--time": "at", option: "nowhere"}
    words = [word for pair in options.items() for word in pair]
    assert "nowhere" in Handrail(tmp_path / "own")("train", file, *words, "--json").refusal

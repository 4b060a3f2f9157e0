"""`handrail fairness FILE`: gaps, intervals and verdicts; for what cannot be compared one sentence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.workspaces import Handrail

WIDE = 80


@pytest.fixture
def handrail(tmp_path: Path) -> Handrail:
    return Handrail(tmp_path / "nowhere")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decisions in which the coast is treated worse, slower, and with more errors."""
    chance, n = np.random.default_rng(8), 4_000
    region = chance.choice(["north", "south", "east", "coast", ""], n, p=[0.3, 0.3, 0.18, 0.2, 0.02])
    coast = region == "coast"
    truth, label = chance.integers(0, 2, n), chance.integers(0, 3, n)
    said = np.where(chance.random(n) < np.where(coast, 0.7, 0.95), truth, 1 - truth)
    guessed = np.where(chance.random(n) < np.where(coast, 0.6, 0.95), label, chance.integers(0, 3, n))
    names = np.array(["refund", "complaint", "other"])
    path = tmp_path_factory.mktemp("fairness") / "decisions.csv"
    columns = {
        "region": region,
        "tier": chance.choice(["basic", "plus"], n),
        "truth": truth,
        "said": said,
        "label": names[label],
        "guessed": names[guessed],
        "approved": np.where(said == truth, "yes", "no"),
        "hours": chance.exponential(8, n) * np.where(coast, 3, 1),
        "one": "here",
        "empty": "",
        "always": 1,
        "mixed": np.where(chance.random(n) < 0.5, "1", "maybe"),
        "amount": np.arange(n) + 0.5,
    }
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def named(said: dict[str, list[dict[str, object]]], metric: str, key: str = "gaps") -> set[object]:
    return {row["group"] for row in said[key] if row["metric"] == metric and row["verdict"] == "gap beyond the bound"}


def test_the_group_that_is_treated_differently_is_named(handrail: Handrail, file: Path) -> None:
    said = handrail.ask("fairness", file, "--group", "region", "--group", "tier", "--outcome", "approved")
    assert named(said, "selection") == {"coast"}
    assert (said["verdict"], said["bound"], said["rows"], said["without_outcome"]) == ("alarm", 0.05, 4_000, 0)
    coast = next(row for row in said["gaps"] if row["group"] == "coast")
    low, high = coast["gap_interval"]
    assert low < coast["gap"] < high < -0.05
    assert coast["rate_interval"][0] < coast["rate"] < coast["rate_interval"][1]
    assert {row["grouping"] for row in said["gaps"]} == {"region", "tier"}
    rates = [row["rate"] for row in said["gaps"] if row["grouping"] == "region"]
    apart = said["differences"]["region"]
    assert apart["demographic_parity_difference"] == pytest.approx(max(rates) - min(rates))
    assert apart["selection"]["ratio"] == pytest.approx(min(rates) / max(rates))


def test_with_a_truth_the_errors_are_compared_and_with_hours_the_waiting(handrail: Handrail, file: Path) -> None:
    words = ("--group", "region", "--outcome", "said", "--truth", "truth", "--waiting", "hours")
    said = handrail.ask("fairness", file, *words)
    assert [row["metric"] for row in said["gaps"][::5]] == ["selection", "error", "false positive", "false negative"]
    assert named(said, "error") == named(said, "false negative") == {"coast"}
    assert named(said, "waiting", "waiting") == {"coast"}
    assert said["differences"]["region"]["equalized_odds_difference"] > 0.15
    assert named(handrail.ask("fairness", file, *words, "--bound", 0.6, "--waiting-bound", 60), "error") == set()


def test_labels_are_compared_by_their_errors_and_one_of_them_as_an_outcome(handrail: Handrail, file: Path) -> None:
    words = ("--group", "region", "--outcome", "guessed")
    said = handrail.ask("fairness", file, *words, "--truth", "label")
    assert {row["metric"] for row in said["gaps"]} == {"error"}
    assert named(said, "error") == {"coast"}
    said = handrail.ask("fairness", file, *words, "--truth", "label", "--positive", "refund")
    assert named(said, "false negative") == {"coast"}
    alone = handrail.ask("fairness", file, *words, "--positive", "refund")
    assert {row["metric"] for row in alone["gaps"]} == {"selection"}
    assert alone["gaps"][0]["rate"] == said["gaps"][0]["rate"]


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        (("--group", "one", "--outcome", "approved"), "underpowered"),
        (("--group", "tier", "--outcome", "always"), "quiet"),
        (("--group", "tier", "--outcome", "approved"), "quiet"),
        (("--group", "tier", "--outcome", "approved", "--bound", "0.001"), "underpowered"),
    ],
    ids=["one group", "constant outcome", "no gap", "a bound too fine"],
)
def test_what_shows_no_gap_has_a_verdict_too(
    handrail: Handrail, file: Path, words: tuple[str, ...], verdict: str
) -> None:
    assert handrail.ask("fairness", file, *words)["verdict"] == verdict


def test_underpowered_is_said_aloud_with_the_cases_that_are_needed(handrail: Handrail, file: Path) -> None:
    words = ("--group", "tier", "--outcome", "approved", "--bound", "0.02")
    rows = handrail.ask("fairness", file, *words)["gaps"]
    assert {row["verdict"] for row in rows} == {"underpowered"}
    assert all(row["needed"] > row["n"] for row in rows)
    assert f"underpowered ({rows[0]['needed']:,})" in handrail("fairness", file, *words).out


def test_people_read_tables_of_eighty_columns(handrail: Handrail, file: Path) -> None:
    words = ("--group", "region", "--outcome", "said", "--truth", "truth", "--waiting", "hours")
    lines = handrail("fairness", file, *words).out.splitlines()
    assert max(map(len, lines)) <= WIDE
    assert any(line.startswith("coast") and "BEYOND the bound" in line for line in lines)
    assert any("(missing)" in line for line in lines)
    assert "region: waiting" in lines


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--group", "nope", "--outcome", "said"), "has no column nope"),
        (("--group", "region", "--outcome", "guessed"), "name the column with the truth"),
        (("--group", "region", "--outcome", "mixed"), "must be true or false"),
        (("--group", "region", "--outcome", "empty"), "No row has a value in empty"),
        (("--group", "empty", "--outcome", "said"), "No row has a value in empty"),
        (("--group", "amount", "--outcome", "said"), "has 4000 groups"),
        (("--group", "said", "--outcome", "said"), "both the group and the outcome"),
        (("--group", "region", "--outcome", "said", "--bound", "1"), "has no meaning"),
        (("--group", "region", "--outcome", "said", "--positive", "2"), "Choose among 0, 1"),
        (("--group", "region", "--outcome", "said", "--waiting", "tier"), "no numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    handrail: Handrail, file: Path, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in handrail("fairness", file, *words).refusal


def test_an_empty_file_and_one_row_are_answered(handrail: Handrail, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("region,ok\n")
    assert "no rows" in handrail("fairness", path, "--group", "region", "--outcome", "ok").refusal
    path.write_text("region,ok\nnorth,1\n")
    (row,) = handrail.ask("fairness", path, "--group", "region", "--outcome", "ok")["gaps"]
    assert (row["n"], row["verdict"], row["needed"]) == (1, "underpowered", None)

"""A model steward at the terminal: which version serves, on what grounds, and how to rebuild it."""

import sqlite3
from contextlib import closing

import pytest

from tests.workspaces import NINE, TRAINED_AT, Handrail

WIDEST = 80


@pytest.fixture
def challenged(trained: Handrail) -> Handrail:
    """A workspace with a champion and a challenger that nobody has judged."""
    trained.ask("train", "--as-of", NINE)
    return trained


def test_a_version_shows_all_that_one_needs_to_rebuild_it(trained: Handrail) -> None:
    shown = trained.ask("model", "show", "1")
    recipe = shown["rebuild"]
    assert {len(recipe[name]) for name in ("predictions_digest", "lock_digest")} == {64}
    assert {len(shown[name]) for name in ("dataset_digest", "artifact_digest")} == {64}
    assert (recipe["seed"], recipe["code_is"] in {"git commit", "package"}) == (7, True)
    data = recipe["data"]
    assert sum(data["categories"].values()) == shown["labels"] == data["provenance"]["history_imported"]
    assert [event["kind"] for event in shown["history"]] == ["model.registered", "model.promoted"]
    page = trained("model", "show").out.split("\n\ncertificates")[0]
    for words in (recipe["predictions_digest"], recipe["lock_digest"], shown["dataset_digest"], recipe["code"]):
        assert words in page
    assert max(map(len, page.splitlines())) <= WIDEST


def test_a_version_is_rebuilt_to_the_same_predictions(trained: Handrail) -> None:
    found = trained.ask("model", "rebuild", "1")
    assert (found["same"], found["digest"], found["differs"]) == (True, found["registered"], [])


def test_the_list_says_what_each_promotion_rested_on(challenged: Handrail) -> None:
    rows = challenged.ask("model", "list")
    assert [(row["version"], row["status"], row["evidence"]) for row in rows] == [
        ("1", "champion", "first"),
        ("2", "challenger", None),
    ]
    assert max(map(len, challenged("model", "list").out.splitlines())) <= WIDEST


def test_the_list_names_versions_that_learnt_from_withdrawn_labels(challenged: Handrail) -> None:
    assert "withdrawn" not in challenged("model", "list").out
    with closing(sqlite3.connect(challenged.home / "handrail.db")) as connection, connection:
        connection.execute("UPDATE labels SET status = 'withdrawn', stood_as = status WHERE case_id <= 3")
    shown = challenged("model", "list").out.splitlines()
    labels = {row["version"]: (row["withdrawn"], row["labels"]) for row in challenged.ask("model", "list")}
    assert labels["1"][0] == 3
    assert shown[-2:] == [
        f"Version {version} learnt from labels withdrawn since: 3 of {labels[version][1]}." for version in ("1", "2")
    ]


def test_what_nobody_has_judged_is_refused_with_what_is_missing(challenged: Handrail) -> None:
    refusal = challenged("model", "promote", "2", "--reason", "it is newer", "--as-of", NINE).refusal
    assert "more fresh withheld labels are needed" in refusal
    assert "promotion.without_evidence" in refusal
    assert "no earlier version" in challenged("model", "rollback", "--reason", "worse").refusal


def test_the_shadow_of_a_challenger_is_shown_beside_the_champion(challenged: Handrail) -> None:
    found = challenged.ask("model", "shadow", "--as-of", NINE)
    assert (found["champion"], found["challenger"], found["cases"]) == ("1", "2", 0)
    assert "has scored no live case" in challenged("model", "shadow", "--as-of", TRAINED_AT).out

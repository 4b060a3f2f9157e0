"""Each rule of what teaches and judges a model: a frame that passes, and one that breaks this rule alone."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from expectations import checkpoint, suites
from expectations.checkpoint import SuiteVerdict
from handrail import policy
from handrail.policy import Policy
from handrail.workspace import Workspace

NOW = datetime(2025, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = policy.for_labels(["invoice", "login", "parcel", "refund"])
"""100 labels to train, 200 to judge; half of the texts may repeat; a category of 3 % has to be predicted."""
PLANTED = "anna.secret@example.org"

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("expectations") / "home")
    workspace.create()
    return workspace


def put(column: str, value: object, rows: int = 1) -> Change:
    """The frame with `value` in the first rows of a column."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype({column: object})
        frame.loc[: rows - 1, column] = value
        return frame

    return change


def training_rows(cases: int = 120) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case_id": range(1000, 1000 + cases),
            "text": [f"letter number {number}" for number in range(cases)],
            "label": [list(POLICY.categories)[number % 4] for number in range(cases)],
            "labelled_at": NOW - 3 * DAY,
            "provenance": "review",
            "leaks": False,
            "agreement": 0.8,
        }
    )


def train(home: Workspace, frame: pd.DataFrame, compared: int = 50, rules: Policy = POLICY) -> SuiteVerdict:
    suite = suites.training_set(rules, now=NOW, compared=compared)
    return checkpoint.check(home, "training_set", frame, suite, build_docs=False)


def shares(largest: int) -> Change:
    """`largest` of 100 rows have one label, three others the rest."""
    labels = ["parcel"] * largest + ["login"] * (100 - largest)
    return lambda frame: frame.head(100).assign(label=labels)


def repeated(rows: int) -> Change:
    return lambda frame: frame.assign(text=frame["text"].where(frame.index >= rows, "the same again"))


@pytest.mark.parametrize(
    ("column", "expectation", "good", "bad", "cases"),
    [
        (None, "expect_table_row_count_to_be_between", lambda f: f.head(100), lambda f: f.head(99), []),
        ("case_id", "expect_column_values_to_be_unique", put("case_id", 5), put("case_id", 1001), [1001]),
        ("label", "expect_column_values_to_not_be_null", put("label", "login"), put("label", None), [1000]),
        ("label", "expect_column_values_to_be_in_set", put("label", "login"), put("label", "Login"), [1000]),
        ("label_share", "expect_column_max_to_be_between", shares(90), shares(91), []),
        (
            "text_characters",
            "expect_column_values_to_be_between",
            put("text", " ", rows=6),
            put("text", None, rows=7),
            [*range(1000, 1007)],
        ),
        ("text_key", "expect_column_values_to_be_unique", repeated(60), repeated(61), [*range(1000, 1061)]),
        (
            "label_age_days",
            "expect_column_min_to_be_between",
            lambda f: f.assign(labelled_at=NOW - 56 * DAY),
            lambda f: f.assign(labelled_at=NOW - 56 * DAY - timedelta(minutes=1)),
            [],
        ),
        (
            "provenance",
            "expect_column_values_to_not_be_null",
            put("provenance", "consensus"),
            put("provenance", None),
            [1000],
        ),
        (
            "provenance",
            "expect_column_values_to_be_in_set",
            put("provenance", "second"),
            put("provenance", "x"),
            [1000],
        ),
        ("leaks", "expect_column_values_to_be_in_set", put("leaks", False), put("leaks", True, rows=2), [1000, 1001]),
        (
            "agreement",
            "expect_column_min_to_be_between",
            lambda f: f.assign(agreement=0.4),
            lambda f: f.assign(agreement=0.39),
            [],
        ),
    ],
)
def test_each_rule_of_a_training_set_breaks_alone(
    home: Workspace, column: str | None, expectation: str, good: Change, bad: Change, cases: list[int]
) -> None:
    passed, failed = train(home, good(training_rows())), train(home, bad(training_rows()))
    assert passed.passed, passed.broken
    assert [(f.expectation, f.column) for f in failed.failures] == [(expectation, column)]
    assert sorted(failed.failures[0].rows) == cases
    assert expectation in failed.broken
    if cases:
        assert f"Cases {', '.join(map(str, failed.failures[0].rows[:10]))}" in failed.broken


def test_a_training_set_of_one_category_is_refused(home: Workspace) -> None:
    broken = [failure.column for failure in train(home, training_rows().assign(label="parcel")).failures]
    assert broken == ["label", "label_share"]


def test_a_few_labels_of_rare_categories_pass_and_many_do_not(home: Workspace) -> None:
    rules = policy.for_labels(["a", "b", *(f"rare {number}" for number in range(40))])
    frame = training_rows(100).assign(label=["a", "b"] * 50)

    def rare(labels: int) -> SuiteVerdict:
        return train(home, put("label", pd.Series([f"rare {n // 4}" for n in range(labels)]), labels)(frame), 50, rules)

    assert rare(5).passed, "the training leaves them out, and says so"
    (failure,) = rare(6).failures
    assert (failure.column, failure.rows) == ("label_count", (1000, 1001, 1002, 1003, 1004, 1005))


def test_agreement_on_too_few_cases_says_nothing(home: Workspace) -> None:
    frame = training_rows().assign(agreement=-0.5)
    assert train(home, frame, compared=49).passed
    assert not train(home, frame, compared=50).passed


def withheld_rows(cases: int = 200) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case_id": range(cases),
            "label": [list(POLICY.categories)[number % 4] for number in range(cases)],
            "labelled_at": NOW - 2 * DAY,
            "weight": 1.0,
            "shift": 0.0,
        }
    )


@pytest.mark.parametrize(
    ("column", "expectation", "good", "bad", "cases"),
    [
        (None, "expect_table_row_count_to_be_between", lambda f: f, lambda f: f.head(199), []),
        ("case_id", "expect_column_values_to_be_unique", put("case_id", 900), put("case_id", 1), [1]),
        ("label", "expect_column_values_to_not_be_null", put("label", "login"), put("label", None), [0]),
        ("label", "expect_column_values_to_be_in_set", put("label", "login"), put("label", "other"), [0]),
        ("weight", "expect_column_values_to_not_be_null", put("weight", 1e6), put("weight", np.inf), [0]),
        ("weight", "expect_column_values_to_be_between", put("weight", 1e-6), put("weight", 0.0), [0]),
        (
            "label_age_days",
            "expect_column_values_to_be_between",
            put("labelled_at", NOW - 56 * DAY),
            put("labelled_at", NOW - 56 * DAY - timedelta(minutes=1)),
            [0],
        ),
        (
            "label_age_days",
            "expect_column_values_to_be_between",
            put("labelled_at", NOW),
            put("labelled_at", NOW + timedelta(minutes=1)),
            [0],
        ),
        (
            "label_age_days",
            "expect_column_min_to_be_between",
            lambda f: f.assign(labelled_at=NOW - 14 * DAY),
            lambda f: f.assign(labelled_at=NOW - 15 * DAY),
            [],
        ),
        (
            "shift",
            "expect_column_max_to_be_between",
            lambda f: f.assign(shift=0.25),
            lambda f: f.assign(shift=0.251),
            [],
        ),
        (
            "shift",
            "expect_column_max_to_be_between",
            lambda f: f,
            lambda f: f.assign(shift=np.inf),
            [],
        ),
    ],
)
def test_each_rule_of_a_withheld_set_breaks_alone(
    home: Workspace, column: str | None, expectation: str, good: Change, bad: Change, cases: list[int]
) -> None:
    suite = suites.withheld_set(POLICY, now=NOW)
    passed, failed = (
        checkpoint.check(home, "withheld_set", change(withheld_rows()), suite, build_docs=False)
        for change in (good, bad)
    )
    assert passed.passed, passed.broken
    assert [(f.expectation, f.column) for f in failed.failures] == [(expectation, column)]
    assert sorted(failed.failures[0].rows) == cases


def said_rows(cases: int = 8) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case_id": range(cases),
            "label": [list(POLICY.categories)[number % 4] for number in range(cases)],
            "confidence": np.linspace(0, 1, cases),
            "novelty": np.linspace(1, 0, cases),
            "covered": True,
            "calibration_error": 0.05,
        }
    )


@pytest.mark.parametrize(
    ("column", "expectation", "bad", "cases"),
    [
        ("label", "expect_column_values_to_be_in_set", put("label", "unheard of"), [0]),
        ("label", "expect_column_values_to_not_be_null", put("label", None), [0]),
        ("confidence", "expect_column_values_to_not_be_null", put("confidence", np.nan, rows=2), [0, 1]),
        ("confidence", "expect_column_values_to_be_between", put("confidence", 1.0001), [0]),
        ("novelty", "expect_column_values_to_not_be_null", put("novelty", np.nan), [0]),
        ("novelty", "expect_column_values_to_be_between", put("novelty", -0.0001), [0]),
        ("covered", "expect_column_values_to_be_in_set", put("covered", False, rows=2), [0, 1]),
        (
            "calibration_error",
            "expect_column_max_to_be_between",
            lambda f: f.assign(calibration_error=0.0501),
            [],
        ),
    ],
)
def test_each_rule_of_a_challengers_predictions_breaks_alone(
    home: Workspace, column: str, expectation: str, bad: Change, cases: list[int]
) -> None:
    suite = suites.challenger(POLICY)
    assert checkpoint.check(home, "challenger", said_rows(), suite, build_docs=False).passed
    failed = checkpoint.check(home, "challenger", bad(said_rows()), suite, build_docs=False)
    assert [(f.expectation, f.column) for f in failed.failures] == [(expectation, column)]
    assert sorted(failed.failures[0].rows) == cases


def test_the_pages_of_the_learning_gates_hold_no_value_and_fetch_nothing(home: Workspace) -> None:
    secret = training_rows().assign(label=PLANTED, text=PLANTED, provenance=PLANTED, leaks=True)
    checkpoint.check(home, "training_set", secret, suites.training_set(POLICY, now=NOW, compared=0))
    judged = withheld_rows().assign(label=PLANTED, weight=-987654.25, shift=7654321.5)
    checkpoint.check(home, "withheld_set", judged, suites.withheld_set(POLICY, now=NOW))
    said = said_rows().assign(label=PLANTED, confidence=-987654.25)
    page = checkpoint.check(home, "challenger", said, suites.challenger(POLICY)).page.read_text(encoding="utf-8")
    assert "8 unexpected values found" in page
    for file in home.expectations_dir.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert PLANTED.encode() not in content, file
            assert b"987654" not in content, file
    for path in home.data_docs.parent.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<(script|link|img|iframe|object|embed)\b|@import|url\(", text, re.IGNORECASE), path
        assert "http" not in text, path

"""`handrail certify FILE`: a threshold or the number of labels missing; for every other file one sentence."""

from pathlib import Path

import pytest

from console.certificates import in_short
from tasks.learning.certificate_accounts import CertificateStatus
from tests.workspaces import Handrail


@pytest.fixture
def handrail(tmp_path: Path) -> Handrail:
    return Handrail(tmp_path / "nowhere")


def written(folder: Path, text: str) -> Path:
    file = folder / "labels.csv"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("rows", "bound", "needed"),
    [("0.9,1\n", 0.02, 148), ("0.9,1\n", 0.01, 298), ("0.9,1\n" * 148, 0.02, 1), ("0.9,0\n" * 2, 0.02, 311)],
    ids=["one row", "one row at 1 %", "one is missing", "all wrong"],
)
def test_what_certifies_nothing_says_how_many_labels_are_missing(
    handrail: Handrail, tmp_path: Path, rows: str, bound: float, needed: int
) -> None:
    said = handrail.ask("certify", written(tmp_path, "confidence,correct\n" + rows), "--max-error", bound)
    assert (said["threshold"], said["coverage"]) == (None, 0.0)
    assert said["needed"] == needed


def test_a_threshold_is_a_confidence_of_the_file_and_holds_for_all_at_or_above_it(
    handrail: Handrail, tmp_path: Path
) -> None:
    rows = "0.99,1\n" * 200 + "0.98,1\n" * 100 + "0.7,0\n" * 100
    said = handrail.ask("certify", written(tmp_path, "confidence,correct\n" + rows))
    assert said == {"threshold": 0.98, "coverage": 0.75, "errors": 0, "n": 300, "needed": 0}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("confidence,correct\n", "no rows"),
        ("conf,correct\n0.9,1\n", "has no column confidence"),
        ("a,b\n0.9,1\n", "has no column confidence, correct"),
        ("confidence,correct\n0.9,1\n1.2,1\n", "in 1 of 2 rows, first in row 2, confidence is not between 0 and 1"),
        ("confidence,correct\nnan,1\n,1\n", "in 2 of 2 rows, first in row 1, confidence"),
        ("confidence,correct\nhigh,1\n", "confidence is not"),
        ("confidence,correct\n0.9,2\n", "correct is not 0 (wrong) or 1 (correct)"),
        ("confidence,correct\n0.9,yes\n", "correct is not"),
        ("confidence,correct\n0.9,\n", "correct is not"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    handrail: Handrail, tmp_path: Path, text: str, sentence: str
) -> None:
    assert sentence in handrail("certify", written(tmp_path, text)).refusal


@pytest.mark.parametrize("option", ["--max-error", "--delta"])
@pytest.mark.parametrize("value", [0, 1, -0.1])
def test_the_terms_lie_strictly_between_0_and_1(handrail: Handrail, tmp_path: Path, option: str, value: float) -> None:
    file = written(tmp_path, "confidence,correct\n0.9,1\n")
    assert "strictly between 0 and 1" in handrail("certify", file, option, value).refusal


def test_status_names_each_obstacle_once_and_no_more_than_fit_a_glance() -> None:
    missing = [waits(None, "too few")] + [waits(name, "too few") for name in ("a", "b")]
    line = in_short(missing, "review")
    assert line == "not certified: nothing is approved by itself; in the way: overall: too few (likewise a · b)"
    many = [waits(None, "too few"), *(waits(f"c{number}", f"reason {number}") for number in range(12))]
    line = in_short(many, "review")
    assert "overall: too few; c0: reason 0; c1: reason 1; 10 more: `handrail model show VERSION` says" in line
    assert "c2" not in line


def waits(category: str | None, remedy: str) -> CertificateStatus:
    """What `status` knows of a certificate that is not there."""
    return CertificateStatus(
        category or "overall", category, None, 0, None, None, 1, 0.02, 0.05, 0, "", "1", remedy=remedy
    )

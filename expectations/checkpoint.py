"""Run a suite on a frame: a verdict for the program and a page for the data curator, both without values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from expectations import docs_pages, judgement, results
from expectations.suites import Rule, Suite
from handrail.errors import BadInput
from handrail.workspace import Workspace

Name = Literal["intake", "predictions", "training_set", "withheld_set", "challenger"]

CASES_NAMED = 10
"""Case ids that a sentence names for one broken rule; the rest it counts."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that was broken: which, on which column, in how many rows, and the `case_id` of each.

    `rule` says what holds and the remedy, `sentence` also how many rows break it. `rows` is empty for a
    rule about the whole frame, such as its number of rows.
    """

    expectation: str
    column: str | None
    rule: str
    sentence: str
    rows: tuple[Any, ...]
    count: int


@dataclass(frozen=True, slots=True)
class SuiteVerdict:
    """Whether a frame may go on; `statistics` counts rules and rows, `docs` is the reports' first page.

    `page` shows this very run; without one it is the first page.
    """

    passed: bool
    failures: tuple[Failure, ...]
    statistics: dict[str, int]
    docs: Path
    page: Path

    @property
    def codes(self) -> dict[str, int]:
        """The broken expectations, each with its column, and how many rows break it; 0 where it is the whole."""
        return {f"{failure.expectation}({failure.column or ''})": failure.count for failure in self.failures}

    @property
    def broken(self) -> str:
        """All broken rules as sentences with the ids of the first cases that break them, and the page."""
        told = (f"{failure.sentence}{_cases(failure.rows)}" for failure in self.failures)
        return f"{' '.join(told)} See {self.page.as_uri()}"

    def bad_rows(self) -> pd.DataFrame:
        """One row per bad case, by `case_id`: `reason` (all broken rules) and `expectation` (the first)."""
        found = [(case_id, failure.rule, failure.expectation) for failure in self.failures for case_id in failure.rows]
        rows = pd.DataFrame(found, columns=["case_id", "reason", "expectation"])
        return rows.groupby("case_id", sort=False).agg({"reason": " ".join, "expectation": "first"})


def check(
    workspace: Workspace, name: Name, frame: pd.DataFrame, suite: Suite, *, build_docs: bool = True
) -> SuiteVerdict:
    """Hold a frame with one row per case against a suite.

    Without `build_docs` the result is kept and its page is built by the next `build_docs(workspace)`.
    An empty frame passes the rules about rows and fails those about numbers of rows.

    Raises:
        BadInput: the suite is another one than `name` says, or the frame lacks a column.
        GateBroken: the gate could not judge, or not keep what it found; that says nothing of the data.
    """
    if suite.name != name:
        raise BadInput(f"The suite {suite.name!r} was given for the check {name!r}. Build it with suites.{name}.")
    view = suite.view(frame)
    result = judgement.judge(suite, view)
    broken = [rule for rule, one in zip(suite.rules, result.results, strict=True) if not one.success]
    failures = tuple(_failures(suite, view, broken))
    ran_at = f"{result.meta['run_id'].run_time:%Y%m%dT%H%M%S.%fZ}"
    run = results.keep(workspace.expectations_dir, result.to_json_dict(), suite.name, ran_at)
    if build_docs:
        docs_pages.publish(workspace.expectations_dir)
    counts = {"rows": len(view), "rules": len(suite.rules), "broken": len(broken)}
    return SuiteVerdict(
        not broken, failures, counts, workspace.data_docs, run.page if build_docs else workspace.data_docs
    )


def build_docs(workspace: Workspace) -> Path:
    """Draw the pages of results that have none, drop old ones, and return the first page.

    Raises:
        GateBroken: a page cannot be drawn or written.
    """
    docs_pages.publish(workspace.expectations_dir)
    return workspace.data_docs


def _failures(suite: Suite, view: pd.DataFrame, broken: Sequence[Rule]) -> Iterable[Failure]:
    """Ask again, in memory only, which rows broke the rules; the stored result holds just counts."""
    for rule, found in zip(broken, judgement.name_rows(suite, view, broken), strict=True):
        yield Failure(
            expectation=_snake(rule.expectation),
            column=rule.arguments.get("column"),
            rule=f"{rule.sentence[0].upper()}{rule.sentence[1:]}.",
            sentence=_sentence(rule, found.count, len(view)),
            rows=found.case_ids,
            count=found.count,
        )


def _sentence(rule: Rule, count: int, total: int) -> str:
    column = rule.arguments.get("column")
    place = f" on {column}" if column else ""
    share = f" ({count} of {total} rows)" if count else ""
    return f"{_snake(rule.expectation)}{place}{share}: {rule.sentence}."


def _cases(rows: tuple[Any, ...]) -> str:
    if not rows:
        return ""
    more = f" and {len(rows) - CASES_NAMED} more" if len(rows) > CASES_NAMED else ""
    return f" Cases {', '.join(map(str, rows[:CASES_NAMED]))}{more}."


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")

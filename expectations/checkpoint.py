"""Run a suite on a frame: a verdict for the program and a page for the data curator, both without values."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, Literal

import pandas as pd

from expectations import docs_pages, project
from expectations.suites import Rule, Suite
from handrail.errors import BadInput, RetryableError
from handrail.workspace import Workspace

Name = Literal["intake", "predictions", "training_set", "withheld_set", "challenger"]

CASES_NAMED = 10
"""Case ids that a sentence names for one broken rule; the rest it counts."""

ATTEMPTS = 5
"""How often a suite is prepared while other processes prepare theirs."""

_one_at_a_time = RLock()  # Great Expectations keeps its active project in a global


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
class Verdict:
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


def check(workspace: Workspace, name: Name, frame: pd.DataFrame, suite: Suite, *, build_docs: bool = True) -> Verdict:
    """Hold a frame with one row per case against a suite.

    Without `build_docs` the result is kept and its page is built by the next `build_docs(workspace)`.
    An empty frame passes the rules about rows and fails those about numbers of rows.

    Raises:
        BadInput: the suite is another one than `name` says, or the frame lacks a column.
    """
    if suite.name != name:
        raise BadInput(f"The suite {suite.name!r} was given for the check {name!r}. Build it with suites.{name}.")
    view = suite.view(frame)
    with _one_at_a_time:
        opened = project.open_project(workspace.expectations_dir)
        prepared, result = _run(opened, suite, view, build_docs=build_docs)
        broken = [rule for rule, one in zip(suite.rules, result.results, strict=True) if not one.success]
        failures = tuple(_failures(prepared, view, broken))
        page = workspace.data_docs
        if build_docs:
            docs_pages.prune(opened.folder)
            docs_pages.tidy(opened.folder)
            page = docs_pages.page_of(opened.folder, suite.name) or page
    counts = {"rows": len(view), "rules": len(suite.rules), "broken": len(broken)}
    return Verdict(not broken, failures, counts, workspace.data_docs, page)


def build_docs(workspace: Workspace) -> Path:
    """Build the pages of results that have none, drop old ones, and return the first page."""
    with _one_at_a_time:
        opened = project.open_project(workspace.expectations_dir)
        docs_pages.prune(opened.folder)
        docs_pages.build_missing(opened.context, opened.folder)
        docs_pages.tidy(opened.folder)
    return workspace.data_docs


def _run(
    opened: project.Project, suite: Suite, view: pd.DataFrame, *, build_docs: bool
) -> tuple[project.Prepared, Any]:
    """Run the suite, and keep its result; prepared again where another process has saved its own copy meanwhile."""
    project.great_expectations()
    from great_expectations.exceptions.resource_freshness import ResourceFreshnessAggregateError  # noqa: PLC0415 - heavy

    for _ in range(ATTEMPTS):
        prepared = opened.prepare(suite)
        try:
            return prepared, _run_prepared(prepared, view, _run_id(suite), build_docs=build_docs)
        except ResourceFreshnessAggregateError:
            opened.forget(suite)
    raise RetryableError(f"Other runs keep saving the suite {suite.name!r}. Try again when they have ended.")


def _run_prepared(prepared: project.Prepared, view: pd.DataFrame, run_id: Any, *, build_docs: bool) -> Any:  # noqa: ANN401
    """Run the definition and keep its result; the checkpoint around it is needed, and paid for, by pages only."""
    parts = {"batch_parameters": {"dataframe": view}, "run_id": run_id}
    if not build_docs:
        return prepared.definition.run(**parts, result_format=project.VALUE_FREE)
    return next(iter(prepared.checkpoint.run(**parts).run_results.values()))


def _run_id(suite: Suite) -> Any:  # noqa: ANN401 - Great Expectations ships no types
    """Name the run by the moment it speaks of, which `--as-of` may have put into the past."""
    project.great_expectations()
    from great_expectations.core.run_identifier import RunIdentifier  # noqa: PLC0415 - heavy

    return RunIdentifier(run_name=f"{suite.now:%Y-%m-%d %H.%M}" if suite.now else suite.name)


def _failures(prepared: project.Prepared, view: pd.DataFrame, broken: Iterable[Rule]) -> Iterable[Failure]:
    """Ask again, in memory only, which rows broke the rules; the stored result holds just counts."""
    rules = list(broken)
    if not rules:
        return
    gx = project.great_expectations()
    batch = prepared.batch.get_batch(batch_parameters={"dataframe": view})
    again = batch.validate(
        gx.ExpectationSuite(name="broken", expectations=[project.expectation(rule) for rule in rules]),
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["case_id"]},
    )
    for rule, one in zip(rules, again.results, strict=True):
        places = one.result.get("unexpected_index_list") or ()
        rows = tuple(
            dict.fromkeys(getattr(place["case_id"], "item", lambda p=place: p["case_id"])() for place in places)
        )
        count = int(one.result.get("unexpected_count") or 0)
        yield Failure(
            expectation=_snake(rule.expectation),
            column=rule.arguments.get("column"),
            rule=f"{rule.sentence[0].upper()}{rule.sentence[1:]}.",
            sentence=_sentence(rule, count, len(view)),
            rows=rows,
            count=count,
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

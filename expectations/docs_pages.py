"""The Data Docs as pages that ask nothing of any other host; old ones go."""

import html
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEEP = 60
"""Newest results kept per suite."""

_MARK = "<!-- tidied by Handrail -->"
_VALIDATIONS = Path("gx/uncommitted/validations")
_SUITES = Path("gx/expectations")
_SITE = Path("gx/uncommitted/data_docs/local_site")
_STYLES = Path(__file__).with_name("docs.css")
# Scripts and styles come from five hosts and the logo reports home; without scripts the filter card is dead.
_OUTSIDE = re.compile(
    r"<script\b.*?</script>|<style\b.*?</style>|<(?:link|img|iframe|source|embed|object)\b[^>]*>"
    r'|<div class="card mb-3">\s*<div class="card-header p-2">\s*<strong>Actions</strong>'
    r'.*?(?=<div class="card d-md)'
    r"|<footer\b.*?</footer>",
    re.DOTALL | re.IGNORECASE,
)
_LINK_AWAY = re.compile(r'<a\b[^>]*href="https?://[^"]*"[^>]*>(.*?)</a>', re.DOTALL | re.IGNORECASE)
_ICON = re.compile(r'<i class="fas fa-(check-circle|times|exclamation-triangle)[^"]*"[^>]*>\s*</i>')
_WORDS = {"check-circle": "passed", "times": "failed", "exclamation-triangle": "not evaluated"}


@dataclass(frozen=True, slots=True)
class Run:
    """One stored result: its file, and the page that shows it."""

    result: Path
    page: Path

    @property
    def suite(self) -> str:
        """Name of the suite that ran."""
        return self.result.parents[2].name

    @property
    def about(self) -> str:
        """The moment, or the kind of data, that the run was named after."""
        return self.result.parents[1].name

    @property
    def ran_at(self) -> str:
        """When it ran, in a form that sorts."""
        return self.result.parent.name


def runs(folder: Path) -> list[Run]:
    """All stored results of the project in `folder`, newest first."""
    root = folder / _VALIDATIONS
    pages = folder / _SITE / "validations"
    found = [Run(file, pages / file.relative_to(root).with_suffix(".html")) for file in root.glob("*/*/*/*.json")]
    return sorted(found, key=lambda run: run.ran_at, reverse=True)


def page_of(folder: Path, suite: str) -> Path | None:
    """The page of the newest result of a suite, or None before the first."""
    return next((run.page for run in runs(folder) if run.suite == suite and run.page.exists()), None)


def build_missing(context: Any, folder: Path) -> None:  # noqa: ANN401 - Great Expectations ships no types
    """Let Great Expectations render every result that has no page yet, and the suites that changed."""
    from great_expectations.data_context.types.resource_identifiers import (  # noqa: PLC0415 - heavy
        ExpectationSuiteIdentifier,
    )

    missing = {run.ran_at for run in runs(folder) if not run.page.exists()}
    if not missing:
        return
    results = [key for key in context.validation_results_store.list_keys() if key.to_tuple()[2] in missing]
    changed = [ExpectationSuiteIdentifier(name=name) for name in _changed_suites(folder)]
    context.build_data_docs(resource_identifiers=[*results, *changed], build_index=False)


def _changed_suites(folder: Path) -> Iterator[str]:
    for suite in (folder / _SUITES).glob("*.json"):
        page = folder / _SITE / "expectations" / f"{suite.stem}.html"
        if not page.exists() or page.stat().st_mtime < suite.stat().st_mtime:
            yield suite.stem


def prune(folder: Path, keep: int = KEEP) -> None:
    """Remove all but the newest `keep` results of each suite, with their pages."""
    kept: dict[str, int] = {}
    for run in runs(folder):
        kept[run.suite] = kept.get(run.suite, 0) + 1
        if kept[run.suite] > keep:
            for place in (run.result.parent, run.page.parent):
                shutil.rmtree(place, ignore_errors=True)
                _remove_if_empty(place.parent)


def tidy(folder: Path) -> None:
    """Make every new page self-contained and write the first page anew."""
    site = folder / _SITE
    styles = f"<style>{_STYLES.read_text(encoding='utf-8')}</style>"
    for page in _pages(site):
        with page.open(encoding="utf-8") as file:
            if file.read(len(_MARK)) == _MARK:
                continue
        _write(page, self_contained(page.read_text(encoding="utf-8"), styles))
    shutil.rmtree(site / "static", ignore_errors=True)  # fonts and pictures that no page asks for any more
    _write(site / "index.html", _first_page(folder, styles))


def self_contained(page: str, styles: str) -> str:
    """The page without anything that a browser would fetch, with `styles` in its head and words for icons."""
    page = _OUTSIDE.sub("", page)
    page = _LINK_AWAY.sub(r"\1", page)
    page = _ICON.sub(lambda found: f'<b class="{_WORDS[found[1]].split()[0]}">{_WORDS[found[1]]}</b>', page)
    page = page.replace('<td id="', '<td data-id="').replace("__none__", "")
    return f"{_MARK}{page.replace('</head>', f'{styles}</head>', 1)}"


def _first_page(folder: Path, styles: str) -> str:
    rows = "".join(_row(folder, run) for run in runs(folder) if run.page.exists())
    suites = "".join(
        f'<li><a href="expectations/{html.escape(page.name)}">{html.escape(page.stem)}</a></li>'
        for page in sorted((folder / _SITE / "expectations").glob("*.html"))
    )
    return (
        f'{_MARK}<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Data validation</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{styles}</head><body><main>'
        "<h1>Data validation</h1><p>What Great Expectations found in each batch, newest first. "
        "The pages hold counts and rules, never a value of a row.</p>"
        "<table><thead><tr><th>Result</th><th>Suite</th><th>About</th><th>Checked (UTC)</th>"
        "<th>Rules broken</th></tr></thead>"
        f"<tbody>{rows}</tbody></table><h2>Rules</h2><ul>{suites}</ul></main></body></html>"
    )


def _row(folder: Path, run: Run) -> str:
    found = json.loads(run.result.read_text(encoding="utf-8"))
    word = "passed" if found["success"] else "failed"
    link = html.escape(run.page.relative_to(folder / _SITE).as_posix())
    when = f"{run.ran_at[:4]}-{run.ran_at[4:6]}-{run.ran_at[6:8]} {run.ran_at[9:11]}:{run.ran_at[11:13]}"
    statistics = found["statistics"]
    broken = f"{statistics['unsuccessful_expectations']} of {statistics['evaluated_expectations']}"
    return (
        f'<tr><td><a href="{link}"><b class="{word}">{word}</b></a></td><td>{html.escape(run.suite)}</td>'
        f"<td>{html.escape(run.about)}</td><td>{when}</td><td>{broken}</td></tr>"
    )


def _pages(site: Path) -> Iterator[Path]:
    yield from site.glob("expectations/*.html")
    yield from site.glob("validations/*/*/*/*.html")


def _write(page: Path, text: str) -> None:
    """Replace a page in one step: a reader never meets half of it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    draft = page.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(page)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()

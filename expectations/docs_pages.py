"""The Data Docs: a page for each stored result and for each suite's rules, which asks nothing of any other host."""

import hashlib
import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from expectations import judgement
from expectations.results import KEEP, SITE, Run, Stored, StoredRule, prune, runs, write

_MARK = "<!-- tidied by Handrail -->"
_STYLES = Path(__file__).with_name("docs.css")
_RULES = "expectations"
_DEPTH = "../../../../"
"""How far below the first page Great Expectations believes its pages to lie."""

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


def publish(folder: Path, keep: int = KEEP) -> None:
    """Drop old results, draw every page that is missing or torn, and write the first page anew.

    Several processes may do so at once: whoever wrote the first page last has looked again since.

    Raises:
        GateBroken: a page cannot be drawn or written.
    """
    prune(folder, keep)
    listed: list[Run] | None = None
    while listed != (known := runs(folder)):
        listed = known
        _draw_rules(folder, listed)
        for run in listed:
            draw(folder, run)
        write(folder / SITE / "index.html", _first_page(folder, listed))
    shutil.rmtree(folder / SITE / "static", ignore_errors=True)  # fonts and pictures of earlier versions


def draw(folder: Path, run: Run) -> None:
    """Draw the page of a run that has none."""
    if _is_whole(run.page):
        return
    found = run.read()
    if found is not None:
        write(run.page, self_contained(judgement.page_of_result(found), depth=_depth(folder, run.page)))


def page_of(folder: Path, suite: str) -> Path | None:
    """The page of the newest result of a suite, or None before the first."""
    return next((run.page for run in runs(folder) if run.suite == suite and run.page.exists()), None)


def self_contained(page: str, *, depth: int, note: str = "") -> str:
    """The page without anything that a browser would fetch, with our styles in its head and words for icons.

    Its links to the first page and the rules lead up `depth` folders. `note` stands behind the mark at its beginning.
    """
    page = _OUTSIDE.sub("", page)
    page = _LINK_AWAY.sub(r"\1", page)
    page = _ICON.sub(lambda match: f'<b class="{_WORDS[match[1]].split()[0]}">{_WORDS[match[1]]}</b>', page)
    page = page.replace('<td id="', '<td data-id="').replace("__none__", "")
    page = page.replace(f'href="{_DEPTH}', f'href="{"../" * depth}')
    return f"{_MARK}{note}{page.replace('</head>', f'{_style()}</head>', 1).rstrip()}"


def _draw_rules(folder: Path, listed: list[Run]) -> None:
    """Draw the rules that each suite's newest result was held against, where they changed."""
    for suite in dict.fromkeys(run.suite for run in listed):
        found = next((found for run in listed if run.suite == suite and (found := run.read())), None)
        if found is None:
            continue
        rules = json.dumps([_rule(one) for one in found["results"]], sort_keys=True)
        note = f"<!-- rules {hashlib.sha256(rules.encode()).hexdigest()} -->"
        page = folder / SITE / _RULES / f"{suite}.html"
        if not _is_whole(page, note):
            write(page, self_contained(judgement.page_of_rules(found), depth=_depth(folder, page), note=note))


def _rule(one: StoredRule) -> dict[str, Any]:
    """What of a stored rule is the rule: not its name, which changes with every run."""
    return {name: value for name, value in one["expectation_config"].items() if name != "id"}


def _is_whole(page: Path, note: str = "") -> bool:
    """Is the page there, ours, and there to its end? Earlier versions could be killed in the midst of writing one."""
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return text.startswith(_MARK + note) and text.rstrip().endswith("</html>")


def _depth(folder: Path, page: Path) -> int:
    return len(page.relative_to(folder / SITE).parts) - 1


def _first_page(folder: Path, listed: list[Run]) -> str:
    rows = "".join(_rows(folder, listed))
    suites = "".join(
        f'<li><a href="{_RULES}/{html.escape(page.name)}">{html.escape(page.stem)}</a></li>'
        for page in sorted((folder / SITE / _RULES).glob("[!.]*.html"))
    )
    return (
        f'{_MARK}<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Data validation</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{_style()}</head><body><main>'
        "<h1>Data validation</h1><p>What Great Expectations found in each batch, newest first. "
        "The pages hold counts and rules, never a value of a row.</p>"
        "<table><thead><tr><th>Result</th><th>Suite</th><th>About</th><th>Checked (UTC)</th>"
        "<th>Rules broken</th></tr></thead>"
        f"<tbody>{rows}</tbody></table><h2>Rules</h2><ul>{suites}</ul></main></body></html>"
    )


def _rows(folder: Path, listed: list[Run]) -> Iterator[str]:
    for run in listed:
        found = run.read()
        if found is None or not run.page.exists():
            continue
        word = "passed" if found["success"] else "failed"
        link = html.escape(run.page.relative_to(folder / SITE).as_posix())
        when = f"{run.ran_at[:4]}-{run.ran_at[4:6]}-{run.ran_at[6:8]} {run.ran_at[9:11]}:{run.ran_at[11:13]}"
        statistics = found["statistics"]
        broken = f"{statistics['unsuccessful_expectations']} of {statistics['evaluated_expectations']}"
        yield (
            f'<tr><td><a href="{link}"><b class="{word}">{word}</b></a></td><td>{html.escape(run.suite)}</td>'
            f"<td>{html.escape(_about(found))}</td><td>{when}</td><td>{broken}</td></tr>"
        )


def _about(result: Stored) -> str:
    """The moment, or the kind of data, that the run was named after."""
    return str((result["meta"].get("run_id") or {}).get("run_name") or result["suite_name"])


def _style() -> str:
    return f"<style>{_STYLES.read_text(encoding='utf-8')}</style>"

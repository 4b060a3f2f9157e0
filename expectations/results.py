"""What the gates found, a file for each run: written whole, left out where it is not, the oldest dropped."""

import json
import logging
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from handrail import drafts
from handrail.drafts import NotWritten
from handrail.errors import GateBroken

KEEP = 60
"""Newest results kept per suite."""

SITE = Path("gx/uncommitted/data_docs/local_site")
_RESULTS = Path("gx/uncommitted/validations")
_MOMENT = re.compile(r"\d{8}T\d{6}\.\d{6}Z")

_log = logging.getLogger("handrail")


class Statistics(TypedDict):
    """How many rules a result was held against, and how many broke."""

    evaluated_expectations: int
    unsuccessful_expectations: int


class StoredRule(TypedDict):
    """One rule of a stored result, with its name, arguments and sentence."""

    expectation_config: dict[str, Any]


class Stored(TypedDict):
    """A result as Great Expectations writes it; of its own format only what is read here is named."""

    success: bool
    results: list[StoredRule]
    statistics: Statistics
    suite_name: str
    meta: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One stored result: its file, the page that shows it, the suite and when it ran, in a form that sorts."""

    result: Path
    page: Path
    suite: str
    ran_at: str

    def read(self) -> Stored | None:
        """What was found; None where the file has gone since, or is not whole."""
        try:
            found: Stored = json.loads(self.result.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and found.keys() >= Stored.__required_keys__ else None


def keep(folder: Path, result: Stored, suite: str, ran_at: str) -> Run:
    """Store what a gate found, under a name of its own: runs of the same moment never meet.

    Raises:
        GateBroken: the folder or its disk does not take it.
    """
    name = f"{ran_at}-{secrets.token_hex(4)}"
    run = _run(folder, folder / _RESULTS / suite / f"{name}.json", ran_at)
    write(run.result, json.dumps(result), durable=True)
    return run


def runs(folder: Path) -> list[Run]:
    """All stored results in `folder`, newest first; earlier versions gave each a folder of its own."""
    found = []
    for file in (folder / _RESULTS).rglob("*.json"):
        moment = _MOMENT.match(file.name) or _MOMENT.match(file.parent.name)
        if moment and not file.name.startswith("."):
            found.append(_run(folder, file, moment[0]))
    return sorted(found, key=lambda run: (run.ran_at, run.result.name), reverse=True)


def prune(folder: Path, keep: int = KEEP) -> None:
    """Remove all but the newest `keep` results of each suite, what is no result any more, and pages of neither.

    Safe beside other runs: each has files of its own, its result is there before its page, and whole at once.
    """
    kept: dict[str, int] = {}
    pages = set()
    for run in runs(folder):
        if run.read() is None:
            _log.warning("%s held no result of a gate and was removed", run.result)
        else:
            kept[run.suite] = kept.get(run.suite, 0) + 1
            if kept[run.suite] <= keep:
                pages.add(run.page)
                continue
        run.result.unlink(missing_ok=True)
        run.page.unlink(missing_ok=True)
    for place in (folder / _RESULTS, folder / SITE):
        drafts.sweep_folder(place)
    # Listed after the results: the page of a run that came meanwhile has its result by now.
    for page in (folder / SITE / "validations").rglob("*.html"):
        if (
            not drafts.is_draft(page)
            and page not in pages
            and not (folder / _RESULTS / page.relative_to(folder / SITE / "validations")).with_suffix(".json").exists()
        ):
            page.unlink(missing_ok=True)


def write(file: Path, text: str, *, durable: bool = False) -> None:
    """Write a file of the gates whole; what can be drawn again need not outlive a power cut.

    Raises:
        GateBroken: the folder or its disk does not take it.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        drafts.write_text(file, text, durable=durable)
    except (OSError, NotWritten) as fault:
        why = fault.strerror if isinstance(fault, OSError) else fault.__cause__
        raise GateBroken(
            f"The validation reports in {file.parent} cannot be written ({why}). Nothing was decided about the data: "
            "free the disk or correct the permissions, then run the same command again."
        ) from fault


def _run(folder: Path, file: Path, ran_at: str) -> Run:
    place = file.relative_to(folder / _RESULTS)
    return Run(file, (folder / SITE / "validations" / place).with_suffix(".html"), place.parts[0], ran_at)

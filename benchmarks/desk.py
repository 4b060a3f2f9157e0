"""Does the desk keep up with fifty people, lose nothing, and show the next case before a reviewer notices?

    python benchmarks/desk.py [--quick|--smoke] [--json] [--minutes 10]

Fifty reviewers at once decide, take the next case, think for a quarter of a second and decide again, against the desk
as `handrail desk` runs it, while another process writes one triage batch after another into the same database; once
on SQLite and once on PostgreSQL. Afterwards the database is compared with what each client was told. Then one
reviewer in a real browser: from the key to the frame that shows the next case, each decision committed durably.

The desk, the crowd and the triage share the machine's cores, so waiting times are an upper bound. With --json the
last line on stdout is one JSON document.
"""

import multiprocessing
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

from demands import Demand, Part, Size, at_most, conclude, parser, show  # noqa: E402 - found beside this file
from shared_parts import postgresql  # noqa: E402 - found beside this file

REVIEWERS = 50
SERVER_ERROR = 500


def alone(function: Callable[..., Any], *arguments: object, **named: object) -> Any:  # noqa: ANN401 - whatever it returns
    """Call `function` in a fresh process and return its result."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **named).result()


def crowd_part(
    folder: Path,
    *,
    database_url: str,
    cases: int,
    seconds: float,
    beside: bool,
    reviewers: int,
    history: int | None,
    warm_up: float,
) -> Part:
    """So many clients on one database; `beside`: while triage writes. `history` labels train, all where it is None."""
    from desk_parts import crowd, place

    folder.mkdir()
    found = alone(place.prepare, folder, cases=cases, reviewers=reviewers, database_url=database_url, history=history)
    with place.served(found) as (port, pid), ExitStack() as running:
        alone(crowd.crowd, port, dict(list(found.sessions.items())[:5]), warm_up)  # everything is loaded once
        before, grown = place.resident_mb(pid), written(found)
        if beside:
            running.enter_context(place.triage_running(found, folder))
        tallies = alone(crowd.crowd, port, found.sessions, seconds)
        after = place.resident_mb(pid)
    return judged(tallies, compared(found, tallies, grown), seconds=seconds, growth=after - before)


def written(found: Any) -> set[int]:  # noqa: ANN401 - a Place
    """Work items that people have decided so far."""
    return set(decided(found))


def decided(found: Any) -> Counter[int]:  # noqa: ANN401 - a Place
    """How often each work item was decided, by the database."""
    from sqlalchemy import text

    from handrail.store.engine import Store
    from handrail.workspace import Workspace

    store = Store(Workspace(found.home, found.database_url).database_url)
    with store.read() as connection:
        rows = connection.execute(text("SELECT work_item_id FROM decisions WHERE work_item_id IS NOT NULL"))
        counted = Counter(int(item) for (item,) in rows)
    store.dispose()
    return counted


def compared(found: Any, tallies: list[Any], before: set[int]) -> dict[str, int]:  # noqa: ANN401 - a Place
    """What the clients were told beside what the database holds."""
    told = Counter(item for tally in tallies for item in tally.acknowledged)
    holds = decided(found)
    return {
        "acknowledged": told.total(),
        "lost": len(set(told) - set(holds)),
        "doubles": sum(count > 1 for count in holds.values()) + sum(count > 1 for count in told.values()),
        "never_told": len(set(holds) - set(told) - before),
    }


def judged(tallies: list[Any], kept: dict[str, int], *, seconds: float, growth: float) -> Part:
    """The crowd's promises."""
    waited = np.array([one for tally in tallies for one in tally.waited]) * 1000
    alone_decided = np.array([one for tally in tallies for one in tally.decided]) * 1000
    statuses = sum((Counter(tally.statuses) for tally in tallies), Counter())
    errors = sum(count for status, count in statuses.items() if status >= SERVER_ERROR)
    figures = {
        **kept,
        "p50_ms": quantile(waited, 0.5),
        "p99_ms": quantile(waited, 0.99),
        "decide_p50_ms": quantile(alone_decided, 0.5),
        "decide_p99_ms": quantile(alone_decided, 0.99),
        "per_second": round(kept["acknowledged"] / seconds, 1),
        "statuses": dict(sorted(statuses.items())),
        "idle": sum(tally.idle for tally in tallies),
        "growth_mb": round(growth, 1),
        "server_errors": errors,
    }
    demands = [
        at_most(f"p99 of decide and next, {len(tallies)} clients, ms", figures["p99_ms"], 250, ".0f"),
        at_most("decisions lost", kept["lost"], 0, ".0f"),
        at_most("decisions doubled", kept["doubles"], 0, ".0f"),
        at_most("answers 5xx", errors, 0, ".0f"),
        at_most("growth of the desk's memory, MB", growth, 10, ".1f"),
        Demand("decisions acknowledged", f"{kept['acknowledged']:,}", "> 0", kept["acknowledged"] > 0),
    ]
    text = (
        f"p50 {figures['p50_ms']:.0f} ms; the decision alone p50 {figures['decide_p50_ms']:.0f} ms, "
        f"p99 {figures['decide_p99_ms']:.0f} ms; {figures['per_second']} a second; answers {figures['statuses']}"
    )
    return Part(demands, figures, text)


def screen_part(folder: Path, *, cases: int) -> Part:
    """Key to next case, in Chromium."""
    from desk_parts import place, screen

    folder.mkdir()
    found = alone(place.prepare, folder, cases=cases * 6, reviewers=1)
    (session,) = found.sessions.values()
    with place.served(found) as (port, _):
        alone(screen.waits, port, session[0], cases=10, think=0.3)
        waits = np.array(alone(screen.waits, port, session[0], cases=cases, think=0.3))
    figures = {"p50_ms": quantile(waits, 0.5), "p99_ms": quantile(waits, 0.99), "cases": len(waits)}
    demands = [
        at_most(f"key to next case, {len(waits)} cases, p50, ms", figures["p50_ms"], 30, ".1f"),
        at_most(f"key to next case, {len(waits)} cases, p99, ms", figures["p99_ms"], 80, ".1f"),
    ]
    return Part(demands, figures)


def quantile(values: Any, share: float) -> float:  # noqa: ANN401 - an array
    """A quantile, or NaN of nothing: then no promise holds."""
    return round(float(np.quantile(values, share)), 2) if len(values) else float("nan")


def parts(folder: Path, *, size: Size, minutes: float) -> Iterator[tuple[str, Part]]:
    """Each part as it is measured."""
    whole = minutes * 60
    known: dict[str, Any] = {
        "cases": size.of(round(2_000 + whole * 160), 3_000, 100),
        "seconds": size.of(whole, 8.0, 0.5),
        "reviewers": size.of(REVIEWERS, REVIEWERS, 5),
        "history": size.of(None, None, 600),
        "warm_up": size.of(3.0, 3.0, 0.2),
        "beside": size is not Size.SMOKE,
    }
    yield "SQLite, while triage writes", crowd_part(folder / "sqlite", database_url="", **known)
    if size is Size.FULL:
        with postgresql.fresh("desk") as address:
            yield (
                "PostgreSQL, while triage writes",
                crowd_part(folder / "postgresql", database_url=address, **known),
            )
    if not shutil.which("chromium"):
        yield "Chromium, SQLite", Part([], {}, skipped="key to next case: there is no chromium on this machine")
    elif size is not Size.SMOKE:  # a second workspace and a browser would take as long again
        yield "Chromium, SQLite", screen_part(folder / "screen", cases=size.of(300, 40, 2))


def main() -> None:
    """Measure part by part and print each promise; exit 1 when one does not hold."""
    words = parser(__doc__ or "", "8 seconds on SQLite and 40 cases: within a minute")
    words.add_argument("--minutes", type=float, default=0.5, help="how long the crowd works on each database")
    options = words.parse_args()
    for name in [name for name in os.environ if name.startswith(("HANDRAIL_", "PREFECT_"))]:
        del os.environ[name]  # of the user's own workspace and server
    measured: dict[str, Part] = {}
    with tempfile.TemporaryDirectory(prefix="handrail-benchmark-") as folder:
        for name, part in parts(Path(folder), size=options.size, minutes=options.minutes):
            measured[name] = part
            show(name, part)
    conclude(options, measured.values(), {name: part.figures for name, part in measured.items()})


if __name__ == "__main__":
    main()

"""How fast is triage? Beside its floor, and beside what a Prefect user writes first.

    python benchmarks/triage.py [--quick|--smoke] [--json]

`run` is the triage flow as `handrail run` calls it: a JSONL file, the sample policy with every stage on auto, a
trained model, SQLite. The floor does to the same texts only what nobody can leave out: the same redaction, the
same vectoriser and `predict_proba`, and a plain `sqlite3.executemany` of the very rows that the run has written,
into the same tables with their indexes. Task-per-case is one Prefect task a case that loads, redacts, scores and
commits it, in one flow run on a local server; a part of the cases is measured and scaled.

Each measurement has a process of its own, so that peaks of memory can be compared. With --json the last line on
stdout is one JSON document. CPU seconds stand beside the wall's: on a busy machine they are the steadier ratio.
"""

import multiprocessing
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from demands import Demand, Part, Size, at_least, at_most, conclude, parser, show  # noqa: E402 - found beside this file

POLICY = ROOT / "policy" / "sample"
WARM_UP, FIRST = 200, 2  # cases of which the time does not count
DATABASES = ("handrail.db", "actions.db")  # Handrail's own and the receiver's
EVENTLESS_WEEKS = range(1, 8)  # before the sample business's first event
SIZES, TASKS = (10_000, 50_000), 1_000
QUICK_SIZES, QUICK_TASKS = (2_000, 10_000), 50
SMOKE_SIZES, SMOKE_TASKS, SMOKE_WARM_UP, SMOKE_HISTORY = (20, 40), 1, 10, 600


@dataclass
class Stopwatch:
    """Wall and CPU seconds by name."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Add what the block takes to `name`."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
        self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu


def alone(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - whatever it returns
    """Call `function` in a fresh process and return its result."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def here(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - whatever it returns
    """Call `function` in this process: nobody reads the memory of a smoke run."""
    return function(*arguments)


def prepare(folder: Path, sizes: Sequence[int], warm_up: int = WARM_UP, history: int | None = None) -> dict[str, float]:
    """Make a workspace with a model of the newest `history` labels and the files to run; returns the texts' lengths."""
    from flows.retraining import retraining
    from flows.triage import triage
    from handrail import policy, sample
    from handrail.acts import publishing
    from handrail.store.engine import Store
    from handrail.workspace import Workspace
    from tasks.rehearsal.simulate import deliver_file

    most = max(sizes) + warm_up
    cases, _ = sample.generate_weeks(EVENTLESS_WEEKS, per_week=round(most / len(EVENTLESS_WEEKS) * 1.1))
    business = sample.generate(weeks=1, per_week=1)  # its history does not depend on them
    deliver_file(business.history.tail(history or len(business.history)), folder / "history.jsonl")
    deliver_file(cases[:warm_up], folder / "warm-up.jsonl")
    for size in sizes:
        deliver_file(cases[warm_up : warm_up + size], folder / f"{size}.jsonl")

    rules = folder / "policy.yaml"
    text = (POLICY / "policy.yaml").read_text(encoding="utf-8")
    rules.write_text(text.replace("stage: shadow", "stage: auto").replace("stage: manual", "stage: auto"))
    workspace = Workspace(folder / "trained")
    workspace.create()
    store = Store(workspace.database_url)
    store.upgrade()
    publishing.found(store, policy.read(rules), founder="benchmark", now=datetime.now(UTC))
    store.dispose()
    home = str(workspace.home)
    triage.fn(file=str(folder / "history.jsonl"), mapping=str(POLICY / "mapping.yaml"), docs=False, home=home)
    assert retraining.fn(cause="by_hand", home=home).serves
    lengths = cases["text"].str.len()
    quantiles = {f"p{share:.0%}"[:-1]: lengths.quantile(share) for share in (0.05, 0.5, 0.95, 1.0)}
    return {"mean": round(float(lengths.mean())), **{name: round(float(at)) for name, at in quantiles.items()}}


def measure(folder: Path, size: int) -> dict[str, Any]:
    """Run triage on `size` cases in a copy of the trained workspace, then the floor of the same cases."""
    home = folder / f"home-{size}"
    shutil.copytree(folder / "trained", home)
    watch = Stopwatch()
    with watch.time("startup"):
        run = runner(home)
        run(folder / "warm-up.jsonl")
    before = {name: snapshot(home / name) for name in DATABASES}
    started_with = peak_mb()
    with watch.time("run"):
        result = run(folder / f"{size}.jsonl")
    peak = peak_mb()
    assert result.accepted == sum(result.queues.values())
    assert result.queues["A"], "nothing was automated: the model or the policy is not what it should be"
    rows = floor(watch, home, before, folder / f"{size}.jsonl")
    return {
        "cases": size,
        "rows_written": rows,
        "wall": rounded(watch.wall),
        "cpu": rounded(watch.cpu),
        "peak_rss_mb": peak,
        "rss_before_run_mb": started_with,
        "queues": dict(result.queues),
        "quarantined": result.quarantined,
    }


def runner(home: Path) -> Callable[[Path], dict[str, Any]]:
    """The triage flow as the command line calls it: no server, mapping and home given."""
    from flows.triage import triage

    return lambda file: triage.fn(file=str(file), mapping=str(POLICY / "mapping.yaml"), home=str(home))


def floor(watch: Stopwatch, home: Path, before: dict[str, dict[str, int]], file: Path) -> int:
    """Time what cannot be left out, on the run's own texts and rows; returns how many rows were written."""
    import pandas as pd

    from handrail import pii
    from handrail.workspace import Workspace
    from models.classifier import features
    from models.features import model_input
    from tasks.occasion import enter
    from tasks.routing.score import serving_model

    occasion = enter(Workspace(home), "benchmark")
    champion = serving_model(occasion)
    assert champion is not None
    model, policy = champion[1], occasion.policy
    for chunk in pd.read_json(file, lines=True, chunksize=policy.intake.batch_rows, dtype=False):
        texts = chunk["text"].fillna("").tolist()
        with watch.time("redaction"):
            redacted = [
                one.text for one in pii.redact_many(texts, policy.privacy.redact, region=policy.privacy.phone_region)
            ]
        fields = chunk[["channel", "region", "tier"]].to_dict("records")
        view = model_input(chunk.assign(case_id=chunk.index, text=redacted, fields=fields), model.fields)
        with watch.time("model"):
            model.estimator.predict_proba(features(view, model.fields))
    return sum(write_again(watch, home / name, newest) for name, newest in before.items())


def snapshot(file: Path) -> dict[str, int]:
    """Copy a database as it stands, with its indexes and triggers; returns the newest row of each table."""
    with closing(sqlite3.connect(file)) as connection, closing(sqlite3.connect(before_run(file))) as copy:
        connection.backup(copy)
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: connection.execute(f'SELECT coalesce(max(rowid), 0) FROM "{name}"').fetchone()[0]  # noqa: S608
            for name in names
            if name not in {"trail_head", "alembic_version"} and not name.startswith("sqlite_")
        }


def before_run(file: Path) -> Path:
    """Where the copy lies."""
    return file.with_suffix(".before")


def write_again(watch: Stopwatch, file: Path, newest: dict[str, int]) -> int:
    """Write what the run has added to a database into the copy from before it; returns how many rows."""
    count = 0
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(before_run(file))) as copy:
        for setting in ("journal_mode = WAL", "synchronous = FULL"):
            copy.execute(f"PRAGMA {setting}")
        for table, last in newest.items():
            rows = source.execute(f'SELECT * FROM "{table}" WHERE rowid > ?', (last,)).fetchall()  # noqa: S608
            if rows:
                statement = f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(rows[0]))})'  # noqa: S608
                with watch.time("rows"), copy:
                    copy.executemany(statement, rows)
                count += len(rows)
    return count


def task_per_case(folder: Path, count: int, size: int, *, recorded: bool) -> dict[str, float | None]:
    """Milliseconds a case of the naive flow on a real server; with `recorded`, also `run` on the same server."""
    from flows.local_server import LocalServer
    from handrail.workspace import Workspace

    home = folder / "by-task"
    shutil.copytree(folder / "trained", home)
    server = LocalServer(Workspace(home))
    os.environ.update({**server.environment(), "PREFECT_LOGGING_LEVEL": "ERROR"})
    with server:
        from peers.task_per_case import naive_flow

        from flows.triage import triage

        naive = naive_flow(home, folder / f"{size}.jsonl", count + FIRST)
        naive(list(range(FIRST)))  # what the first task run pays once
        watch = Stopwatch()
        with watch.time("naive"):
            naive(list(range(FIRST, count + FIRST)))
        if recorded:
            runner(home)(folder / "warm-up.jsonl")
            with watch.time("run"):
                triage(file=str(folder / f"{size}.jsonl"), mapping=str(POLICY / "mapping.yaml"), home=str(home))
    wall = rounded(watch.wall)
    return {"cases": count, "ms_per_case": wall["naive"] / count * 1000, "run_on_server_seconds": wall.get("run")}


def case_by_case(folder: Path, count: int, size: int) -> dict[str, float | None]:
    """Milliseconds a case of what such a task does, without tasks: a smoke run starts no server."""
    from peers.task_per_case import handler

    home = folder / "by-case"
    shutil.copytree(folder / "trained", home)
    handle, watch = handler(home, folder / f"{size}.jsonl", count), Stopwatch()
    with watch.time("naive"):
        for number in range(count):
            handle(number)
    return {"cases": count, "ms_per_case": watch.wall["naive"] / count * 1000, "run_on_server_seconds": None}


def peak_mb() -> float:
    """Peak of this process's memory so far, in megabytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Three decimals are more than a benchmark knows."""
    return {name: round(value, 3) for name, value in figures.items()}


def ratios(measured: dict[str, Any], clock: str) -> tuple[float, float]:
    """How many times the floor a run takes, with redaction in the floor and without."""
    seconds = measured[clock]
    least = seconds["model"] + seconds["rows"]
    return seconds["run"] / (least + seconds["redaction"]), seconds["run"] / least


def report(lengths: dict[str, float], sizes: list[dict[str, Any]], naive: dict[str, Any]) -> dict[str, Any]:
    """The figures that the design promises, from what was measured."""
    small, large = sizes
    more = large["cases"] - small["cases"]
    marginal = (large["wall"]["run"] - small["wall"]["run"]) / more * 1000
    with_redaction, without = ratios(large, "wall")
    by_task = naive["ms_per_case"] * large["cases"] / 1000
    figures = {
        "ratio_to_floor": with_redaction,
        "ratio_to_floor_without_redaction": without,
        "cpu_ratio_to_floor": ratios(large, "cpu")[0],
        "times_faster_than_task_per_case": by_task / large["wall"]["run"],
        "marginal_ms_per_case": marginal,
        "marginal_to_average": marginal / (small["wall"]["run"] / small["cases"] * 1000),
        "startup_seconds": large["wall"]["startup"],
        "peak_rss_growth_mb": large["peak_rss_mb"] - small["peak_rss_mb"],
    }
    return {**rounded(figures), "text_characters": lengths, "sizes": sizes, "task_per_case": naive}


def tell(found: dict[str, Any]) -> None:
    """Print the figures for a reader."""
    sizes, naive = found["sizes"], found["task_per_case"]

    def line(title: str, figure: Callable[[dict[str, Any], str], float]) -> None:
        cells = (f"{figure(one, 'wall'):10.2f} ({figure(one, 'cpu'):6.2f})" for one in sizes)
        print(f"{title:34}{''.join(cells)}")

    lengths = (f"{name} {value:,}" for name, value in found["text_characters"].items())
    print(f"Characters a text: {', '.join(lengths)}\n")
    print(f"{'seconds (CPU in brackets)':34}" + "".join(f"{one['cases']:>13,} cases" for one in sizes))
    for title, name in (
        ("start-up, apart", "startup"),
        ("run", "run"),
        ("floor: redaction", "redaction"),
        ("floor: vectoriser, predict_proba", "model"),
        ("floor: executemany", "rows"),
    ):
        line(title, lambda one, clock, name=name: one[clock][name])
    line("run / floor", lambda one, clock: ratios(one, clock)[0])
    line("run / floor without redaction", lambda one, clock: ratios(one, clock)[1])
    print(f"{'peak memory':34}" + "".join(f"{one['peak_rss_mb']:16.0f} MB" for one in sizes))
    print(
        f"\nOne more case: {found['marginal_ms_per_case']:.3f} ms, {found['marginal_to_average']:.2f} times the average"
        f" of the first {sizes[0]['cases']:,}.\nA task per case: {naive['ms_per_case']:.1f} ms; run is"
        f" {found['times_faster_than_task_per_case']:.0f} times faster.\n"
    )
    if naive["run_on_server_seconds"]:
        print(f"Recorded by the server, run takes {naive['run_on_server_seconds']:.1f} s for {sizes[0]['cases']:,}.\n")


def promises(figures: dict[str, Any]) -> list[Demand]:
    """What is asked of triage: CPU seconds and ratios, which hold on a busy machine too."""
    return [
        at_most("CPU seconds of a run, times its floor's", figures["cpu_ratio_to_floor"], 3, ".2f"),
        at_least("times faster than a task per case", figures["times_faster_than_task_per_case"], 20, ".0f"),
        at_most("one more case, times the average of the first", figures["marginal_to_average"], 1.2, ".2f"),
        at_most("growth of peak memory with five times the cases, MB", figures["peak_rss_growth_mb"], 200, ".0f"),
    ]


def main() -> None:
    """Measure and print the table; with --json the last line is one JSON document."""
    options = parser(__doc__ or "", "fewer cases: about a minute").parse_args()
    size: Size = options.size
    sizes, tasks = size.of((SIZES, TASKS), (QUICK_SIZES, QUICK_TASKS), (SMOKE_SIZES, SMOKE_TASKS))
    made = size.of((sizes,), (sizes,), (sizes, SMOKE_WARM_UP, SMOKE_HISTORY))
    for name in [name for name in os.environ if name.startswith(("HANDRAIL_", "PREFECT_"))]:
        del os.environ[name]  # of the user's own workspace and server
    apart = here if size is Size.SMOKE else alone
    with tempfile.TemporaryDirectory(prefix="handrail-benchmark-") as name:
        folder = Path(name)
        lengths = apart(prepare, folder, *made)
        measured = [apart(measure, folder, count) for count in sizes]
        if size is Size.SMOKE:
            naive = case_by_case(folder, tasks, sizes[0])
        else:
            naive = alone(partial(task_per_case, recorded=size is Size.FULL), folder, tasks, sizes[0])
    figures = report(lengths, measured, naive)
    tell(figures)
    part = Part(promises(figures), figures)
    show("promises", part)
    conclude(options, [part], figures)


if __name__ == "__main__":
    main()

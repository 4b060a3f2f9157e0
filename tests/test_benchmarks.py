"""Every benchmark runs, in a process of its own and at its smallest size; and one table says what was kept."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_table", FOLDER / "table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TABLE = _loaded()
Ran = subprocess.CompletedProcess[str]


def run(*words: object) -> Ran:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def smoke() -> Iterator[dict[str, Future[Ran]]]:
    """Every benchmark's smoke run, two at a time: most of it is waiting for imports."""
    with ThreadPoolExecutor(2) as pool:
        # The long ones first, or the last one runs by itself.
        names = sorted(TABLE.BENCHMARKS, key=lambda name: name not in {"model", "triage", "desk"})
        yield {name: pool.submit(run, FOLDER / f"{name}.py", "--smoke", "--json") for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE.BENCHMARKS)
def test_every_benchmark_runs_and_ends_with_one_document(name: str, smoke: dict[str, Future[Ran]]) -> None:
    done = smoke[name].result()
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
    document = json.loads(done.stdout.splitlines()[-1])
    assert document["demands"], "it promises nothing"
    assert all(set(demand) == {"name", "figure", "asked", "holds"} for demand in document["demands"])
    assert all(
        "make peers" in sentence or "not at hand" in sentence or "no chromium" in sentence
        for sentence in document["skipped"]
    )


PROMISING = """
import sys
sys.path.insert(0, {benchmarks!r})
from demands import Part, at_most, conclude, parser
options = parser("", "").parse_args()
print("measuring")
conclude(options, [Part([at_most("seconds", {seconds}, 2.0)], {{}}, skipped={skipped!r})], {{}})
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder of made-up benchmarks with the real table."""
    for name in ("table.py", "demands.py"):
        (tmp_path / name).write_text((FOLDER / name).read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def promise(table: Path, name: str, seconds: float, skipped: str = "") -> None:
    code = PROMISING.format(benchmarks=str(table), seconds=seconds, skipped=skipped)
    (table / f"{name}.py").write_text(code, encoding="utf-8")


def rows(done: Ran) -> list[list[str]]:
    lines = done.stdout.splitlines()
    head = next(place for place, line in enumerate(lines) if line.startswith("benchmark "))
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[head + 2 :] if "  " in line]


def test_what_all_keep_ends_well_in_one_table(table: Path) -> None:
    promise(table, "early", 1.0, skipped="a rival is absent: `make peers`")
    promise(table, "late", 2.0)
    done = run(table / "table.py", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(done) == [
        ["early", "seconds", "1.000", "≤ 2.000", "yes"],
        ["early", "a rival is absent: `make peers`", "skipped"],
        ["late", "seconds", "2.000", "≤ 2.000", "yes"],
    ]
    assert "2 figures, 0 missed, 1 not measured here." in done.stdout
    assert done.stdout.count('"demands"') == 0, "the documents are for programs"


@pytest.mark.parametrize("end", ["raise SystemExit(3)", "print('no document')", "1 / 0"])
def test_a_benchmark_that_dies_stands_in_the_table_and_fails_the_whole_after_it(table: Path, end: str) -> None:
    promise(table, "after", 1.0)
    (table / "before.py").write_text(end, encoding="utf-8")
    done = run(table / "table.py", "--quick")
    assert done.returncode == 1
    assert [row[0] for row in rows(done)] == ["after", "before"]
    assert rows(done)[1][1] == "it ran to its end"
    assert rows(done)[1][-1] == "NO"


def test_a_promise_that_is_missed_fails_the_whole_after_the_table(table: Path) -> None:
    promise(table, "fast", 1.0)
    promise(table, "slow", 2.1)
    done = run(table / "table.py", "--quick")
    assert done.returncode == 1
    assert [row[-1] for row in rows(done)] == ["yes", "NO"]
    assert "2 figures, 1 missed" in done.stdout
    only = run(table / "table.py", "--quick", "fast")
    assert (only.returncode, len(rows(only))) == (0, 1)
    smoke = run(table / "table.py", "--smoke")
    assert (smoke.returncode, [row[-1] for row in rows(smoke)]) == (0, ["not judged", "not judged"])
    assert "there is no benchmark quick" in run(table / "table.py", "quick").stderr

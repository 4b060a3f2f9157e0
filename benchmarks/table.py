"""Every benchmark, one after another, and one table of what each promised and kept.

    python benchmarks/table.py [--quick|--smoke] [NAME ...]

Exits with 1, after the table, where a promise does not hold or a benchmark died. What could not be measured here, such
as a rival that `make peers` has not installed, stands in the table as skipped.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from demands import Size  # noqa: E402 - found beside this file

BENCHMARKS = tuple(sorted(file.stem for file in FOLDER.glob("*.py") if file.stem not in {"demands", "table"}))
HEAD = ("benchmark", "figure", "value", "asked", "held")
HELD, MISSED, SKIPPED = "yes", "NO", "skipped"
_WIDEST = 64  # characters of a figure's name


@dataclass(frozen=True)
class Ended:
    """How one benchmark ended: its exit code, and its document where the last line was one."""

    name: str
    code: int
    document: dict[str, Any] | None

    def rows(self, size: Size) -> Iterator[tuple[str, str, str, str, str]]:
        """Its part of the table; no promise of a smoke run is judged."""
        if self.document is None or self.code not in {0, 1}:
            yield self.name, "it ran to its end", f"exit {self.code}", "exit 0", MISSED
            return
        for demand in self.document["demands"]:
            held = HELD if demand["holds"] else MISSED
            judged = "not judged" if size is Size.SMOKE else held
            yield self.name, demand["name"], demand["figure"], demand["asked"], judged
        for sentence in self.document["skipped"]:
            yield self.name, sentence, "", "", SKIPPED


def run(name: str, size: Size) -> Ended:
    """Run one benchmark in a process of its own and pass on what it prints, but its last line."""
    words = [sys.executable, str(FOLDER / f"{name}.py"), "--json", *([] if size is Size.FULL else [f"--{size}"])]
    last = ""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own script
        assert process.stdout is not None
        for line in process.stdout:
            print(last, end="", flush=True)
            last = line
    try:
        document = json.loads(last)
    except ValueError:
        print(last, end="")
        document = None
    return Ended(name, process.returncode, document if isinstance(document, dict) else None)


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """The rows under their heads, each column as wide as it has to be."""
    cut = [[row[0], row[1] if len(row[1]) <= _WIDEST else f"{row[1][: _WIDEST - 1]}…", *row[2:]] for row in rows]
    every = [list(HEAD), *cut]
    widths = [max(len(row[place]) for row in every) for place in range(len(HEAD))]
    rule = ["─" * width for width in widths]
    lines = [every[0], rule, *cut]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in lines
    )


def main() -> None:
    """Run all or those that are named."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = words.add_mutually_exclusive_group()
    size.set_defaults(size=Size.FULL)
    for one in (Size.QUICK, Size.SMOKE):
        size.add_argument(f"--{one}", dest="size", action="store_const", const=one, help=f"each at its {one} size")
    words.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default all")
    options = words.parse_args()
    unknown = sorted(set(options.names) - set(BENCHMARKS))
    if unknown:
        words.error(f"there is no benchmark {', '.join(unknown)}: choose of {', '.join(BENCHMARKS)}")
    rows: list[tuple[str, ...]] = []
    for name in options.names or BENCHMARKS:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        rows += run(name, options.size).rows(options.size)
        print(f"\n{name}: {time.monotonic() - began:.0f} s", flush=True)
    print(f"\n{table(rows)}")
    missed = sum(row[-1] == MISSED for row in rows)
    skipped = sum(row[-1] == SKIPPED for row in rows)
    print(f"\n{len(rows) - skipped} figures, {missed} missed, {skipped} not measured here.")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()

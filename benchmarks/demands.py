"""A promise beside what was measured: every benchmark measures at one of three sizes, and ends with its promises."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

Value = TypeVar("Value")


class Size(StrEnum):
    """How much is measured: all, what fits into a minute, or just enough that every line has run once."""

    FULL = "full"
    QUICK = "quick"
    SMOKE = "smoke"

    def of(self, full: Value, quick: Value, smoke: Value) -> Value:
        """The value for this size."""
        return {Size.FULL: full, Size.QUICK: quick, Size.SMOKE: smoke}[self]


@dataclass(frozen=True)
class Demand:
    """One promise: what was measured, what was asked, and whether it holds."""

    name: str
    figure: str
    asked: str
    holds: bool


@dataclass(frozen=True)
class Part:
    """What one part measured: its promises, all figures, lines to read, and what was left out with the remedy."""

    demands: list[Demand]
    figures: dict[str, Any]
    text: str = ""
    skipped: str = ""


def at_least(name: str, value: float, bound: float, form: str = ".3f") -> Demand:
    """A figure that may not be lower."""
    return Demand(name, format(value, form), f"≥ {bound:{form}}", bool(value >= bound))


def at_most(name: str, value: float, bound: float, form: str = ".3f") -> Demand:
    """A figure that may not be higher."""
    return Demand(name, format(value, form), f"≤ {bound:{form}}", bool(value <= bound))


def show(name: str, part: Part, seconds: float | None = None) -> None:
    """Print one part for a reader, with the seconds it took where they are known."""
    print(f"\n{name}" + ("" if seconds is None else f" ({seconds:.0f} s)"))
    for demand in part.demands:
        print(f"  {'ok ' if demand.holds else 'NOT'} {demand.name:56}{demand.figure:>9}   asked {demand.asked}")
    for text in filter(None, (part.text, part.skipped)):
        print("\n" + "\n".join(f"  {line}" for line in text.splitlines()))
    sys.stdout.flush()


def parser(description: str, quick: str) -> argparse.ArgumentParser:
    """The words that every benchmark understands; `quick` says what its quick form measures."""
    words = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = words.add_mutually_exclusive_group()
    size.set_defaults(size=Size.FULL)
    size.add_argument("--quick", dest="size", action="store_const", const=Size.QUICK, help=quick)
    smoke = "seconds: every line runs once, its figures mean nothing and no promise is judged"
    size.add_argument("--smoke", dest="size", action="store_const", const=Size.SMOKE, help=smoke)
    words.add_argument("--json", action="store_true", help="as the last line, all figures as one JSON document")
    return words


def conclude(options: argparse.Namespace, parts: Iterable[Part], figures: Mapping[str, Any]) -> NoReturn:
    """End the benchmark: with --json its one document as the last line, and exit 1 where a promise does not hold."""
    measured = list(parts)
    demands = [demand for part in measured for demand in part.demands]
    holds = options.size is Size.SMOKE or all(demand.holds for demand in demands)
    if options.json:
        ends = {"demands": [vars(demand) for demand in demands], "skipped": [p.skipped for p in measured if p.skipped]}
        print(json.dumps({"quick": options.size is Size.QUICK, "holds": holds, **figures, **ends}))
    sys.exit(0 if holds else 1)

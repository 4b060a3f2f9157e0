"""A promise beside what was measured; every benchmark that makes promises prints them so."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Demand:
    """One promise: what was measured, what was asked, and whether it holds."""

    name: str
    figure: str
    asked: str
    holds: bool


@dataclass(frozen=True)
class Part:
    """What one part measured: its promises, lines to read, and all figures."""

    demands: list[Demand]
    figures: dict[str, Any]
    text: str = ""


def at_least(name: str, value: float, bound: float, form: str = ".3f") -> Demand:
    """A figure that may not be lower."""
    return Demand(name, format(value, form), f"≥ {bound:{form}}", value >= bound)


def at_most(name: str, value: float, bound: float, form: str = ".3f") -> Demand:
    """A figure that may not be higher."""
    return Demand(name, format(value, form), f"≤ {bound:{form}}", value <= bound)


def show(name: str, part: Part, seconds: float | None = None) -> None:
    """Print one part for a reader, with the seconds it took where they are known."""
    print(f"\n{name}" + ("" if seconds is None else f" ({seconds:.0f} s)"))
    for demand in part.demands:
        print(f"  {'ok ' if demand.holds else 'NOT'} {demand.name:56}{demand.figure:>9}   asked {demand.asked}")
    if part.text:
        print("\n" + "\n".join(f"  {line}" for line in part.text.splitlines()), flush=True)

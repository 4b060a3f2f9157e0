"""What a plot is on the page: its drawings, its legend, and the figures that it shows."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from handrail.kpi import NOT_MEASURED
from handrail.proportions import in_percent
from tasks.views.plots.chart import Size, WeekChart

WIDE = Size("wide", 960, 340, left=64)
NARROW = Size("narrow", 360, 310, left=68, right=6)
COLOURS = 6
"""The style sheet names series-0 … series-5."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows of text; the columns named in `words` hold words, all others figures."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: frozenset[str] = frozenset()


EMPTY = Table((), ())


@dataclass(frozen=True, slots=True)
class Plot:
    """Drawings of one plot (none: nothing was measured), its legend (style class, words) and its figures."""

    title: str
    caption: str
    drawings: tuple[str, ...]
    table: Table = EMPTY
    legend: tuple[tuple[str, str], ...] = ()


def both(draw: Callable[[Size], str], measured: Sequence[object]) -> tuple[str, ...]:
    """The drawing for wide and for narrow screens; none where nothing was measured."""
    return (draw(WIDE), draw(NARROW)) if measured else ()


def draw_guides(chart: WeekChart, weeks: AbstractSet[int]) -> None:
    """Tie each week in which something was planted to what is drawn there."""
    for week in sorted(weeks):
        chart.guide(week)


def series(number: int) -> str:
    """The style class of the `number`-th line; colours come round again."""
    return f"series-{number % COLOURS}"


def shown(value: float | None, digits: int = 1) -> str:
    """A share in per cent, *not measured* where there is none."""
    return NOT_MEASURED if value is None else in_percent(value, digits)


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.1f}"


def tip(week: int, words: str) -> str:
    """What is shown where the mouse rests."""
    return f"Week {week}: {words}"


def category_name(name: object) -> str:
    """A paused category's name; a pause of no category is one of all."""
    return name if isinstance(name, str) else "everything"

"""The desk's charts as inline SVG: figures over time, and groups beside each other; each stands above its table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from tasks.views.plots.chart import Chart, RowChart, Scale, Size, percent, ticks

SIZE = Size("fit", 520, 210, left=52, right=12, top=16, bottom=26)
ROWS = Size("fit", 520, 0, left=150, right=96, top=8, bottom=26)
_LABEL = 62
"""Pixels that a date needs on the axis."""
_HALF_A_DAY = 43_200.0


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a moment; without `low` and `high` it has no interval."""

    at: datetime
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A named series; `style` is one of the style sheet's classes series-0 … series-5."""

    name: str
    points: Sequence[Point]
    style: str = "series-0"


@dataclass(frozen=True, slots=True)
class Row:
    """A group's figure with its interval; `found` sets it apart, `words` stand beside it."""

    name: str
    value: float
    low: float
    high: float
    words: str = ""
    found: bool = False


class TimeChart(Chart):
    """Moments from left to right, values from below upwards."""

    def __init__(
        self,
        key: str,
        words: tuple[str, str],
        moments: Sequence[datetime],
        span: tuple[float, float],
        show: Callable[[float], str],
        zone: ZoneInfo,
    ) -> None:
        """`words` are title and description, `span` the least range of values, `show` writes a value at its tick."""
        super().__init__(key, SIZE, *words)
        marks = ticks(*span)
        bottom, right = SIZE.height - SIZE.bottom, SIZE.width - SIZE.right
        self.values = Scale(marks[0], marks[-1], bottom, SIZE.top)
        first, last = min(moments).timestamp(), max(moments).timestamp()
        if first == last:  # a single look stands in the middle of its day
            first, last = first - _HALF_A_DAY, last + _HALF_A_DAY
        self.times = Scale(first, last, SIZE.left + 8, right - 8)
        for value in marks:
            y = self.values.at(value)
            self.add("line", "axis" if value == 0 else "grid", x1=SIZE.left, x2=right, y1=y, y2=y)
            self.write(show(value), SIZE.left - 6, y + 4, "label end")
        self._write_dates(moments, bottom, zone)

    def _write_dates(self, moments: Sequence[datetime], bottom: float, zone: ZoneInfo) -> None:
        end = float("-inf")
        for moment in sorted(set(moments)):
            x = self.times.at(moment.timestamp())
            if x >= end:
                # The outermost dates keep within the picture.
                x = min(max(x, SIZE.left + _LABEL / 2 - 8), SIZE.width - _LABEL / 2)
                self.write(f"{moment.astimezone(zone):%d %b}", x, bottom + 16, "label middle")
                end = x + _LABEL

    def plot(self, line: Line, show: Callable[[float], str]) -> None:
        """A series with its intervals; where an interval leaves the plot it is cut at the edge."""
        places = []
        for point in line.points:
            x, y = self.times.at(point.at.timestamp()), self.values.at(point.value)
            places.append((x, y))
            if point.low is not None and point.high is not None:
                foot, head = self.values.at(point.low), self.values.at(point.high)
                self.add("line", f"interval {line.style}", x1=x, x2=x, y1=foot, y2=head)
        self.line(places, f"line {line.style}")
        for point, (x, y) in zip(line.points, places, strict=True):
            tip = f"{line.name}: {show(point.value)}"
            if point.low is not None and point.high is not None:
                tip += f" ({show(point.low)} to {show(point.high)})"
            self.add("circle", f"dot {line.style}", tip, cx=x, cy=y, r=3.0)

    def level(self, value: float, words: str) -> None:
        """A bound across the whole time with its name."""
        y, right = self.values.at(value), SIZE.width - SIZE.right
        self.add("line", "limit", x1=SIZE.left, x2=right, y1=y, y2=y)
        self.write(words, right, y - 5, "label end")


def over_time(
    key: str,
    words: tuple[str, str],
    lines: Sequence[Line],
    *,
    zone: ZoneInfo,
    levels: Mapping[str, float] | None = None,
    show: Callable[[float], str] = percent,
    top: float = 0.0,
) -> Markup:
    """Series over time with the named levels; empty where no series has a point. The axis holds zero and `top`."""
    points = [point for line in lines for point in line.points]
    if not points:
        return Markup()
    bounds = levels or {}
    reach = max([top, *bounds.values(), *(point.value for point in points)])
    highs = [point.high for point in points if point.high is not None]
    # One wide interval must not flatten everything else.
    reach = max(reach, min(max(highs, default=0.0), 2.5 * reach)) or 1.0
    least = min(0.0, *(point.value for point in points))
    chart = TimeChart(key, words, [point.at for point in points], (least, reach), show, zone)
    for name, value in bounds.items():
        chart.level(value, name)
    for line in lines:
        chart.plot(line, show)
    return Markup(chart.svg())  # noqa: S704 - the XML writer has escaped every text in it


def side_by_side(key: str, words: tuple[str, str], rows: Sequence[Row]) -> Markup:
    """A row a group with its share and interval; empty without rows."""
    if not rows:
        return Markup()
    span = min(row.low for row in rows), max(row.high for row in rows)
    chart = RowChart(key, ROWS, words, [row.name for row in rows], span)
    for row in rows:
        chart.interval(row.name, row.value, row.low, row.high, "found" if row.found else "quiet", row.words)
    return Markup(chart.svg())  # noqa: S704 - as above

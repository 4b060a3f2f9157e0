"""Small charts as inline SVG: weeks from left to right, or a row a group; the page's style sheet gives the colours."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

SHAPES = {
    "diamond": "M0 -6L6 0L0 6L-6 0z",
    "triangle": "M0 -6L6 5L-6 5z",
    "bars": "M-5 -5h4v10h-4zM1 -5h4v10h-4z",
    "up": "M0 -6L6 1H2V6H-2V1H-6z",
    "down": "M0 6L6 -1H2V-6H-2V-1H-6z",
    "back": "M-6 0L1 -6V-2H6V2H1V6z",
}
_TICKS = 5
_LANE_GAP = 14  # pixels between the lanes and the plot
_LABEL_WIDTH = 22  # pixels that the number of a week needs
_SHARE_WIDTH = 40  # pixels that a share needs
_CHARACTER = 6.4  # pixels, roughly, of one character in the charts' type


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a drawing and its margins, in pixels; `name` keeps the ids of two sizes apart."""

    name: str
    width: int
    height: int
    left: int = 48
    right: int = 14
    top: int = 12
    bottom: int = 34


@dataclass(frozen=True, slots=True)
class Scale:
    """A line from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value; values outside are drawn at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def ticks(low: float, high: float) -> list[float]:
    """At least two round values that enclose [low, high], about five; an empty range counts as one of length 1.

    >>> ticks(0, 0.23)
    [0.0, 0.05, 0.1, 0.15, 0.2, 0.25]
    """
    length = high - low if high > low else 1.0
    unit = 10.0 ** math.floor(math.log10(length / _TICKS))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if length / (unit * factor) <= _TICKS)
    first, last = math.floor(low / step + 1e-9), math.ceil((low + length) / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def percent(share: float) -> str:
    """A share at a tick, with as many decimals as it has.

    >>> percent(0.05), percent(0.025)
    ('5%', '2.5%')
    """
    return f"{100 * share:.10g}%"


def plain(value: float) -> str:
    """A number at a tick, with as many decimals as it has.

    >>> plain(2000), plain(0.5)
    ('2,000', '0.5')
    """
    return f"{value:,.10g}"


class Chart:
    """An SVG element with its title and description; text in it is escaped by the XML writer."""

    def __init__(self, key: str, size: Size, title: str, description: str) -> None:
        """`key` and the size's name make the ids that tie title and description to the picture."""
        self.size = size
        ids = f"{key}-{size.name}-title", f"{key}-{size.name}-desc"
        self.root = Element(
            "svg",
            {
                "viewBox": f"0 0 {size.width} {size.height}",
                "role": "img",
                "class": f"chart {size.name}",
                "aria-labelledby": " ".join(ids),
            },
        )
        for tag, name, words in zip(("title", "desc"), ids, (title, description), strict=True):
            SubElement(self.root, tag, {"id": name}).text = words

    def add(self, tag: str, style: str, tip: str = "", **attributes: float | str) -> Element:
        """Add a shape of the style class; `tip` is shown where the mouse rests."""
        shown = {
            name: f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
            for name, value in attributes.items()
        }
        shape = SubElement(self.root, tag, {"class": style, **shown})
        if tip:
            SubElement(shape, "title").text = tip
        return shape

    def write(self, words: str, x: float, y: float, style: str = "label") -> None:
        """Write words; the class gives size and anchor."""
        self.add("text", style, x=float(x), y=float(y)).text = words

    def line(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """A line through pixels; nothing for fewer than two."""
        if len(points) > 1:
            self.add("polyline", style, points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points))

    def svg(self) -> str:
        """The drawing as text."""
        return tostring(self.root, encoding="unicode")


class WeekChart(Chart):
    """Weeks from left to right, values from below upwards; `lanes` are rows of marks above the plot."""

    def __init__(
        self,
        key: str,
        size: Size,
        words: tuple[str, str],
        weeks: Sequence[int],
        span: tuple[float, float],
        show: Callable[[float], str],
        lanes: Sequence[str] = (),
    ) -> None:
        """`words` are title and description, `span` the least range of values, `show` writes a value at its tick."""
        super().__init__(key, size, *words)
        marks = ticks(*span)
        self.lane_height = 19
        self.top = size.top + self.lane_height * len(lanes) + (_LANE_GAP if lanes else 0)
        self.bottom = size.height - size.bottom
        self.values = Scale(marks[0], marks[-1], self.bottom, self.top)
        first, last = min(weeks), max(weeks)
        self.step = (size.width - size.left - size.right) / (last - first + 1)
        self._weeks = Scale(first - 0.5, last + 0.5, size.left, size.width - size.right)
        self._lanes = {name: size.top + self.lane_height * (number + 0.5) for number, name in enumerate(lanes)}
        self._draw_frame(marks, weeks, show)

    def x(self, week: int) -> float:
        """The middle of a week, in pixels."""
        return self._weeks.at(week)

    def _draw_frame(self, marks: Sequence[float], weeks: Sequence[int], show: Callable[[float], str]) -> None:
        right = self.size.width - self.size.right
        for value in marks:
            y = self.values.at(value)
            self.add("line", "axis" if value == 0 else "grid", x1=self.size.left, x2=right, y1=y, y2=y)
            self.write(show(value), self.size.left - 6, y + 4, "label end")
        every = max(1, math.ceil(_LABEL_WIDTH / self.step))
        for week in weeks:
            if (week - 1) % every == 0:
                self.write(str(week), self.x(week), self.bottom + 16, "label middle")
        self.write("week", right, self.bottom + 30, "label end")
        for name, y in self._lanes.items():
            self.write(name, self.size.left - 6, y + 4, "label end")
            self.add("line", "grid", x1=self.size.left, x2=right, y1=y, y2=y)

    def guide(self, week: int) -> None:
        """A faint upright line that ties a week to what was planted in it."""
        self.add("line", "guide", x1=self.x(week), x2=self.x(week), y1=self.top, y2=self.bottom)

    def stack(self, week: int, parts: Sequence[tuple[str, float, str]]) -> None:
        """Bars on top of each other, each with style class, value and tip."""
        base, width = 0.0, self.step * 0.78
        for style, value, tip in parts:
            upper, lower = self.values.at(base + value), self.values.at(base)
            if value:
                self.add("rect", style, tip, x=self.x(week) - width / 2, y=upper, width=width, height=lower - upper)
            base += value

    def mark(self, week: int, lane: str, shape: str, tip: str) -> None:
        """A mark in a lane."""
        place = f"translate({self.x(week):.1f} {self._lanes[lane]:.1f})"
        self.add("path", f"mark {shape}", tip, d=SHAPES[shape], transform=place)

    def interval(self, week: int, low: float, high: float, style: str) -> None:
        """An upright interval; where it leaves the plot an arrow says so."""
        x, foot, head = self.x(week), self.values.at(low), self.values.at(high)
        self.add("line", style, x1=x, x2=x, y1=foot, y2=head)
        if high > self.values.high:
            self.add(
                "path", f"{style} arrow", d=f"M{x - 4:.1f} {head + 6:.1f}L{x:.1f} {head:.1f}L{x + 4:.1f} {head + 6:.1f}"
            )

    def dot(self, week: int, value: float, style: str, tip: str) -> None:
        """A measured value; the style class `small` makes it a point on a line."""
        radius = 2.0 if "small" in style.split() else 4.0
        self.add("circle", style, tip, cx=self.x(week), cy=self.values.at(value), r=radius)

    def series(self, values: Mapping[int, float | None], style: str) -> None:
        """A line through the measured weeks, broken where a week was not measured."""
        run: list[tuple[float, float]] = []
        for week in range(min(values, default=1), max(values, default=0) + 1):
            value = values.get(week)
            if value is None:
                self.line(run, style)
                run = []
            else:
                run.append((self.x(week), self.values.at(value)))
        self.line(run, style)

    def level(self, value: float, words: str, style: str) -> None:
        """A level across all weeks with its name."""
        y, right = self.values.at(value), self.size.width - self.size.right
        self.add("line", style, x1=self.size.left, x2=right, y1=y, y2=y)
        self.write(words, self.size.left + 5, y - 5)


class RowChart(Chart):
    """A row a group, each with its share and interval on one axis from left to right."""

    row_height = 34

    def __init__(
        self, key: str, size: Size, words: tuple[str, str], names: Sequence[str], span: tuple[float, float]
    ) -> None:
        """`span` is the least range of shares; the height grows with the number of names."""
        height = size.top + self.row_height * len(names) + size.bottom
        grown = Size(size.name, size.width, height, size.left, size.right, size.top, size.bottom)
        super().__init__(key, grown, *words)
        marks = ticks(*span)
        self.shares = Scale(marks[0], marks[-1], size.left, size.width - size.right)
        self._rows = {name: size.top + self.row_height * (number + 0.5) for number, name in enumerate(names)}
        bottom = height - size.bottom
        every = math.ceil(_SHARE_WIDTH * len(marks) / (self.shares.end - self.shares.start))
        for number, value in enumerate(marks):
            x = self.shares.at(value)
            self.add("line", "grid", x1=x, x2=x, y1=size.top, y2=bottom)
            if number % every == 0:
                self.write(percent(value), x, bottom + 16, "label middle")
        room = int((size.left - 10) / _CHARACTER)
        for name, y in self._rows.items():
            self.write(name if len(name) <= room else f"{name[: room - 1]}…", size.left - 8, y + 4, "label end")

    def interval(self, name: str, rate: float, low: float, high: float, style: str, words: str) -> None:
        """One group's share and interval, with a finding in words beside it."""
        y = self._rows[name]
        tip = f"{name}: {rate:.1%} [{low:.1%}–{high:.1%}]"
        self.add("line", f"interval {style}", x1=self.shares.at(low), x2=self.shares.at(high), y1=y, y2=y)
        self.add("circle", f"dot {style}", tip, cx=self.shares.at(rate), cy=y, r=4.5)
        self.write(words, self.size.width - 4, y + 4, f"label end {style}")

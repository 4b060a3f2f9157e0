"""Plots that compare groups: how often people approve suggestions, by region."""

from collections.abc import Sequence

from tasks.rehearsal.story import Gap, Story, Week
from tasks.views.plots.chart import RowChart, Size, WeekChart
from tasks.views.plots.figure import Plot, Table, both, draw_guides, points, series, shown, tip

GROUPING = "region"
ROWS_WIDE = Size("wide", 960, 0, left=120, right=210)
ROWS_NARROW = Size("narrow", 360, 0, left=82, right=88)


def plot_groups(story: Story) -> Plot:
    """Approval in the newest window by region, with intervals, the gap to everybody else and the finding."""
    newest = next((week for week in reversed(story.weeks) if week.gaps), None)
    rows = [row for row in newest.gaps if row.grouping == GROUPING] if newest else []
    when = f"as of week {newest.number}" if newest else "not measured"
    words = f"Approval of suggestions by {GROUPING}, {when}", "A dot with its 95 % interval per group, and its gap."

    def draw(size: Size) -> str:
        span = min(row.low for row in rows), max(row.high for row in rows)
        chart = RowChart("groups", size, words, [row.group for row in rows], span)
        for row in rows:
            gap = f"{points(row.gap)} points"
            said = f"{gap}: {row.verdict}" if size is ROWS_WIDE else gap
            style = "found" if row.verdict.shows_gap else "quiet"
            chart.interval(row.group, row.rate, row.low, row.high, style, said)
        return chart.svg()

    columns = "by", "group", "cases", "approved", "95 % interval", "gap in points", "finding"
    return Plot(
        words[0],
        "Share of suggestions that people approved, over the fairness watch's window; beside it the gap to everybody "
        "else. “Underpowered”: there are too few cases to find a gap that matters.",
        (draw(ROWS_WIDE), draw(ROWS_NARROW)) if rows else (),
        Table(
            columns, [_group_row(row) for row in (newest.gaps if newest else [])], frozenset({"by", "group", "finding"})
        ),
        (("dot found", "gap shown"), ("dot quiet", "no gap shown, or underpowered")),
    )


def _group_row(row: Gap) -> tuple[str, ...]:
    interval = f"{row.low:.1%}–{row.high:.1%}"
    found = str(row.verdict)
    return (
        row.grouping,
        row.group,
        str(row.cases),
        shown(row.rate),
        interval,
        points(row.gap),
        found,
    )


def plot_gaps(story: Story) -> Plot:
    """The gap of each region to everybody else, week by week."""
    found = [(week, row) for week in story.weeks for row in week.gaps if row.grouping == GROUPING]
    names = sorted({row.group for _, row in found})
    words = f"Gap of each {GROUPING} by week", "A line per group: its approval minus that of everybody else."

    def draw(size: Size) -> str:
        ends = [row.gap for _, row in found]
        weeks = [week.number for week in story.weeks]
        span = min(-0.02, *ends), max(0.02, *ends)
        chart = WeekChart("gaps", size, words, weeks, span, lambda value: f"{100 * value:+.10g}" if value else "0")
        draw_guides(chart, story.planted_weeks)
        for number, name in enumerate(names):
            _draw_gap(chart, series(number), name, [(week, row) for week, row in found if row.group == name])
        return chart.svg()

    table = [
        (
            str(week.number),
            row.group,
            str(row.cases),
            shown(row.rate),
            points(row.gap),
            str(row.verdict),
        )
        for week, row in found
    ]
    return Plot(
        words[0],
        "In percentage points. Each week looks back over the watch's window, so neighbouring weeks share cases. "
        "A dot marks a gap that is shown.",
        both(draw, found),
        Table(
            ("week", "group", "cases", "approved", "gap in points", "finding"), table, frozenset({"group", "finding"})
        ),
        tuple((f"line {series(number)}", name) for number, name in enumerate(names)),
    )


def _draw_gap(chart: WeekChart, colour: str, name: str, rows: Sequence[tuple[Week, Gap]]) -> None:
    chart.series({week.number: row.gap for week, row in rows}, f"line {colour}")
    for week, row in rows:
        if row.verdict.shows_gap:
            chart.dot(
                week.number,
                row.gap,
                f"dot {colour}",
                tip(week.number, f"{name}: gap of {points(row.gap)} points"),
            )

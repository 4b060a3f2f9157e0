"""Plots of a rehearsal for its owner: cases, errors against the promise, the time line, people's minutes."""

from handrail.rehearsed import WeekPlayed
from tasks.rehearsal.telling import LANES, RehearsalStory
from tasks.views.plots.chart import Size, WeekChart, percent, plain
from tasks.views.plots.figure import NARROW, WIDE, Plot, Table, both, series, shown, tip

LINE_WIDE = Size("wide", 960, 200, left=96)
LINE_NARROW = Size("narrow", 360, 200, left=92, right=6)
SHAPE = {
    "certificate": "up",
    "stage": "up",
    "drift": "triangle",
    "other watch": "triangle",
    "pause": "bars",
    "person": "diamond",
    "model": "diamond",
}

NOTHING = "No case was automatic."
TRUTH = (
    "The truth is known here because it is the past. In daily work you see the audits alone: what people find who look "
    "again at a random part of the automatic cases. Where a range ends in an arrow it goes on above the plot: few were "
    "audited."
)


def plot_cases(telling: RehearsalStory) -> Plot:
    """Cases of each week: automatic and right, automatic and wrong, decided by people."""
    weeks = telling.found.by_week
    most = max((one.cases for one in weeks), default=0)
    words = "Who settled the cases, week by week", "Bars: automatic and right, automatic and wrong, decided by people."

    def draw(size: Size) -> str:
        chart = WeekChart("cases", size, words, [one.week for one in weeks], (0, most), plain)
        for one in weeks:
            parts = (
                ("queue-A", one.automated - one.errors, "automatic and right"),
                ("wrong", one.errors, "automatic and wrong"),
                ("queue-C", one.cases - one.automated, "decided by people"),
            )
            chart.stack(one.week, [(style, count, tip(one.week, f"{count} {what}")) for style, count, what in parts])
        return chart.svg()

    rows = [
        (
            str(one.week),
            f"{one.cases:,}",
            f"{one.automated:,}",
            shown(one.automated / one.cases if one.cases else None),
            f"{one.errors:,}",
        )
        for one in weeks
    ]
    return Plot(
        words[0],
        "In the first weeks people decide everything: their answers are the proof on which a certificate rests"
        + (", and nothing is automatic without one." if telling.policy.queues.uncertified == "review" else "."),
        both(draw, weeks),
        Table(("week", "cases", "automatic", "share", "of it wrong"), rows),
        (
            ("queue-A", "automatic and right"),
            ("queue-wrong wrong", "automatic and wrong"),
            ("queue-C", "decided by people"),
        ),
    )


def plot_errors(telling: RehearsalStory, promise: float) -> Plot:
    """True errors of each week, the range that audits give for them, and what the certificate promises."""
    weeks = telling.found.by_week
    true = {one.week: _true(one) for one in weeks}
    known = [rate for rate in true.values() if rate is not None]
    # Wide ranges of few audits go on above the plot: what matters is near the promise.
    top = 1.2 * max([*known, 3 * promise])
    words = "Errors among the automatic cases", "A line for the truth, an upright range for what audits say each week."

    def draw(size: Size) -> str:
        chart = WeekChart("errors", size, words, [one.week for one in weeks], (0, top), percent)
        chart.series(true, "line truth")
        for one in weeks:
            if one.interval is not None:
                chart.interval(one.week, *one.interval, "interval audited")
            if one.audited_error is not None:
                words_of_week = tip(one.week, f"{shown(one.audited_error, 2)} of {one.audited} audits")
                chart.dot(one.week, one.audited_error, "dot audited", words_of_week)
            rate = true[one.week]
            if rate is not None:
                chart.dot(one.week, rate, "dot small truth", tip(one.week, f"{one.errors} of {one.automated} wrong"))
        chart.level(promise, f"certificate: at most {percent(promise)}", "limit")
        return chart.svg()

    rows = [
        (
            str(one.week),
            shown(true[one.week], 2),
            f"{one.errors:,} of {one.automated:,}",
            shown(one.audited_error, 2),
            "not measured" if one.interval is None else f"{one.interval[0]:.1%} to {one.interval[1]:.1%}",
            f"{one.audited:,}",
        )
        for one in weeks
    ]
    return Plot(
        words[0],
        NOTHING if not known else TRUTH,
        both(draw, known),
        Table(("week", "true errors", "wrong", "by audits", "95 % range", "audits"), rows),
        (
            ("line truth", "truth"),
            ("dot audited", "what audits say, with its 95 % range"),
            ("limit", "what the certificate promises"),
        ),
    )


def _true(one: WeekPlayed) -> float | None:
    return one.errors / one.automated if one.automated else None


def plot_time_line(telling: RehearsalStory) -> Plot:
    """What was said and done in which week, a lane a kind."""
    weeks = [one.week for one in telling.found.by_week]
    lanes = [lane for lane in LANES if any(one.lane == lane for one in telling.happenings)]
    words = (
        "What was noticed and done, and when",
        "A mark in a lane for each week in which something happened; red and pointing down: lost or blamed.",
    )
    marked: dict[tuple[int, str], list[str]] = {}
    lost: set[tuple[int, str]] = set()
    for one in telling.happenings:
        # The morning after the last day still belongs to the last week.
        week = min(one.week, weeks[-1]) if weeks else one.week
        marked.setdefault((week, one.lane), []).append(f"day {one.day}: {one.words}")
        if one.bad:
            lost.add((week, one.lane))

    def draw(size: Size) -> str:
        height = size.top + 19 * len(lanes) + size.bottom + 14
        fitted = Size(size.name, size.width, height, size.left, size.right, size.top, size.bottom)
        chart = WeekChart("line", fitted, words, weeks, (0, 1), lambda _: "", lanes)
        for (week, lane), what in marked.items():
            chart.mark(week, lane, "down" if (week, lane) in lost else SHAPE[lane], tip(week, " | ".join(what)))
        return chart.svg()

    rows = [(str(one.day), one.lane, one.words) for one in telling.happenings]
    drawings = (draw(LINE_WIDE), draw(LINE_NARROW)) if weeks and lanes else ()
    return Plot(words[0], "", drawings, Table(("day", "kind", "what"), rows, frozenset({"kind", "what"})))


def plot_minutes(telling: RehearsalStory) -> Plot:
    """People's minutes a day, by kind of work and week."""
    weeks = telling.found.by_week
    days = {one.week: max(1, min(7, telling.found.days - 7 * (one.week - 1))) for one in weeks}
    kinds = sorted(telling.minutes, key=lambda kind: -sum(telling.minutes[kind].values()))
    a_day = {
        kind: {week: telling.minutes[kind].get(week, 0.0) / length for week, length in days.items()} for kind in kinds
    }
    most = max((sum(of[week] for of in a_day.values()) for week in days), default=0.0)
    words = "People's minutes a day", "Bars on top of each other, a kind of work each, week by week."

    def draw(size: Size) -> str:
        chart = WeekChart("minutes", size, words, list(days), (0, most), plain)
        for week in days:
            parts = [
                (f"part {series(at)}", a_day[kind][week], tip(week, f"{kind}: {a_day[kind][week]:.1f} minutes a day"))
                for at, kind in enumerate(kinds)
            ]
            chart.stack(week, parts)
        return chart.svg()

    rows = [(str(week), *(f"{a_day[kind][week]:.1f}" for kind in kinds)) for week in days]
    return Plot(
        words[0],
        "As long as the simulated people take for a look; not what a whole case takes in your business.",
        (draw(WIDE), draw(NARROW)) if weeks and most else (),
        Table(("week", *kinds), rows),
        tuple((f"line {series(at)}", kind) for at, kind in enumerate(kinds)),
    )

"""Plots over the weeks: queues, error of auto-approvals, agreement, KPIs."""

from handrail.estimates import Estimate
from handrail.kpi import NOT_MEASURED, Kpi
from tasks.rehearsal.story import Story, Week
from tasks.views import kpi_page
from tasks.views.plots.chart import Size, WeekChart, percent, plain
from tasks.views.plots.figure import EMPTY, Plot, Table, both, category_name, draw_guides, series, shown, tip

SMALL = Size("small", 400, 200, left=50)
LANES = ("planted", "drift", "paused", "promoted", "rollback")
QUEUES = {"A": "auto-approve", "B": "quick review", "C": "human decision"}
TRENDS = {
    "time saved per case": "Time saved per case",
    "automation share": "Automation share",
    "mean time to resolution": "Mean time to resolution",
    "cost per case": "Cost per case",
}


def plot_queues(story: Story) -> Plot:
    """Cases of each week by queue, with what was planted, found, paused and promoted above them."""
    weeks = [week.number for week in story.weeks]
    most = max((sum(week.queues.values()) for week in story.weeks), default=0)
    words = "Cases per week by queue", "Bars of queues A, B and C on top of each other; marks for what happened."

    def draw(size: Size) -> str:
        chart = WeekChart("queues", size, words, weeks, (0, most), plain, LANES)
        draw_guides(chart, story.planted_weeks)
        for week in story.weeks:
            parts = [(name, week.queues.get(name, 0)) for name in QUEUES]
            chart.stack(
                week.number,
                [(f"queue-{name}", count, tip(week.number, f"{count} in queue {name}")) for name, count in parts],
            )
            for lane, shape, what in marks(week, story):
                chart.mark(week.number, lane, shape, tip(week.number, what))
        return chart.svg()

    rows = [
        (
            str(week.number),
            *(str(week.queues.get(name, 0)) for name in QUEUES),
            shown(week.automation_share, 0),
            "; ".join(what for _, _, what in marks(week, story)),
        )
        for week in story.weeks
    ]
    return Plot(
        words[0],
        "The marks above the bars say what was planted in a week, and what the watches and people then did.",
        both(draw, weeks),
        Table(("week", *QUEUES, "automation share", "what happened"), rows, frozenset({"what happened"})),
        tuple((f"queue-{name}", f"{name}: {meaning}") for name, meaning in QUEUES.items()),
    )


def marks(week: Week, story: Story) -> list[tuple[str, str, str]]:
    """Lane, shape and words of what is marked in a week; one mark a lane."""
    planted = ", ".join(event.name.replace("_", " ") for event in story.planted if event.week == week.number)
    paused = ", ".join(category_name(name) for name in week.paused)
    promoted = ", ".join(f"v{judged.version}" for judged in week.judged if judged.outcome == "promoted")
    found = [
        ("planted", "diamond", planted and f"planted: {planted}"),
        ("drift", "triangle", "drift found" if week.drift else ""),
        ("paused", "bars", paused and f"paused: {paused}"),
        ("promoted", "up", promoted and f"promoted: {promoted}"),
        ("rollback", "back", week.rolled_back and f"rolled back to v{week.rolled_back}"),
    ]
    return [(lane, shape, words) for lane, shape, words in found if words]


def measured(estimate: Estimate | None) -> Estimate | None:
    """An estimate that rests on audits, or None."""
    return estimate if estimate is not None and estimate.n else None


def plot_errors(story: Story, breaker_limit: float | None) -> Plot:
    """The audited error of auto-approvals with its interval beside the true one, and the breaker's limit if given."""
    weeks = [week.number for week in story.weeks]
    audited = {week.number: found for week in story.weeks if (found := measured(week.audited))}
    true = {week.number: week.true_error for week in story.weeks}
    rates = [*(found.rate for found in audited.values()), *(rate for rate in true.values() if rate is not None)]
    top = 1.2 * max([*rates, 2 * (breaker_limit or 0.0), 0.02])
    words = ("Audited and true error of auto-approvals", "A dot with its 95 % interval per week, a line for the truth.")

    def draw(size: Size) -> str:
        chart = WeekChart("errors", size, words, weeks, (0, top), percent)
        draw_guides(chart, story.planted_weeks)
        chart.series(true, "line truth")
        for week in story.weeks:
            if week.number in audited:
                found = audited[week.number]
                chart.interval(week.number, found.low, found.high, "interval audited")
                chart.dot(week.number, found.rate, "dot audited", tip(week.number, f"audited {interval_words(found)}"))
            if week.true_error is not None:
                chart.dot(
                    week.number, week.true_error, "dot small truth", tip(week.number, f"truth {shown(week.true_error)}")
                )
        if breaker_limit is not None:
            chart.level(breaker_limit, f"breaker's limit {percent(breaker_limit)}", "limit")
        return chart.svg()

    rows = [_error_row(week, audited.get(week.number)) for week in story.weeks]
    columns = (
        "week",
        "audited error",
        "95 % interval",
        "errors found",
        "audits",
        "true error",
        "wrong in truth",
        "auto-approvals",
    )
    return Plot(
        words[0],
        "Weeks without a dot were not measured. An interval with an arrow goes on above the plot. The audits are those "
        "decided in the week, each weighted for how it was drawn.",
        both(draw, rates),
        Table(columns, rows),
        (("dot audited", "audited, with 95 % interval"), ("line truth", "truth"), ("guide", "week of a planted event")),
    )


def interval_words(found: Estimate) -> str:
    """An estimate in words: rate, interval, errors and audits."""
    return f"{shown(found.rate)} [{found.low:.1%}–{found.high:.1%}], {found.errors} of {found.n} audits"


def _error_row(week: Week, found: Estimate | None) -> tuple[str, ...]:
    seen = ("", "0", "0") if found is None else (f"{found.low:.1%}–{found.high:.1%}", str(found.errors), str(found.n))
    true = "–" if week.true_error is None else shown(week.true_error)
    return (
        str(week.number),
        shown(found.rate if found else None),
        *seen,
        true,
        str(week.wrong_automatic),
        str(week.automatic),
    )


def plot_agreement(story: Story) -> Plot:
    """How often each version and people who did not see its suggestion gave the same category."""
    weeks = [week.number for week in story.weeks]
    found = [(week, row) for week in story.weeks for row in week.agreement]
    blindly = [(week, row, row.blind_agreed) for week, row in found if row.blind_agreed is not None]
    versions = sorted({row.model for _, row in found}, key=lambda name: (len(name), name))
    blind = [agreed for _, _, agreed in blindly]
    words = "Agreement of model and people by version", "A line per model version over the weeks, blind decisions only."

    def draw(size: Size) -> str:
        chart = WeekChart("agreement", size, words, weeks, (min(blind), 1.0), percent)
        draw_guides(chart, story.planted_weeks)
        for number, version in enumerate(versions):
            mine = [(week, row, agreed) for week, row, agreed in blindly if row.model == version]
            chart.series({week.number: agreed for week, _, agreed in mine}, f"line {series(number)}")
            for week, row, agreed in mine:
                style = "dot" if row.role == "champion" else "dot hollow"
                said = f"v{version}, {row.role}: {agreed:.1%} of {row.blind}"
                chart.dot(week.number, agreed, f"{style} {series(number)}", tip(week.number, said))
        return chart.svg()

    rows = [
        (
            str(week.number),
            f"v{row.model}",
            row.role,
            str(row.compared),
            shown(row.agreed),
            str(row.blind),
            shown(row.blind_agreed),
        )
        for week, row in found
    ]
    columns = "week", "version", "role", "decisions", "agreed", "blind decisions", "agreed blindly"
    return Plot(
        words[0],
        "Only decisions made without seeing a suggestion: who sees one tends to follow it. "
        "Filled dots: the version served; hollow: it scored in shadow.",
        both(draw, blind),
        Table(columns, rows, frozenset({"version", "role"})),
        tuple((f"line {series(number)}", f"v{version}") for number, version in enumerate(versions)),
    )


def plot_trends(story: Story) -> list[Plot]:
    """A small plot for each of the four KPIs that tell whether automation pays."""
    return [_trend(story, name, title) for name, title in TRENDS.items()]


def kpi_table(story: Story) -> Table:
    """All KPIs of all weeks."""
    names = list(dict.fromkeys(figure.name for week in story.weeks for figure in week.kpis))
    rows = [(str(week.number), *(_shown(_kpi(week, name)) for name in names)) for week in story.weeks]
    return Table(("week", *names), rows if names else [])


def before_after(story: Story) -> Table:
    """The last week's KPIs beside the time in shadow; empty without any."""
    figures = next((week.kpis for week in reversed(story.weeks) if week.kpis), ())
    return kpi_page.kpi_table(figures) if figures else EMPTY


def _kpi(week: Week, name: str) -> Kpi | None:
    return next((figure for figure in week.kpis if figure.name == name), None)


def _shown(figure: Kpi | None) -> str:
    return NOT_MEASURED if figure is None else figure.shown()


def _trend(story: Story, name: str, title: str) -> Plot:
    measured_weeks = [
        (week, figure, figure.value)
        for week in story.weeks
        if (figure := _kpi(week, name)) is not None and figure.value is not None
    ]
    if not measured_weeks:
        return Plot(title, NOT_MEASURED, ())
    values = {week.number: value for week, _, value in measured_weeks}
    (_, first, _), (newest, last, _) = measured_weeks[0], measured_weeks[-1]
    words = f"{title} by week", f"From {first.shown()} to {last.shown()}."
    chart = WeekChart(
        f"trend-{list(TRENDS).index(name)}",
        SMALL,
        words,
        [week.number for week in story.weeks],
        (min(0.0, *values.values()), max(0.0, *values.values())),
        percent if last.unit == "share" else plain,
    )
    draw_guides(chart, story.planted_weeks)
    chart.series(values, "line audited")
    for week, figure, value in measured_weeks:
        words_of_week = tip(week.number, f"{figure.shown()}, {figure.cases} cases")
        chart.dot(week.number, value, "dot small audited", words_of_week)
    return Plot(title, f"{last.shown()} in week {newest.number} ({last.formula})", (chart.svg(),))

"""The error of what went through by itself, and the KPIs of the business case."""

from datetime import datetime, timedelta

from desk.charts import Line, Point, Row, over_time, side_by_side
from desk.monitoring.section import Plot, Scope, Section, Table, interval, latest, number, share, words, worst
from handrail.figures.audits import AuditFigures, RateFigures
from handrail.figures.kpi import KpiFigures
from handrail.kpi import NOT_MEASURED, written
from handrail.reading import ALL, KeptReading, Verdict

Audited = tuple[KeptReading, AuditFigures]


def audits(look: Scope) -> Section:
    """The audited error of auto-approvals by category, with its trend and what is still needed."""
    looks = look.together("audits")
    rows = [(one, one.figures(AuditFigures)) for one in looks]
    title = "Error of auto-approvals"
    whole = next((figures for one, figures in rows if one.subject == ALL), None)
    if whole is None or whole.rate is None:
        return Section("audits", title, worst(looks), "Not measured: no auto-approval has been audited yet.")
    sentence = (
        f"{whole.errors:,} of {whole.audited:,} audited approvals of the last four weeks were wrong; weighted "
        f"for how they were drawn: {share(whole.rate)} ({interval(whole.low, whole.high)}) of "
        f"{whole.auto_approved:,}. Without labels the model's confidence expects {_rate(whole.estimated)}. "
        f"Trend: {whole.trend.direction}."
    )
    if whole.pending:
        sentence += f" {whole.pending:,} contradictions wait for another person's answer."
    if whole.needed:
        sentence += f" Until ± 1 point {whole.needed:,} more audits are needed."
    if whole.at_least_a_day:
        sentence += f" A day asks at least {whole.at_least_a_day} looks, about {whole.floor_minutes:.0f} minutes."
    if whole.plan and whole.plan.cut:
        sentence += f" {whole.plan.cut}"
    plots = tuple(plot for plot in (_weeks(look, whole, looks[0].at), _categories(rows)) if plot is not None)
    return Section("audits", title, worst(looks), sentence, plots, (_table(rows),), latest(looks))


def _rate(found: RateFigures | None) -> str:
    return share(None if found is None else found.rate)


def _weeks(look: Scope, whole: AuditFigures, at: datetime) -> Plot | None:
    points = [
        Point(at - timedelta(weeks=week.weeks_ago), week.rate, week.low, week.high)
        for week in whole.trend.by_week
        if week.rate is not None
    ]
    limit = look.policy.breaker.limit
    svg = over_time(
        "audited",
        ("Audited error by week", "A dot with its 95 % interval for each week."),
        [Line("audited error", points)],
        zone=look.zone,
        levels={"limit": limit},
        top=limit,
    )
    return (
        Plot("Audited error of all categories, by week; each audit weighted for how it was drawn", svg) if svg else None
    )


def _categories(rows: list[Audited]) -> Plot | None:
    svg = side_by_side(
        "audited-categories",
        ("Audited error by category", "A dot with its 95 % interval for each category."),
        [
            Row(
                words(row.subject),
                figures.rate,
                figures.low,
                min(figures.high, 1.0),
                f"{figures.errors:,} of {figures.audited:,} audits",
                found=row.verdict is Verdict.ALARM,
            )
            for row, figures in rows
            if row.subject != ALL
            if figures.rate is not None and figures.low is not None and figures.high is not None
        ],
    )
    return Plot("Audited error by category", svg) if svg else None


def _table(rows: list[Audited]) -> Table:
    columns = ("Category", "Approved", "Audited", "Wrong", "Error", "Interval", "Expected", "Both", "Trend", "Needed")
    return Table(
        "By category",
        "Error: of the audits counted beside it, each weighted for how it was drawn. Expected: by the model's "
        "confidence, without labels. Both: audits and confidence together (PPI). Needed: audits until ± 1 point.",
        columns,
        [
            (
                "all" if row.subject == ALL else words(row.subject),
                f"{figures.auto_approved:,}",
                f"{figures.audited:,}",
                f"{figures.errors:,}",
                share(figures.rate),
                interval(figures.low, figures.high),
                _rate(figures.estimated),
                _rate(figures.ppi),
                figures.trend.direction,
                "–" if figures.needed is None else f"{figures.needed:,}",
            )
            for row, figures in sorted(rows, key=lambda pair: (pair[0].subject != ALL, pair[0].subject))
            if figures.auto_approved
        ],
        frozenset({*columns[1:8], "Needed"}),
    )


def kpis(look: Scope) -> Section:
    """Every KPI beside what it was by hand, week by week."""
    looks = look.together("kpi")
    title = "KPIs"
    if not looks:
        return Section("kpis", title, None, "Not measured yet; the report is made once a week.")
    rows = [(one, one.figures(KpiFigures)) for one in looks]
    measured = [figures for _, figures in rows if figures.value is not None]
    days = max((one.window[1] - one.window[0]).days for one in looks)
    sentence = (
        f"{len(measured)} of {len(rows)} figures are measured, over {days} days; before is the time when people "
        "decided everything themselves."
    )
    plots = tuple(plot for figures in measured if (plot := _by_week(look, figures)) is not None)
    columns = ("Figure", "Now", "Interval", "Before", "Cases", "How it is measured")
    table = Table(
        "Figures and formulas",
        "Each figure with its formula and the cases it rests on.",
        columns,
        [
            (
                row.subject,
                figures.shown,
                _between(figures),
                figures.before_shown,
                f"{figures.cases:,}",
                figures.formula,
            )
            for row, figures in rows
        ],
        frozenset(columns[1:5]),
    )
    return Section("kpis", title, worst(looks), sentence, plots, (table,), latest(looks))


def _between(figures: KpiFigures) -> str:
    if figures.low is None or figures.high is None:
        return "–"
    return f"{written(figures.low, figures.unit)} to {written(figures.high, figures.unit)}"


def _moment(day: str, look: Scope) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=look.zone)


def _by_week(look: Scope, figures: KpiFigures) -> Plot | None:
    points = [
        Point(_moment(one.group, look), one.value, one.low, one.high)
        for one in figures.by_week
        if one.value is not None
    ]
    levels = {} if figures.before is None else {"before": figures.before}

    def show(value: float) -> str:
        return share(value, 0) if figures.unit == "share" else number(value, 1)

    name = figures.name
    svg = over_time(
        f"kpi-{name.replace(' ', '-').lower()}",
        (f"{name}, by week", "A dot for each week."),
        [Line(name, points)],
        zone=look.zone,
        levels=levels,
        show=show,
    )
    unit = "" if figures.unit == "share" else f", {figures.unit}"
    return Plot(f"{name[:1].upper()}{name[1:]}{unit}", svg) if svg and figures.shown != NOT_MEASURED else None

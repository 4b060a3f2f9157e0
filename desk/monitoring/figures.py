"""The error of what went through by itself, and the KPIs of the business case."""

from datetime import datetime, timedelta
from typing import Any

from desk.charts import Line, Point, Row, over_time, side_by_side
from desk.monitoring.section import Plot, Scope, Section, Table, interval, latest, number, share, words, worst
from handrail.kpi import NOT_MEASURED, written
from handrail.store.readings import ALL, Verdict


def audits(look: Scope) -> Section:
    """The audited error of auto-approvals by category, with its trend and what is still needed."""
    rows = look.together("audits")
    title = "Error of auto-approvals"
    whole = next((row["body"] for row in rows if row["subject"] == ALL), None)
    if whole is None or whole["rate"] is None:
        return Section("audits", title, worst(rows), "Not measured: no auto-approval has been audited yet.")
    sentence = (
        f"{whole['errors']:,} of {whole['audited']:,} audited approvals of the last four weeks were wrong; weighted "
        f"for how they were drawn: {share(whole['rate'])} ({interval(whole['low'], whole['high'])}) of "
        f"{whole['auto_approved']:,}. Without labels the model's confidence expects {_rate(whole['estimated'])}. "
        f"Trend: {whole['trend']['direction']}."
    )
    if whole["needed"]:
        sentence += f" Until ± 1 point {whole['needed']:,} more audits are needed."
    if whole["plan"] and whole["plan"].get("cut"):
        sentence += f" {whole['plan']['cut']}"
    plots = tuple(plot for plot in (_weeks(look, whole, rows[0]["at"]), _categories(rows)) if plot is not None)
    return Section("audits", title, worst(rows), sentence, plots, (_table(rows),), latest(rows))


def _rate(found: dict[str, Any] | None) -> str:
    return share(None if found is None else found["rate"])


def _weeks(look: Scope, whole: dict[str, Any], at: datetime) -> Plot | None:
    points = [
        Point(at - timedelta(weeks=week["weeks_ago"]), week["rate"], week["low"], week["high"])
        for week in whole["trend"]["by_week"]
        if week["rate"] is not None
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
    return Plot("Audited error of all categories, by week; of the audits drawn at random", svg) if svg else None


def _categories(rows: list[dict[str, Any]]) -> Plot | None:
    measured = [row for row in rows if row["subject"] != ALL and row["body"]["rate"] is not None]
    svg = side_by_side(
        "audited-categories",
        ("Audited error by category", "A dot with its 95 % interval for each category."),
        [
            Row(
                words(row["subject"]),
                body["rate"],
                body["low"],
                min(body["high"], 1.0),
                f"{body['errors']:,} of {body['audited']:,} audits",
                found=row["verdict"] == Verdict.ALARM,
            )
            for row in measured
            for body in (row["body"],)
        ],
    )
    return Plot("Audited error by category", svg) if svg else None


def _table(rows: list[dict[str, Any]]) -> Table:
    columns = ("Category", "Approved", "Audited", "Wrong", "Error", "Interval", "Expected", "Both", "Trend", "Needed")
    return Table(
        "By category",
        "Error: of the audits counted beside it, each weighted for how it was drawn. Expected: by the model's "
        "confidence, without labels. Both: audits and confidence together (PPI). Needed: audits until ± 1 point.",
        columns,
        [
            (
                "all" if row["subject"] == ALL else words(row["subject"]),
                f"{body['auto_approved']:,}",
                f"{body['audited']:,}",
                f"{body['errors']:,}",
                share(body["rate"]),
                interval(body["low"], body["high"]),
                _rate(body["estimated"]),
                _rate(body["ppi"]),
                str(body["trend"]["direction"]),
                "–" if body["needed"] is None else f"{body['needed']:,}",
            )
            for row in sorted(rows, key=lambda row: (row["subject"] != ALL, row["subject"]))
            for body in (row["body"],)
            if body["auto_approved"]
        ],
        frozenset({*columns[1:8], "Needed"}),
    )


def kpis(look: Scope) -> Section:
    """Every KPI beside what it was by hand, week by week."""
    rows = look.together("kpi")
    title = "KPIs"
    if not rows:
        return Section("kpis", title, None, "Not measured yet; the report is made once a week.")
    measured = [row for row in rows if row["body"]["value"] is not None]
    days = max((row["window_to"] - row["window_from"]).days for row in rows)
    sentence = (
        f"{len(measured)} of {len(rows)} figures are measured, over {days} days; before is the time when people "
        "decided everything themselves."
    )
    plots = tuple(plot for row in measured if (plot := _by_week(look, row["body"])) is not None)
    columns = ("Figure", "Now", "Interval", "Before", "Cases", "How it is measured")
    table = Table(
        "Figures and formulas",
        "Each figure with its formula and the cases it rests on.",
        columns,
        [
            (
                row["subject"],
                body["shown"],
                _between(body),
                body["before_shown"],
                f"{body['cases']:,}",
                str(body["formula"]),
            )
            for row in rows
            for body in (row["body"],)
        ],
        frozenset(columns[1:5]),
    )
    return Section("kpis", title, worst(rows), sentence, plots, (table,), latest(rows))


def _between(body: dict[str, Any]) -> str:
    if body["low"] is None or body["high"] is None:
        return "–"
    return f"{written(body['low'], body['unit'])} to {written(body['high'], body['unit'])}"


def _moment(day: str, look: Scope) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=look.zone)


def _by_week(look: Scope, body: dict[str, Any]) -> Plot | None:
    weeks = [one for one in body["by_week"] if one["value"] is not None]
    points = [Point(_moment(one["group"], look), one["value"], one["low"], one["high"]) for one in weeks]
    levels = {} if body["before"] is None else {"before": body["before"]}

    def show(value: float) -> str:
        return share(value, 0) if body["unit"] == "share" else number(value, 1)

    name = str(body["name"])
    svg = over_time(
        f"kpi-{name.replace(' ', '-').lower()}",
        (f"{name}, by week", "A dot for each week."),
        [Line(name, points)],
        zone=look.zone,
        levels=levels,
        show=show,
    )
    unit = "" if body["unit"] == "share" else f", {body['unit']}"
    return Plot(f"{name[:1].upper()}{name[1:]}{unit}", svg) if svg and body["shown"] != NOT_MEASURED else None

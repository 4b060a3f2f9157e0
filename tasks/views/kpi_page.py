"""KPIs and business case as one self-contained HTML page, and the business case in sentences."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from handrail.kpi import NOT_MEASURED, written
from tasks.views.plots.figure import Table

COLUMNS = ("KPI", "now", "95 % interval", "cases", "before", "cases before", "formula")


def write(figures: Sequence[Mapping[str, Any]], span: tuple[datetime, datetime], file: Path) -> None:
    """Write the KPIs of a span with their groups; the page asks nothing of the network and runs no script."""
    tables = [("KPIs beside the time in shadow", kpi_table(figures))]
    tables += [
        (f"{one['name'].capitalize()} by {grouping}", _group_table(grouping, groups))
        for one in figures
        for grouping, groups in one["by"].items()
    ]
    begin, end = span
    sentences = [f"{one['name']}: before: {one['basis']}." for one in figures]
    _write(f"KPIs, {begin:%Y-%m-%d} to {end:%Y-%m-%d}", sentences, tables, file)


def write_case(value: Mapping[str, Any], file: Path) -> None:
    """Write the business case, as `handrail report business-case` has it."""
    rows = [
        (
            f"{one['at']:%Y-%m-%d}",
            written(one["automation_share"], "share"),
            written(one["error_rate"], "share"),
            interval(one["error_low"], one["error_high"], "share"),
            str(one["audits"]),
            written(one["cost"], value["currency"]),
            one["status"],
        )
        for one in value["path"]
    ]
    columns = "until", "automated", "error rate", "95 % interval", "audits", "cost per case", "goal"
    path = Table(columns, rows, frozenset({"goal"}))
    _write("Business case", case_lines(value), [("The path, four weeks at a time", path)], file)


def kpi_table(figures: Sequence[Mapping[str, Any]]) -> Table:
    """A row for each KPI: now and before."""
    rows = [(str(one["name"]), *_cells(one), str(one["formula"])) for one in figures]
    return Table(COLUMNS, rows, frozenset({"KPI", "formula"}))


def _group_table(grouping: str, groups: Sequence[Mapping[str, Any]]) -> Table:
    return Table((grouping, *COLUMNS[1:-1]), [(str(one["group"]), *_cells(one)) for one in groups])


def _cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    unit = str(one["unit"])
    return (
        str(one["shown"]),
        interval(one.get("low"), one.get("high"), unit),
        f"{one['cases']:,}",
        written(one.get("before"), unit),
        f"{one.get('before_cases', 0):,}",
    )


def interval(low: float | None, high: float | None, unit: str) -> str:
    """Both ends of an interval, a dash where there is none."""
    if low is None or high is None:
        return "–"
    return f"{low:.1%} to {high:.1%}" if unit == "share" else f"{low:,.2f} to {high:,.2f}"


def case_lines(value: Mapping[str, Any]) -> list[str]:
    """The business case in sentences."""
    goal, currency, month = value["goal"], value["currency"], value["month"]
    rejected = written(value["rejected_in_shadow"], "share")
    lines = [
        f"Goal: {goal['automation_share']:.0%} automated with at most {goal['error_rate_at_most']:.1%} errors "
        f"within {goal['days']:g} days" + (f", by {value['deadline']:%Y-%m-%d}." if value["deadline"] else "."),
        _status(value),
        *value["why"],
        f"In shadow people decided otherwise than the machine said: {rejected} of the cases.",
    ]
    if month is None:
        return [*lines, "Cost and saving of a month: not measured."]
    sure = interval(month["saving_low"], month["saving_high"], currency)
    cost, by_hand, saving = (written(month[name], currency) for name in ("cost", "by_hand", "saving"))
    lines += [
        f"A month: {month['cases']:,} cases cost {cost}, by hand {by_hand}; saved {saving} (95 %: {sure}).",
        "Of the cost: " + ", ".join(f"{name} {part:,.2f}" for name, part in month["parts"].items()) + ".",
        f"Before: {value['basis']}.",
        f"Saved so far: {written(value['saved_so_far'], currency)}; broke even "
        + (f"by {value['break_even_at']:%Y-%m-%d}." if value["break_even_at"] else "not yet."),
    ]
    rate = value["break_even_error_rate"]
    lines.append(f"Automation pays below an error rate of {written(rate, 'share')}." if rate is not None else "")
    return [line for line in lines if line]


def _status(value: Mapping[str, Any]) -> str:
    if value["reached_at"] is None:
        return f"Status: {value['status']}."
    in_time = "in time" if value["reached_at"] <= value["deadline"] else "after the deadline"
    return f"Status: reached on {value['reached_at']:%Y-%m-%d}, {in_time}; " + (
        "it still holds." if value["holds"] else "the last four weeks do not show it any more."
    )


def _write(title: str, sentences: Sequence[str], tables: Sequence[tuple[str, Table]], file: Path) -> None:
    page = _template().render(title=title, sentences=sentences, tables=tables, nothing=NOT_MEASURED)
    file.write_text(page, encoding="utf-8")


@lru_cache(maxsize=1)
def _template() -> Template:
    pages = Environment(
        loader=PackageLoader("tasks.views"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template("kpi.html.j2")

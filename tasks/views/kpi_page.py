"""KPIs and business case as one self-contained HTML page, and the business case in sentences."""

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from handrail.founding import Founding
from handrail.kpi import NOT_MEASURED, BusinessCase, Kpi, written
from tasks.views.measure import CaseReport, Measured
from tasks.views.plots.figure import Table

COLUMNS = ("KPI", "now", "95 % interval", "cases", "before", "cases before", "formula")


def write(found: Measured, file: Path, *, founding: Founding) -> None:
    """Write the KPIs of a window with their groups; the page asks nothing of the network and runs no script."""
    tables = [("KPIs beside the time in shadow", kpi_table(found.whole))]
    tables += [
        (f"{one.name.capitalize()} by {grouping}", _group_table(grouping, groups))
        for one in found.whole
        for grouping, groups in found.by_group(one.name).items()
    ]
    begin, end = found.window.shown
    sentences = [f"{one.name}: before: {one.basis}." for one in found.whole]
    _write(f"KPIs, {begin:%Y-%m-%d} to {end:%Y-%m-%d}", sentences, tables, file, founding)


def write_case(report: CaseReport, file: Path, *, founding: Founding) -> None:
    """Write the business case, as `handrail report business-case` has it."""
    rows = [
        (
            f"{step.at:%Y-%m-%d}",
            written(step.automation_share, "share"),
            written(step.error_rate, "share"),
            interval(step.error_low, step.error_high, "share"),
            str(step.audits),
            written(step.cost, report.currency),
            step.status,
        )
        for step in report.case.path
    ]
    columns = "until", "automated", "error rate", "95 % interval", "audits", "cost per case", "goal"
    path = Table(columns, rows, frozenset({"goal"}))
    _write("Business case", case_lines(report), [("The path, four weeks at a time", path)], file, founding)


def kpi_table(figures: Sequence[Kpi]) -> Table:
    """A row for each KPI: now and before."""
    rows = [(one.name, *_cells(one), one.formula) for one in figures]
    return Table(COLUMNS, rows, frozenset({"KPI", "formula"}))


def _group_table(grouping: str, groups: Sequence[tuple[str, Kpi]]) -> Table:
    return Table((grouping, *COLUMNS[1:-1]), [(group, *_cells(one)) for group, one in groups])


def _cells(one: Kpi) -> tuple[str, ...]:
    return (
        one.shown(),
        interval(one.low, one.high, one.unit),
        f"{one.cases:,}",
        written(one.before, one.unit),
        f"{one.before_cases:,}",
    )


def interval(low: float | None, high: float | None, unit: str) -> str:
    """Both ends of an interval, a dash where there is none."""
    if low is None or high is None:
        return "–"
    return f"{low:.1%} to {high:.1%}" if unit == "share" else f"{low:,.2f} to {high:,.2f}"


def case_lines(report: CaseReport) -> list[str]:
    """The business case in sentences."""
    case, goal, currency, month = report.case, report.goal, report.currency, report.case.month
    rejected = written(report.rejected_in_shadow, "share")
    lines = [
        f"Goal: {goal.automation_share:.0%} automated with at most {goal.error_rate_at_most:.1%} errors "
        f"within {goal.horizon / timedelta(days=1):g} days"
        + (f", by {case.deadline:%Y-%m-%d}." if case.deadline else "."),
        _status(case),
        *case.why,
        f"In shadow people decided otherwise than the machine said: {rejected} of the cases.",
    ]
    if month is None:
        return [*lines, "Cost and saving of a month: not measured."]
    sure = interval(month.saving_low, month.saving_high, currency)
    cost, by_hand, saving = (written(amount, currency) for amount in (month.cost, month.by_hand, month.saving))
    lines += [
        f"A month: {month.cases:,} cases cost {cost}, by hand {by_hand}; saved {saving} (95 %: {sure}).",
        "Of the cost: " + ", ".join(f"{name} {part:,.2f}" for name, part in month.parts.items()) + ".",
        f"Before: {case.basis}.",
        f"Saved so far: {written(case.saved_so_far, currency)}; broke even "
        + (f"by {case.break_even_at:%Y-%m-%d}." if case.break_even_at else "not yet."),
    ]
    rate = case.break_even_error_rate
    lines.append(f"Automation pays below an error rate of {written(rate, 'share')}." if rate is not None else "")
    return [line for line in lines if line]


def _status(case: BusinessCase) -> str:
    if case.reached_at is None or case.deadline is None:
        return f"Status: {case.status}."
    in_time = "in time" if case.reached_at <= case.deadline else "after the deadline"
    return f"Status: reached on {case.reached_at:%Y-%m-%d}, {in_time}; " + (
        "it still holds." if case.holds else "the last four weeks do not show it any more."
    )


def _write(
    title: str, sentences: Sequence[str], tables: Sequence[tuple[str, Table]], file: Path, founding: Founding
) -> None:
    words = {"title": title, "founding": founding.sentence, "sentences": sentences, "tables": tables}
    page = _template().render(**words, nothing=NOT_MEASURED)
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

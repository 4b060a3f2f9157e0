"""KPI report: the six figures of the business case, *not measured* where there is no data."""

from collections.abc import Sequence
from datetime import timedelta

from prefect import flow

from flows.parameters import AsOf, Days, Home
from handrail.kpi import Kpi, written
from tasks import publish
from tasks.occasion import begin
from tasks.views.measure import watched_kpis
from tasks.watch.attendance import attended


@flow(name="kpi-report", persist_result=False)
@attended("kpi_report")
def kpi_report(days: Days = 7, as_of: AsOf = None, home: Home = None) -> tuple[Kpi, ...]:
    """Measure the KPIs of the last days beside the time in shadow, each with its formula and cases.

    What was seen, by category, channel and week too, is kept for the desk.
    """
    occasion = begin("kpi_report", home=home, as_of=as_of)
    figures = watched_kpis(occasion, timedelta(days=days)).whole
    publish.table(
        "kpis", [_line(figure) for figure in figures], f"KPIs of the last {days} days, beside the time in shadow"
    )
    publish.text("kpi-notes", notes(figures), f"What the KPIs of the last {days} days mean")
    return figures


def _line(figure: Kpi) -> dict[str, str | int]:
    return {
        "kpi": figure.name,
        "value": figure.shown(),
        "cases": figure.cases,
        "before": written(figure.before, figure.unit),
        "cases before": figure.before_cases,
        "formula": figure.formula,
    }


def notes(figures: Sequence[Kpi]) -> str:
    """What each figure rests on, and what it is made of, in sentences."""
    lines = []
    for one in figures:
        interval = "" if one.low is None else f" (95 %: {one.low:.3g} to {one.high:.3g})"
        lines.append(
            f"- **{one.name}**: {one.shown()}{interval}, {one.cases:,} cases; {one.formula}. "
            f"Before: {written(one.before, one.unit)}, {one.basis}."
        )
        parts = [f"{name} {part:.3g}" for name, part in one.parts.items() if part]
        lines += [f"  - of which {', '.join(parts)}"] if parts else []
    return "\n".join(lines)

"""KPI report: the six figures of the business case, *not measured* where there is no data."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from prefect import flow

from flows.parameters import AsOf, Days, Home
from tasks import publish
from tasks.measure import kpis
from tasks.occasion import begin


@flow(name="kpi-report", persist_result=False)
def kpi_report(days: Days = 7, as_of: AsOf = None, home: Home = None) -> list[dict[str, Any]]:
    """Measure the KPIs of the last days, each with its formula and the number of cases behind it."""
    occasion = begin("kpi_report", home=home, as_of=as_of)
    figures = [{**asdict(figure), "shown": figure.shown()} for figure in kpis(occasion, timedelta(days=days))]
    publish.table(
        "kpis",
        [
            {"kpi": row["name"], "value": row["shown"], "cases": row["cases"], "formula": row["formula"]}
            for row in figures
        ],
        f"KPIs of the last {days} days",
    )
    return figures

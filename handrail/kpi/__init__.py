"""The KPIs of the business case: figures beside what they were by hand, each with its formula and its cases."""

from handrail.kpi.before import Baseline, Before
from handrail.kpi.business_case import BusinessCase, GoalWeek, Month, make_case
from handrail.kpi.definitions import measure, measure_by
from handrail.kpi.figure import NOT_MEASURED, Kpi, written
from handrail.kpi.trace import ENOUGH, GROUPINGS, SETTLING, Trace

__all__ = [
    "ENOUGH",
    "GROUPINGS",
    "NOT_MEASURED",
    "SETTLING",
    "Baseline",
    "Before",
    "BusinessCase",
    "GoalWeek",
    "Kpi",
    "Month",
    "Trace",
    "make_case",
    "measure",
    "measure_by",
    "written",
]

"""Fairness watch: approval of suggestions compared across groups or proxies."""

from datetime import timedelta
from typing import Any

from prefect import flow

from flows.parameters import AsOf, Days, Home
from tasks import publish
from tasks.measure import group_gaps
from tasks.occasion import begin


@flow(name="fairness-watch", persist_result=False)
def fairness_watch(days: Days = 28, as_of: AsOf = None, home: Home = None) -> list[dict[str, Any]]:
    """Compare how often people approve suggestions in each of the policy's groups, with intervals and verdicts."""
    occasion = begin("fairness_watch", home=home, as_of=as_of)
    rows = group_gaps(occasion, timedelta(days=days))
    publish.table("fairness", rows, f"Approval by group, last {days} days")
    return rows

"""What people's time went into, per case settled."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import pandas as pd

from handrail.kpi.figure import Z, ids

PARTS = {
    "review": "reviews",
    "second": "second opinions",
    "escalation": "escalations",
    "dispute": "disputes",
    "audit": "audits",
}
RECHECKS = "rechecks"
"""Rechecks and adjudications: both settle what people's labels are worth."""


@dataclass(frozen=True, slots=True)
class Spending:
    """Minutes per settled case, whole and by what they went into.

    `reach` is half the 95 % interval of `minutes`, None for one case. `automatic` is the share of the cases that
    the machine settled, `assumed` that of the minutes which nobody measured.
    """

    cases: tuple[int, ...]
    minutes: float
    reach: float | None
    parts: Mapping[str, float]
    automatic: float
    assumed: float


def spending(work: pd.DataFrame) -> Spending:
    """All minutes of the span over the cases first settled in it.

    Work on cases settled earlier, such as an audit the week after, counts in the span in which it was done.

    Args:
        work: decisions with kind, first, case_id, minutes, assumed.

    Returns:
        Minutes per settled case, in all and in parts.

    Source: docs/concepts.md, *time saved per case*.

    >>> row = {"kind": "review", "first": True, "assumed": False}
    >>> spending(pd.DataFrame([{**row, "case_id": 1, "minutes": 2.0}, {**row, "case_id": 2, "minutes": 4.0}])).minutes
    3.0
    """
    settled = work[work["first"]]
    cases = ids(settled["case_id"])
    if not cases:
        return Spending((), 0.0, None, {}, 0.0, 0.0)
    people = work[work["kind"] != "automatic"]
    by_part = people["minutes"].groupby(people["kind"].map(PARTS).fillna(RECHECKS)).sum() / len(cases)
    total = float(people["minutes"].sum())
    each = work.groupby("case_id")["minutes"].sum()
    reach = Z * float(each.std(ddof=1)) * sqrt(len(each)) / len(cases) if len(each) > 1 else None
    assumed = float(people.loc[people["assumed"], "minutes"].sum()) / total if total else 0.0
    automatic = settled.loc[settled["kind"] == "automatic", "case_id"].nunique() / len(cases)
    parts = {name: float(by_part.get(name, 0.0)) for name in (*PARTS.values(), RECHECKS)}
    return Spending(cases, total / len(cases), reach, parts, automatic, assumed)

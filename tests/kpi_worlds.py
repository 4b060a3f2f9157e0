"""Small worlds of decisions for the tests of KPIs: rows in, a trace out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from handrail.kpi import Baseline, Trace
from handrail.policy import CostRules

COSTS = CostRules(currency="EUR", minutes_manual=6, minutes_quick=1, minute=0.5, error=20)
MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
PLACE = {"category": "refund", "channel": "web", "assigned_at": MONDAY}
WORK = {
    "case_id": 1,
    "kind": "review",
    "queue": "C",
    "label": "refund",
    "seconds": 60.0,
    "at": MONDAY,
    "received_at": MONDAY,
    "first": True,
    "chance": None,
    "recheck_chance": None,
    "differs": False,
    **PLACE,
}
ROUTE = {"case_id": 1, "queue": "C", "stage": "auto", "at": MONDAY, **PLACE}
OUTCOME = {"case_id": 1, "kind": "csat", "value": None, "at": MONDAY, **PLACE}
ESCALATION = {"case_id": 1, "cause": "legal", "at": MONDAY, **PLACE}


def frame(rows: Iterable[Mapping[str, Any]], ordinary: Mapping[str, Any]) -> pd.DataFrame:
    """Rows in which nothing but what is said differs from the ordinary; typed without any row too."""
    found = pd.DataFrame([{**ordinary, **row} for row in rows], columns=list(ordinary))
    flags = [name for name, value in ordinary.items() if isinstance(value, bool)]
    return found.astype(dict.fromkeys(flags, bool))


def decision(case_id: int, kind: str, seconds: float | None = None, hours: float = 0, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any cell
    """A decision some hours after its case was received; automatic ones in queue A, the first unless said."""
    first = {"first": kind in ("automatic", "review"), "queue": "A" if kind == "automatic" else "C"}
    return {
        "case_id": case_id,
        "kind": kind,
        "seconds": seconds,
        "at": MONDAY + timedelta(hours=hours),
        **first,
        **more,
    }


def world(
    work: Sequence[Mapping[str, Any]] = (),
    *,
    routes: Sequence[Mapping[str, Any]] = (),
    outcomes: Sequence[Mapping[str, Any]] = (),
    escalations: Sequence[Mapping[str, Any]] = (),
    pending: Iterable[int] = (),
) -> Trace:
    """A trace of these rows."""
    return Trace(
        frame(work, WORK),
        frame(routes, ROUTE),
        frame(outcomes, OUTCOME),
        frame(escalations, ESCALATION),
        frozenset(pending),
    )


def baseline(
    trace: Trace | None = None, left: Mapping[str, datetime] | None = None, costs: CostRules = COSTS
) -> Baseline:
    """What the world is compared with; nothing was measured unless a trace is given."""
    return Baseline(world() if trace is None else trace, left or {}, costs)


def audits(wrong: int, right: int, start: int = 1000, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any cell
    """Audits of equal chance, each of a case of its own."""
    return [
        decision(start + at, "audit", 60, chance=0.05, differs=at < wrong, queue="A", **more)
        for at in range(wrong + right)
    ]


def by_hand(cases: int, seconds: float = 120, wrong: int = 0, rechecks: int = 0, hours: float = 3) -> Trace:
    """Shadow: people decided `cases`; some were rechecked, `wrong` of them differently."""
    work = [decision(-at - 1, "review", seconds, hours) for at in range(cases)]
    work += [decision(-at - 1, "recheck", 600, hours, recheck_chance=1.0, differs=at < wrong) for at in range(rechecks)]
    return world(work, routes=[{"case_id": -at - 1, "stage": "shadow"} for at in range(cases)])

"""The six KPIs of the business case, each with its formula."""

from datetime import datetime, timedelta
from math import hypot

import numpy as np
import pandas as pd

from handrail.kpi.before import Baseline, Before
from handrail.kpi.cost import audited, cost_per_case
from handrail.kpi.figure import Estimated, Kpi, beside, ids, mean, reduction, share
from handrail.kpi.spending import spending
from handrail.kpi.trace import SETTLING, Trace, timed

HOUR = timedelta(hours=1)


def measure(trace: Trace, baseline: Baseline) -> tuple[Kpi, ...]:
    """The six KPIs (CSAT and complaints apart) and the automation share of one span, beside the time before.

    Args:
        trace: what happened in the span.
        baseline: the trace before the rollout.

    Returns:
        Nine figures, always in this order.

    Source: docs/concepts.md, *KPI*.
    """
    return _measure(timed(trace, baseline.costs), baseline.whole, baseline)


def measure_by(trace: Trace, baseline: Baseline, grouping: str, until: datetime) -> dict[str, tuple[Kpi, ...]]:
    """The six KPIs and the automation share of each category, week or channel.

    Args:
        trace: what happened in the span.
        baseline: the trace before the rollout.
        grouping: one of `GROUPINGS`.
        until: when the span ends.

    Returns:
        The figures of `measure` by the group's name.

    Source: docs/concepts.md, *KPI*.
    """
    groups = timed(trace, baseline.costs).groups(grouping, until)
    past = baseline.groups(grouping, until)
    return {name: _measure(group, past.get(name, baseline.whole), baseline) for name, group in groups.items()}


def _measure(trace: Trace, before: Before, baseline: Baseline) -> tuple[Kpi, ...]:
    return (
        time_saved(trace, before),
        error_rate(trace, before),
        error_reduction(trace, before),
        time_to_resolution(trace, before),
        escalation_rate(trace, before),
        satisfaction(trace, before),
        complaint_rate(trace, before),
        cost_per_case(trace, before, baseline.costs, baseline.error_costs),
        automation_share(trace),
    )


def time_saved(trace: Trace, before: Before) -> Kpi:
    """Minutes saved per case: minutes a case by hand − all minutes people spent in the span ÷ cases settled in it.

    Reviews, second opinions, escalations, disputes, audits, rechecks and adjudications all count as spent. By hand: the
    mean of the cases measured in shadow, else the policy's minutes. A case counts when it is first settled.

    Args:
        trace: what happened in the span, with minutes (see `trace.timed`).
        before: the work by hand.

    Returns:
        The figure in minutes, with its parts.

    Source: docs/concepts.md, *time saved per case*.

    >>> row = {"kind": "review", "first": True, "assumed": False, "case_id": 1, "minutes": 2.0}
    >>> trace = Trace(pd.DataFrame([row]), pd.DataFrame(), pd.DataFrame(), pd.DataFrame())
    >>> by_hand = Estimated(5.0, None, None, ())
    >>> time_saved(trace, Before(trace, "shadow", by_hand, by_hand, "shadow")).value
    3.0
    """
    spent = spending(trace.work)
    value = low = high = None
    if spent.cases:
        by_hand = before.minutes.value or 0.0
        value = by_hand - spent.minutes
        past = 0.0 if before.minutes.high is None else before.minutes.high - by_hand
        reach = None if spent.reach is None else hypot(spent.reach, past)
        low, high = (None, None) if reach is None else (value - reach, value + reach)
    return Kpi(
        "time saved per case",
        value,
        "minutes",
        len(spent.cases),
        "minutes by hand − (reviews + second opinions + escalations + disputes + audits + rechecks) ÷ cases",
        low,
        high,
        before.minutes.value,
        before.minutes.n,
        before.basis,
        {f"{name} minutes": part for name, part in spent.parts.items()} | {"assumed share": spent.assumed}
        if spent.cases
        else {},
        spent.cases,
    )


def error_rate(trace: Trace, before: Before) -> Kpi:
    """Rejected ÷ audited auto-approvals, over all audits, each weighted by 1 ÷ the chance with which it was drawn.

    Before: people's decisions in shadow that a blind recheck came to another category about ÷ rechecked. Both looks
    have slips of their own, so that neither is zero for a perfect decider.

    Args:
        trace: what happened in the span.
        before: the work by hand.

    Returns:
        The figure as a share.

    Source: docs/concepts.md, *error-rate reduction*; docs/decisions/0041-weights.md.

    >>> work = pd.DataFrame({"case_id": [1, 2], "chance": [0.05, 0.05], "differs": [True, False]})
    >>> trace, people = Trace(work, work, work, work), Estimated(0.04, 0.0, 0.1, (3,))
    >>> error_rate(trace, Before(trace, "shadow", people, people, "shadow")).value
    0.5
    """
    return beside(
        "error rate of auto-approvals",
        audited(trace),
        "share",
        "rejected ÷ audited, each weighted for how it was drawn",
        before.errors,
        f"people's decisions that a recheck differed from, {before.errors_of}",
    )


def error_reduction(trace: Trace, before: Before) -> Kpi:
    """1 − audited error rate of auto-approvals ÷ people's error rate in shadow; below 0: more errors than before.

    Args:
        trace: what happened in the span.
        before: the work by hand.

    Returns:
        The figure as a share; not measured without an error of people in shadow.

    Source: docs/concepts.md, *error-rate reduction*; Katz et al. 1978.

    >>> work = pd.DataFrame({"case_id": range(20), "chance": 0.05, "differs": [True] + [False] * 19})
    >>> trace, people = Trace(work, work, work, work), Estimated(0.1, 0.0, 0.3, tuple(range(20)))
    >>> error_reduction(trace, Before(trace, "shadow", people, people, "shadow")).value
    0.5
    """
    now, past = audited(trace), before.errors
    reduced = reduction(_hits(now), _hits(past))
    value, low, high = reduced or (None, None, None)
    basis = f"people's decisions that a recheck differed from, {before.errors_of}"
    return Kpi(
        "error-rate reduction",
        value,
        "share",
        now.n if reduced else 0,
        "1 − audited error of auto-approvals ÷ rechecked error of people in shadow",
        low,
        high,
        past.value,
        past.n,
        basis if past.n else "no recheck in shadow",
        {},
        now.case_ids if reduced else (),
    )


def resolved(trace: Trace) -> Estimated:
    """Hours from receipt to the last decision that settled the case; what is pending at the end is not resolved.

    Denials for policy or legal wait for their escalation, contested ones for their dispute. A clock that went back
    makes no negative time.

    Args:
        trace: what happened in the span.

    Returns:
        The mean with its interval.

    Source: docs/concepts.md, *mean time to resolution*.

    >>> row = {"case_id": 1, "kind": "review", "received_at": "2026-03-01T08:00Z", "at": "2026-03-01T10:00Z"}
    >>> resolved(Trace(pd.DataFrame([row]), pd.DataFrame(), pd.DataFrame(), pd.DataFrame())).value
    2.0
    """
    work = trace.work[trace.work["kind"].isin(SETTLING) & ~trace.work["case_id"].isin(trace.pending)]
    if work.empty:
        return mean([], [])
    last = work.groupby("case_id").agg(received=("received_at", "min"), at=("at", "max"))
    hours = (pd.to_datetime(last["at"], utc=True) - pd.to_datetime(last["received"], utc=True)) / HOUR
    return mean(hours.clip(lower=0), last.index)


def time_to_resolution(trace: Trace, before: Before) -> Kpi:
    """Mean of (settling decision − receipt), in hours, of the cases resolved in the span; see `resolved`.

    Args:
        trace: what happened in the span.
        before: the work by hand.

    Returns:
        The figure in hours.

    Source: docs/concepts.md, *mean time to resolution*.

    >>> row = {"case_id": 1, "kind": "review", "received_at": "2026-03-01T08:00Z", "at": "2026-03-01T10:00Z"}
    >>> trace = Trace(pd.DataFrame([row]), pd.DataFrame(), pd.DataFrame(), pd.DataFrame())
    >>> by_hand = Estimated(5.0, None, None, ())
    >>> time_to_resolution(trace, Before(trace, "shadow", by_hand, by_hand, "shadow")).value
    2.0
    """
    decided = trace.work.loc[trace.work["kind"].isin(SETTLING), "case_id"]
    open_cases = len(set(ids(decided)) & trace.pending)
    return beside(
        "mean time to resolution",
        resolved(trace),
        "hours",
        "last settling decision − receipt, resolved cases",
        resolved(before.trace),
        f"cases of {before.scope}",
        {"decided, not resolved (cases)": float(open_cases)},
    )


def escalated(trace: Trace) -> Estimated:
    """Share of the cases routed in the span that were escalated in it, for whatever cause.

    Args:
        trace: what happened in the span.

    Returns:
        The share with Wilson's interval.

    Source: docs/concepts.md, *escalation rate*; Wilson 1927.

    >>> cases = pd.DataFrame({"case_id": [1, 2, 3, 4]})
    >>> escalated(Trace(cases, cases, cases, cases.head(1))).value
    0.25
    """
    return share(trace.escalations["case_id"], trace.routes["case_id"])


def escalation_rate(trace: Trace, before: Before) -> Kpi:
    """Cases of the span that were escalated ÷ cases routed in the span; each case counts once.

    Args:
        trace: what happened in the span.
        before: the work by hand.

    Returns:
        The figure as a share.

    Source: docs/concepts.md, *escalation rate*.

    >>> cases, by_hand = pd.DataFrame({"case_id": [1, 2, 3, 4]}), Estimated(5.0, None, None, ())
    >>> trace = Trace(cases, cases, cases, cases.head(1))
    >>> escalation_rate(trace, Before(trace, "shadow", by_hand, by_hand, "shadow")).shown()
    '25.0%'
    """
    return beside(
        "escalation rate",
        escalated(trace),
        "share",
        "escalated ÷ routed cases",
        escalated(before.trace),
        f"cases of {before.scope}",
    )


def _csat(outcomes: pd.DataFrame) -> Estimated:
    ratings = outcomes[outcomes["kind"] == "csat"]
    values = pd.to_numeric(ratings["value"]).astype(float)
    finite = np.isfinite(values)
    # A customer who was asked twice counts once, like the case.
    by_case = values[finite].groupby(ratings.loc[finite, "case_id"].astype(int)).mean()
    return mean(by_case, by_case.index)


def satisfaction(trace: Trace, before: Before) -> Kpi:
    """Mean CSAT, 1 to 5, of the cases that were rated in the span; a case rated twice counts once, with its mean.

    Args:
        trace: what happened in the span.
        before: the work by hand.

    Returns:
        The figure, of 5.

    Source: docs/concepts.md, *CSAT*.

    >>> outcomes = pd.DataFrame({"case_id": [1, 1, 2], "kind": "csat", "value": [5, 3, 2]})
    >>> trace, by_hand = Trace(outcomes, outcomes, outcomes, outcomes), Estimated(5.0, None, None, ())
    >>> satisfaction(trace, Before(trace, "shadow", by_hand, by_hand, "shadow")).value
    3.0
    """
    return beside(
        "CSAT",
        _csat(trace.outcomes),
        "of 5",
        "mean of imported CSAT, a case once",
        _csat(before.trace.outcomes),
        f"cases of {before.scope}",
    )


def _complained(outcomes: pd.DataFrame) -> Estimated:
    bad = outcomes.loc[outcomes["kind"].isin(("complaint", "reversal")), "case_id"]
    return share(bad, outcomes["case_id"])


def complaint_rate(trace: Trace, before: Before) -> Kpi:
    """Cases with a complaint or a reversal ÷ cases with any outcome in the span.

    Args:
        trace: what happened in the span.
        before: the work by hand.

    Returns:
        The figure as a share.

    Source: docs/concepts.md, *complaints and reversals*.

    >>> outcomes = pd.DataFrame({"case_id": [1, 2], "kind": ["complaint", "closed"], "value": [None, None]})
    >>> trace, by_hand = Trace(outcomes, outcomes, outcomes, outcomes), Estimated(5.0, None, None, ())
    >>> complaint_rate(trace, Before(trace, "shadow", by_hand, by_hand, "shadow")).value
    0.5
    """
    return beside(
        "complaints and reversals",
        _complained(trace.outcomes),
        "share",
        "complained or reversed ÷ followed up",
        _complained(before.trace.outcomes),
        f"cases of {before.scope}",
    )


def automation_share(trace: Trace) -> Kpi:
    """Cases routed to queue A ÷ cases routed in the span; before the rollout it is 0 by its nature.

    Args:
        trace: what happened in the span.

    Returns:
        The figure as a share, without an interval: it is a census of the span.

    Source: docs/concepts.md, *Queue A*.

    >>> routes = pd.DataFrame({"case_id": [1, 2], "queue": ["A", "B"]})
    >>> automation_share(Trace(routes, routes, routes, routes)).value
    0.5
    """
    routes = trace.routes
    automated = share(routes.loc[routes["queue"] == "A", "case_id"], routes["case_id"])
    # A census of the span, not an estimate: no interval.
    return Kpi(
        "automation share", automated.value, "share", automated.n, "queue A ÷ routed cases", case_ids=automated.case_ids
    )


def _hits(rate: Estimated) -> tuple[float, float]:
    return (rate.value or 0.0) * rate.size, rate.size

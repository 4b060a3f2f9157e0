"""The business case: is the goal of the policy reached, and does the automation pay?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from handrail.estimates import hajek
from handrail.kpi.before import Baseline
from handrail.kpi.cost import cost_per_case, machine_price, saving_per_case
from handrail.kpi.definitions import measure
from handrail.kpi.figure import NOT_MEASURED, Kpi
from handrail.kpi.trace import WEEK, Trace, timed
from handrail.policy import CostRules, KpiGoal
from handrail.window import Window

POOLED = timedelta(days=28)
"""A week's audits say too little; each step looks back over these days."""
DAY = timedelta(days=1)
MONTH = timedelta(days=365.25 / 12)
REACHED, NOT_REACHED = "reached", "not reached"
_MOST = 1_000_000  # audits; more are as good as never


@dataclass(frozen=True, slots=True)
class GoalWeek:
    """One week's end on the path to the goal, over the four weeks before it; None: not measured."""

    at: datetime
    automation_share: float | None
    error_rate: float | None
    error_low: float | None
    error_high: float | None
    audits: int
    cost: float | None
    status: str


@dataclass(frozen=True, slots=True)
class Month:
    """A month at the volume and the cost per case of the last four weeks, in the policy's currency.

    `parts` add up to `cost`: people's time, errors, and what the policy prices beside them. `saving` has the interval
    [`saving_low`, `saving_high`] of at least 95 %.
    """

    cases: int
    cost: float
    by_hand: float
    saving: float
    saving_low: float | None
    saving_high: float | None
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class BusinessCase:
    """Where the goal stands, the path so far and what it is worth.

    `status` is reached, not reached or not measured; `reached_at` the first week's end at which it was shown, and
    `holds` whether it still is. `why` says what is missing. `break_even_at` is the week's end from which the savings
    have made up for what was spent above the work by hand; `break_even_error_rate` the error rate of auto-approvals
    above which automation costs more than the work by hand.
    """

    status: str
    reached_at: datetime | None
    holds: bool
    began: datetime | None
    deadline: datetime | None
    why: tuple[str, ...]
    path: tuple[GoalWeek, ...]
    month: Month | None
    saved_so_far: float | None
    break_even_at: datetime | None
    break_even_error_rate: float | None
    basis: str


def make_case(
    trace: Trace,
    baseline: Baseline,
    goal: KpiGoal,
    *,
    began: datetime | None,
    until: datetime,
    trainings: Sequence[datetime] = (),
) -> BusinessCase:
    """The goal judged week by week, from the first routed case on, and the last four weeks reckoned with.

    The goal is shown where the automation share reaches it and the *upper* end of the 95 % interval of the audited
    error rate lies within it: too few audits show nothing. The looks are weekly and not corrected for their number, so
    that `holds` matters more than `reached_at`.

    Args:
        trace: everything since the first routed case.
        baseline: the trace before the rollout.
        goal: the policy's.
        began: when the first case was routed; None for never.
        until: when the newest week ends.
        trainings: when versions were trained; those before the first routed case count in its week.

    Returns:
        Status, path by week, a month's cost and saving, break-even.

    Source: docs/concepts.md, *Business case*.

    >>> import pandas as pd
    >>> from handrail.policy import CostRules
    >>> trace = Trace(*[pd.DataFrame()] * 4)
    >>> make_case(trace, Baseline(trace, {}, CostRules()), KpiGoal(), began=None, until=datetime(2026, 3, 1)).status
    'not measured'
    """
    if began is None:
        return BusinessCase(
            NOT_MEASURED,
            None,
            holds=False,
            began=None,
            deadline=None,
            why=("No case was routed yet.",),
            path=(),
            month=None,
            saved_so_far=None,
            break_even_at=None,
            break_even_error_rate=None,
            basis=NOT_MEASURED,
        )
    weeks = list(Window(began, until).cut(WEEK))
    measured = [
        (week.until, _by_name(trace.within(Window(week.until - POOLED, week.until)), baseline)) for week in weeks
    ]
    path = tuple(_step(end, figures, goal) for end, figures in measured)
    reached = next((step.at for step in path if step.status == REACHED), None)
    status = REACHED if reached else path[-1].status
    weekly = [(week.until, _by_name(trace.within(week), baseline)["cost per case"]) for week in weeks]
    fixed = [
        sum(_beside(baseline.costs, WEEK, _within(trainings, week, first=at == 0)).values())
        for at, week in enumerate(weeks)
    ]
    saved, even = _break_even(weekly, fixed)
    newest = measured[-1][1]
    span = min(POOLED, until - began)
    lately = _within(trainings, Window(until - POOLED, until))
    beside = _beside(baseline.costs, MONTH, lately * (MONTH / max(span, DAY)))
    recent = trace.within(Window(until - POOLED, until))
    month = _month(recent, baseline, span, beside)
    price = machine_price(recent, baseline.costs, baseline.error_costs)
    return BusinessCase(
        status,
        reached,
        path[-1].status == REACHED,
        began,
        began + goal.horizon,
        tuple(_missing(path[-1], goal)),
        path,
        month,
        saved,
        even,
        _break_even_rate(newest, price, sum(beside.values()) / month.cases if month and month.cases else 0.0),
        newest["cost per case"].basis,
    )


def _by_name(trace: Trace, baseline: Baseline) -> dict[str, Kpi]:
    return {figure.name: figure for figure in measure(trace, baseline)}


def _step(at: datetime, figures: Mapping[str, Kpi], goal: KpiGoal) -> GoalWeek:
    share, error = figures["automation share"].value, figures["error rate of auto-approvals"]
    if share is None or (error.value is None and share >= goal.automation_share):
        status = NOT_MEASURED
    elif share >= goal.automation_share and error.high is not None and error.high <= goal.error_rate_at_most:
        status = REACHED
    else:
        status = NOT_REACHED
    cost = figures["cost per case"].value
    return GoalWeek(at, share, error.value, error.low, error.high, error.cases, cost, status)


def _missing(step: GoalWeek, goal: KpiGoal) -> list[str]:
    """What stands between the newest step and the goal, in sentences."""
    bound, missing = goal.error_rate_at_most, []
    if step.automation_share is None:
        return ["No case was routed in the last four weeks."]
    if step.automation_share < goal.automation_share:
        missing.append(
            f"{step.automation_share:.1%} of the cases are automated, {goal.automation_share:.1%} are wanted."
        )
    if step.error_rate is None or step.error_high is None or step.error_low is None:
        missing.append("No auto-approval was audited in the last four weeks, so that their error rate is not measured.")
    elif step.error_low > bound:
        missing.append(f"The error rate is at least {step.error_low:.1%}, more than {bound:.1%}.")
    elif step.error_high > bound:
        more = audits_needed(step.error_rate, bound)
        rest = (
            f"about {max(more - step.audits, 1):,} more audits at today's rate would show it"
            if more is not None
            else "more audits alone will not show less"
        )
        missing.append(f"The error rate may be as high as {step.error_high:.1%}, {bound:.1%} is wanted: {rest}.")
    return missing


def audits_needed(rate: float, bound: float) -> int | None:
    """How many audits with errors at a rate have a 95 % interval that ends within a bound.

    Args:
        rate: error rate of the audits, in [0, 1].
        bound: where the interval must end.

    Returns:
        The least number of them, to within a tenth; None where none do.

    Source: Wilson 1927. Oracle: a loop over all numbers.

    >>> audits_needed(0.0, 0.02), audits_needed(0.05, 0.02)
    (191, None)
    """
    if rate >= bound:
        return None
    audits = 10
    while audits <= _MOST:
        if hajek(np.arange(audits) < round(rate * audits), np.ones(audits)).high <= bound:
            return audits
        audits += max(1, audits // 20)
    return None


def _within(trainings: Sequence[datetime], window: Window, *, first: bool = False) -> int:
    return sum((first or window.since <= at) and at < window.until for at in trainings)


def _beside(costs: CostRules, span: timedelta, trainings: float) -> dict[str, float]:
    """What the policy prices beside cases: the steward's time, licences, trainings; what costs nothing is left out."""
    parts = {
        "steward": costs.steward_minutes_a_week * costs.minute * (span / WEEK),
        "licences": costs.licences_a_month * (span / MONTH),
        "trainings": costs.retraining * trainings,
    }
    return {name: amount for name, amount in parts.items() if amount}


def _month(trace: Trace, baseline: Baseline, span: timedelta, beside: Mapping[str, float]) -> Month | None:
    with_minutes = timed(trace, baseline.costs)
    cost = cost_per_case(with_minutes, baseline.whole, baseline.costs, baseline.error_costs)
    saved = saving_per_case(with_minutes, baseline.whole, baseline.costs, baseline.error_costs)
    if cost.value is None or cost.before is None or saved is None:
        return None
    cases = cost.cases * (MONTH / max(span, DAY))
    value, low, high = saved
    fixed = sum(beside.values())
    return Month(
        round(cases),
        cases * cost.value + fixed,
        cases * cost.before,
        cases * value - fixed,
        None if low is None else cases * low - fixed,
        None if high is None else cases * high - fixed,
        {**{name: cases * part for name, part in cost.parts.items()}, **beside},
    )


def _break_even(weeks: Sequence[tuple[datetime, Kpi]], fixed: Sequence[float]) -> tuple[float | None, datetime | None]:
    """What was saved so far, and the week's end from which on that is never below nothing again.

    `fixed` is what each week costs however many cases there are; it is spent in weeks that are not measured as well.
    """
    saved, is_measured, even = 0.0, False, None
    for (end, cost), beside in zip(weeks, fixed, strict=True):
        saved -= beside
        if cost.value is None or cost.before is None:
            continue
        is_measured = True
        saved += (cost.before - cost.value) * cost.cases
        if saved < 0:
            even = None
        elif even is None:
            even = end
    return (saved if is_measured else None), even


def _break_even_rate(figures: Mapping[str, Kpi], error: float, beside: float) -> float | None:
    """(Cost by hand − audits and fixed costs of an automatic case) ÷ `error`, within [0, 1]; None where unmeasured.

    `error` is the price of one, `beside` the fixed costs of a case.
    """
    cost = figures["cost per case"]
    if cost.value is None or cost.before is None or not error:
        return None
    automatic = figures["automation share"].value
    if not automatic:
        return None
    return min(1.0, max(0.0, (cost.before - (cost.parts["audits"] + beside) / automatic) / error))

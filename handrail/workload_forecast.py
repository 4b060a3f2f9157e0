"""What another stage of a category would ask of people: its recorded cases, routed once more and priced."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.estimates import Estimate
from handrail.policy import Policy, Stage
from handrail.queues import Queue, Situation, route_many
from handrail.sampling import SamplingRules, stratum_rates

_HOUR, _WEEK = timedelta(hours=1), timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Workload:
    """A week of one category at one stage: cases by queue, audits among the automatic ones, hours of people.

    `error_cost` is what wrong approvals cost in a week, in the policy's currency, with the upper end of its interval;
    None while nothing is audited although something would be approved.
    """

    stage: Stage
    automatic: float
    quick: float
    manual: float
    audits: float
    hours: float
    error_cost: float | None
    error_cost_at_most: float | None


@dataclass(frozen=True, slots=True)
class Projection:
    """A category as it is and as it would be, from `cases` recorded within `span`; None without a single case."""

    cases: int
    span: timedelta
    now: Workload | None
    then: Workload | None


def project(
    frame: pd.DataFrame,
    category: str,
    to: Stage,
    situation: Situation,
    policy: Policy,
    *,
    draws: NDArray[np.float64],
    span: timedelta,
    audited: Estimate,
) -> Projection:
    """Recorded cases of a category routed as of now and at another stage, as work in a week.

    Both stages are looked at without pause and hold, for those end.

    Args:
        frame: the columns of `queues.route_many`, one row a case.
        category: whose cases they are.
        to: the stage that is asked about.
        situation: what holds now.
        policy: the policy in force.
        draws: one number in [0, 1) a row, for stage partial.
        span: the time within which the cases came.
        audited: the rate of wrong approvals that audits found.

    Returns:
        Workload now and then; None for both without a case.

    Source: docs/concepts.md, *Stage* and *Second person*: the cases routed once more, priced by the policy.

    >>> from handrail.estimates import NO_SAMPLE
    >>> from handrail.policy import for_labels
    >>> frame, policy, draws = pd.DataFrame(), for_labels(["refund"]), np.zeros(0)
    >>> project(frame, "refund", Stage.AUTO, Situation(), policy, draws=draws, span=_WEEK, audited=NO_SAMPLE).cases
    0
    """
    if frame.empty:
        return Projection(0, span, None, None)
    open_road = replace(situation, paused=frozenset(), all_paused=False, silent=(), altered=(), unwatched=frozenset())
    before = open_road.stage_of(category, policy.category(category))
    stages: Mapping[str, Stage] = {**open_road.stages, category: to}
    now, then = (
        _workload(category, frame, stage, replace(open_road, stages=chosen), policy, draws, span / _WEEK, audited)
        for stage, chosen in ((before, open_road.stages), (to, stages))
    )
    return Projection(len(frame), span, now, then)


def _workload(
    category: str,
    frame: pd.DataFrame,
    stage: Stage,
    situation: Situation,
    policy: Policy,
    draws: NDArray[np.float64],
    weeks: float,
    audited: Estimate,
) -> Workload:
    queue = route_many(frame, situation, policy, draws)["queue"].to_numpy()
    automatic, quick, manual = (float((queue == name.value).sum()) / weeks for name in (Queue.A, Queue.B, Queue.C))
    audits = float(_audit_chance(frame[queue == Queue.A.value], policy).sum()) / weeks
    costs = policy.costs
    minutes = quick * costs.minutes_quick + (manual + audits) * costs.minutes_manual
    price = policy.error_costs.get(category, costs.error)
    rates = (audited.rate, audited.high) if audited.n else (None, None)
    if not automatic:  # what is not approved by itself cannot be approved wrongly by itself
        rates = (0.0, 0.0)
    expected, at_most = (None if rate is None else automatic * rate * price for rate in rates)
    return Workload(stage, automatic, quick, manual, audits, minutes * timedelta(minutes=1) / _HOUR, expected, at_most)


def _audit_chance(approved: pd.DataFrame, policy: Policy) -> "pd.Series[float]":
    """The chance of each approval to be looked at again, by any stratum but that of new segments."""
    strata = policy.sampling.strata
    rules = SamplingRules(
        random_rate=policy.sampling.random_rate,
        low_confidence_below=strata.low_confidence_below,
        low_confidence_rate=strata.low_confidence_rate,
        high_value_above=strata.high_value_above,
        high_value_rate=strata.high_value_rate,
        new_segment_rate=0.0,
    )
    seen = pd.DataFrame(
        {name: pd.to_numeric(approved[name]).astype(float) for name in ("confidence", "amount")}, index=approved.index
    ).assign(segment=None)
    return 1 - (1 - stratum_rates(seen, rules)).prod(axis=1)

"""SLA: how long a person has, counted only while the business works."""

from datetime import UTC, datetime, timedelta

import pandas as pd

from handrail.business_calendar import is_always_open, working_hours
from handrail.errors import BadInput
from handrail.policy import Calendar, Policy
from handrail.queues import Queue, Reason, Route

BY_HAND = frozenset({Reason.STAGE_MANUAL, Reason.STAGE_SHADOW})
"""Reasons by which people work without the model's suggestion."""


def due(assigned_at: datetime, duration: timedelta, calendar: Calendar) -> datetime:
    """When work assigned at a moment must be done: so much business time later.

    Time runs only in the calendar's hours, in its time zone; hours are real ones, so a day in which clocks change
    counts 23 or 25. Work that ends with a span of hours is due at its closing time.

    Args:
        assigned_at: an aware moment.
        duration: business time that the work may take.
        calendar: the policy's days, hours, holidays and time zone.

    Returns:
        The moment in UTC.

    Raises:
        BadInput: `assigned_at` has no time zone, or the calendar never has so much time.

    Source: docs/concepts.md, *SLA*.

    >>> office = Calendar(timezone="UTC", days=["mon", "tue"], opens="09:00", closes="17:00")
    >>> due(datetime(2026, 3, 2, 16, tzinfo=UTC), timedelta(hours=2), office).isoformat()
    '2026-03-03T10:00:00+00:00'
    """
    if assigned_at.tzinfo is None:
        raise BadInput(f"The time {assigned_at.isoformat()} has no time zone. Give one, such as +00:00.")
    start = assigned_at.astimezone(UTC)
    if is_always_open(calendar):
        return start + duration
    left = duration
    for opens, closes in working_hours(start, calendar):
        if left <= closes - opens:
            return opens + left
        left -= closes - opens
    raise BadInput(f"The calendar has no {duration} of working time after {start.isoformat()}. Shorten the SLA.")


def breached(due_at: datetime, now: datetime) -> bool:
    """Whether work is late; at `due_at` itself it is still in time.

    Args:
        due_at: when it must be done, aware.
        now: the moment of the question, aware.

    Returns:
        True once `due_at` has passed.

    Source: docs/concepts.md, *Breach*.

    >>> breached(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    False
    """
    return now > due_at


def time_for(queue: Queue, reason: Reason, policy: Policy) -> timedelta:
    """The SLA of a route: by its queue, and the manual one where stage `manual` or `shadow` decided.

    Args:
        queue: where the case went.
        reason: the first that matched.
        policy: the policy in force.

    Returns:
        Business time from assignment to decision.

    Source: docs/concepts.md, *SLA*.

    >>> from handrail.policy import for_labels
    >>> policy = for_labels(["refund"])
    >>> time_for(Queue.C, Reason.STAGE_SHADOW, policy) == policy.sla.manual
    True
    """
    if reason in BY_HAND:
        return policy.sla.manual
    return {Queue.A: policy.sla.auto, Queue.B: policy.sla.quick, Queue.C: policy.sla.decision}[queue]


def duration_for(route: Route, policy: Policy) -> timedelta:
    """The SLA of one route; as `time_for`.

    Args:
        route: where the case went, and why.
        policy: the policy in force.

    Returns:
        Business time from assignment to decision.

    Source: docs/concepts.md, *SLA*.

    >>> from handrail.policy import for_labels
    >>> policy = for_labels(["refund"])
    >>> route = Route(Queue.B, Reason.STAGE_SUGGEST, (Reason.STAGE_SUGGEST,), None, None, False, ())
    >>> duration_for(route, policy) == policy.sla.quick
    True
    """
    return time_for(route.queue, route.reason, policy)


def durations_for(routes: pd.DataFrame, policy: Policy) -> list[timedelta]:
    """The SLA of each route; as `time_for`.

    Args:
        routes: what `queues.route_many` returns, with queue and reason.
        policy: the policy in force.

    Returns:
        Business time from assignment to decision, in the order of the rows.

    Source: docs/concepts.md, *SLA*.

    >>> from handrail.policy import for_labels
    >>> policy, routes = for_labels(["refund"]), pd.DataFrame({"queue": ["B"], "reason": ["stage_suggest"]})
    >>> durations_for(routes, policy) == [policy.sla.quick]
    True
    """
    pairs = list(zip(routes["queue"], routes["reason"], strict=True))
    answers = {pair: time_for(Queue(pair[0]), Reason(pair[1]), policy) for pair in set(pairs)}
    return [answers[pair] for pair in pairs]

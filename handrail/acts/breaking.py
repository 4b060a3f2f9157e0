"""The breaker looks on: every audit that stands is counted once, and each category's detector goes on from there."""

from dataclasses import replace
from datetime import datetime

import pandas as pd

from handrail.acts.authority import authorize
from handrail.breaker import Detector, DetectorState, advance, by_hour, is_stale
from handrail.policy import BreakerRules, Policy
from handrail.store import breaker, pauses
from handrail.store.engine import Connection, Store

AT_ONCE = 500
"""Audits counted in one transaction: the desk must not wait for a look that catches up with weeks."""


def detector_of(rules: BreakerRules) -> Detector:
    """The sequential detector that a policy's rules ask for."""
    return Detector(rules.healthy_rate, rules.limit, rules.budget, rules.horizon)


def waiting(store: Store, *, policy: Policy, now: datetime) -> list[str]:
    """Categories with audits that stand and were not counted, by name."""
    with store.read() as connection:
        return breaker.with_uncounted(connection, now - policy.desk.undo_within)


def count(store: Store, category: str, *, policy: Policy, actor: str, now: datetime) -> int:
    """Count the audits of a category that stand and were not counted; returns how many.

    A decision stands when it can be undone no more. Looks wait for each other, on PostgreSQL too, so that two at once
    count nothing twice. A category begins afresh after a resume, with other rules, or after a horizon without any
    audit; audits of what was approved before its resume are past, and count for nothing.
    """
    counted = 0
    while True:
        with store.write() as connection:
            authorize(connection, "watch", actor)
            breaker.lock(connection)
            audits = breaker.uncounted(connection, category, now - policy.desk.undo_within, AT_ONCE)
            if len(audits):
                counted += _count(connection, category, audits, policy)
            breaker.mark_counted(connection, audits["case_id"].tolist(), now)
        if audits.empty:
            return counted


def detector_state(connection: Connection, category: str, policy: Policy) -> DetectorState | None:
    """The state of a category if it holds: of these rules, and begun since the last resume."""
    found = breaker.state(connection, category, detector_of(policy.breaker).rules)
    resumed = pauses.last_resume(connection, category)
    return found if found is None or resumed is None or found.since >= resumed else None


def _count(connection: Connection, category: str, audits: pd.DataFrame, policy: Policy) -> int:
    resumed = pauses.last_resume(connection, category)
    if resumed is not None:
        audits = audits[audits["approved_at"] > resumed]
    if audits.empty:
        return 0
    detector, before = detector_of(policy.breaker), detector_state(connection, category, policy)
    at = [moment.to_pydatetime() for moment in audits["audited_at"]]
    if before is not None and is_stale(detector, before, at[0]):
        before = None
    state = advance(detector, before, by_hour(at, audits["rejected"]))
    if state is not None and resumed is not None:
        # The first hour may have begun before the resume; a state from before one would not hold.
        state = replace(state, since=max(state.since, resumed))
    if state is not None:
        breaker.save(connection, category, detector.rules, state)
    return len(audits)

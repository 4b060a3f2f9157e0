"""The breaker looks on: every audit that stands is counted once, and each category's detector goes on from there."""

from dataclasses import replace
from datetime import datetime

import pandas as pd

from handrail import settlement
from handrail.acts.authority import authorize
from handrail.breaker import BreakerReading, Detector, DetectorState, advance, by_hour, is_stale
from handrail.breaker import literal as literal_rule
from handrail.policy import BreakerRules, Policy
from handrail.store import audits as stored_audits
from handrail.store import breaker, pauses
from handrail.store.engine import Connection, Store
from handrail.window import Window

AT_ONCE = 500
"""Audits counted in one transaction: the desk must not wait for a look that catches up with weeks."""


def detector_of(rules: BreakerRules) -> Detector:
    """The sequential detector that a policy's rules ask for."""
    return Detector(rules.healthy_rate, rules.limit, rules.budget, rules.horizon)


def rules_of(rules: BreakerRules) -> str:
    """What a category's state was computed with, and for: one kept beside the literal rule governs nothing.

    A policy that puts the sequential rule in its place begins afresh: what was only watched pauses nobody later.
    """
    detector = detector_of(rules).rules
    return detector if rules.rule == "esr" else f"beside {rules.rule}: {detector}"


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
    """The state of a category if it holds: of these rules, governing or not, and begun since the last resume."""
    found = breaker.state(connection, category, rules_of(policy.breaker))
    resumed = pauses.last_resume(connection, category)
    return found if found is None or resumed is None or found.since >= resumed else None


def is_tripped(connection: Connection, category: str, policy: Policy, now: datetime) -> bool:
    """Whether the policy's rule trips at this moment, with the audits that stand and that no look has counted yet."""
    until, resumed = now - policy.desk.undo_within, pauses.last_resume(connection, category)
    if policy.breaker.rule == "literal":
        window = Window.up_to(until, since=now - policy.breaker.window)
        audits = _fresh(stored_audits.audits(connection, window, category=category), resumed)
        return literal(settlement.answered(audits[audits["random"]]), policy.breaker, now).tripped
    state = detector_state(connection, category, policy)
    audits = _fresh(breaker.uncounted(connection, category, until, AT_ONCE), resumed)
    if len(audits):
        state = _advanced(state, audits, resumed, policy)
    return state is not None and state.alarm_at is not None


def literal(audits: pd.DataFrame, rules: BreakerRules, now: datetime) -> BreakerReading:
    """What the literal rule says of audits whose answer is known: audited_at, rejected."""
    return literal_rule(
        [at.to_pydatetime() for at in audits["audited_at"]],
        audits["rejected"].to_numpy(dtype=bool),
        now=now,
        window=rules.window,
        limit=rules.limit,
        min_reviewed=rules.min_reviewed,
    )


def _fresh(audits: pd.DataFrame, resumed: datetime | None) -> pd.DataFrame:
    """Without audits of what was approved before the last resume: they are past."""
    return audits if resumed is None else audits[audits["approved_at"] > resumed]


def _count(connection: Connection, category: str, audits: pd.DataFrame, policy: Policy) -> int:
    resumed = pauses.last_resume(connection, category)
    audits = _fresh(audits, resumed)
    if audits.empty:
        return 0
    state = _advanced(detector_state(connection, category, policy), audits, resumed, policy)
    if state is not None:
        breaker.save(connection, category, rules_of(policy.breaker), state)
    return len(audits)


def _advanced(
    before: DetectorState | None, audits: pd.DataFrame, resumed: datetime | None, policy: Policy
) -> DetectorState | None:
    detector = detector_of(policy.breaker)
    at = [moment.to_pydatetime() for moment in audits["audited_at"]]
    if before is not None and is_stale(detector, before, at[0]):
        before = None
    state = advance(detector, before, by_hour(at, audits["rejected"]))
    if state is not None and resumed is not None:
        # The first hour may have begun before the resume; a state from before one would not hold.
        state = replace(state, since=max(state.since, resumed))
    return state

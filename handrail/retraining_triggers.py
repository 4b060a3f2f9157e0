"""What calls for a retraining: each trigger's figure beside the policy's bound, and which of them decides."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from handrail.policy import Policy, RetrainingRules
from handrail.proportions import in_percent

Cause = Literal["first", "drift", "error_rate", "monthly", "new_labels", "by_hand"]
Watched = Literal["error_rate", "new_labels"]
Asked = Literal["when_due", "drift", "error_rate", "new_labels", "by_hand"]


@dataclass(frozen=True, slots=True)
class TriggerFacts:
    """What is known of trainings, drifts, audits and labels at the moment `now`.

    The labels are those that can train: `new_labels` were given since the last training, or ever while there was
    none, `labels_since_failure` since the newest attempt that failed; `learnt` is how many the serving version learnt
    from. `error_rate` is what the `audited` say of all approvals, each weighted for how it was drawn; `effective` of
    equal chance would say as much. `judged_until` is when a challenger that nobody has judged yet has had its time for
    it; None without one.
    """

    now: datetime
    trained_at: datetime | None = None
    failed_at: datetime | None = None
    drift_at: datetime | None = None
    audited: int = 0
    rejected: int = 0
    error_rate: float = 0.0
    effective: float = 0.0
    pending: int = 0
    new_labels: int = 0
    labels_since_failure: int = 0
    learnt: int = 0
    judged_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One trigger: whether it calls for a training, and the sentence that says why or why not."""

    cause: Cause
    calls: bool
    sentence: str


def read(facts: TriggerFacts, policy: Policy) -> tuple[Reading, ...]:
    """Every trigger read at one moment, the one that decides before the others first.

    Args:
        facts: what the store says of trainings, drifts, audits and labels.
        policy: bounds and times of the triggers.

    Returns:
        One reading a trigger; before the first model that of *first* alone.

    Source: docs/decisions/0012-what-starts-a-retraining.md.

    >>> from handrail.policy import for_labels
    >>> now = datetime(2026, 3, 2)
    >>> facts = TriggerFacts(now, trained_at=now - timedelta(days=30))
    >>> [(reading.cause, reading.calls) for reading in read(facts, for_labels(["refund"]))]
    [('drift', False), ('error_rate', False), ('monthly', True), ('new_labels', False)]
    """
    if facts.trained_at is None:
        return (_first(facts, policy.model.min_labels),)
    rules, age = policy.retraining, facts.now - facts.trained_at
    early = age < rules.not_again_within
    return (
        _drift(facts, facts.trained_at),
        _error_rate(facts, rules, early=early),
        _monthly(facts, rules, age),
        _new_labels(facts, rules, early=early),
    )


def held_until(facts: TriggerFacts, policy: Policy) -> datetime | None:
    """Until when a failed attempt holds back the automatic ones.

    What failed would fail again: the next attempt waits for a label that was not there, or for the policy's time.

    Args:
        facts: what the store says of trainings, drifts, audits and labels.
        policy: bounds and times of the triggers.

    Returns:
        The moment; None when no attempt holds others back.

    Source: docs/decisions/0012-what-starts-a-retraining.md.

    >>> from handrail.policy import for_labels
    >>> now = datetime(2026, 3, 2)
    >>> held_until(TriggerFacts(now, failed_at=now), for_labels(["refund"])).isoformat()
    '2026-03-08T00:00:00'
    """
    failed, trained = facts.failed_at, facts.trained_at
    if failed is None or (trained is not None and trained >= failed) or facts.labels_since_failure:
        return None
    until = failed + policy.retraining.not_again_within
    return until if facts.now < until else None


def called_for(facts: TriggerFacts, policy: Policy, asked: Asked = "when_due") -> Cause | None:
    """What calls for a training now.

    By hand is always a cause, whatever was trained or failed before.

    Args:
        facts: what the store says of trainings, drifts, audits and labels.
        policy: bounds and times of the triggers.
        asked: the one trigger to ask; when_due asks all of them.

    Returns:
        The cause, or None.

    Source: docs/decisions/0012-what-starts-a-retraining.md.

    >>> from handrail.policy import for_labels
    >>> now, policy = datetime(2026, 3, 2), for_labels(["refund"])
    >>> called_for(TriggerFacts(now, trained_at=now), policy), called_for(TriggerFacts(now), policy, "by_hand")
    (None, 'by_hand')
    """
    if asked == "by_hand":
        return "by_hand"
    if held_until(facts, policy) is not None:
        return None
    calling = [reading.cause for reading in read(facts, policy) if reading.calls]
    return next((cause for cause in calling if asked in ("when_due", cause)), None)


def is_news(told_at: datetime | None, facts: TriggerFacts, policy: Policy) -> bool:
    """Whether a trigger that calls is to be told, once a crossing.

    Args:
        told_at: when it was told before; None for never.
        facts: what the store says of trainings, drifts, audits and labels.
        policy: bounds and times of the triggers.

    Returns:
        True the first time, after a training, and when the policy's time has passed without one.

    Source: docs/decisions/0012-what-starts-a-retraining.md.

    >>> from handrail.policy import for_labels
    >>> now, policy = datetime(2026, 3, 2), for_labels(["refund"])
    >>> is_news(None, TriggerFacts(now), policy), is_news(now, TriggerFacts(now), policy)
    (True, False)
    """
    if told_at is None or (facts.trained_at is not None and facts.trained_at >= told_at):
        return True
    return facts.now - told_at >= policy.retraining.not_again_within


def _first(facts: TriggerFacts, needed: int) -> Reading:
    sentence = f"no model yet: {facts.new_labels:,} labels that can train; policy {needed:,}"
    return Reading("first", facts.new_labels >= needed, sentence)


def _drift(facts: TriggerFacts, trained_at: datetime) -> Reading:
    if facts.drift_at is None:
        return Reading("drift", calls=False, sentence="none found")
    drift = f"found on {_moment(facts.drift_at)}"
    if trained_at >= facts.drift_at:
        return Reading("drift", calls=False, sentence=f"{drift}; answered by the training of {_moment(trained_at)}")
    return Reading("drift", calls=True, sentence=f"{drift}; no training since")


def _error_rate(facts: TriggerFacts, rules: RetrainingRules, *, early: bool) -> Reading:
    # Audits of unlike chances say less than their number: as many must be left as of equal ones the policy asks.
    worth = round(facts.effective, 6)
    high = worth >= rules.min_audited and facts.error_rate > rules.error_rate_above
    figure = "no audit"
    if facts.audited:
        figure = f"{in_percent(facts.error_rate)}, by {facts.rejected:,} of {facts.audited:,} audits"
        figure += f" worth {worth:,.0f} of equal chance" if round(worth) < facts.audited else ""
        figure += f"; {facts.pending:,} contradictions not settled" if facts.pending else ""
    bound = f"policy {rules.error_rate_above:.1%} of at least {rules.min_audited:,}"
    return Reading("error_rate", high and not early, f"{figure}; {bound}{_wait(facts, rules, early and high)}")


def _monthly(facts: TriggerFacts, rules: RetrainingRules, age: timedelta) -> Reading:
    figure = f"{_days(age)} since the last training; policy {_days(rules.every)}"
    due = age >= rules.every
    return Reading("monthly", due and not _is_judged(facts), figure + _challenger(facts, due))


def _new_labels(facts: TriggerFacts, rules: RetrainingRules, *, early: bool) -> Reading:
    grown = math.ceil(rules.grown_by * facts.learnt) if facts.learnt else rules.new_labels
    bound = min(rules.new_labels, grown)
    enough = facts.new_labels >= bound
    figure = f"{facts.new_labels:,} since the last training; policy {bound:,}"
    if bound < rules.new_labels:
        figure += f", {in_percent(rules.grown_by)} of the {facts.learnt:,} that the serving version learnt from"
    waits = _wait(facts, rules, early and enough) or _challenger(facts, enough)
    return Reading("new_labels", enough and not early and not _is_judged(facts), figure + waits)


def _is_judged(facts: TriggerFacts) -> bool:
    """Is a challenger being judged? Another in its place would begin anew, and labels come slowly."""
    return facts.judged_until is not None and facts.now < facts.judged_until


def _challenger(facts: TriggerFacts, due: bool) -> str:  # noqa: FBT001 - read at a glance above
    if not due or facts.judged_until is None or not _is_judged(facts):
        return ""
    return f"; a challenger waits to be judged, until {_moment(facts.judged_until)}"


def _wait(facts: TriggerFacts, rules: RetrainingRules, early: bool) -> str:  # noqa: FBT001 - read at a glance above
    if not early or facts.trained_at is None:
        return ""
    return f"; trained lately, not again before {_moment(facts.trained_at + rules.not_again_within)}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.1f}".removesuffix(".0") + " days"

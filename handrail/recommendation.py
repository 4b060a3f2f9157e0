"""Whether a rehearsal speaks for switching on: stated rules, each with what is wanted and what was rehearsed."""

from dataclasses import dataclass

from handrail.kpi.estimate import MonthlyEstimate
from handrail.kpi.figure import NOT_MEASURED, written
from handrail.policy import KpiGoal
from handrail.proportions import in_percent
from handrail.rehearsed import Rehearsed

WAITING_DAYS = 2
"""Days' cases that may wait at the end of a rehearsal; more, and people do not keep up."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One rule: what is wanted, what was rehearsed, and whether that meets it.

    `obstacle` says what stands in the way where it does not; `remedy` may be empty.
    """

    name: str
    wanted: str
    rehearsed: str
    met: bool
    obstacle: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Switch on where every condition is met, else not yet."""

    conditions: tuple[Condition, ...]

    @property
    def switch_on(self) -> bool:
        """Is every condition met?"""
        return all(one.met for one in self.conditions)

    @property
    def unmet(self) -> tuple[Condition, ...]:
        """The conditions that stand in the way."""
        return tuple(one for one in self.conditions if not one.met)

    @property
    def sentence(self) -> str:
        """The recommendation in one sentence."""
        if self.switch_on:
            return "Switch on: " + "; ".join(f"{one.name}: {one.rehearsed}" for one in self.conditions) + "."
        return "Not yet, because " + ", and ".join(one.obstacle for one in self.unmet) + "."


def recommend(rehearsal: Rehearsed, goal: KpiGoal, month: MonthlyEstimate | None, waiting: int) -> Recommendation:
    """Judge a rehearsal by the worse end of every interval and the policy's goal.

    Args:
        rehearsal: the rehearsal.
        goal: share to be automated, and errors allowed among it.
        month: the estimate from it; None where no ordinary week was played.
        waiting: work items open at the end.

    Returns:
        The conditions: safe, enough, pays, people keep up.

    Source: docs/concepts.md, *Recommendation*.
    """
    return Recommendation(
        (_safe(rehearsal, goal), _enough(rehearsal, goal), _pays(month), _keeps_up(rehearsal, waiting))
    )


def _safe(rehearsal: Rehearsed, goal: KpiGoal) -> Condition:
    bound = in_percent(goal.error_rate_at_most)
    wanted = f"at most {bound} of the automatic cases wrong, at the upper end"
    error = None if rehearsal.running is None else rehearsal.running.error
    if error is None:
        return Condition(
            "safe",
            wanted,
            NOT_MEASURED,
            met=False,
            obstacle="no case went out automatically from week 4 on, so that nothing is known of its errors",
            remedy="",
        )
    shown = f"{written(error.value, 'share')} wrong ({error.low:.1%} to {error.high:.1%}; {error.of:,} cases)"
    surely = error.low > goal.error_rate_at_most
    return Condition(
        "safe",
        wanted,
        shown,
        met=error.high <= goal.error_rate_at_most,
        obstacle=(
            f"{'at least' if surely else 'up to'} {error.low if surely else error.high:.1%} of the automatic cases "
            f"would be wrong, where {bound} are allowed"
        ),
        remedy="A lower `certificate.max_error` or a higher `queues.auto_above` leaves more cases with people."
        if surely
        else "A longer rehearsal narrows the interval; a lower `certificate.max_error` leaves more cases with people.",
    )


def _enough(rehearsal: Rehearsed, goal: KpiGoal) -> Condition:
    bound = in_percent(goal.automation_share)
    wanted = f"at least {bound} of the cases automatic, at the lower end"
    if rehearsal.running is None:
        return Condition(
            "enough",
            wanted,
            NOT_MEASURED,
            met=False,
            obstacle="fewer than four weeks were rehearsed",
            remedy="Rehearse at least 28 days without --days; where no --from leaves them, bring a longer file.",
        )
    share = rehearsal.running.share
    return Condition(
        "enough",
        wanted,
        f"{written(share.value, 'share')} automatic ({share.low:.1%} to {share.high:.1%}; {share.of:,} cases)",
        met=share.low >= goal.automation_share,
        obstacle=f"as few as {share.low:.1%} of the cases would be automatic, where {bound} are the goal",
        remedy="More past cases before --from, or categories that are easier to tell apart, let the model be surer; a "
        "smaller goal may pay as well (`goal.automation_share`).",
    )


def _pays(month: MonthlyEstimate | None) -> Condition:
    wanted = "a gain each month, in the conservative column"
    if month is None:
        return Condition(
            "pays",
            wanted,
            NOT_MEASURED,
            met=False,
            obstacle="what a month is worth is not measured",
            remedy="Rehearse at least 28 days.",
        )
    low, value, currency = month.conservative.net, month.expected.net, month.terms.currency
    return Condition(
        "pays",
        wanted,
        f"{written(value, currency)} a month (conservative {written(low, currency)})",
        met=low > 0,
        obstacle=f"a month may end at {written(low, currency)}" + (" even" if value > 0 else "") + ", which is no gain",
        remedy="See the estimate for what it costs and from how many cases a day it pays.",
    )


def _keeps_up(rehearsal: Rehearsed, waiting: int) -> Condition:
    a_day = rehearsal.cases / rehearsal.days if rehearsal.days else 0.0
    most = WAITING_DAYS * a_day
    return Condition(
        "people keep up",
        f"no more than {WAITING_DAYS} days' cases wait at the end",
        f"{waiting:,} wait, of {a_day:,.0f} a day",
        met=waiting <= most,
        obstacle=f"{waiting:,} cases wait at the end, more than {WAITING_DAYS} days' worth: the people are too few",
        remedy="More people or more hours a day (`a_day` in the file of people).",
    )

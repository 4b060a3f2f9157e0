"""Whether a rehearsal speaks for switching on: stated rules, each with what is wanted and what was rehearsed."""

from dataclasses import dataclass

from handrail.kpi.estimate import MonthlyEstimate
from handrail.kpi.figure import NOT_MEASURED, written
from handrail.policy import KpiGoal
from handrail.proportions import in_percent
from handrail.rehearsed import Rehearsed

LASTS = "lasts"
_LONGER = "Rehearse at least 28 days without --days; where no --from leaves them, bring a longer file."
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
class Lapse:
    """The last certificate ended on `day` and none stood on the last day.

    `missing` answers were lacking to renew it, `minutes` a look at one takes; None where neither is known.
    """

    day: int
    missing: int | None = None
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Switch on where every condition is met, else not yet; where only `lasts` is not, switch on for as long."""

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
    def pauses(self) -> bool:
        """Does all hold but that a certificate stands on the last day?"""
        return [one.name for one in self.unmet] == [LASTS]

    @property
    def verdict(self) -> str:
        """The recommendation in a few words."""
        return "Switch on" if self.switch_on else "Switch on, but it will pause" if self.pauses else "Not yet"

    @property
    def sentence(self) -> str:
        """The recommendation in one sentence."""
        if self.pauses:
            return f"{self.verdict}: {self.unmet[0].obstacle}."
        if self.switch_on:
            return "Switch on: " + "; ".join(f"{one.name}: {one.rehearsed}" for one in self.conditions) + "."
        return "Not yet, because " + ", and ".join(one.obstacle for one in self.unmet) + "."


def recommend(
    rehearsal: Rehearsed, goal: KpiGoal, month: MonthlyEstimate | None, waiting: int, lapse: Lapse | None = None
) -> Recommendation:
    """Judge a rehearsal by the worse end of every interval and the policy's goal.

    Args:
        rehearsal: the rehearsal.
        goal: share to be automated, and errors allowed among it.
        month: the estimate from it; None where no ordinary week was played.
        waiting: work items open at the end.
        lapse: how the last certificate ended; None where one stands, or nothing rests on one.

    Returns:
        The conditions: safe, enough, pays, people keep up, lasts.

    Source: docs/concepts.md, *Recommendation*.
    """
    return Recommendation(
        (
            _safe(rehearsal, goal),
            _enough(rehearsal, goal),
            _pays(month),
            _keeps_up(rehearsal, waiting),
            _lasts(rehearsal, lapse),
        )
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
            remedy=_LONGER,
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
            remedy=_LONGER,
        )
    low, value, currency = month.conservative.net, month.expected.net, month.terms.currency
    return Condition(
        "pays",
        wanted,
        f"{_whole(value, currency)} a month (conservative {_whole(low, currency)})",
        met=low > 0,
        obstacle=f"a month may end at {_whole(low, currency)}" + (" even" if value > 0 else "") + ", which is no gain",
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


def _lasts(rehearsal: Rehearsed, lapse: Lapse | None) -> Condition:
    wanted = "what is automatic at first is so on the last day: its certificate stands"
    if lapse is None:
        shown = "it stands" if rehearsal.first_certificate_day is not None else "nothing rests on a certificate"
        return Condition(LASTS, wanted, shown, met=True, obstacle="", remedy="")
    lacking = "" if lapse.missing is None else f" for want of at least {lapse.missing:,} answers"
    took = None if lapse.missing is None or lapse.minutes is None else lapse.missing * lapse.minutes
    return Condition(
        LASTS,
        wanted,
        f"it ended on day {lapse.day} of {rehearsal.days}",
        met=False,
        obstacle=(
            f"on day {lapse.day} the last certificate, the proof without which nothing is automatic, ended and was not "
            f"renewed{lacking}; from then on people decided everything again, and an ordinary month is the mean over "
            "the weeks, those without automation among them"
        ),
        remedy=(
            "More audits a day, which the policy sets, give the answers that renew a certificate in time"
            if lapse.missing is None
            else f"At least {lapse.missing:,} more audits before day {lapse.day} renew the certificate in time"
            + ("" if took is None else f"; they take about {took:,.0f} minutes of people's time in all")
        )
        + " (`sampling.at_least_a_day`).",
    )


def _whole(amount: float, currency: str) -> str:
    """Money without cents, which no estimate knows."""
    return f"{round(amount):,} {currency}"

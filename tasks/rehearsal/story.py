"""What happened in the sample business's rehearsal, week by week, beside the ground truth of the sample business."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from handrail.estimates import Estimate
from handrail.fairness import GapVerdict, GroupGap
from handrail.kpi import Kpi
from handrail.proportions import in_percent
from handrail.window import Window
from tasks.learning.certificate_accounts import CertificateStatus
from tasks.learning.evaluate import AgreementRow

BY_PEOPLE = {"new_category": "seen by people: their overrides became its first labels"}
"""Events that no watch is asked to name."""
BY_FAIRNESS = {"label_bias": "coast"}
"""Events that the fairness watch is asked to name, with the group they touch."""


@dataclass(frozen=True, slots=True)
class WeekDrift:
    """What the drift watch named in a week: columns, and terms, the most lifted first."""

    columns: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()

    def words(self, terms: int) -> str:
        """All columns and at most so many terms, in quotation marks."""
        return ", ".join([*self.columns, *(f"“{term}”" for term in self.terms[:terms])])


@dataclass(frozen=True, slots=True)
class Training:
    """A version that was trained, and what called for it."""

    version: str
    cause: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a challenger: promoted, refused, waiting or none.

    `gain` is the gain a case in the policy's currency on so many withheld `cases`; None where it was not reckoned.
    """

    version: str | None
    outcome: str
    reasons: tuple[str, ...] = ()
    gain: float | None = None
    cases: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """How often people approved the suggestions for one group, with its 95 % interval, beside everybody else.

    Shares in [0, 1]; `gap` is the rate minus that of everybody else.
    """

    grouping: str
    group: str
    cases: int
    rate: float
    low: float
    high: float
    gap: float
    verdict: GapVerdict

    @classmethod
    def of(cls, grouping: str, seen: GroupGap) -> Self:
        """The gap as the fairness watch tells it, to four digits."""
        rate, low, high, gap = (round(share, 4) for share in (seen.rate, seen.low, seen.high, seen.gap))
        return cls(grouping, seen.group, seen.n, rate, low, high, gap, seen.verdict)


@dataclass(frozen=True, slots=True)
class Version:
    """A model version as it stands at the end; a figure that was not measured is missing in `metrics`."""

    version: str
    status: str
    cause: str
    labels: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ReviewOutcome:
    """A model review with its evidence as it was stored; open while `closed_at` is None."""

    category: str
    opened_at: datetime
    evidence: Mapping[str, Any]
    closed_at: datetime | None = None
    closed_by: str | None = None
    conclusion: str | None = None


@dataclass
class Week:
    """One week of the rehearsal, from the closing of the week before to its own; shares and rates lie in [0, 1].

    `cases` are rows delivered, `queues` and `reasons` where they were when the delivery's run ended. `audited` is of
    the audits decided in the week. `automatic` approvals are those whose action went out or will, `wrong_automatic`
    those of them that the ground truth calls wrong. `reviewed` counts what people decided, tests left out, `breaches`
    missed SLAs that were escalated.
    """

    number: int
    cases: int = 0
    queues: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    audited: Estimate | None = None
    automatic: int = 0
    wrong_automatic: int = 0
    reviewed: int = 0
    breaches: int = 0
    quarantined: int = 0
    paused: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    drift: WeekDrift | None = None
    retrained: list[Training] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    rolled_back: str | None = None
    stages: list[str] = field(default_factory=list)
    certified: list[str] = field(default_factory=list)
    kpis: tuple[Kpi, ...] = ()
    gaps: list[Gap] = field(default_factory=list)
    agreement: tuple[AgreementRow, ...] = ()

    @property
    def automation_share(self) -> float:
        """Share of the week's routed cases in queue A."""
        routed = sum(self.queues.values())
        return self.queues.get("A", 0) / routed if routed else 0.0

    @property
    def true_error(self) -> float | None:
        """Share of the week's auto-approvals whose category is not the true one; None without any."""
        return self.wrong_automatic / self.automatic if self.automatic else None

    def notes(self) -> list[str]:
        """What a steward would write into the margin of this week."""
        found = [f"drift ({self.drift.words(2)})"] if self.drift else []
        found += [f"PAUSED {name or 'everything'}" for name in self.paused]
        found += [f"resumed {name}" for name in self.resumed]
        found += [f"trained v{training.version} ({training.cause})" for training in self.retrained]
        found += [f"v{judged.version} {judged.outcome}" for judged in self.judged if judged.outcome != "waiting"]
        found += [f"ROLLED BACK to v{self.rolled_back}"] if self.rolled_back else []
        found += self.stages
        found += [f"certified {', '.join(self.certified)}"] if self.certified else []
        return found


@dataclass(frozen=True)
class Planted:
    """An event of the sample business, and the week in which a watch saw it."""

    week: int
    name: str
    seen_in: int | None


@dataclass(frozen=True)
class Afterwards:
    """What is left at the desk when the last week is closed, and counts in no week."""

    cases: int
    automatic: int
    by_people: int


@dataclass
class Story:
    """The whole rehearsal; everything the summary and the report show."""

    seed: int
    start: str
    window: Window | None = None
    """From the closing of what was before the first week to that of the last: every total is of this time."""
    history: int = 0
    gold: int = 0
    weeks: list[Week] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    certificates: list[CertificateStatus] = field(default_factory=list)
    reviews: list[ReviewOutcome] = field(default_factory=list)
    audited: Estimate | None = None
    auditor_error: float = 0.0
    automatic: int = 0
    wrong_automatic: int = 0
    trail_events: int = 0
    trail_valid: bool = False
    effects: int = 0
    states: dict[str, int] = field(default_factory=dict)
    flow_runs: int = 0
    seconds: float = 0.0
    morning: datetime | None = None
    """When the story ends, with work on the desk."""
    afterwards: Afterwards | None = None

    @property
    def planted_weeks(self) -> set[int]:
        """Numbers of the weeks in which something was planted."""
        return {event.week for event in self.planted}

    def promoted(self) -> list[str | None]:
        """Versions that passed their gate."""
        return [judged.version for week in self.weeks for judged in week.judged if judged.outcome == "promoted"]

    def refused(self) -> list[str | None]:
        """Versions that did not."""
        return [judged.version for week in self.weeks for judged in week.judged if judged.outcome == "refused"]


def summary(story: Story) -> list[str]:
    """The closing summary against ground truth, a line a finding."""
    until = f", up to {story.window.shown[1]:%Y-%m-%d %H:%M} UTC" if story.window else ""
    lines = [f"Summary of {len(story.weeks)} weeks{until} (seed {story.seed}; people and outcomes simulated)"]
    lines += [
        f"  week {event.week:>2}  {event.name.replace('_', ' '):<15} {found_how(event, story)}"
        for event in story.planted
    ]
    quiet = [week for week in story.weeks if week.drift and week.number not in story.planted_weeks]
    lines.append(f"  drift alarms in weeks without an event: {', '.join(str(week.number) for week in quiet) or 'none'}")
    paused = [f"{name} (week {week.number})" for week in story.weeks for name in week.paused]
    closed = sum(review.closed_at is not None for review in story.reviews)
    lines.append(
        f"  paused by the breaker: {', '.join(paused) or 'none'}; {closed} of {len(story.reviews)} model reviews closed"
    )
    lines.append(f"  challengers: {len(story.promoted())} promoted, {len(story.refused())} refused")
    rolled = next(
        (f"week {week.number}, to version {week.rolled_back}" for week in story.weeks if week.rolled_back),
        "none",
    )
    lines.append(f"  rollback: {rolled}")
    lines.append(_cases_line(story))
    lines.append(_decisions_line(story))
    lines.append(_error_line(story))
    whole = "whole" if story.trail_valid else "BROKEN"
    lines.append(
        f"  trail: {story.trail_events:,} events, {whole}; {story.flow_runs} flow runs in {story.seconds:.0f} s"
    )
    if story.afterwards is not None:
        lines.append(_afterwards_line(story.afterwards))
    return lines


def _cases_line(story: Story) -> str:
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(story.states.items()))
    arrived = sum(week.cases for week in story.weeks)
    return f"  cases: {arrived:,} delivered, {story.history:,} of history, {story.gold:,} gold; {states or 'none'}"


def _decisions_line(story: Story) -> str:
    by_people = sum(week.reviewed for week in story.weeks)
    return (
        f"  decisions: {story.automatic:,} auto-approvals, {by_people:,} by people (tests left out); "
        f"{story.effects:,} effects in the receiver"
    )


def _afterwards_line(left: Afterwards) -> str:
    return (
        f"  the next morning, in no figure above: {left.cases:,} cases delivered, {left.automatic:,} auto-approvals, "
        f"{left.by_people:,} decisions by people"
    )


def found_how(event: Planted, story: Story) -> str:
    """How a planted event was seen: by the drift watch in its week, by people, or by the fairness watch."""
    if event.name in BY_PEOPLE:
        return BY_PEOPLE[event.name]
    if event.name in BY_FAIRNESS:
        weeks = [
            week.number
            for week in story.weeks
            if week.number >= event.week
            and any(gap.group == BY_FAIRNESS[event.name] and gap.verdict.shows_gap for gap in week.gaps)
        ]
        return f"gap of region {BY_FAIRNESS[event.name]} named in week {weeks[0]}" if weeks else "gap not shown yet"
    return "drift found in its week" if event.seen_in == event.week else "NOT found in its week"


def _error_line(story: Story) -> str:
    wrong, automatic = story.wrong_automatic, story.automatic
    truth = f"truth {in_percent(wrong / automatic, 2)} ({wrong:,} of {automatic:,})" if automatic else "truth none of 0"
    audited = story.audited
    if audited is None or not audited.n:
        return f"  error of auto-approvals: not measured; {truth}"
    return (
        f"  error of auto-approvals: {audited.errors:,} of {audited.n:,} audits found one; weighted for how they "
        f"were drawn {in_percent(audited.rate, 2)} [{audited.low:.2%}–{audited.high:.2%}], the auditor's own slips "
        f"among them (about {story.auditor_error:.1%}); {truth}"
    )

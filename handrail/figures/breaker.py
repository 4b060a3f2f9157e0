"""What the breaker keeps of a look at one category, and what it hands to the model review of a pause."""

from dataclasses import dataclass, fields
from datetime import datetime

from handrail.breaker.suspects import GroupCount
from handrail.figures.audits import RateFigures
from handrail.figures.terms import TermFigures
from handrail.reading import Figures


@dataclass(frozen=True, slots=True)
class Reliability(Figures):
    """How far the rules can be trusted, simulated at a volume; days are None where a year does not suffice.

    Detections are chances to see the limit itself within the window, `worse_literal` to see `worse_rate` in it.
    """

    rules: str
    per_day: float
    false_alarm_rate: float
    bound: float
    literal_detection: float
    esr_detection: float
    worse_rate: float
    worse_literal: float
    worse_days: float | None
    worse_days_at_most: float | None


@dataclass(frozen=True, slots=True)
class BreakerFigures(Figures):
    """What both rules say of one category, and how far they can be trusted at today's volume of audits.

    `reviewed`, `rejected` and `rate` are the simple-random audits of the literal rule's window, as the rule reads them;
    `error` is what all audits of that window show, each weighted for how it was drawn. `counted` audits,
    `counted_rejected` of them, have gone into the sequential rule since `since`; its `level` is a share of the evidence
    that suffices. `tripped` is the verdict of the policy's `rule`, `false_alarm_rate` its chance to pause a healthy
    category within the horizon (simulated, or the bound), `detection` that to see the limit within the window.
    """

    category: str
    rule: str
    reviewed: int
    rejected: int
    rate: float
    tripped: bool
    literal_tripped: bool
    alarm_at: str | None
    level: float
    counted: int
    counted_rejected: int
    since: str | None
    per_day: float
    false_alarm_rate: float
    detection: float
    warnings: tuple[str, ...]
    reliability: Reliability
    error: RateFigures | None = None

    @property
    def figures(self) -> tuple[int, int]:
        """Audits and rejections that the policy's rule rests on."""
        return (self.reviewed, self.rejected) if self.rule == "literal" else (self.counted, self.counted_rejected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unaudited(Figures):
    """A category without audits: nobody watches it."""

    rule: str
    reviewed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLevel(Figures):
    """How far the evidence against a category has come, of any reading; None where it has no audits."""

    level: float | None = None


def reliability_in(body: object) -> Reliability | None:
    """How far the rules could be trusted at a kept look; None where it does not say, or in another release's terms."""
    kept = body.get("reliability") if isinstance(body, dict) else None
    if not isinstance(kept, dict) or kept.keys() != {one.name for one in fields(Reliability)}:
        return None
    return Reliability.from_json(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralWindow(Figures):
    """What the literal rule saw in its window."""

    reviewed: int
    rejected: int
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceHour(Figures):
    """An hour with audits, and how far the evidence had come after it."""

    at: str
    reviewed: int
    rejected: int
    level: float

    @property
    def until(self) -> datetime:
        """The hour's end."""
        return datetime.fromisoformat(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerEvidence(Figures):
    """What a pause rests on: ids, names of terms and groups, counts; the evidence hour by hour.

    `reviewed` and `rejected` are those of the rule that paused; `window` has the literal rule's. All else is as in
    `BreakerFigures`, and lacks in the evidence of an earlier release, or where it could not be gathered.
    """

    category: str | None = None
    rule: str | None = None
    reviewed: int
    rejected: int
    rate: float | None = None
    tripped: bool | None = None
    literal_tripped: bool | None = None
    alarm_at: str | None = None
    level: float | None = None
    counted: int | None = None
    counted_rejected: int | None = None
    since: str | None = None
    per_day: float | None = None
    false_alarm_rate: float | None = None
    detection: float | None = None
    warnings: tuple[str, ...] = ()
    reliability: dict[str, float | str | None] | None = None
    error: RateFigures | None = None
    window: LiteralWindow | None = None
    cases: tuple[int, ...] = ()
    terms: tuple[TermFigures, ...] | None = None
    groups: tuple[GroupCount, ...] = ()
    path: tuple[EvidenceHour, ...] = ()

    @property
    def tripped_at(self) -> datetime | None:
        """When the sequential rule tripped."""
        return datetime.fromisoformat(self.alarm_at) if self.alarm_at else None

"""What the audit watch keeps of a look at one category, or at all together."""

from dataclasses import dataclass, field
from typing import Self

from handrail.estimates import Estimate
from handrail.reading import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class RateFigures(Figures):
    """A rate with its interval, the cases that it rests on, how it was estimated, and contradictions not settled."""

    rate: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    errors: int = 0
    method: str = ""
    pending: int = 0

    @classmethod
    def of(cls, one: Estimate) -> Self:
        """An estimate as a reading keeps it."""
        return cls(
            rate=one.rate,
            low=one.low,
            high=one.high,
            n=one.n,
            errors=one.errors,
            method=one.method,
            pending=one.pending,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekFigures(Figures):
    """One week's approvals; audits, errors, weighted rate and interval, None where it has no audit."""

    weeks_ago: int
    auto_approved: int = 0
    audited: int = 0
    errors: int = 0
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendFigures(Figures):
    """The change of the rate a week with its interval, and the weeks, oldest first."""

    direction: str
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    by_week: tuple[WeekFigures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumFigures(Figures):
    """Audits that a stratum drew first: drawn, done and with an error."""

    drawn: int
    audited: int
    errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFigures(Figures):
    """What a draw was to cost in reviewers' minutes, the rates it took, and what the budget took from it.

    `drawn_today` audits at random came from earlier draws of the business day.
    """

    minutes_each: float | None = None
    minutes_budget: float | None = None
    minutes_wanted: float | None = None
    minutes_expected: float = 0.0
    strata_kept: float | None = None
    random_kept: float | None = None
    fits: bool | None = None
    rates: dict[str, float] = field(default_factory=dict)
    watched: tuple[str, ...] = ()
    cut: str | None = None
    drawn_today: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFigures(Figures):
    """The error of automatic approvals as their audits show it; None where nothing was audited.

    Of `pending` ones the answer differs, and others still look. `needed` more audits would bring the interval to one
    point; `estimated` is what the confidences expect without a label, `ppi` both together. `bound` is the rate from
    which the policy calls for a retraining. A business day asks `at_least_a_day` audits at random, which take people
    `floor_minutes`.
    """

    auto_approved: int
    drawn: int = 0
    audited: int
    waiting: int = 0
    pending: int = 0
    errors: int
    rate: float | None
    low: float | None
    high: float | None
    method: str = ""
    rests_on: int = 0
    needed: int | None
    trend: TrendFigures
    estimated: RateFigures | None
    ppi: RateFigures | None
    strata: dict[str, StratumFigures] | None = None
    error_cases: tuple[int, ...] = ()
    bound: float | None = None
    at_least_a_day: int = 0
    floor_minutes: float = 0.0
    plan: PlanFigures | None

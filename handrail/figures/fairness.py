"""What the fairness watch keeps of a look at one grouping."""

from dataclasses import dataclass
from typing import Any, Self

from handrail.fairness import GapVerdict, GroupGap
from handrail.reading import Figures
from handrail.waits import WaitGap

WAITING = "waiting hours"
"""The metric whose figures are hours; those of every other are shares."""
_OF_ONE_METRIC = ("low", "high", "slow")


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessRow(Figures):
    """One group beside everybody else in one metric; `low` and `high` are of shares alone, `slow` of waits alone."""

    metric: str
    grouping: str
    group: str
    cases: int
    rate: float
    low: float | None = None
    high: float | None = None
    slow: float | None = None
    gap: float | None
    gap_low: float | None
    gap_high: float | None
    p: float | None = None
    verdict: GapVerdict
    needed: int | None = None

    @classmethod
    def of_share(cls, grouping: str, one: GroupGap) -> Self:
        """A share to four places."""
        return cls(
            metric=one.metric,
            grouping=grouping,
            group=one.group,
            cases=one.n,
            rate=round(one.rate, 4),
            low=round(one.low, 4),
            high=round(one.high, 4),
            gap=round(one.gap, 4),
            gap_low=round(one.gap_low, 4),
            gap_high=round(one.gap_high, 4),
            p=round(one.p, 4),
            verdict=one.verdict,
            needed=one.needed,
        )

    @classmethod
    def of_wait(cls, grouping: str, one: WaitGap) -> Self:
        """A typical wait in hours."""
        return cls(
            metric=WAITING,
            grouping=grouping,
            group=one.group,
            cases=one.n,
            rate=round(one.typical, 2),
            slow=round(one.slow, 4),
            gap=_rounded(one.gap),
            gap_low=_rounded(one.gap_low),
            gap_high=_rounded(one.gap_high),
            p=round(one.p, 4),
            verdict=one.verdict,
            needed=one.needed,
        )

    def to_json(self) -> dict[str, Any]:
        """The figures that the metric has."""
        figures = super(FairnessRow, self).to_json()
        return {name: value for name, value in figures.items() if value is not None or name not in _OF_ONE_METRIC}


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessBounds(Figures):
    """What a look asks: its level, from where a gap is too much, and the days that it looks at."""

    level: float | None = None
    max_gap: float | None = None
    max_waiting_gap_hours: float | None = None
    days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessFigures(FairnessBounds):
    """Every comparison of one grouping, how many they are, and how many of them rest on too few cases."""

    comparisons: int = 0
    underpowered: int = 0
    rows: tuple[FairnessRow, ...]


def _rounded(hours: float | None) -> float | None:
    return None if hours is None else round(hours, 4)

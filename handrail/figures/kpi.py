"""What the KPI report keeps of one figure: now, before, and by category, channel and week."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from handrail.kpi import Kpi, written
from handrail.reading import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures(Figures):
    """One figure of one group, or of the week that begins on the day `group`."""

    group: str
    value: float | None
    low: float | None
    high: float | None
    before: float | None = None
    cases: int = 0

    @classmethod
    def of(cls, group: str, figure: Kpi) -> Self:
        """The figure of one group."""
        return cls(
            group=group,
            value=figure.value,
            low=figure.low,
            high=figure.high,
            before=figure.before,
            cases=figure.cases,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KpiFigures(Figures):
    """One figure as `kpi.Kpi` has it, with a few of its case ids; `shown` and `before_shown` are for people."""

    name: str
    value: float | None
    unit: str
    cases: int
    formula: str
    low: float | None
    high: float | None
    before: float | None
    before_cases: int = 0
    basis: str | None = None
    parts: dict[str, float] | None = None
    case_ids: tuple[int, ...] = ()
    shown: str
    before_shown: str
    by_category: tuple[GroupFigures, ...] = ()
    by_channel: tuple[GroupFigures, ...] = ()
    by_week: tuple[GroupFigures, ...]

    @classmethod
    def of(
        cls,
        figure: Kpi,
        *,
        examples: int,
        by_category: Iterable[GroupFigures],
        by_channel: Iterable[GroupFigures],
        by_week: Iterable[GroupFigures],
    ) -> Self:
        """The figure with its groups and `examples` of its case ids."""
        return cls(
            name=figure.name,
            value=figure.value,
            unit=figure.unit,
            cases=figure.cases,
            formula=figure.formula,
            low=figure.low,
            high=figure.high,
            before=figure.before,
            before_cases=figure.before_cases,
            basis=figure.basis,
            parts=dict(figure.parts),
            case_ids=figure.case_ids[:examples],
            shown=figure.shown(),
            before_shown=written(figure.before, figure.unit),
            by_category=tuple(by_category),
            by_channel=tuple(by_channel),
            by_week=tuple(by_week),
        )

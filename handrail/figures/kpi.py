"""What the KPI report keeps of one figure: now, before, and by category, channel and week."""

from dataclasses import dataclass

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

"""KPIs and the business case of a span, from the store."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from handrail import kpi
from handrail.acts import reading
from handrail.figures.kpi import GroupFigures, KpiFigures
from handrail.policy import KpiGoal
from handrail.reading import Reading, Verdict
from handrail.store import models, predictions, transactions
from handrail.window import Window
from tasks.occasion import Occasion
from tasks.step import step

EXAMPLES = 50
"""Case ids that a figure names; all of them on request."""
FEW_EXAMPLES = 20
WATCH = "kpi"
RECENT = timedelta(weeks=4)
_OF_A_GROUP = ("value", "low", "high", "before", "cases")

Groups = Mapping[str, tuple[kpi.Kpi, ...]]
"""The KPIs of each group of a grouping."""


@dataclass(frozen=True)
class Measured:
    """The KPIs of a window, whole and by the groupings asked for."""

    window: Window
    whole: tuple[kpi.Kpi, ...]
    groups: Mapping[str, Groups]

    def by_group(self, name: str) -> dict[str, list[tuple[str, kpi.Kpi]]]:
        """One KPI of each group, by grouping."""
        return {grouping: _one_of(groups, name) for grouping, groups in self.groups.items()}


@dataclass(frozen=True, slots=True)
class CaseReport:
    """The business case with what it is measured against: the policy's goal and currency, and the time in shadow.

    `rejected_in_shadow` is the share of shadow cases that people decided otherwise; None without any.
    """

    goal: KpiGoal
    currency: str
    rejected_in_shadow: float | None
    case: kpi.BusinessCase

    def to_json(self) -> dict[str, Any]:
        """As JSON can."""
        return {
            "goal": {
                "automation_share": self.goal.automation_share,
                "error_rate_at_most": self.goal.error_rate_at_most,
                "days": self.goal.horizon / timedelta(days=1),
            },
            "currency": self.currency,
            "rejected_in_shadow": self.rejected_in_shadow,
            **asdict(self.case),
        }


@step
def kpis(occasion: Occasion, window: Window, groupings: Sequence[str] = ()) -> Measured:
    """The KPIs of a window, beside the time in shadow."""
    trace, baseline = _read(occasion, window)
    return _measured(trace, baseline, window, groupings)


@step
def watched_kpis(occasion: Occasion, length: timedelta) -> Measured:
    """The KPIs of the last `length`, kept as readings for the faces, with the recent weeks beside them."""
    window = Window.last(length, occasion.now)
    trace, baseline = _read(occasion, Window.last(max(length, RECENT), occasion.now))
    found = _measured(trace.within(window), baseline, window, ("category", "channel"))
    weeks = kpi.measure_by(trace, baseline, "week", window.until)
    seen = [
        Reading(WATCH, one.name, window.ends, _verdict(one), _figures(one, found, weeks).to_json())
        for one in found.whole
    ]
    reading.record(occasion.store, seen, actor=occasion.actor, now=occasion.now)
    return found


@step
def business_case(occasion: Occasion) -> kpi.BusinessCase:
    """Where the policy's goal stands, and what the automation is worth."""
    with occasion.store.read() as connection:
        began = transactions.first_routed(connection)
    window = Window.up_to(occasion.now, since=began or occasion.now)
    trace, baseline = _read(occasion, window)
    began = began if began is None or began <= occasion.now else None
    with occasion.store.read() as connection:
        trained = models.versions(connection)
    trainings = [moment.to_pydatetime() for moment in trained.loc[trained["kind"] == "trained", "registered_at"]]
    return kpi.make_case(trace, baseline, occasion.policy.goal, began=began, until=window.until, trainings=trainings)


@step
def shadow_rejections(occasion: Occasion) -> float | None:
    """Share of shadow cases whose people decided another category than the machine said; None without any."""
    with occasion.store.read() as connection:
        return predictions.shadow_error(connection)


def row(figure: kpi.Kpi, *, examples: int | None = EXAMPLES) -> dict[str, Any]:
    """A figure as JSON can, with `examples` of its case ids (None: all)."""
    found = {**asdict(figure), "shown": figure.shown(), "before_shown": kpi.written(figure.before, figure.unit)}
    return found | {"case_ids": list(figure.case_ids[:examples])}


def rows(found: Measured, *, examples: int | None = EXAMPLES) -> list[dict[str, Any]]:
    """A row for each KPI, with its groups under `by`."""
    return [
        row(figure, examples=examples)
        | {
            "by": {
                grouping: [{"group": group, **row(one, examples=examples)} for group, one in groups]
                for grouping, groups in found.by_group(figure.name).items()
            }
        }
        for figure in found.whole
    ]


def _one_of(groups: Groups, name: str) -> list[tuple[str, kpi.Kpi]]:
    return [(group, one) for group, figures in groups.items() for one in figures if one.name == name]


def _read(occasion: Occasion, window: Window) -> tuple[kpi.Trace, kpi.Baseline]:
    with occasion.store.read() as connection:
        left = transactions.rollout(connection)
        began = transactions.first_routed(connection) or window.since
        past = transactions.before(connection, Window.up_to(occasion.now, since=began), left)
        return transactions.trace(connection, window), kpi.Baseline(
            past, left, occasion.policy.costs, occasion.policy.error_costs
        )


def _measured(trace: kpi.Trace, baseline: kpi.Baseline, window: Window, groupings: Sequence[str]) -> Measured:
    groups = {name: kpi.measure_by(trace, baseline, name, window.until) for name in groupings}
    return Measured(window, kpi.measure(trace, baseline), groups)


def _verdict(figure: kpi.Kpi) -> Verdict:
    return Verdict.NOT_MEASURED if figure.value is None else Verdict.QUIET


def _figures(figure: kpi.Kpi, found: Measured, weeks: Mapping[str, tuple[kpi.Kpi, ...]]) -> KpiFigures:
    def by(groups: Mapping[str, tuple[kpi.Kpi, ...]]) -> list[GroupFigures]:
        return [
            GroupFigures.of(group, one) for group, ones in groups.items() for one in ones if one.name == figure.name
        ]

    return KpiFigures.of(
        figure,
        examples=FEW_EXAMPLES,
        by_category=by(found.groups["category"]),
        by_channel=by(found.groups["channel"]),
        by_week=by(weeks),
    )

"""How the business did by hand: what was measured while its cases were still decided in shadow."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

import pandas as pd

from handrail.kpi.figure import Estimated, mean, weighted
from handrail.kpi.trace import ENOUGH, SETTLING, Trace, timed
from handrail.policy import CostRules


@dataclass(frozen=True, slots=True)
class Before:
    """The work by hand that a span is compared with; `scope` says whose it is.

    Without enough measured cases `minutes` is the policy's figure, and says so by having no cases. What looks again
    at settled cases is no part of it: without the machine nobody would have.
    """

    trace: Trace
    scope: str
    minutes: Estimated
    errors: Estimated
    errors_of: str

    @property
    def basis(self) -> str:
        """Where the minutes come from."""
        if self.minutes.n:
            return f"measured in {self.minutes.n:,} cases of {self.scope}"
        return "the policy's manual minutes; too few cases were measured in shadow"


@dataclass(frozen=True)
class Baseline:
    """The trace before the rollout, and when it ended for each category; see `Before`.

    `error_costs` are the prices of an error in the categories that have one of their own.
    """

    trace: Trace
    left: Mapping[str, datetime]
    costs: CostRules
    error_costs: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def whole(self) -> Before:
        """All cases that were routed before any category left shadow."""
        first = min(self.left.values(), default=None)
        early = self.trace if first is None else self.trace.where(lambda frame: frame["assigned_at"] < first)
        return _before(early, "shadow", self.costs)

    def groups(self, grouping: str, until: datetime) -> dict[str, Before]:
        """What each group is compared with: its own past where enough of it was measured, else `whole`.

        A category's past ends when it leaves shadow itself. Few cases are rechecked: where too few of the group's
        were, the errors are everybody's. Weeks have no past of their own.
        """
        if grouping == "week":
            return {}
        early = self._own() if grouping == "category" else self.whole.trace
        past = {
            name: _before(own, f"{grouping} {name} in shadow", self.costs)
            for name, own in early.groups(grouping, until).items()
        }
        return {name: self._completed(one) for name, one in past.items()}

    def _completed(self, past: Before) -> Before:
        if not past.minutes.n:
            return self.whole
        if past.errors.n >= ENOUGH:
            return past
        return replace(past, errors=self.whole.errors, errors_of=self.whole.errors_of)

    def _own(self) -> Trace:
        if not self.left:
            return self.trace
        left, first = dict(self.left), min(self.left.values())

        def is_early(frame: pd.DataFrame) -> "pd.Series[bool]":
            return frame["assigned_at"] < pd.Series([left.get(name, first) for name in frame["category"]], frame.index)

        return self.trace.where(is_early)


def people_errors(work: pd.DataFrame) -> Estimated:
    """Share of people's decisions that a second, blind look came to another category about.

    Args:
        work: decisions with differs, recheck_chance, case_id.

    Returns:
        The share with its interval, each look weighted by 1 ÷ the chance with which it was drawn; None without a drawn
        recheck.

    Source: docs/concepts.md, *error-rate reduction*; docs/decisions/0041-weights.md.

    >>> looks = {"case_id": [1, 2, 3], "differs": [True, False, True], "recheck_chance": [0.5, 0.25, None]}
    >>> round(people_errors(pd.DataFrame(looks)).value, 3)
    0.333
    """
    looks = work[work["recheck_chance"].notna()].drop_duplicates("case_id", keep="last")
    return weighted(looks["differs"], looks["recheck_chance"], looks["case_id"])


def _before(trace: Trace, scope: str, costs: CostRules) -> Before:
    with_minutes = timed(trace, costs)
    by_hand = with_minutes.work[with_minutes.work["kind"].isin(SETTLING) & (with_minutes.work["kind"] != "automatic")]
    cases = by_hand.groupby("case_id").agg(minutes=("minutes", "sum"), assumed=("assumed", "any"))
    measured = cases[~cases["assumed"].astype(bool)]
    enough = len(measured) >= ENOUGH
    minutes = mean(measured["minutes"], measured.index) if enough else Estimated(costs.minutes_manual, None, None, ())
    return Before(with_minutes, scope, minutes, people_errors(with_minutes.work), scope)

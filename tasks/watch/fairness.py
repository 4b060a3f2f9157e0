"""Fairness of the decisions of a window, by group or proxy: approval, override, error and waiting."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from handrail import bulkhead, cube, estimates, fairness, settlement, waits
from handrail.acts import reading
from handrail.fairness import GroupGap
from handrail.figures.fairness import FairnessBounds, FairnessFigures, FairnessRow
from handrail.reading import Reading, Verdict, unreadable
from handrail.store import audits as stored_audits
from handrail.store import decisions
from handrail.waits import WaitGap
from handrail.window import Window
from tasks.occasion import Occasion, log
from tasks.step import step

LEVEL = 0.95
"""Chance that a look at one grouping finds no gap where there is none, over all its groups and metrics."""
_WAITING_PART = 0.25
"""Of the chance of a false finding: waiting is one metric of four."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a look at one grouping found; shares and waits each judged by their bound of the policy.

    `fault` is the kind of what went wrong where the grouping could not be compared.
    """

    grouping: str
    shares: tuple[GroupGap, ...]
    waiting: tuple[WaitGap, ...]
    fault: str | None = None

    @property
    def verdicts(self) -> list[fairness.GapVerdict]:
        """The verdict of every comparison."""
        return [one.verdict for one in self.shares] + [one.verdict for one in self.waiting]

    @property
    def verdict(self) -> Verdict:
        """An alarm where any gap lies beyond its bound; quiet only where at least one could have been seen."""
        if self.fault is not None:
            return Verdict.UNREADABLE
        if not self.verdicts:
            return Verdict.NOT_MEASURED
        if fairness.GapVerdict.BEYOND in self.verdicts:
            return Verdict.ALARM
        blind = set(self.verdicts) == {fairness.GapVerdict.UNDERPOWERED}
        return Verdict.UNDERPOWERED if blind else Verdict.QUIET

    def rows(self) -> list[FairnessRow]:
        """A row for each group and metric; waits in hours, all else shares."""
        return [FairnessRow.of_share(self.grouping, one) for one in self.shares] + [
            FairnessRow.of_wait(self.grouping, one) for one in self.waiting
        ]

    def figures(self, bounds: FairnessBounds) -> FairnessFigures:
        """The comparison as a reading keeps it."""
        return FairnessFigures(
            level=bounds.level,
            max_gap=bounds.max_gap,
            max_waiting_gap_hours=bounds.max_waiting_gap_hours,
            days=bounds.days,
            comparisons=len(self.verdicts),
            underpowered=self.verdicts.count(fairness.GapVerdict.UNDERPOWERED),
            rows=tuple(self.rows()),
        )


@step
def compare_groups(occasion: Occasion, length: timedelta) -> list[Comparison]:
    """Compare what was decided in the last `length` across each of the policy's groupings, and keep the readings."""
    window = Window.last(length, occasion.now)
    with occasion.store.read() as connection:
        decided = decisions.decided(connection, window)
        audits = settlement.answered(stored_audits.audits(connection, window))
    groupings = occasion.policy.fairness.groups
    seen = bulkhead.each(groupings, lambda name: _compare(occasion, name, decided, audits), what="comparing groups")
    compared = [seen.results.get(name) or Comparison(name, (), (), seen.failed[name]) for name in groupings]
    rules = occasion.policy.fairness
    bounds = FairnessBounds(
        level=LEVEL,
        max_gap=rules.max_gap,
        max_waiting_gap_hours=rules.max_waiting_gap / HOUR,
        days=length / timedelta(days=1),
    )
    kept = [
        Reading("fairness", one.grouping, window.ends, one.verdict, one.figures(bounds).to_json())
        if one.fault is None
        else unreadable("fairness", one.grouping, window.ends, one.fault, **bounds.to_json())
        for one in compared
    ]
    reading.record(occasion.store, kept, actor=occasion.actor, now=occasion.now)
    for row in [row for one in compared for row in one.rows() if row.verdict is fairness.GapVerdict.BEYOND]:
        log.warning("fairness: %s of %s %s lies beyond its bound", row.metric, row.grouping, row.group)
    return compared


def _compare(occasion: Occasion, grouping: str, decided: pd.DataFrame, audits: pd.DataFrame) -> Comparison:
    rules = occasion.policy.fairness
    rows = decided.assign(**{grouping: [values.get(grouping) for values in decided["fields"]]})
    people = rows[(rows["kind"] != "automatic") & rows["proposed"].notna()]
    # The strata are drawn where errors are sought, and differ by group: each audit weighs by its chance.
    audited = audits[["case_id", "rejected", "inclusion_probability"]].merge(
        rows.drop_duplicates("case_id")[["case_id", grouping]], on="case_id", how="left"
    )
    first = rows[rows["kind"].isin(("automatic", "review"))].drop_duplicates("case_id")
    hours = first["decided_at"] - first["received_at"]
    tallies = [
        _tally("approval", people[grouping], people["outcome"] == "approve"),
        _tally("override", people[grouping], people["outcome"] == "override"),
        _weighted("error", audited[grouping], audited),
    ]
    shares = fairness.compare(tallies, bound=rules.max_gap, level=1 - (1 - LEVEL) * (1 - _WAITING_PART))
    waiting = waits.wait_gaps(
        first.assign(hours=hours)[first[grouping].notna()],
        grouping,
        "hours",
        bound=rules.max_waiting_gap / HOUR,
        level=1 - (1 - LEVEL) * _WAITING_PART,
    )
    return Comparison(grouping, tuple(shares), tuple(waiting))


def _weighted(metric: str, groups: pd.Series, audits: pd.DataFrame) -> cube.Tally:
    """A metric of audits by group, each weighted for how it was drawn."""
    by_group = {str(name): estimates.of_audits(part) for name, part in audits.groupby(groups.astype(object))}
    audited = {name: one for name, one in by_group.items() if one.n}
    worth = np.array([one.effective for one in audited.values()], dtype=np.float64)
    rates = np.array([one.rate for one in audited.values()], dtype=np.float64)
    cases = np.array([one.n for one in audited.values()], dtype=np.int64)
    return cube.Tally(metric, tuple(audited), rates * worth, worth, cases)


def _tally(metric: str, groups: pd.Series, outcome: pd.Series) -> cube.Tally:
    """One metric by group, of the cases that belong to one: a case without a region says nothing of regions."""
    known = groups.notna().to_numpy()
    cases = pd.DataFrame({"group": groups[known].astype(object), "outcome": outcome[known].astype(bool)})
    (counted,) = cube.cubes(cases, ["group"], "outcome")
    found = counted.selection()
    return cube.Tally(metric, found.groups, found.k, found.n)

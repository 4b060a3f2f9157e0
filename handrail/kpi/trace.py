"""What happened to the business's cases in a span of time, as frames that are cut by category, week and channel."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from handrail.policy import CostRules
from handrail.window import Window

SETTLING = ("automatic", "review", "second", "escalation", "dispute")
"""Kinds of decisions that settle a case; all others look again at what is settled."""
ENOUGH = 30
"""Measured cases below which a mean is not taken for the measure of others."""
WEEK = timedelta(days=7)
GROUPINGS = ("category", "week", "channel")
NO_GROUP = "none"
"""The group of cases without a category or channel."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Frames of one span of time; each has case_id, at, category, channel and assigned_at (of the case's route).

    work: decisions; kind, queue, label, seconds (NaN: not measured), received_at, first (the decision settled the case
    for the first time), chance (with which an audit was drawn; NaN for all else), recheck_chance (the same of a recheck
    that was drawn and counts), differs (an audit or recheck, both blind, came to another category).
    routes: queue, stage. outcomes: kind, value. escalations: cause.
    pending: cases not settled at the end of the span.
    """

    work: pd.DataFrame
    routes: pd.DataFrame
    outcomes: pd.DataFrame
    escalations: pd.DataFrame
    pending: frozenset[int] = frozenset()

    def where(self, chosen: Callable[[pd.DataFrame], "pd.Series[bool]"]) -> "Trace":
        """The rows that `chosen` says yes to, of every frame."""

        def kept(frame: pd.DataFrame) -> pd.DataFrame:
            return frame[chosen(frame).to_numpy(dtype=bool)]

        return Trace(kept(self.work), kept(self.routes), kept(self.outcomes), kept(self.escalations), self.pending)

    def within(self, window: Window) -> "Trace":
        """What happened in a part of the span."""
        return self.where(lambda frame: (frame["at"] >= window.since) & (frame["at"] < window.until))

    def groups(self, grouping: str, until: datetime) -> dict[str, "Trace"]:
        """The trace of each category, channel, or week, named by its first day and counted back from `until`."""
        frames = (self.work, self.routes, self.outcomes, self.escalations)
        parts = [dict(iter(frame.groupby(_keys(frame, grouping, until)))) for frame in frames]
        names = sorted({str(name) for part in parts for name in part})

        def of(at: int, name: str) -> pd.DataFrame:
            return parts[at].get(name, frames[at].iloc[:0])

        return {name: Trace(of(0, name), of(1, name), of(2, name), of(3, name), self.pending) for name in names}


def _keys(frame: pd.DataFrame, grouping: str, until: datetime) -> "pd.Series[Any]":
    if grouping != "week":
        return frame[grouping].astype(object).where(frame[grouping].notna(), NO_GROUP).astype(str)
    since_then = (until - pd.to_datetime(frame["at"], utc=True)) / WEEK
    back = pd.Series(np.ceil(since_then), index=frame.index, dtype=float)
    first_days = {count: f"{until - count * WEEK:%Y-%m-%d}" for count in back.unique()}
    return back.map(first_days).astype(object)


def timed(trace: Trace, costs: CostRules) -> Trace:
    """The trace with `minutes` for every decision and `assumed` where nobody measured them.

    Automatic decisions take none. A person's decision without a measured time counts with the mean of its kind and
    queue where enough were measured, else with the policy's minutes: the quick ones for a review in queue B, the manual
    ones for all else.

    Args:
        trace: what happened in a span of time.
        costs: the policy's minutes.

    Returns:
        The trace, its `work` with two columns more.

    Source: docs/concepts.md, *KPI* and *Before*.

    >>> work = pd.DataFrame({"kind": ["review", "automatic"], "queue": ["C", "A"], "seconds": [90.0, np.nan]})
    >>> timed(Trace(work, work, work, work), CostRules()).work["minutes"].tolist()
    [1.5, 0.0]
    """
    work = trace.work
    seconds = pd.to_numeric(work["seconds"]).astype(float)
    measured = seconds.where(np.isfinite(seconds) & (seconds >= 0)) / 60
    groups = measured.groupby([work["kind"], work["queue"]])
    usual = groups.transform("mean").where(groups.transform("count") >= ENOUGH)
    quick = (work["kind"] == "review") & (work["queue"] == "B")
    ruled = pd.Series(np.where(quick, costs.minutes_quick, costs.minutes_manual), index=work.index)
    automatic = work["kind"] == "automatic"
    minutes = measured.fillna(usual).fillna(ruled).where(~automatic, 0.0)
    return replace(trace, work=work.assign(minutes=minutes, assumed=measured.isna() & ~automatic))

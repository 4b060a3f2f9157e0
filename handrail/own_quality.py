"""How a reviewer works: outcomes, time and agreement, each with its number and interval, beside the others' median."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from scipy import stats

from handrail import agreement, labels
from handrail.agreement import Interval
from handrail.case import Outcome
from handrail.estimates import clopper_pearson

FEWEST = 10
"""Below it a share says less than its two counts, and a median less than nothing."""
FEWEST_OTHERS = 3
"""A median of fewer people would tell what one of them does."""
MINE, THEIRS = "mine", "theirs"
PLACES = {
    ("review", "B"): "quick",
    ("review", "C"): "detailed",
    ("audit", "A"): "audit",
    ("second", "C"): "second look",
    ("recheck", "C"): "second look",
    ("doubt", "C"): "second look",
    ("adjudication", "C"): "second look",
    ("escalation", "C"): "escalation",
}
"""What kind and queue of work are called here; anything else is *other*."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the exact 95 % interval of the rate."""

    hits: int
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, n: int) -> "Share":
        """The share; of none, the interval is all of [0, 1]."""
        interval = clopper_pearson(hits, n)
        return cls(hits, n, interval.low, interval.high)

    @property
    def rate(self) -> float | None:
        """The share as a number, or None while there are too few to say so."""
        return self.hits / self.n if self.n >= FEWEST else None


@dataclass(frozen=True, slots=True)
class Median:
    """The middle of so many times, with its 95 % interval; None where there are too few."""

    seconds: float | None
    n: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Record:
    """What one person decided: how many, which outcomes, how fast by place."""

    decided: int
    outcomes: dict[str, Share]
    times: dict[str, Median]


@dataclass(frozen=True, slots=True)
class Team:
    """The others' median; None where fewer than `FEWEST_OTHERS` of them did enough."""

    outcomes: dict[str, float | None]
    times: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Agreeing:
    """How often others, who did not see this person's answer, came to the same; corrected for chance by kappa."""

    same: Share
    kappa: float | None
    interval: Interval
    fewest: int


def seconds_worked(shown_at: datetime, decided_at: datetime, cap: timedelta) -> float:
    """The time from the case on screen to its decision; what lies beyond `cap` was spent on something else.

    A clock that ran backwards gives 0.
    """
    return min(max((decided_at - shown_at).total_seconds(), 0.0), cap.total_seconds())


def median(seconds: Iterable[float]) -> Median:
    """The median with the interval between two order statistics, which covers with at least 95 %.

    Source: the sign test inverted; holds for any distribution.
    """
    times = np.sort(np.array([value for value in seconds if value is not None and not np.isnan(value)], dtype=float))
    if len(times) < FEWEST:
        return Median(None, len(times), None, None)
    rank = int(stats.binom.ppf(0.025, len(times), 0.5))
    return Median(float(np.median(times)), len(times), float(times[rank - 1]), float(times[-rank]))


def record(decisions: pd.DataFrame) -> Record:
    """One person's record; `decisions` has kind, queue, outcome, seconds."""
    count = len(decisions)
    outcomes = {name.value: Share.of(int((decisions["outcome"] == name).sum()), count) for name in Outcome}
    places = np.array(_places(decisions), dtype=object)
    named = [name for name in dict.fromkeys([*PLACES.values(), "other"]) if (places == name).any()]
    return Record(count, outcomes, {name: median(decisions["seconds"][places == name]) for name in named})


def team(records: Collection[Record]) -> Team:
    """The median of these people's figures; who did too few of something is left out of it."""
    places = {place for one in records for place in one.times}
    return Team(
        {name.value: _middle(one.outcomes[name].rate for one in records) for name in Outcome},
        {place: _middle(one.times[place].seconds for one in records if place in one.times) for place in places},
    )


def pair(rulings: pd.DataFrame, person: str, escalating: Collection[str]) -> pd.DataFrame:
    """What `person` said of each case beside what another said without seeing it: columns item, rater, label.

    `rulings`, in order, has case_id, actor, kind, blind, outcome, label, reason_code. Of the others an adjudication
    counts before the newest blind ruling; what says nothing of the category (a denial for policy) is left out.
    """
    # What is missing among texts is NaN, and a denial without a category is an answer.
    columns = rulings[["outcome", "label", "reason_code"]].astype(object)
    rows = columns.where(columns.notna(), None).itertuples(index=False, name=None)
    opinions = [labels.opinion(outcome, label, reason, escalating) for outcome, label, reason in rows]
    stated = rulings.assign(label=pd.Series(opinions, index=rulings.index, dtype=object)).dropna(subset="label")
    is_mine = stated["actor"] == person
    settles = stated["kind"] == "adjudication"
    mine = stated[is_mine].drop_duplicates("case_id", keep="last").assign(rater=MINE)
    others = stated[~is_mine & (settles | stated["blind"].astype(bool))].assign(settles=settles)
    theirs = others.sort_values("settles", kind="stable").drop_duplicates("case_id", keep="last").assign(rater=THEIRS)
    both = pd.concat([mine, theirs])
    both = both[both.duplicated("case_id", keep=False)]
    return both.rename(columns={"case_id": "item"})[["item", "rater", "label"]]


def agreeing(pairs: pd.DataFrame, rng: np.random.Generator, *, fewest: int) -> Agreeing:
    """How far the pairs of `pair` agree; kappa is None below `fewest` cases, and where chance alone would agree."""
    ratings = agreement.collect(pairs)
    same = int(pairs.duplicated(["item", "label"]).sum())
    share = Share.of(same, len(ratings.items))
    if share.n < fewest:
        return Agreeing(share, None, Interval(None, None), fewest)
    (pair,) = agreement.measure(ratings, rng).pairs
    return Agreeing(share, pair.kappa, pair.kappa_interval, fewest)


def _places(decisions: pd.DataFrame) -> list[str]:
    return [PLACES.get(key, "other") for key in zip(decisions["kind"], decisions["queue"], strict=True)]


def _middle(values: Iterable[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return float(np.median(measured)) if len(measured) >= FEWEST_OTHERS else None

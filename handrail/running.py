"""What a rehearsal says of an ordinary month: its weeks once automation may run, each figure with its interval."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, sqrt

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from handrail.proportions import Floats, wilson

FIRST_WEEK = 4
"""From here on the weeks are ordinary; those before are spent on shadow work and the first certificate."""
DAYS_A_WEEK = 7
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two sums over some weeks, with its 95 % interval; `of` is the lower sum."""

    value: float
    low: float
    high: float
    of: int


@dataclass(frozen=True, slots=True)
class CategoryPlayed:
    """What became of one category's cases that went out automatically."""

    automated: int
    errors: int


@dataclass(frozen=True, slots=True)
class Running:
    """The ordinary weeks of a rehearsal, and what was spent before them.

    `share` of the cases is automated; `error` of these is wrong in truth, None where none was. `wrong` is the share of
    all cases that went out automatically and wrong. `minutes` are those of
    audits, second looks, rechecks and settled differences for each case that came, `test_minutes` those of test cases;
    `spent_minutes` and `spent_test_minutes` the same before the first ordinary week, in all. `trainings` and
    `spent_trainings` count versions trained. `outcomes` are by the category acted on.
    """

    first_week: int
    days: int
    cases: int
    share: Ratio
    error: Ratio | None
    minutes: Ratio
    trainings: int
    outcomes: Mapping[str, CategoryPlayed] = field(default_factory=dict)
    spent_days: int = 0
    spent_minutes: float = 0.0
    spent_trainings: int = 0
    test_minutes: Ratio | None = None
    spent_test_minutes: float = 0.0
    wrong: Ratio | None = None


def impossible(running: Running) -> list[str]:
    """Which figures no rehearsal could have come to: counts below nothing, shares above one, ends out of order.

    Args:
        running: as it was read from somewhere.

    Returns:
        Their names; none where all can be.

    Source: definitions of `Running`.

    >>> share = Ratio(2.0, 0.5, 2.0, 100)
    >>> impossible(Running(4, 35, 100, share, None, Ratio(0.1, 0.1, 0.1, 100), 0))
    ['share', 'error']
    """
    shares = {"share": running.share, "error": running.error, "wrong": running.wrong}
    others = {"minutes": running.minutes, "test_minutes": running.test_minutes}
    counts = [running.cases, running.trainings, running.spent_days, running.spent_trainings]
    counts += [one.of for one in (*shares.values(), *others.values()) if one is not None]
    played = [(one.errors, one.automated) for one in running.outcomes.values()]
    checks = {
        "days": running.days >= 1,
        "counts": min(counts) >= 0 and min(running.spent_minutes, running.spent_test_minutes) >= 0,
        **{name: one is None or _ordered(one, 1.0) for name, one in shares.items()},
        **{name: one is None or _ordered(one, inf) for name, one in others.items()},
        "outcomes": all(0 <= errors <= automated for errors, automated in played),
    }
    if running.error is None and running.share.value > 0:
        checks["error"] = False
    return [name for name, holds in checks.items() if not holds]


def _ordered(one: Ratio, most: float) -> bool:
    steps = np.diff([0.0, one.low, one.value, one.high, most])
    return bool((steps >= -_ROUNDING).all())


def ratio(over: ArrayLike, under: ArrayLike, *, counts: bool) -> Ratio | None:
    """A ratio of sums over weeks.

    Cases of one week have model, stage and mishaps in common, so the interval is that of the weeks' ratio (linearised,
    Student's t). Where the sums are counts it is Wilson's, on the number of cases that says as much as the weeks do, so
    that what was counted is never nothing at the lower end; and it is never narrower than that of all cases.

    Args:
        over: upper sum of each week.
        under: lower sum of each week, whole numbers.
        counts: whether the upper sums count some of the lower.

    Returns:
        The ratio; None where all lower sums are nothing.

    Source: Cochran 1977, section 6.3; Wilson 1927. Oracle: a bootstrap over weeks.

    >>> found = ratio([5, 5, 5], [10, 10, 10], counts=True)
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (0.5, 0.332, 0.668)
    >>> round(ratio([8, 0, 0, 0], [400, 400, 400, 400], counts=True).low, 4)
    0.0004
    """
    upper, lower = np.asarray(over, dtype=np.float64), np.asarray(under, dtype=np.float64)
    upper, lower = upper[lower > 0], lower[lower > 0]
    if not len(lower):
        return None
    value = float(upper.sum() / lower.sum())
    reach = _reach(upper - value * lower, float(lower.sum()))
    low, high = max(0.0, value - reach), value + reach
    if counts:
        cases = float(lower.sum())
        spread = (reach / float(stats.norm.isf(0.025))) ** 2
        alike = min(cases, value * (1 - value) / spread) if spread > 0 else cases
        ends = wilson([value * cases, value * alike], [cases, alike])
        low, high = min(value, *map(float, ends[0])), max(value, *map(float, ends[1]))
    return Ratio(value, low, high, int(lower.sum()))


def _reach(left: Floats, whole: float) -> float:
    n = len(left)
    if n < 2:  # noqa: PLR2004 - one week has no spread
        return 0.0
    error = sqrt(n / (n - 1) * float((left**2).sum())) / whole
    return float(stats.t.isf(0.025, n - 1)) * error


def worked_for(day: int) -> int:
    """The day whose cases the work of `day` is about: people decide them on the morning after.

    >>> worked_for(23), worked_for(1)
    (22, 1)
    """
    return max(1, day - 1)


def running(
    cases: pd.DataFrame,
    minutes: Mapping[int, float],
    trainings: Mapping[int, int],
    *,
    days: int,
    tests: Mapping[int, float] | None = None,
) -> Running | None:
    """The ordinary weeks of a rehearsal.

    Args:
        cases: week (the first is 1), automated, wrong, decided; one row a live case. Weeks after `days` are left out.
        minutes: of audits, second looks, rechecks and settled differences, by the day of the work; the first is 1.
        trainings: versions trained, by day.
        days: how many count; their work ends on the morning after the last.
        tests: minutes of test cases, by the day of the work.

    Returns:
        The figures; None where no ordinary week was played.

    Source: docs/concepts.md, *Estimate*.

    >>> rows = [{"week": 4, "automated": at < 5, "wrong": False, "decided": "a"} for at in range(10)]
    >>> found = running(pd.DataFrame(rows), {23: 4.0}, {}, days=28)
    >>> found.share.value, found.minutes.value, found.outcomes["a"]
    (0.5, 0.4, CategoryPlayed(automated=5, errors=0))
    """
    weeks = range(FIRST_WEEK, -(-days // DAYS_A_WEEK) + 1)
    late = cases[cases["week"].isin(weeks)]
    if late.empty or not weeks:
        return None
    before = (FIRST_WEEK - 1) * DAYS_A_WEEK
    parts = [late[late["week"] == week] for week in weeks]
    came = [len(part) for part in parts]
    automated = [int(part["automated"].sum()) for part in parts]
    wrong = [int(part["wrong"].sum()) for part in parts]
    share, a_case = ratio(automated, came, counts=True), ratio(_by_week(minutes, weeks, days), came, counts=False)
    if share is None or a_case is None:
        return None
    tests, learnt = tests or {}, [(worked_for(day), count) for day, count in trainings.items()]
    of = late[late["automated"]].groupby("decided", sort=True)["wrong"].agg(["size", "sum"])
    return Running(
        FIRST_WEEK,
        days - before,
        len(late),
        share,
        ratio(wrong, automated, counts=True),
        a_case,
        sum(count for day, count in learnt if before < day <= days),
        {str(name): CategoryPlayed(int(row["size"]), int(row["sum"])) for name, row in of.iterrows()},
        before,
        sum(spent for day, spent in minutes.items() if worked_for(day) <= before),
        sum(count for day, count in learnt if day <= before),
        ratio(_by_week(tests, weeks, days), came, counts=False),
        sum(spent for day, spent in tests.items() if worked_for(day) <= before),
        ratio(wrong, came, counts=True),
    )


def _by_week(minutes: Mapping[int, float], weeks: range, days: int) -> list[float]:
    """What was spent on the cases of each week."""
    spent = dict.fromkeys(weeks, 0.0)
    for day, some in minutes.items():
        week = -(-worked_for(day) // DAYS_A_WEEK)
        if week in spent and worked_for(day) <= days:
            spent[week] += some
    return [*spent.values()]

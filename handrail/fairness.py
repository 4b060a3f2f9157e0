"""Fairness: whether an outcome falls differently on one group than on everybody else.

One count of cases by group, truth and outcome (the *cube*) holds every rate; `compare` judges them. Each group is
compared with everybody else, over one look: all the groups and metrics that are handed over together share the 5 %
chance of a false finding (Holm for "a gap is shown", Bonferroni for the intervals that alarms rest on).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.cube import Cube, Tally, cubes
from handrail.errors import BadInput
from handrail.proportions import difference_p, holm, newcombe, times_as_many, wilson

Floats = NDArray[np.float64]


class GapVerdict(StrEnum):
    """What the cases of a group show."""

    BEYOND = "gap beyond the bound"
    GAP = "gap"
    WITHIN = "gap within the bound"
    NONE_SHOWN = "no gap shown"
    UNDERPOWERED = "underpowered"

    @property
    def shows_gap(self) -> bool:
        """Is a gap shown, whatever its size?"""
        return self in {GapVerdict.BEYOND, GapVerdict.GAP, GapVerdict.WITHIN}


@dataclass(frozen=True)
class GroupGap:
    """One group against the rest in one metric.

    `rate` has a Wilson interval of its own (`low`, `high`). `gap` is the rate minus that of everybody else (0 without
    a rest) and lies in [`gap_low`, `gap_high`] for all comparisons of the look at once. `p` is Holm-adjusted over the
    look. `needed`, where underpowered: cases of the group from which a gap of the bound would be found in 80 % of
    samples, the others growing alike; None where no number is enough. `effective`: what the `n` are worth where they
    weigh unequally, else `n`.
    """

    metric: str
    group: str
    n: int
    rate: float
    low: float
    high: float
    gap: float
    gap_low: float
    gap_high: float
    p: float
    verdict: GapVerdict
    needed: int | None = None
    effective: float = 0.0


@dataclass(frozen=True)
class Spread:
    """How far apart the groups of a metric lie: largest minus smallest rate, and smallest over largest.

    fairlearn's `difference` and `ratio` between groups; a group without cases has no rate and takes no part. None
    below two groups (the ratio also where all rates are 0).
    """

    metric: str
    difference: float | None
    ratio: float | None


def gaps(
    frame: pd.DataFrame, group: str, outcome: str, *, truth: str | None = None, bound: float = 0.05, level: float = 0.95
) -> list[GroupGap]:
    """Each group's rates beside those of everybody else: of a true/false outcome, with a truth also its errors.

    Args:
        frame: one row a case; rows without an outcome are left out, rows without a group are one named `(missing)`.
        group: column with the groups.
        outcome: column with the outcomes.
        truth: column with the true outcomes or labels, if any is known.
        bound: gap from which one is an alarm, as a share.
        level: confidence of all comparisons together.

    Returns:
        One entry for each metric and group; no rows give an empty list.

    Raises:
        BadInput: a column is missing, or the outcome is neither boolean nor 0/1 and there is no truth beside it.

    Source: docs/decisions/0021-what-counts-as-a-shift.md; fairlearn (Weerts et al. 2023) for the metrics.

    >>> frame = pd.DataFrame({"region": ["north"] * 90 + ["south"] * 90, "approved": [1] * 80 + [0] * 80 + [1] * 20})
    >>> [(one.group, round(one.rate, 2), str(one.verdict)) for one in gaps(frame, "region", "approved")]
    [('north', 0.89, 'gap beyond the bound'), ('south', 0.22, 'gap beyond the bound')]
    """
    (cube,) = cubes(frame, [group], outcome, truth)
    return compare(cube.tallies(), bound=bound, level=level)


def compare(tallies: Sequence[Tally], *, bound: float = 0.05, level: float = 0.95) -> list[GroupGap]:
    """The verdict on all the groups of all the tallies of one look.

    *Gap beyond the bound*: the interval lies beyond -`bound` or `bound` as a whole, and not merely because another
    group stands out more the other way. *Gap*: the adjusted p is <= 1 - `level`, its size stays open. *Within the
    bound*: the interval lies within. *Underpowered*: none is shown, and one of `bound` would be found in fewer than 80
    % of samples of this size, or there is no rest.

    Args:
        tallies: one a metric and grouping; groups without cases are left out.
        bound: gap from which one is an alarm, as a share in [0, 1).
        level: confidence of all comparisons together, in (0, 1).

    Returns:
        One entry for each metric and group, in the order of the tallies.

    Raises:
        BadInput: the bound is not in [0, 1), or the level not in (0, 1).

    Source: Holm 1979 for p, Newcombe 1998 with Bonferroni's levels for the intervals;
    docs/decisions/0021-what-counts-as-a-shift.md.

    >>> tally = Tally("selection", ("north", "south"), np.array([80, 30]), np.array([90, 90]))
    >>> [(one.group, round(one.gap, 2), str(one.verdict)) for one in compare([tally])]
    [('north', 0.56, 'gap beyond the bound'), ('south', -0.56, 'gap beyond the bound')]
    """
    if not 0 <= bound < 1 or not 0 < level < 1:
        raise BadInput(
            f"A bound of {bound} at level {level} has no meaning. Give a share from 0 to below 1, such as 0.05."
        )
    rows = [
        (tally, name, int(cases), float(n), float(k))
        for tally in tallies
        for name, n, k, cases in zip(
            tally.groups, tally.n, tally.k, tally.n if tally.cases is None else tally.cases, strict=True
        )
        if n
    ]
    n, k = (np.array([row[at] for row in rows], dtype=np.float64) for at in (3, 4))
    rest = np.array([float(row[0].n.sum()) for row in rows], dtype=np.float64) - n
    rest_k = np.array([float(row[0].k.sum()) for row in rows], dtype=np.float64) - k
    alpha = (1 - level) / max(int((rest > 0).sum()), 1)
    p = np.ones(len(rows))
    p[rest > 0] = holm(difference_p(k, n, rest_k, rest)[rest > 0])
    low, high = wilson(k, n, level)
    gap_low, gap_high = newcombe(k, n, rest_k, rest, 1 - alpha)
    factor = times_as_many(n, rest, rest_k / np.maximum(rest, 1), bound, alpha)
    rate, other = k / np.maximum(n, 1), rest_k / np.maximum(rest, 1)
    compared = []
    for at, (tally, name, cases, *_) in enumerate(rows):
        interval = float(gap_low[at]), float(gap_high[at])
        verdict = judged(float(p[at]), interval, float(factor[at]), bound=bound, alpha=1 - level)
        gap = float(rate[at] - other[at]) if rest[at] else 0.0
        compared.append(
            GroupGap(
                tally.metric,
                name,
                cases,
                float(rate[at]),
                float(low[at]),
                float(high[at]),
                gap,
                *interval,
                float(p[at]),
                verdict,
                cases_needed(cases, float(factor[at]), verdict),
                float(n[at]),
            )
        )
    return [_unmirrored(one, compared, bound=bound, level=1 - alpha) for one in compared]


def _unmirrored(one: GroupGap, compared: Sequence[GroupGap], *, bound: float, level: float) -> GroupGap:
    """Whoever stands out only because the rest holds a group that stands out more the other way is no alarm.

    A region that is refused twice as often pulls the rest down for each of the others; without it their gaps are gone.
    Of two groups neither can be told to be the odd one: both stay.
    """
    others = [each for each in compared if each.metric == one.metric and each.group != one.group]
    loudest = max(others, key=lambda each: abs(each.gap), default=one)
    is_mirror = one.verdict is loudest.verdict is GapVerdict.BEYOND and one.gap * loudest.gap < 0
    if len(others) == 1 or not is_mirror or abs(loudest.gap) < abs(one.gap):
        return one
    rest = [each for each in others if each is not loudest]
    n, k = sum(each.effective for each in rest), sum(each.rate * each.effective for each in rest)
    low, high = newcombe([one.rate * one.effective], [one.effective], [k], [n], level)
    return one if low[0] > bound or high[0] < -bound else replace(one, verdict=GapVerdict.GAP)


def judged(p: float, interval: tuple[float, float], factor: float, *, bound: float, alpha: float) -> GapVerdict:
    """What one comparison shows.

    Args:
        p: adjusted p of the comparison.
        interval: ends of the gap's interval, in the unit of `bound`.
        factor: how many times as many cases it would take to find a gap of the bound; see `times_as_many`.
        bound: gap from which one is an alarm.
        alpha: level of the test.

    Returns:
        The verdict; see `compare`.

    Source: docs/decisions/0021-what-counts-as-a-shift.md.

    >>> str(judged(0.001, (0.08, 0.2), 0.5, bound=0.05, alpha=0.05))
    'gap beyond the bound'
    >>> str(judged(0.4, (-0.1, 0.2), 3.0, bound=0.05, alpha=0.05))
    'underpowered'
    """
    low, high = interval
    if low > bound or high < -bound:
        return GapVerdict.BEYOND
    if p <= alpha:
        return GapVerdict.WITHIN if -bound <= low and high <= bound else GapVerdict.GAP
    return GapVerdict.UNDERPOWERED if factor > 1 else GapVerdict.NONE_SHOWN


def cases_needed(n: int, factor: float, verdict: GapVerdict) -> int | None:
    """How many cases of a group it takes until its silence says something.

    Args:
        n: cases of the group by now.
        factor: how many times as many it takes; see `times_as_many`.
        verdict: what the comparison shows.

    Returns:
        Cases in all; None where the verdict is not *underpowered* or no number is enough.

    Source: docs/decisions/0021-what-counts-as-a-shift.md.

    >>> cases_needed(40, 2.5, GapVerdict.UNDERPOWERED), cases_needed(40, 2.5, GapVerdict.GAP)
    (100, None)
    """
    return math.ceil(n * factor) if verdict is GapVerdict.UNDERPOWERED and math.isfinite(factor) else None


def spread(tally: Tally) -> Spread:
    """How far apart the groups of one metric lie.

    Args:
        tally: one metric by group; groups without cases take no part.

    Returns:
        Largest minus smallest rate, and smallest over largest; None below two groups.

    Source: fairlearn (Weerts et al. 2023), `MetricFrame.difference` and `ratio` between groups.

    >>> spread(Tally("selection", ("a", "b"), np.array([2, 1]), np.array([4, 4])))
    Spread(metric='selection', difference=0.25, ratio=0.5)
    """
    rates = tally.k[tally.n > 0] / tally.n[tally.n > 0]
    if len(rates) < 2:  # noqa: PLR2004 - one group is not apart from itself
        return Spread(tally.metric, None, None)
    largest, smallest = float(rates.max()), float(rates.min())
    return Spread(tally.metric, largest - smallest, smallest / largest if largest else None)


def demographic_parity_difference(cube: Cube) -> float | None:
    """Largest minus smallest share of positive outcomes; fairlearn's figure of the same name.

    Args:
        cube: the cases of one grouping, with a binary outcome.

    Returns:
        A share in [0, 1]; None below two groups.

    Source: fairlearn (Weerts et al. 2023).

    >>> frame = pd.DataFrame({"group": list("aabb"), "outcome": [1, 1, 1, 0]})
    >>> demographic_parity_difference(cubes(frame, ["group"], "outcome")[0])
    0.5
    """
    return spread(cube.selection()).difference


def demographic_parity_ratio(cube: Cube) -> float | None:
    """Smallest over largest share of positive outcomes; fairlearn's figure of the same name.

    Args:
        cube: the cases of one grouping, with a binary outcome.

    Returns:
        A share in [0, 1]; None below two groups and where all shares are 0.

    Source: fairlearn (Weerts et al. 2023).

    >>> frame = pd.DataFrame({"group": list("aabb"), "outcome": [1, 1, 1, 0]})
    >>> demographic_parity_ratio(cubes(frame, ["group"], "outcome")[0])
    0.5
    """
    return spread(cube.selection()).ratio


def equal_opportunity_difference(cube: Cube) -> float | None:
    """Largest minus smallest true positive rate; fairlearn's figure of the same name.

    Args:
        cube: the cases of one grouping, with a binary outcome and its truth.

    Returns:
        A share in [0, 1]; None below two groups.

    Source: Hardt, Price and Srebro 2016; fairlearn (Weerts et al. 2023).

    >>> frame = pd.DataFrame({"group": list("aabb"), "truth": [1, 1, 1, 1], "outcome": [1, 1, 1, 0]})
    >>> equal_opportunity_difference(cubes(frame, ["group"], "outcome", "truth")[0])
    0.5
    """
    return spread(cube.true_positive()).difference


def equalized_odds_difference(cube: Cube) -> float | None:
    """The larger difference of true positive and false positive rates; fairlearn's figure of the same name.

    Args:
        cube: the cases of one grouping, with a binary outcome and its truth.

    Returns:
        A share in [0, 1]; None where neither rate has two groups with cases. fairlearn counts a rate without cases as
        0, here it takes no part.

    Source: Hardt, Price and Srebro 2016; fairlearn (Weerts et al. 2023).

    >>> frame = pd.DataFrame({"group": list("aabb"), "truth": [1, 0, 1, 0], "outcome": [1, 0, 1, 1]})
    >>> equalized_odds_difference(cubes(frame, ["group"], "outcome", "truth")[0])
    1.0
    """
    differences = (spread(cube.true_positive()).difference, spread(cube.false_positive()).difference)
    return max((one for one in differences if one is not None), default=None)


def equalized_odds_ratio(cube: Cube) -> float | None:
    """The smaller ratio of true positive and false positive rates; fairlearn's figure of the same name.

    Args:
        cube: the cases of one grouping, with a binary outcome and its truth.

    Returns:
        A share in [0, 1]; None where neither rate has a ratio.

    Source: Hardt, Price and Srebro 2016; fairlearn (Weerts et al. 2023).

    >>> frame = pd.DataFrame({"group": list("aabb"), "truth": [1, 0, 1, 0], "outcome": [1, 0, 1, 1]})
    >>> equalized_odds_ratio(cubes(frame, ["group"], "outcome", "truth")[0])
    0.0
    """
    ratios = (spread(cube.true_positive()).ratio, spread(cube.false_positive()).ratio)
    return min((one for one in ratios if one is not None), default=None)

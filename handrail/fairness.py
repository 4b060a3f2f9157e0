"""Fairness: whether an outcome falls differently on one group than on everybody else."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from scipy import stats

from handrail.errors import BadInput

MISSING = "(missing)"
_POWER = 0.8  # a test that finds the gap that matters less often than this says little by its silence
_FEW = 5  # expected cases in a cell below which the exact test replaces the normal one


class Verdict(StrEnum):
    """What the cases of a group show."""

    GAP = "gap"
    NONE_SHOWN = "no gap shown"
    UNDERPOWERED = "underpowered"


@dataclass(frozen=True)
class GroupGap:
    """One group against the rest: its rate with a Wilson interval, the difference, and the verdict.

    `gap` is the group's rate minus that of everybody else; `p` is Holm-adjusted over the groups.
    """

    group: str
    n: int
    rate: float
    low: float
    high: float
    gap: float
    p: float
    verdict: Verdict


def gaps(frame: pd.DataFrame, group: str, outcome: str, *, bound: float = 0.05, level: float = 0.95) -> list[GroupGap]:
    """Compare each group's rate of a true/false outcome with the rate of everybody else.

    Rows without an outcome are left out; rows without a group are one named `(missing)`. A gap is shown
    when the Holm-adjusted two-sided p (two proportions; Fisher's exact test for few cases) is <= 1 -
    `level`. Otherwise the group is underpowered if a gap of `bound` would be found in fewer than 80 % of
    samples of this size. A group without a rest is underpowered. No rows give an empty list.

    Raises:
        BadInput: a column is missing or the outcome is neither boolean nor 0/1.
    """
    counts = _counts(frame, group, outcome)
    total, positive = int(counts["n"].sum()), int(counts["k"].sum())
    table = [(str(name), int(n), int(k), total - int(n), positive - int(k)) for name, n, k in counts.itertuples()]
    adjusted = holm([two_proportions_p(k, n, rest_k, rest) for _, n, k, rest, rest_k in table])
    return [_judge(row, p, bound=bound, level=level, groups=len(table)) for row, p in zip(table, adjusted, strict=True)]


def wilson(positive: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a rate; [0, 1] without cases."""
    if n == 0:
        return 0.0, 1.0
    z = float(stats.norm.isf((1 - level) / 2))
    rate, scale = positive / n, 1 + z * z / n
    middle = (rate + z * z / (2 * n)) / scale
    reach = z * float(np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))) / scale
    return max(0.0, middle - reach), min(1.0, middle + reach)


def two_proportions_p(k: int, n: int, other_k: int, other_n: int) -> float:
    """Two-sided p that two rates are equal: pooled z-test, Fisher's exact where a cell expects under five.

    1 when either side is empty or every outcome is the same.
    """
    if not n or not other_n or k + other_k in (0, n + other_n):
        return 1.0
    pooled = (k + other_k) / (n + other_n)
    if min(n, other_n) * min(pooled, 1 - pooled) < _FEW:
        return float(stats.fisher_exact(np.array([[k, n - k], [other_k, other_n - other_k]])).pvalue)
    z = (k / n - other_k / other_n) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / other_n))
    return float(2 * stats.norm.sf(abs(z)))


def holm(p: list[float]) -> list[float]:
    """Holm's step-down adjustment: rejecting those <= a keeps the chance of any false one <= a."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    scaled = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(scaled, 1.0)
    return [float(value) for value in adjusted]


def _counts(frame: pd.DataFrame, group: str, outcome: str) -> pd.DataFrame:
    absent = [name for name in (group, outcome) if name not in frame.columns]
    if absent:
        raise BadInput(f"There is no column {', '.join(absent)}. Choose among {', '.join(map(str, frame.columns))}.")
    known = frame.loc[frame[outcome].notna(), [group, outcome]]
    if not known[outcome].isin([0, 1]).all():
        raise BadInput(f"The outcome {outcome} must be true or false (or 1 and 0). Convert it first.")
    names = known[group].astype(object).where(known[group].notna(), MISSING).astype(str)
    outcomes = known[outcome].astype(int).groupby(names)
    return pd.DataFrame({"n": outcomes.size(), "k": outcomes.sum()}).sort_index()


def _judge(row: tuple[str, int, int, int, int], p: float, *, bound: float, level: float, groups: int) -> GroupGap:
    name, n, k, rest, rest_k = row
    low, high = wilson(k, n, level)
    gap = k / n - rest_k / rest if rest else 0.0
    if p <= 1 - level:
        verdict = Verdict.GAP
    elif not rest or _power(n, rest, rest_k / rest, bound, (1 - level) / groups) < _POWER:
        verdict = Verdict.UNDERPOWERED
    else:
        verdict = Verdict.NONE_SHOWN
    return GroupGap(name, n, k / n, low, high, gap, p, verdict)


def _power(n: int, rest: int, base: float, bound: float, alpha: float) -> float:
    """Chance to find a gap of `bound`, towards the middle where rates vary most, by the normal test."""
    shifted = base + bound if base <= 0.5 else base - bound  # noqa: PLR2004
    shifted = min(max(shifted, 0.0), 1.0)
    pooled = (n * shifted + rest * base) / (n + rest)
    under_null = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / rest))
    under_gap = np.sqrt(shifted * (1 - shifted) / n + base * (1 - base) / rest)
    if under_gap == 0:
        return 0.0
    return float(stats.norm.sf((stats.norm.isf(alpha / 2) * under_null - abs(shifted - base)) / under_gap))

"""Waiting times by group: whether some people wait longer for their decision than everybody else."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from handrail.cube import grouped
from handrail.errors import BadInput
from handrail.fairness import GapVerdict, cases_needed, judged
from handrail.proportions import POWER, holm

Floats = NDArray[np.float64]

TRIM = 0.1
"""Share of the shortest and of the longest waits that a mean leaves out: one forgotten case must not speak for all."""
FEWEST = 10
"""Cases on either side below which a trimmed mean says nothing."""


@dataclass(frozen=True)
class WaitGap:
    """How long one group waits, in hours, beside everybody else.

    `typical` is the mean without the shortest and longest tenth, `slow` the wait that one case in ten exceeds. `gap`
    is the difference of the typical waits (None without a rest) and lies in [`gap_low`, `gap_high`] for all groups at
    once; `p` is Holm-adjusted over them. `needed`: as `GroupGap.needed`.
    """

    group: str
    n: int
    typical: float
    slow: float
    gap: float | None
    gap_low: float | None
    gap_high: float | None
    p: float
    verdict: GapVerdict
    needed: int | None = None


def wait_gaps(frame: pd.DataFrame, group: str, hours: str, *, bound: float = 4.0, level: float = 0.95) -> list[WaitGap]:
    """The typical wait of each group beside that of everybody else, by Yuen's test of trimmed means.

    Args:
        frame: one row a case; rows without a finite number of hours are left out.
        group: column with the groups.
        hours: column with the waits, in hours or as durations; negative ones (a clock that went back) count as 0.
        bound: gap from which one is an alarm, in hours.
        level: confidence of all comparisons together.

    Returns:
        One entry a group, verdicts as `fairness.compare`'s; below ten cases on a side a group is underpowered.

    Raises:
        BadInput: a column is missing, the hours are no numbers, or the bound is not above 0.

    Source: Yuen 1974; docs/decisions/0021-what-counts-as-a-shift.md. Oracle: scipy's `ttest_ind(trim=0.1)`.

    >>> waits = [1.0, 1.5, 2.0] * 10 + [20.0, 21.0, 22.0] * 10
    >>> frame = pd.DataFrame({"region": ["north"] * 30 + ["south"] * 30, "hours": waits})
    >>> [(one.group, one.typical, str(one.verdict)) for one in wait_gaps(frame, "region", "hours")]
    [('north', 1.5, 'gap beyond the bound'), ('south', 21.0, 'gap beyond the bound')]
    """
    for name in (group, hours):
        if name not in frame.columns:
            raise BadInput(f"There is no column {name}. Choose among {', '.join(map(str, frame.columns))}.")
    if not bound > 0:
        raise BadInput(f"A bound of {bound} hours cannot be looked for. Give hours above 0.")
    waited = _hours(frame[hours])
    kept = np.isfinite(waited)
    codes, groups = grouped(frame.loc[kept, group])
    order = np.argsort(waited[kept], kind="stable")  # once: every part of a sorted column is sorted
    waited, codes = np.maximum(waited[kept][order], 0.0), codes[order]
    sides = [(waited[codes == at], waited[codes != at]) for at in range(len(groups))]
    comparable = np.array([min(len(one), len(rest)) >= FEWEST for one, rest in sides], dtype=bool)
    alpha = (1 - level) / max(int(comparable.sum()), 1)
    compared = [_yuen(*side, alpha) if enough else None for side, enough in zip(sides, comparable, strict=True)]
    p = np.ones(len(groups))
    p[comparable] = holm([one.p for one in compared if one is not None])
    return [
        _judge(name, *side, one, float(adjusted), bound=bound, alpha=(alpha, 1 - level))
        for name, side, one, adjusted in zip(groups, sides, compared, p, strict=True)
    ]


@dataclass(frozen=True)
class _Compared:
    p: float
    low: float
    high: float
    error: float


def _hours(column: pd.Series) -> Floats:
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return np.asarray(column.dt.total_seconds() / 3600, dtype=np.float64)
    numbers = pd.to_numeric(column, errors="coerce")
    unread = int((numbers.isna() & column.notna()).sum())
    if unread:
        raise BadInput(f"{column.name} holds {unread} values that are no numbers. Give hours as numbers.")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _judge(
    name: str,
    one: Floats,
    rest: Floats,
    compared: _Compared | None,
    p: float,
    *,
    bound: float,
    alpha: tuple[float, float],
) -> WaitGap:
    typical, slow = float(stats.trim_mean(one, TRIM)), float(np.quantile(one, 1 - TRIM, method="higher"))
    gap = typical - float(stats.trim_mean(rest, TRIM)) if len(rest) else None
    if compared is None:
        # So few that not even their spread is known: ten are the least that can be asked for.
        needed = FEWEST if len(rest) else None
        return WaitGap(name, len(one), typical, slow, gap, None, None, p, GapVerdict.UNDERPOWERED, needed)
    reach = float(stats.norm.isf(alpha[0] / 2) + stats.norm.isf(1 - POWER)) * compared.error
    factor = (reach / bound) ** 2
    verdict = judged(p, (compared.low, compared.high), factor, bound=bound, alpha=alpha[1])
    needed = cases_needed(len(one), factor, verdict)
    return WaitGap(name, len(one), typical, slow, gap, compared.low, compared.high, p, verdict, needed)


def _yuen(one: Floats, rest: Floats, alpha: float) -> _Compared:
    """Yuen's two-sided test of sorted waits, with its interval; two constant sides differ surely or not at all."""
    gap = float(stats.trim_mean(one, TRIM) - stats.trim_mean(rest, TRIM))
    (part, df), (other_part, other_df) = _spread(one), _spread(rest)
    error = float(np.sqrt(part + other_part))
    if error == 0:
        return _Compared(float(gap == 0), gap, gap, 0.0)
    freedom = (part + other_part) ** 2 / (part**2 / df + other_part**2 / other_df)
    reach = float(stats.t.isf(alpha / 2, freedom)) * error
    return _Compared(float(2 * stats.t.sf(abs(gap) / error, freedom)), gap - reach, gap + reach, error)


def _spread(waits: Floats) -> tuple[float, int]:
    """Squared standard error of the trimmed mean of sorted waits, from their winsorised variance; and its freedom."""
    cut = int(TRIM * len(waits))
    left = len(waits) - 2 * cut
    held = np.clip(waits, waits[cut], waits[len(waits) - cut - 1])
    squares = float(((held - held.mean()) ** 2).sum())
    return squares / (left * (left - 1)), left - 1

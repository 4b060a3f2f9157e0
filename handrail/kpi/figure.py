"""One figure of the business case: its value and interval, what it was before, and the cases it rests on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import exp, log, sqrt

import numpy as np
from numpy.typing import ArrayLike

from handrail.estimates import hajek
from handrail.proportions import in_percent, wilson

NOT_MEASURED = "not measured"
Z = 1.959963984540054
"""Reach of a 95 % interval in standard errors."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure with its unit and cases; `value` is None where nothing was measured.

    `low` and `high` are its 95 % interval where it is an estimate. `before` is the same figure by hand, from
    `before_cases` cases; `basis` says where it comes from. `parts` are what the figure is made of, in its own unit
    unless their name says otherwise. `case_ids` are all the cases, in order.
    """

    name: str
    value: float | None
    unit: str
    cases: int
    formula: str
    low: float | None = None
    high: float | None = None
    before: float | None = None
    before_cases: int = 0
    basis: str = NOT_MEASURED
    parts: Mapping[str, float] = field(default_factory=dict)
    case_ids: tuple[int, ...] = ()

    def shown(self) -> str:
        """The figure as people read it, *not measured* where there is no data."""
        return written(self.value, self.unit)


@dataclass(frozen=True, slots=True)
class Estimated:
    """A value with its interval and the cases it rests on; None where there are no cases.

    `effective` is how many cases of equal weight say as much; None where all weigh the same.
    """

    value: float | None
    low: float | None
    high: float | None
    case_ids: tuple[int, ...]
    effective: float | None = None

    @property
    def n(self) -> int:
        """How many cases."""
        return len(self.case_ids)

    @property
    def size(self) -> float:
        """How many cases of equal weight say as much."""
        return self.n if self.effective is None else self.effective


def written(value: float | None, unit: str) -> str:
    """A value as people read it.

    Args:
        value: the figure; None where nothing was measured.
        unit: *share*, or what stands behind the number.

    Returns:
        A percentage, a number with its unit, or *not measured*.

    >>> written(0.25, "share"), written(1234.5, "EUR"), written(None, "EUR")
    ('25.0%', '1,234.50 EUR', 'not measured')
    """
    if value is None:
        return NOT_MEASURED
    return in_percent(value) if unit == "share" else f"{value:,.2f} {unit}"


def ids(cases: Iterable[object]) -> tuple[int, ...]:
    """Case ids once each, in order.

    Args:
        cases: ids, perhaps repeated.

    Returns:
        Distinct ids, ascending.

    Source: own definition.

    >>> ids([2, 1, 2])
    (1, 2)
    """
    return tuple(sorted({int(case) for case in cases}))  # type: ignore[call-overload]


def share(hits: Iterable[object], of: Iterable[object]) -> Estimated:
    """The share of some cases that are among others, with its 95 % interval.

    Args:
        hits: ids of the cases that count as hits; those outside `of` are left out.
        of: ids of all cases.

    Returns:
        The share and the cases it rests on; None without cases.

    Source: Wilson 1927.

    >>> found = share([1, 2], [1, 2, 3, 4])
    >>> found.value, round(found.low, 3), found.n
    (0.5, 0.15, 4)
    """
    every = ids(of)
    if not every:
        return Estimated(None, None, None, ())
    count = len(set(ids(hits)) & set(every))
    low, high = wilson([count], [len(every)])
    return Estimated(count / len(every), float(low[0]), float(high[0]), every)


def weighted(hits: ArrayLike, chances: ArrayLike, cases: Iterable[object]) -> Estimated:
    """The share of hits among all that a draw could have taken, from those that it took.

    Args:
        hits: true for each case that counts as a hit.
        chances: with which each case was drawn, in (0, 1].
        cases: their ids, each once.

    Returns:
        The share with its interval, and the cases it rests on; None without cases.

    Raises:
        BadInput: a chance is outside (0, 1].

    Source: docs/decisions/0041-weights.md.

    >>> weighted([True, False], [0.5, 0.25], [1, 2]).value
    0.3333333333333333
    """
    rate = hajek(hits, chances)
    if not rate.n:
        return Estimated(None, None, None, ())
    return Estimated(rate.rate, rate.low, rate.high, ids(cases), rate.effective)


def mean(values: ArrayLike, cases: Iterable[object]) -> Estimated:
    """The mean of a value a case, with its normal 95 % interval.

    Args:
        values: one number a case.
        cases: their ids.

    Returns:
        The mean and the cases it rests on; one case alone has no interval, none have no mean.

    Source: the central limit theorem, standard error from the sample's deviation.

    >>> mean([1.0, 3.0], [7, 8]).value, mean([1.0], [7]).low
    (2.0, None)
    """
    every, numbers = ids(cases), np.asarray(values, dtype=np.float64)
    if not len(numbers):
        return Estimated(None, None, None, ())
    middle = float(numbers.mean())
    if len(numbers) == 1:
        return Estimated(middle, None, None, every)
    reach = Z * float(numbers.std(ddof=1)) / sqrt(len(numbers))
    return Estimated(middle, middle - reach, middle + reach, every)


def reduction(now: tuple[float, float], past: tuple[float, float]) -> tuple[float, float, float] | None:
    """1 − ratio of two rates, with its 95 % interval.

    The interval is that of the logarithm of the ratio, half a hit added on both sides so that none is no trouble; it
    always holds the value.

    Args:
        now: hits and cases of the rate; both effective numbers where cases weigh unequally.
        past: hits and cases of the rate that it is compared with.

    Returns:
        Value, low end, high end; None where there are no cases, or no hit in the past.

    Source: Katz et al. 1978; Walter 1975 for the half. Oracle: scipy's `relative_risk`, without the half.

    >>> [round(one, 3) for one in reduction((5, 100), (20, 100))]
    [0.75, 0.34, 0.891]
    """
    (hits, cases), (past_hits, past_cases) = now, past
    if not cases or not past_cases or not past_hits:
        return None
    ratio = (hits / cases) / (past_hits / past_cases)
    middle = log((hits + 0.5) / (cases + 0.5) / ((past_hits + 0.5) / (past_cases + 0.5)))
    spread = 1 / (hits + 0.5) - 1 / (cases + 0.5) + 1 / (past_hits + 0.5) - 1 / (past_cases + 0.5)
    reach = Z * sqrt(spread)
    return 1 - ratio, min(1 - ratio, 1 - exp(middle + reach)), max(1 - ratio, 1 - exp(middle - reach))


def beside(
    name: str,
    now: Estimated,
    unit: str,
    formula: str,
    past: Estimated,
    basis: str,
    parts: Mapping[str, float] | None = None,
) -> Kpi:
    """One figure of the span beside the same figure by hand.

    Args:
        name: of the KPI.
        now: what was measured in the span.
        unit: *share*, or what stands behind the number.
        formula: how it is reckoned, in words.
        past: what was measured by hand.
        basis: whose work by hand that is.
        parts: what the figure is made of; left out without cases.

    Returns:
        The figure; its basis says so where nothing was measured in shadow.

    Source: docs/concepts.md, *KPI*.

    >>> rate = share([1], [1, 2])
    >>> beside("rate", rate, "share", "hits ÷ cases", share([], []), "cases in shadow").basis
    'not measured in shadow'
    """
    return Kpi(
        name,
        now.value,
        unit,
        now.n,
        formula,
        now.low,
        now.high,
        past.value,
        past.n,
        basis if past.n else "not measured in shadow",
        parts or {} if now.n else {},
        now.case_ids,
    )

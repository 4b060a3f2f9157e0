"""How a reviewer works: faster than anybody reads, rejecting only unaided."""

from collections.abc import Hashable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from handrail.reading import Verdict
from handrail.reviewers.signal import FEWEST, Signal, SignalBounds, exact_interval, power_above, unmeasured

_FAST: Final = 0.02  # a decision is a glance if it is faster than 98 % of what the typical other reviewer takes
_FEWEST_OTHERS: Final = 3  # fewer others are no distribution: what one of them does would be the measure
_WORTH_GLANCES, _WORTH_VANISHED = 0.5, 0.95  # what must not be overlooked


def glances(decisions: pd.DataFrame, bounds: SignalBounds, alpha: float) -> list[Signal]:
    """The share of each reviewer's decisions that are glances. Worth finding: every second decision.

    A glance is faster than the 2 % quantile of the others at the same place, taken as the median over their quantiles,
    so that one hasty colleague does not make haste the measure; below three others with ten decisions there is none.

    Args:
        decisions: columns reviewer, seconds, and perhaps place; missing, negative and infinite times are left out.
        bounds: up to where a figure is no alarm.
        alpha: level of each test, for the power.

    Returns:
        One signal a reviewer, not judged yet.

    Source: own definition; the exact binomial test (Clopper and Pearson 1934).

    >>> names = ["ada", "ben", "cara", "dora"] * 10
    >>> frame = pd.DataFrame({"reviewer": names, "seconds": [1.0 if name == "ada" else 30.0 for name in names]})
    >>> [(one.reviewer, one.value) for one in glances(frame, SignalBounds(), 0.05)][:2]
    [('ada', 1.0), ('ben', 0.0)]
    """
    usable = pd.to_numeric(decisions["seconds"], errors="coerce").to_numpy(dtype=np.float64)
    timed = decisions.assign(seconds=usable)[np.isfinite(usable) & (usable >= 0)]
    place = timed["place"] if "place" in timed else pd.Series("all", index=timed.index)
    times = timed.assign(place=place).groupby(["place", "reviewer"], sort=True)["seconds"]
    fast = times.quantile(_FAST)[times.size() >= FEWEST]
    counted = {key: (int((rows < bar).sum()), len(rows)) for key, rows in times if (bar := _bar(fast, key)) is not None}
    signals = []
    for reviewer in _names(decisions):
        counts = [count for (_, name), count in counted.items() if name == reviewer]
        hits, n = sum(each[0] for each in counts), sum(each[1] for each in counts)
        middle = timed.loc[timed["reviewer"] == reviewer, "seconds"].median()
        details = (("glances", hits), ("median_seconds", None if np.isnan(middle) else float(middle)))
        signals.append(_share(reviewer, "glances", hits, n, bounds.glances, _WORTH_GLANCES, alpha, details))
    return signals


def _bar(fast: pd.Series, key: tuple[Hashable, Hashable]) -> float | None:
    """What the typical other reviewer hardly ever falls below at this place; None where too few are known."""
    places, reviewers = (fast.index.get_level_values(level) for level in ("place", "reviewer"))
    others = fast[(places == key[0]) & (reviewers != key[1])]
    return float(others.median()) if len(others) >= _FEWEST_OTHERS else None


def vanishings(decisions: pd.DataFrame, bounds: SignalBounds, alpha: float) -> list[Signal]:
    """The share of each reviewer's rejections that vanish where a suggestion is visible.

    Worth finding: nineteen of twenty. 1 is a reviewer who rejects only what they judge unaided, 0 one whom suggestions
    do not sway; below 0 they reject more. An honest one lies above 0 too: a right suggestion prevents slips.

    Args:
        decisions: columns reviewer, visible, approved, of cases of which chance alone decided what is visible.
        bounds: up to where a figure is no alarm.
        alpha: level of each test, for the power.

    Returns:
        One signal a reviewer, not judged yet.

    Source: the exact conditional test of two Poisson rates (Przyborowski and Wilenski 1940), which errs to the safe
    side.

    >>> visible = np.arange(40) < 20
    >>> approved = np.array([True] * 19 + [False] + [True] * 10 + [False] * 10)
    >>> frame = pd.DataFrame({"reviewer": "ada", "visible": visible, "approved": approved})
    >>> vanishings(frame, SignalBounds(), 0.05)[0].value
    0.9
    """
    visible, approved = (decisions[name].to_numpy(dtype=bool) for name in ("visible", "approved"))
    who, names = pd.factorize(decisions["reviewer"], sort=True)
    cells: NDArray[np.int64] = np.bincount(who * 4 + visible * 2 + approved, minlength=len(names) * 4).reshape(-1, 2, 2)
    return [_vanishing(str(name), cell, bounds.vanished, alpha) for name, cell in zip(names, cells, strict=True)]


def _vanishing(reviewer: str, cell: NDArray[np.int64], bound: float, alpha: float) -> Signal:
    """`cell` counts by visible × approved."""
    (blind, _), (seen, _) = cell.tolist()
    blind_n, seen_n = (int(row.sum()) for row in cell)
    if min(blind_n, seen_n) < FEWEST or blind + seen == 0:
        return unmeasured(reviewer, "vanished", blind_n + seen_n, low=-np.inf)
    total, odds = blind + seen, seen_n / blind_n

    def split(left: float) -> float:
        """The share of all rejections that fall on visible cases if so much of the unaided rate is left there."""
        return left * odds / (1 + left * odds)

    low, high = exact_interval(seen, total)
    ratio = [share / (1 - share) / odds if share < 1 else np.inf for share in (low, high)]
    value = 1 - (seen / blind) / odds if blind else None
    if value is None:
        return unmeasured(reviewer, "vanished", blind_n + seen_n, low=-np.inf)
    expected = round(blind * (1 + (1 - _WORTH_VANISHED) * odds))
    chances = stats.binom.cdf(np.arange(expected + 1), expected, split(1 - bound))
    most = int(np.searchsorted(chances, alpha, "right")) - 1
    return Signal(
        reviewer,
        "vanished",
        Verdict.NOT_MEASURED,
        value,
        1 - ratio[1],
        1 - ratio[0],
        blind_n + seen_n,
        p=float(stats.binom.cdf(seen, total, split(1 - bound))),
        power=float(stats.binom.cdf(most, expected, split(1 - _WORTH_VANISHED))),
        details=(("rejected_visible", seen), ("visible", seen_n), ("rejected_blind", blind), ("blind", blind_n)),
    )


def _share(
    reviewer: str,
    name: str,
    hits: int,
    n: int,
    bound: float,
    worth: float,
    alpha: float,
    details: tuple[tuple[str, object], ...],
) -> Signal:
    if n == 0:
        return unmeasured(reviewer, name)
    low, high = exact_interval(hits, n)
    return Signal(
        reviewer,
        name,
        Verdict.NOT_MEASURED,
        hits / n,
        low,
        high,
        n,
        p=float(stats.binom.sf(hits - 1, n, bound)),
        power=power_above(n, bound, worth, alpha),
        details=details,
    )


def _names(frame: pd.DataFrame) -> list[str]:
    return sorted(frame["reviewer"].astype(str).unique())

"""The same comparison by the definitions of evidently 0.7.23, for whoever compares with figures from there.

Missing and infinite values are left out. PSI and JS of numbers with more than 20 distinct reference values use
Sturges bins of equal width over both windows, of all else one cell for each value; for PSI a share of zero becomes
0.0001, or a millionth of the smallest share where that is 0.0001 or less. Wasserstein is divided by the reference's
standard deviation; chi-squared asks whether the window's counts fit the reference's shares.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from handrail.drift.chance import kolmogorov_smirnov_p
from handrail.drift.columns import Floats, categories, finite, numbers
from handrail.drift.comparison import named, require_columns
from handrail.drift.distances import Counts, js_distance, ks_and_wasserstein
from handrail.drift.profile import CategoricalReference, NumericReference, Reference, ReferenceProfile
from handrail.drift.report import ColumnDrift, DriftReport
from handrail.errors import BadInput

DRIFT_SHARE = 0.5
"""Share of drifted columns from which evidently calls the whole drifted."""
_DISTINCT = 20
_FEW = 5
_SMALL = 1000
_FAR = 0.1
_LEVEL = 0.05
_LEAST_STD = 0.001
_FILLING = 1e-4
_DEFINITION = "evidently 0.7.23: psi, js({bins}); {tests}; verdict: {verdict}"


@dataclass(frozen=True)
class _Cells:
    """Both windows over the same cells, with their sizes."""

    before: Counts
    now: Counts
    sizes: tuple[int, int]


def compare(profile: ReferenceProfile, current: pd.DataFrame) -> DriftReport:
    """A window beside its reference as evidently 0.7.23 compares them; a column's verdict is its default test's.

    That is KS (p <= 0.05), chi-squared or z (p < 0.05) up to 1,000 reference values, Wasserstein or JS (>= 0.1) beyond;
    the whole drifted where half of the columns did.

    Args:
        profile: of the reference, with every number kept.
        current: the window.

    Returns:
        Every profiled column with its figures; an empty side gives no figures and no drift.

    Raises:
        BadInput: the profile kept a sample only, a profiled column is missing, or two have one name.

    Source: evidently 0.7.23. Oracle: evidently itself, tests/golden/drift.json.

    >>> from handrail.drift.profile import build
    >>> profile = build(pd.DataFrame({"tier": ["gold"] * 50 + ["basic"] * 50}), cap=None)
    >>> compare(profile, pd.DataFrame({"tier": ["gold"] * 100})).drifted
    True
    """
    unwatched = require_columns(profile, current)
    thinned = [column.name for column in profile.columns if not _is_whole(column)]
    if thinned:
        raise BadInput(
            f"The profile kept only a sample of {', '.join(thinned)}; evidently's bins need every value. Compare with "
            "the reference itself."
        )
    columns = tuple(_measure(column, named(current, column.name)) for column in profile.columns)
    drifted = sum(column.drifted for column in columns) >= DRIFT_SHARE * len(columns) if columns else False
    return DriftReport(len(current), columns, unwatched, drifted)


def _is_whole(column: Reference) -> bool:
    return column.complete if isinstance(column, NumericReference) else not column.other


def _measure(reference: Reference, values: pd.Series) -> ColumnDrift:
    if isinstance(reference, CategoricalReference):
        return _measure_categories(reference, values)
    observed = numbers(values)
    before, now = finite(reference.sample), observed.finite
    if not (len(before) and len(now)):
        return _without_figures(reference)
    cells = _number_cells(before, now, integer=reference.integer and observed.integer)
    distinct = len(np.unique(np.concatenate([_distinct(before, _FEW), _distinct(now, _FEW)])))
    ks, distance = ks_and_wasserstein(before, now)
    std = float(before.std())
    normed = distance / max(std, _LEAST_STD)
    js, ks_p = _js(cells), kolmogorov_smirnov_p(ks, before, now, len(before))
    if len(before) > _SMALL:
        verdict, drifted = ("js", js >= _FAR) if distinct <= _FEW else ("wasserstein", normed >= _FAR)
    elif distinct > _FEW:
        verdict, drifted = "ks", ks_p <= _LEVEL
    else:
        verdict, drifted = _test_of_shares(_value_cells(before, now))
    bins = "Sturges bins, pooled" if _many(before) else "a cell each value"
    return ColumnDrift(
        reference.name,
        "numeric",
        _define(bins, "ks(two-sided); wasserstein(over reference std)", verdict),
        psi=_psi(cells),
        js=js,
        ks=ks,
        ks_p=ks_p,
        wasserstein=normed,
        wasserstein_std=normed,
        p=ks_p,
        p_adjusted=ks_p,
        before=float(before.mean()),
        now=float(now.mean()),
        drifted=drifted,
    )


def _measure_categories(reference: CategoricalReference, values: pd.Series) -> ColumnDrift:
    observed = categories(values).counts
    names = sorted({*reference.counts, *observed})
    before = np.array([reference.counts.get(name, 0) for name in names], dtype=np.int64)
    now = np.array([observed.get(name, 0) for name in names], dtype=np.int64)
    if not (before.any() and now.any()):
        return _without_figures(reference)
    cells = _Cells(before, now, (int(before.sum()), int(now.sum())))
    js, chi2_p = _js(cells), _goodness_of_fit_p(cells)
    verdict, drifted = ("js", js >= _FAR) if before.sum() > _SMALL else _test_of_shares(cells)
    return ColumnDrift(
        reference.name,
        "categorical",
        _define("a cell each value", "chi2(goodness of fit)", verdict),
        psi=_psi(cells),
        js=js,
        chi2_p=chi2_p,
        p=chi2_p,
        p_adjusted=chi2_p,
        drifted=drifted,
        new_categories=tuple(name for name in observed if name not in reference.counts),
        vanished_categories=tuple(name for name in reference.counts if name not in observed),
    )


def _without_figures(reference: Reference) -> ColumnDrift:
    note = "no values in the reference or in the window"
    return ColumnDrift(reference.name, reference.kind, _define("none", "none", "none"), psi=None, js=None, note=note)


def _define(bins: str, tests: str, verdict: str) -> str:
    return _DEFINITION.format(bins=bins, tests=tests, verdict=verdict)


def _number_cells(before: Floats, now: Floats, *, integer: bool) -> _Cells:
    if not _many(before):
        return _value_cells(before, now)
    edges = _sturges(min(before[0], now[0]), max(before[-1], now[-1]), len(before) + len(now), integer=integer)
    counts = []
    for ordered in (before, now):
        places = np.searchsorted(ordered, edges, side="left")
        places[-1] = np.searchsorted(ordered, edges[-1], side="right")
        counts.append(np.diff(places))
    return _Cells(counts[0], counts[1], (len(before), len(now)))


def _value_cells(before: Floats, now: Floats) -> _Cells:
    values = np.unique(np.concatenate([before, now]))
    counts = [
        np.searchsorted(ordered, values, side="right") - np.searchsorted(ordered, values, side="left")
        for ordered in (before, now)
    ]
    return _Cells(counts[0], counts[1], (len(before), len(now)))


def _sturges(low: float, high: float, size: int, *, integer: bool) -> Floats:
    """Edges of numpy's Sturges bins, from what they depend on."""
    width = (high - low) / (math.log2(size) + 1.0)
    bins = math.ceil((high - low) / (max(width, 1.0) if integer else width)) if width else 1
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def _many(ordered: Floats) -> bool:
    return len(_distinct(ordered, _DISTINCT)) > _DISTINCT


def _distinct(ordered: Floats, at_most: int) -> Floats:
    """The distinct values of sorted numbers, or some more than `at_most` of them."""
    few: Floats = np.unique(ordered[: 100 * at_most])
    return few if len(few) > at_most else np.unique(ordered)


def _psi(cells: _Cells) -> float:
    before, now = (_filled(c / size) for c, size in zip((cells.before, cells.now), cells.sizes, strict=True))
    return float(((before - now) * np.log(before / now)).sum())


def _filled(shares: Floats) -> Floats:
    least = shares[shares > 0].min()
    return np.where(shares == 0, least / 10**6 if least <= _FILLING else _FILLING, shares)


def _js(cells: _Cells) -> float:
    return js_distance(cells.before, cells.now)


def _goodness_of_fit_p(cells: _Cells) -> float:
    """Of the hypothesis that the window's counts come from the reference's shares; 1 for a single value."""
    if len(cells.before) == 1:
        return 1.0
    if (cells.before == 0).any():
        return 0.0
    expected = cells.before * (cells.sizes[1] / cells.sizes[0])
    return float(special.chdtrc(len(expected) - 1, ((cells.now - expected) ** 2 / expected).sum()))


def _test_of_shares(cells: _Cells) -> tuple[str, bool]:
    if len(cells.before) > 2:  # noqa: PLR2004 - two values are compared by their share
        return "chi2", _goodness_of_fit_p(cells) < _LEVEL
    return "z", _share_p(cells) < _LEVEL


def _share_p(cells: _Cells) -> float:
    """Two-sided z-test of the share of the second value."""
    if len(cells.before) == 1:
        return 1.0
    shares = cells.before[1] / cells.sizes[0], cells.now[1] / cells.sizes[1]
    both = (cells.before[1] + cells.now[1]) / sum(cells.sizes)
    z = (shares[0] - shares[1]) / math.sqrt(both * (1 - both) * (1 / cells.sizes[0] + 1 / cells.sizes[1]))
    return float(2 * stats.norm.sf(abs(z)))

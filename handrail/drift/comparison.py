"""A window beside its reference, by Handrail's own definitions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from handrail.drift.chance import benjamini_hochberg, homogeneity_p, kolmogorov_smirnov_p
from handrail.drift.columns import categories, finite, numbers
from handrail.drift.distances import Counts, js_distance, ks_and_wasserstein, psi
from handrail.drift.profile import (
    CategoricalReference,
    NumericReference,
    Reference,
    ReferenceProfile,
    cell_counts,
    require_names,
)
from handrail.drift.report import ColumnDrift, DriftReport
from handrail.errors import BadInput

_PSI = "psi(binning=ref_quantile, zero=laplace)"
_NUMERIC = f"{_PSI}; js(natural log, same cells); ks(two-sided); wasserstein_std(over reference std)"
_CATEGORICAL = f"{_PSI.replace('ref_quantile', 'category')}; js(natural log); chi2(homogeneity)"
_MOVED = 5


def compare(
    profile: ReferenceProfile, current: pd.DataFrame, *, fdr: float = 0.05, psi_at_least: float = 0.1
) -> DriftReport:
    """A window beside its reference; a column drifted if it moved far *and* not by chance.

    Far is PSI >= `psi_at_least`; not by chance is a Benjamini-Hochberg adjusted p <= `fdr` over all columns.

    Args:
        profile: of the reference.
        current: the window.
        fdr: expected share of false ones among the columns that drifted.
        psi_at_least: PSI from which a column moved far.

    Returns:
        Every profiled column with its figures; where either side has no cases it has none, p = 1, and its note says so.

    Raises:
        BadInput: a profiled column is missing from the window, or two have one name.

    Source: docs/decisions/0018-drift-definitions.md and 0021-what-counts-as-a-shift.md.

    >>> from handrail.drift.profile import build
    >>> profile = build(pd.DataFrame({"tier": ["gold"] * 50 + ["basic"] * 50}))
    >>> compare(profile, pd.DataFrame({"tier": ["gold"] * 100})).drifted
    True
    """
    unwatched = require_columns(profile, current)
    measured = [measure(column, named(current, column.name)) for column in profile.columns]
    return judge(measured, cases=len(current), unwatched=unwatched, fdr=fdr, psi_at_least=psi_at_least)


def measure(reference: Reference, values: pd.Series) -> ColumnDrift:
    """One column beside its reference, not judged yet; see `compare`.

    Args:
        reference: the column's profile.
        values: the window's column.

    Returns:
        Its figures, with p not adjusted and no verdict.

    Source: docs/decisions/0018-drift-definitions.md.

    >>> reference = CategoricalReference("tier", {"basic": 50, "gold": 50}, 0, 0)
    >>> measure(reference, pd.Series(["silver"] * 10)).new_categories
    ('silver',)
    """
    if isinstance(reference, NumericReference):
        return _measure_numbers(reference, values)
    return _measure_categories(reference, values)


def judge(
    measured: Sequence[ColumnDrift], *, cases: int, unwatched: tuple[str, ...], fdr: float, psi_at_least: float
) -> DriftReport:
    """Which of some measured columns drifted, by chances adjusted over all of them; see `compare`.

    Args:
        measured: columns with their figures.
        cases: cases of the window.
        unwatched: columns of the window that the profile does not know.
        fdr: expected share of false ones among the columns that drifted.
        psi_at_least: PSI from which a column moved far.

    Returns:
        The report, its columns in the same order.

    Source: Benjamini and Hochberg 1995; docs/decisions/0021-what-counts-as-a-shift.md.

    >>> reference = CategoricalReference("tier", {"basic": 50, "gold": 50}, 0, 0)
    >>> column = measure(reference, pd.Series(["gold"] * 100))
    >>> judge([column], cases=100, unwatched=(), fdr=0.05, psi_at_least=0.1).drifted
    True
    """
    adjusted = benjamini_hochberg([column.p for column in measured])
    columns = tuple(
        replace(column, p_adjusted=float(p), drifted=bool((column.psi or 0.0) >= psi_at_least and p <= fdr))
        for column, p in zip(measured, adjusted, strict=True)
    )
    return DriftReport(cases, columns, unwatched, any(column.drifted for column in columns))


def require_columns(profile: ReferenceProfile, current: pd.DataFrame) -> tuple[str, ...]:
    """The window's columns that the profile does not know.

    Args:
        profile: of the reference.
        current: the window.

    Returns:
        Their names.

    Raises:
        BadInput: a profiled column is missing from the window, or two have one name.

    Source: own definition.

    >>> require_columns(ReferenceProfile(0, ()), pd.DataFrame({"tier": []}))
    ('tier',)
    """
    require_names(current)
    watched, present = {column.name for column in profile.columns}, [str(name) for name in current.columns]
    absent = [column.name for column in profile.columns if column.name not in present]
    if absent:
        raise BadInput(f"The window lacks {', '.join(absent)}. Add the column, or build a profile without it.")
    return tuple(name for name in present if name not in watched)


def named(frame: pd.DataFrame, name: str) -> pd.Series:
    """The column of a name; a number may be a name too.

    Args:
        frame: any frame with distinct names.
        name: the column's name as a text.

    Returns:
        The column.

    Source: own definition.

    >>> named(pd.DataFrame({1: [5]}), "1").tolist()
    [5]
    """
    return frame.iloc[:, [str(one) for one in frame.columns].index(name)]


def _measure_numbers(reference: NumericReference, values: pd.Series) -> ColumnDrift:
    observed = numbers(values)
    sample, ordered = reference.sample, observed.ordered
    before = np.array([*reference.counts, reference.unreadable, reference.missing])
    now = np.array([*cell_counts(ordered, reference.edges), observed.unreadable, observed.missing])
    ks = ks_p = distance = None
    inner = finite(sample), observed.finite
    if len(sample) and len(ordered):
        ks, _ = gaps = ks_and_wasserstein(sample, ordered)
        ks_p = kolmogorov_smirnov_p(ks, sample, ordered, reference.size)
        if len(inner[0]) and len(inner[1]):
            whole = len(inner[0]) == len(sample) and len(inner[1]) == len(ordered)
            distance = gaps[1] if whole else ks_and_wasserstein(*inner)[1]
    return replace(
        _shift(reference, before, now, ks_p, without=2),
        definition=_NUMERIC,
        ks=ks,
        ks_p=ks_p,
        wasserstein=distance,
        wasserstein_std=None if distance is None else distance / max(reference.std, 0.001),
        before=reference.mean if len(inner[0]) else None,
        now=float(inner[1].mean()) if len(inner[1]) else None,
    )


def _measure_categories(reference: CategoricalReference, values: pd.Series) -> ColumnDrift:
    observed = categories(values)
    seen = observed.counts
    unseen = [category for category in seen if category not in reference.counts]
    # A reference that pooled its rare categories no longer knows their names: none can be called new.
    new = () if reference.other else tuple(unseen)
    pooled = sum(seen[category] for category in unseen) if reference.other else 0
    names = (*reference.counts, *new)
    before = np.array([*reference.counts.values(), *(0 for _ in new), reference.other, reference.missing])
    now = np.array([*(seen.get(name, 0) for name in names), pooled, observed.missing])
    chi2_p = homogeneity_p(before[:-1], now[:-1]) if before[:-1].any() and now[:-1].any() else None
    return replace(
        _shift(reference, before, now, chi2_p, without=1),
        definition=_CATEGORICAL,
        chi2_p=chi2_p,
        new_categories=new,
        vanished_categories=tuple(name for name in reference.counts if seen and name not in seen),
        moved=_moved(names, before, now),
    )


def _shift(reference: Reference, before: Counts, now: Counts, p: float | None, *, without: int) -> ColumnDrift:
    """Measure what both kinds of column have in common; the last `without` cells count cases without a value."""
    cells = before[before + now > 0], now[before + now > 0]
    comparable = bool(before.any() and now.any())
    lacking = [float(c[-without:].sum() / c.sum()) if c.any() else 0.0 for c in (before, now)]
    return ColumnDrift(
        name=reference.name,
        kind=reference.kind,
        psi=psi(*cells) if comparable else None,
        js=js_distance(*cells) if comparable else None,
        p=_joint_p(p, before, now, without) if comparable else 1.0,
        missing=(lacking[0], lacking[1]),
        note=_note(before, now, without),
        definition="",
    )


def _joint_p(p: float | None, before: Counts, now: Counts, without: int) -> float:
    if not before[-without:].any() and not now[-without:].any():
        return 1.0 if p is None else p
    counts = (np.array([c[:-without].sum(), *c[-without:]]) for c in (before, now))
    without_p = homogeneity_p(*counts)
    return without_p if p is None else min(1.0, 2 * min(p, without_p))


def _note(before: Counts, now: Counts, without: int) -> str:
    for cases, side in ((before, "reference"), (now, "window")):
        if not cases.any():
            return f"the {side} is empty"
        if not cases[:-without].any():
            return f"no values in the {side}"
    return ""


def _moved(names: tuple[str, ...], before: Counts, now: Counts) -> tuple[tuple[str, float, float], ...]:
    """The named categories whose share changed most, largest change first."""
    if not (before.any() and now.any()):
        return ()
    shares = before[: len(names)] / before.sum(), now[: len(names)] / now.sum()
    largest = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")[:_MOVED]
    return tuple((names[i], float(shares[0][i]), float(shares[1][i])) for i in largest if shares[0][i] != shares[1][i])

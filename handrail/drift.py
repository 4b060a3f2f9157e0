"""Drift: how far a window of cases has moved from a saved reference, column by column.

Definitions (each score carries theirs in `ColumnDrift.definition`). PSI and the Jensen-Shannon distance
compare shares in the same cells: for numbers the reference's deciles, open at both ends; for categories
one cell each; missing values are a cell of their own. PSI adds one case to every cell (Laplace), so that
an empty cell has a defined score; the distance needs no filling and uses the natural logarithm.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from handrail.errors import BadInput

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

SAMPLE_CAP = 10_000  # order statistics kept of a numeric column: the KS statistic is exact to 1 / (2 cap)
CATEGORY_CAP = 1_000  # categories kept by name; rarer ones are pooled
_LARGEST = 1e150  # infinities stand here: beyond every real value, yet their squares are finite
_EXACT_KS = 10_000  # above it scipy's exact distribution is slow and equal to the asymptotic one
_SPARSE = 5  # cells with fewer cases in both windows together are pooled before the chi-squared test
_PSI = "psi(binning=ref_quantile, zero=laplace)"


@dataclass(frozen=True)
class NumericReference:
    """A numeric column as it was: evenly spaced order statistics, decile edges and counts per cell."""

    name: str
    sample: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int
    std: float


@dataclass(frozen=True)
class CategoricalReference:
    """A categorical column as it was: cases per category, with the rarest pooled in `other`."""

    name: str
    counts: dict[str, int]
    other: int
    missing: int


@dataclass(frozen=True)
class ReferenceProfile:
    """What later windows are compared with; small, so it can be saved, versioned and used again."""

    rows: int
    columns: tuple[NumericReference | CategoricalReference, ...]

    def to_json(self) -> str:
        """Write the profile as one JSON document; `from_json` gives back an equal profile."""
        columns = [asdict(column) | {"kind": kind_of(column)} for column in self.columns]
        return json.dumps({"rows": self.rows, "columns": columns}, allow_nan=False)

    @classmethod
    def from_json(cls, document: str) -> "ReferenceProfile":
        """Read a profile that `to_json` wrote.

        Raises:
            BadInput: the document is no reference profile.
        """
        try:
            content = json.loads(document)
            return cls(int(content["rows"]), tuple(_column(entry) for entry in content["columns"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"This is no reference profile ({error}). Build it again from a reference.") from error


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column moved; a figure that does not apply, or has no cases to rest on, is `None`.

    `p` is the probability behind the verdict: KS or chi-squared, joined (Bonferroni) with the test of the
    share of missing values where there are any. `p_adjusted` is `p` after Benjamini-Hochberg.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    definition: str
    psi: float | None
    js: float | None
    ks: float | None = None
    ks_p: float | None = None
    wasserstein: float | None = None
    wasserstein_std: float | None = None
    chi2_p: float | None = None
    new_categories: tuple[str, ...] = ()
    vanished_categories: tuple[str, ...] = ()
    p: float = 1.0
    p_adjusted: float = 1.0
    drifted: bool = False


@dataclass(frozen=True)
class DriftReport:
    """The columns in the profile's order, and whether any drifted; `unwatched` are not in the profile."""

    rows: int
    columns: tuple[ColumnDrift, ...]
    unwatched: tuple[str, ...]
    drifted: bool


def build(frame: pd.DataFrame) -> ReferenceProfile:
    """Profile every column of a reference: numbers and times as numbers, all else as categories.

    Missing and infinite values are allowed; an empty frame gives a profile that nothing drifts from.
    """
    return ReferenceProfile(len(frame), tuple(_profile(str(name), frame[name]) for name in frame.columns))


def compare(
    profile: ReferenceProfile, current: pd.DataFrame, *, fdr: float = 0.05, psi_at_least: float = 0.1
) -> DriftReport:
    """Compare a window with the reference; a column drifted if it moved far *and* not by chance.

    Far is PSI >= `psi_at_least`; not by chance is a Benjamini-Hochberg adjusted p <= `fdr` over all
    columns. Where either side has no cases a column has no figures, p = 1 and has not drifted.

    Raises:
        BadInput: a profiled column is missing from the window.
    """
    absent = [column.name for column in profile.columns if column.name not in current.columns]
    if absent:
        raise BadInput(f"The window lacks {', '.join(absent)}. Add the column, or build a profile without it.")
    measured = [_measure(column, current[column.name]) for column in profile.columns]
    adjusted = benjamini_hochberg([column.p for column in measured])
    columns = tuple(
        replace(column, p_adjusted=float(p), drifted=bool((column.psi or 0.0) >= psi_at_least and p <= fdr))
        for column, p in zip(measured, adjusted, strict=True)
    )
    watched = {column.name for column in columns}
    unwatched = tuple(str(name) for name in current.columns if name not in watched)
    return DriftReport(len(current), columns, unwatched, any(column.drifted for column in columns))


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index of two sets of counts over the same cells, one case added to each.

    0 for equal shares of equal sizes; no upper limit; by custom 0.1 is noticeable and 0.25 large.
    """
    cells = len(reference)
    before, now = ((c + 1) / (c.sum() + cells) for c in (np.asarray(reference), np.asarray(current)))
    return float(((now - before) * np.log(now / before)).sum())


def js_distance(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance, natural logarithm, from 0 to sqrt(ln 2); both windows have cases."""
    before, now = reference / reference.sum(), current / current.sum()
    middle = (before + now) / 2
    divergence = (_relative_entropy(before, middle) + _relative_entropy(now, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def homogeneity_p(reference: Counts, current: Counts) -> float:
    """Chi-squared p of the hypothesis that two windows share one distribution over the same cells.

    Cells with fewer than five cases in both together are pooled; a single cell gives p = 1.
    """
    table = np.array([reference, current])
    sparse = table.sum(axis=0) < _SPARSE
    table = np.column_stack([table[:, ~sparse], table[:, sparse].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():  # noqa: PLR2004
        return 1.0
    return float(stats.chi2_contingency(table, correction=False).pvalue)


def benjamini_hochberg(p: Iterable[float]) -> Floats:
    """Adjust p-values so that rejecting those <= q keeps the expected share of false ones <= q."""
    values = np.asarray(list(p), dtype=np.float64)
    order = np.argsort(values)[::-1]
    scaled = values[order] * len(values) / np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return adjusted


def kind_of(column: NumericReference | CategoricalReference) -> Literal["numeric", "categorical"]:
    """Name the kind of a profiled column."""
    return "numeric" if isinstance(column, NumericReference) else "categorical"


def _profile(name: str, values: pd.Series) -> NumericReference | CategoricalReference:
    if _is_numeric(values):
        numbers, missing = _numbers(values)
        edges = _edges(numbers)
        return NumericReference(
            name,
            tuple(_thinned(numbers).tolist()),
            tuple(edges.tolist()),
            tuple(_cell_counts(numbers, edges).tolist()),
            missing,
            float(_finite(numbers).std()) if len(_finite(numbers)) else 0.0,
        )
    counts = values.dropna().astype(str).value_counts()
    named = counts.iloc[:CATEGORY_CAP]
    kept = {str(category): int(count) for category, count in sorted(named.items())}
    return CategoricalReference(name, kept, int(counts.sum() - named.sum()), int(values.isna().sum()))


def _column(entry: dict[str, Any]) -> NumericReference | CategoricalReference:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
    numeric = fields.pop("kind") == "numeric"
    return NumericReference(**fields) if numeric else CategoricalReference(**fields)


def _measure(reference: NumericReference | CategoricalReference, values: pd.Series) -> ColumnDrift:
    if isinstance(reference, NumericReference):
        return _measure_numbers(reference, values)
    return _measure_categories(reference, values)


def _measure_numbers(reference: NumericReference, values: pd.Series) -> ColumnDrift:
    numbers, missing = _numbers(values)
    before = np.array([*reference.counts, reference.missing])
    now = np.array([*_cell_counts(numbers, np.array(reference.edges)), missing])
    sample = np.array(reference.sample)
    definition = f"{_PSI}; js(natural log, same cells); ks(two-sided); wasserstein_std(over reference std)"
    if not (len(sample) and len(numbers)):
        return _shift(reference, before, now, None, definition)
    ks, ks_p = _kolmogorov_smirnov(sample, numbers, sum(reference.counts))
    shift = replace(_shift(reference, before, now, ks_p, definition), ks=ks, ks_p=ks_p)
    if not (len(_finite(sample)) and len(_finite(numbers))):
        return shift
    distance = float(stats.wasserstein_distance(_finite(sample), _finite(numbers)))
    return replace(shift, wasserstein=distance, wasserstein_std=distance / max(reference.std, 0.001))


def _measure_categories(reference: CategoricalReference, values: pd.Series) -> ColumnDrift:
    present = values.dropna().astype(str).value_counts()
    seen = {str(category): int(count) for category, count in present.items()}
    unseen = {category: count for category, count in sorted(seen.items()) if category not in reference.counts}
    # A reference that pooled its rare categories no longer knows their names: none can be called new.
    new = () if reference.other else tuple(unseen)
    now_other = sum(unseen.values()) if reference.other else 0
    missing = len(values) - int(present.sum())
    before = np.array([*reference.counts.values(), *(0 for _ in new), reference.other, reference.missing])
    now = np.array([*(seen.get(c, 0) for c in (*reference.counts, *new)), now_other, missing])
    chi2_p = homogeneity_p(before[:-1], now[:-1]) if before[:-1].any() and now[:-1].any() else None
    definition = f"{_PSI.replace('ref_quantile', 'category')}; js(natural log); chi2(homogeneity)"
    return replace(
        _shift(reference, before, now, chi2_p, definition),
        chi2_p=chi2_p,
        new_categories=new,
        vanished_categories=tuple(c for c in reference.counts if seen and c not in seen),
    )


def _shift(
    reference: NumericReference | CategoricalReference,
    before: Counts,
    now: Counts,
    p: float | None,
    definition: str,
) -> ColumnDrift:
    """Measure what both kinds of column have in common; the last cell counts the missing values."""
    cells = before[before + now > 0], now[before + now > 0]
    comparable = bool(before.any() and now.any())
    return ColumnDrift(
        name=reference.name,
        kind=kind_of(reference),
        psi=psi(*cells) if comparable else None,
        js=js_distance(*cells) if comparable else None,
        p=_joint_p(p, before, now) if comparable else 1.0,
        definition=definition,
    )


def _joint_p(p: float | None, before: Counts, now: Counts) -> float:
    if not before[-1] and not now[-1]:
        return 1.0 if p is None else p
    present = np.array([before[:-1].sum(), before[-1]]), np.array([now[:-1].sum(), now[-1]])
    missing_p = homogeneity_p(*present)
    return missing_p if p is None else min(1.0, 2 * min(p, missing_p))


def _is_numeric(values: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return bool(numeric or pd.api.types.is_datetime64_any_dtype(values))


def _numbers(values: pd.Series) -> tuple[Floats, int]:
    """Sorted numbers of a column, and how many values are missing or no number; times become seconds."""
    if pd.api.types.is_datetime64_any_dtype(values):
        values = (pd.to_datetime(values, utc=True) - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = numbers[~np.isnan(numbers)]
    return np.sort(np.clip(numbers, -_LARGEST, _LARGEST)), len(values) - len(numbers)


def _finite(numbers: Floats) -> Floats:
    return numbers[np.abs(numbers) < _LARGEST]


def _thinned(numbers: Floats) -> Floats:
    if len(numbers) <= SAMPLE_CAP:
        return numbers
    return numbers[((np.arange(SAMPLE_CAP) + 0.5) * len(numbers) / SAMPLE_CAP).astype(np.int64)]


def _edges(numbers: Floats) -> Floats:
    """Upper ends of the cells: the deciles, and one below the smallest value where that is a decile too.

    A constant column thus has three cells: less, equal, more.
    """
    if not len(numbers):
        return numbers
    deciles = np.unique(np.quantile(numbers, np.arange(1, 10) / 10, method="inverted_cdf"))
    lowest = np.nextafter(numbers[0], -np.inf)
    return np.concatenate([[lowest], deciles]) if deciles[0] == numbers[0] else deciles


def _cell_counts(numbers: Floats, edges: Floats) -> Counts:
    ends = np.searchsorted(numbers, edges, side="right")
    return np.diff(np.concatenate([[0], ends, [len(numbers)]])).astype(np.int64)


def _kolmogorov_smirnov(sample: Floats, numbers: Floats, reference_size: int) -> tuple[float, float]:
    """Two-sample KS statistic and p on sorted values; `sample` stands for `reference_size` values."""
    places = np.concatenate([sample, numbers])
    gap = np.searchsorted(sample, places, side="right") / len(sample)
    gap -= np.searchsorted(numbers, places, side="right") / len(numbers)
    statistic = float(np.abs(gap).max())
    if max(reference_size, len(numbers)) <= _EXACT_KS:
        return statistic, float(stats.ks_2samp(sample, numbers).pvalue)
    effective = round(reference_size * len(numbers) / (reference_size + len(numbers)))
    return statistic, float(np.clip(stats.kstwo.sf(statistic, max(effective, 1)), 0.0, 1.0))


def _relative_entropy(shares: Floats, base: Floats) -> float:
    held = shares > 0
    return float((shares[held] * np.log(shares[held] / base[held])).sum())

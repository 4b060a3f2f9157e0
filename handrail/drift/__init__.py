"""Drift: how far a window of cases has moved from a reference, column by column.

`build` a profile of the reference, keep it, and `compare` windows with it. Definitions (each score carries theirs in
`ColumnDrift.definition`): PSI and the Jensen-Shannon distance compare shares in the same cells: for numbers the
reference's deciles, open at both ends; for categories one cell each; missing values are a cell of their own. PSI adds
one case to every cell (Laplace), so that an empty cell has a defined score; the distance needs no filling and uses the
natural logarithm. `drift.evidently` measures by that library's definitions instead.
"""

from handrail.drift.chance import benjamini_hochberg, homogeneity_p
from handrail.drift.comparison import compare, judge, measure, named
from handrail.drift.distances import js_distance, psi
from handrail.drift.profile import CategoricalReference, NumericReference, ReferenceProfile, build
from handrail.drift.report import ColumnDrift, DriftReport

__all__ = [
    "CategoricalReference",
    "ColumnDrift",
    "DriftReport",
    "NumericReference",
    "ReferenceProfile",
    "benjamini_hochberg",
    "build",
    "compare",
    "homogeneity_p",
    "js_distance",
    "judge",
    "measure",
    "named",
    "psi",
]

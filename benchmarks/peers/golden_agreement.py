"""Golden values of agreement from krippendorff and statsmodels; run with benchmarks/peers/.venv/bin/python.

Writes tests/golden/agreement.json: inputs from a fixed seed, and what both packages say of them.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa

PLACE = Path(__file__).parents[2] / "tests" / "golden" / "agreement.json"
LEVELS = ("nominal", "ordinal", "interval")
# Krippendorff's worked example: three coders, fifteen units, * is no rating.
WORKED = ("*****34121133*3", "1*213343*******", "**21344*21133*4")


def tables() -> dict[str, np.ndarray]:
    """Tables items × raters of numbers; NaN is no rating."""
    rng = np.random.default_rng(20)
    found = {"worked": np.array([[np.nan if c == "*" else float(c) for c in row] for row in WORKED]).T}
    for name, items, raters, values, kept, missing in (
        ("few", 12, 2, [1, 2, 3], 0.7, 0.0),
        ("gaps", 40, 4, [1, 2, 5, 10], 0.6, 0.4),
        ("negative", 30, 3, [-2.5, 0, 0.25, 7], 0.5, 0.2),
        ("rare", 200, 5, [0, 1], 0.9, 0.1),
        ("full", 60, 6, [1, 2, 3, 4, 5], 0.5, 0.0),
        ("worse_than_chance", 20, 2, [0, 1], 0.0, 0.0),
        ("far_from_zero", 25, 3, [1e6, 1e6 + 1, 1e6 + 3], 0.6, 0.3),
    ):
        truth = rng.choice(values, items)
        table = np.where(rng.random((items, raters)) < kept, truth[:, None], rng.choice(values, (items, raters)))
        if name == "worse_than_chance":
            table[:, 1] = 1 - table[:, 0]
        found[name] = np.where(rng.random(table.shape) < missing, np.nan, table)
    return found


def values(table: np.ndarray) -> dict[str, Any]:
    """Every coefficient that the packages define for a table."""
    found: dict[str, Any] = {
        "alpha": {level: krippendorff.alpha(table.T, level_of_measurement=level) for level in LEVELS}
    }
    if not np.isnan(table).any():
        counts, _ = aggregate_raters(table)
        found["fleiss"] = float(fleiss_kappa(counts))
    both = table[~np.isnan(table[:, :2]).any(axis=1), :2]
    labels = np.unique(both)
    if len(labels) > 1:
        crossed = [[int(((both[:, 0] == a) & (both[:, 1] == b)).sum()) for b in labels] for a in labels]
        found["cohen"] = float(cohens_kappa(np.array(crossed), return_results=False))
    return found


if __name__ == "__main__":
    cases = [
        {"name": name, "table": [[None if np.isnan(v) else v for v in row] for row in table.tolist()], **values(table)}
        for name, table in tables().items()
    ]
    versions = {name: version(name) for name in ("krippendorff", "statsmodels")}
    PLACE.parent.mkdir(exist_ok=True)
    PLACE.write_text(json.dumps({"versions": versions, "cases": cases}, indent=1) + "\n", encoding="utf-8")
    print(f"{len(cases)} cases written to {PLACE}")

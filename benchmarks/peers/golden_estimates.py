"""Golden values of statsmodels for the audit estimates; writes tests/golden/estimates.json.

benchmarks/peers/.venv/bin/python benchmarks/peers/golden_estimates.py
"""

import json
from pathlib import Path

import numpy as np
import statsmodels
import statsmodels.api as sm
from scipy.stats import norm
from statsmodels.stats.contingency_tables import Table
from statsmodels.stats.proportion import proportion_confint

TARGET = Path(__file__).resolve().parents[2] / "tests" / "golden" / "estimates.json"
COUNTS = [(0, 1), (1, 1), (0, 30), (1, 100), (3, 100), (5, 250), (19, 400), (19, 5000), (20, 1000), (100, 5000)]
TRENDS = [
    ([4, 8, 12, 16, 20, 24], [400] * 6),
    ([12, 11, 13, 12, 11, 13], [400, 350, 500, 410, 290, 305]),
    ([9, 2, 7, 1, 3], [100, 90, 120, 15, 300]),
]


def proportion(errors: int, n: int) -> dict[str, object]:
    """Both intervals of one count."""
    ends = {name: list(proportion_confint(errors, n, method=name)) for name in ("beta", "wilson")}
    ends["beta"] = [0.0 if errors == 0 else ends["beta"][0], 1.0 if errors == n else ends["beta"][1]]
    return {"errors": errors, "n": n, **ends}


def trend(errors: list[int], audited: list[int]) -> dict[str, object]:
    """The slope of the rates, and the test of a linear trend in a table of two columns."""
    k, n = np.array(errors), np.array(audited)
    line = sm.WLS(k / n, sm.add_constant(np.arange(len(n))), weights=n).fit()
    tested = Table(np.column_stack([n - k, k]), shift_zeros=False).test_ordinal_association()
    total = n.sum()
    # The table's null variance has n - 1 where the plain test of proportions has n.
    z = tested.zscore * np.sqrt(total / (total - 1))
    return {"errors": errors, "audited": audited, "slope": float(line.params[1]), "p": float(2 * norm.sf(abs(z)))}


def main() -> None:
    """Write the file."""
    golden = {
        "made_with": {"statsmodels": statsmodels.__version__},
        "proportions": [proportion(*one) for one in COUNTS],
        "trends": [trend(*one) for one in TRENDS],
    }
    TARGET.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

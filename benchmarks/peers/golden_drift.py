"""Golden values of evidently for the drift of single columns; writes tests/golden/drift.json.

    benchmarks/peers/.venv/bin/python benchmarks/peers/golden_drift.py

Columns come from a fixed seed and stand in the file beside the values. Each is measured by every test that applies to
its kind, cleaned as evidently cleans it, and by the test that evidently chooses by itself.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import evidently
import numpy as np
import pandas as pd
from evidently.legacy.calculations import stattests
from evidently.legacy.calculations.stattests.registry import get_stattest
from evidently.legacy.core import ColumnType

TARGET = Path(__file__).resolve().parents[2] / "tests" / "golden" / "drift.json"
NUMERIC = {
    "psi": stattests.psi_stat_test,
    "js": stattests.jensenshannon_stat_test,
    "ks_p": stattests.ks_stat_test,
    "wasserstein": stattests.wasserstein_stat_test,
}
CATEGORICAL = {
    "psi": stattests.psi_stat_test,
    "js": stattests.jensenshannon_stat_test,
    "chi2_p": stattests.chi_stat_test,
}


def columns(rng: np.random.Generator) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    """Name, kind, reference and window of every column."""
    normal = rng.normal(size=1600).round(4)
    skewed = rng.lognormal(1, 1.2, 1400).round(3)
    holed = np.where(np.arange(300) % 7 == 0, np.nan, rng.normal(size=300).round(4))
    letters = list("abcdefgh")
    share = np.array([0.4, 0.2, 0.15, 0.1, 0.06, 0.05, 0.03, 0.01])
    return [
        ("small shift", "num", normal[:400], rng.normal(0.3, 1.2, 250).round(4)),
        ("no shift", "num", normal[:800], rng.normal(size=600).round(4)),
        ("empty bins on both sides", "num", normal[:300], rng.normal(9, 0.5, 200).round(4)),
        ("many reference rows", "num", normal, rng.normal(0.05, 1, 1200).round(4)),
        ("many reference rows, shifted", "num", normal, rng.normal(0.4, 1, 900).round(4)),
        ("skewed", "num", skewed, (rng.lognormal(1.2, 1.2, 700)).round(3)),
        ("whole numbers", "num", rng.poisson(30, 900), rng.poisson(32, 700)),
        ("wide whole numbers", "num", rng.integers(0, 10**6, 500), rng.integers(0, 9 * 10**5, 800)),
        ("few whole numbers", "num", rng.integers(0, 12, 500), rng.integers(0, 14, 400)),
        ("five values", "num", rng.integers(0, 4, 700), rng.integers(0, 5, 400)),
        ("five values, many rows", "num", rng.integers(0, 4, 1300), rng.integers(0, 5, 400)),
        ("two values", "num", rng.integers(0, 2, 300), (rng.random(500) < 0.6).astype(int)),
        ("missing and infinite", "num", holed, np.where(np.arange(200) < 5, np.inf, rng.normal(0.2, 1, 200).round(4))),
        ("constant", "num", np.full(100, 5.0), np.full(80, 5.0)),
        ("tiny spread", "num", np.full(100, 5.0), np.full(80, 5.1)),
        ("rare share", "num", np.append(np.arange(20_000) % 40, 999) / 8, np.arange(500) % 35 / 8),
        ("one row", "num", normal[:50], np.array([0.3])),
        ("letters", "cat", rng.choice(letters, 900, p=share), rng.choice(letters, 500, p=share[::-1])),
        ("letters alike", "cat", rng.choice(letters, 900, p=share), rng.choice(letters, 700, p=share)),
        ("letters, many rows", "cat", rng.choice(letters, 1800, p=share), rng.choice(letters, 700, p=share)),
        ("new and vanished", "cat", rng.choice(letters[:5], 400), rng.choice(letters[2:], 300)),
        ("yes or no", "cat", rng.choice(["no", "yes"], 300), rng.choice(["no", "yes"], 200, p=[0.4, 0.6])),
        ("one value", "cat", np.repeat("a", 50), np.repeat("a", 70)),
        ("another value", "cat", np.repeat("a", 50), np.repeat("b", 70)),
    ]


def measured(kind: str, reference: np.ndarray, current: np.ndarray) -> dict[str, Any]:
    """Scores by name, and evidently's own choice of a test with its verdict."""
    feature = ColumnType.Numerical if kind == "num" else ColumnType.Categorical
    before, now = (pd.Series(v).replace([-np.inf, np.inf], np.nan).dropna() for v in (reference, current))
    scores = {}
    for name, test in (NUMERIC if kind == "num" else CATEGORICAL).items():
        score = float(test(before, now, feature, None).drift_score)
        scores[name] = score if np.isfinite(score) else None
    chosen = get_stattest(before, now, feature, None)
    drifted = bool(chosen(before, now, feature, None).drifted)
    return {"scores": scores, "chosen": chosen.name, "drifted": drifted}


def plain(values: np.ndarray) -> list[Any]:
    """Values as JSON can: a missing one is null, an infinite one a word."""
    return [v if isinstance(v, str) else None if np.isnan(v) else "inf" if np.isinf(v) else v for v in values.tolist()]


def main() -> None:
    """Write the file."""
    warnings.simplefilter("ignore")
    golden = {"made_with": {"evidently": evidently.__version__, "pandas": pd.__version__}, "columns": []}
    for name, kind, reference, current in columns(np.random.default_rng(52)):
        entry = {"name": name, "kind": kind, **measured(kind, reference, current)}
        golden["columns"].append({**entry, "reference": plain(reference), "current": plain(current)})
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()

"""False alarms: how often two windows from one source are called a drift, and how often a real shift is seen."""

from typing import Any

import numpy as np
import pandas as pd

from handrail import drift

CATEGORIES = np.array([f"c{one}" for one in range(40)])
WEIGHTS = 1 / np.arange(1, 41) ** 1.2


def frame(rng: np.random.Generator, rows: int, shift: float = 0.0) -> pd.DataFrame:
    """Columns as businesses have them: sums, counts, scores, ties, holes, a long tail, a rare flag, codes."""
    amounts = rng.lognormal(3 + shift, 1, rows)
    return pd.DataFrame(
        {
            "amount": amounts,
            "score": rng.beta(8, 2, rows),
            "normal": rng.normal(shift, 1, rows),
            "count": rng.poisson(1.5, rows),
            "holed": np.where(rng.random(rows) < 0.1, np.nan, amounts),
            "rarely there": np.where(rng.random(rows) < 0.98, np.nan, rng.normal(size=rows)),
            "tail": CATEGORIES[rng.choice(40, rows, p=WEIGHTS / WEIGHTS.sum())],
            "region": CATEGORIES[rng.choice(4, rows, p=[0.5, 0.3, 0.15, 0.05])],
            "flag": rng.random(rows) < 0.003,
            "code": rng.integers(0, 300, rows).astype(str),
        }
    )


def false_alarms(rows: int, runs: int, *, reference_rows: int | None = None) -> dict[str, Any]:
    """Share of runs that alarm without any drift; by the verdict, and by significance alone as the rivals have it."""
    verdicts = by_p = uncorrected = 0
    for run in range(runs):
        rng = np.random.default_rng([7, rows, run])
        report = drift.compare(drift.build(frame(rng, reference_rows or rows)), frame(rng, rows))
        verdicts += report.drifted
        by_p += any(column.p_adjusted <= 0.05 for column in report.columns)
        uncorrected += any(column.p <= 0.05 for column in report.columns)
    return {
        "rows": rows,
        "reference_rows": reference_rows or rows,
        "runs": runs,
        "alarms": verdicts / runs,
        "p_adjusted_alone": by_p / runs,
        "p_alone": uncorrected / runs,
    }


def found(rows: int, runs: int, shift: float) -> float:
    """Share of runs in which a shift of two columns by `shift` standard deviations is called a drift."""
    seen = 0
    for run in range(runs):
        rng = np.random.default_rng([8, rows, run])
        seen += drift.compare(drift.build(frame(rng, rows)), frame(rng, rows, shift)).drifted
    return seen / runs

"""Golden values of fairlearn and statsmodels for the fairness figures; writes tests/golden/fairness.json.

    benchmarks/peers/.venv/bin/python benchmarks/peers/golden_fairness.py

Inputs are counts of cases by group, truth and prediction, from a fixed seed, and stand in the file beside the values.
"""

import json
from pathlib import Path
from typing import Any

import fairlearn
import numpy as np
import statsmodels
from fairlearn import metrics
from sklearn.metrics import accuracy_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

TARGET = Path(__file__).resolve().parents[2] / "tests" / "golden" / "fairness.json"
COUNTS = [
    (56, 70, 48, 80),
    (9, 10, 3, 10),
    (6, 7, 2, 7),
    (5, 56, 0, 29),
    (0, 10, 0, 20),
    (10, 10, 0, 20),
    (3, 900, 400, 9000),
]
RATES = {
    "selection": metrics.selection_rate,
    "error": lambda truth, said: 1 - accuracy_score(truth, said),
    "false positive": metrics.false_positive_rate,
    "false negative": metrics.false_negative_rate,
}


def rows(counts: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Cases from counts by group, truth (0, 1) and prediction (0, 1)."""
    at = [np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices(counts.shape)]
    return [f"g{one}" for one in at[0]], at[1], at[2]


def frame(counts: np.ndarray) -> dict[str, Any]:
    """Every figure of one table of counts."""
    groups, truth, said = rows(counts)
    found = metrics.MetricFrame(metrics=RATES, y_true=truth, y_pred=said, sensitive_features=groups)
    given = {"y_true": truth, "y_pred": said, "sensitive_features": groups}
    return {
        "counts": counts.tolist(),
        "by_group": {name: found.by_group[name].tolist() for name in RATES},
        "difference": found.difference().to_dict(),
        "ratio": {name: float(value) for name, value in found.ratio().items()},
        "demographic_parity_difference": metrics.demographic_parity_difference(**given),
        "demographic_parity_ratio": metrics.demographic_parity_ratio(**given),
        "equalized_odds_difference": metrics.equalized_odds_difference(**given),
        "equalized_odds_ratio": metrics.equalized_odds_ratio(**given),
        "equal_opportunity_difference": metrics.equal_opportunity_difference(**given),
    }


def labels(rng: np.random.Generator) -> dict[str, Any]:
    """Errors by group of an outcome with three labels."""
    truth, said, groups = (rng.choice(list(names), 400) for names in ("abc", "abc", "xyz"))
    error = metrics.MetricFrame(metrics=RATES["error"], y_true=truth, y_pred=said, sensitive_features=groups)
    return {
        "truth": "".join(truth),
        "said": "".join(said),
        "groups": "".join(groups),
        "error": error.by_group.tolist(),
        "difference": error.difference(),
    }


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(41)
    tables = [rng.integers(1, 400, (groups, 2, 2)) for groups in (2, 3, 7)] + [
        np.array([[[1, 2], [3, 1]], [[4, 1], [1, 1]]])
    ]
    p = rng.random(12) ** 3
    golden = {
        "made_with": {"fairlearn": fairlearn.__version__, "statsmodels": statsmodels.__version__},
        "frames": [frame(table) for table in tables],
        "labels": labels(rng),
        "newcombe": [
            {"counts": counts, "interval": list(map(float, confint_proportions_2indep(*counts, method="newcomb")))}
            for counts in COUNTS
        ],
        "holm": {"p": p.tolist(), "adjusted": multipletests(p, method="holm")[1].tolist()},
    }
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()

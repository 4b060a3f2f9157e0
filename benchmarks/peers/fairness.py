"""fairlearn's side of `benchmarks/fairness.py`: a MetricFrame for each grouping, timed in its own environment.

    benchmarks/peers/.venv/bin/python benchmarks/peers/fairness.py CASES.npz

Reads the codes that the benchmark wrote, measures with CPU seconds, and prints one JSON document.
"""

import json
import sys
import time

import fairlearn
import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, false_negative_rate, false_positive_rate, selection_rate
from sklearn.metrics import accuracy_score

RATES = {
    "selection": selection_rate,
    "accuracy": accuracy_score,
    "false positive": false_positive_rate,
    "false negative": false_negative_rate,
}


def main() -> None:
    """Measure and print."""
    held = np.load(sys.argv[1])
    truth, said = held["truth"], held["said"]
    names = [name for name in held.files if name not in {"truth", "said"}]
    groups = {name: pd.Series(held[name].astype(object)) for name in names}
    began = time.process_time()
    frames = {
        name: MetricFrame(metrics=RATES, y_true=truth, y_pred=said, sensitive_features=column)
        for name, column in groups.items()
    }
    by_group = {name: frame.by_group for name, frame in frames.items()}
    difference = {name: frame.difference() for name, frame in frames.items()}
    seconds = time.process_time() - began
    found = {
        "fairlearn": fairlearn.__version__,
        "seconds": seconds,
        "by_group": {name: table.to_dict() for name, table in by_group.items()},
        "difference": {name: row.to_dict() for name, row in difference.items()},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()

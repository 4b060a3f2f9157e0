"""CPU seconds of evidently for the drift of one file beside another; one JSON document on stdout.

    benchmarks/peers/.venv/bin/python benchmarks/peers/drift.py REFERENCE CURRENT ROUNDS [--preset]

Bare: its test functions alone on every column, each that applies to its kind. Preset: its DataDriftPreset report. The
smallest of the rounds counts; reading the files does not.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable

import pandas as pd
from evidently import Report
from evidently.legacy.calculations import stattests
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset

NUMERIC = (
    stattests.psi_stat_test,
    stattests.jensenshannon_stat_test,
    stattests.ks_stat_test,
    stattests.wasserstein_stat_test,
)
CATEGORICAL = (stattests.psi_stat_test, stattests.jensenshannon_stat_test, stattests.chi_stat_test)


def bare(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    """Every score of every column."""
    for name in reference.columns:
        is_number = pd.api.types.is_numeric_dtype(reference[name])
        kind = ColumnType.Numerical if is_number else ColumnType.Categorical
        for test in NUMERIC if is_number else CATEGORICAL:
            test(reference[name], current[name], kind, None)


def preset(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    """The report that its users run."""
    Report([DataDriftPreset()]).run(current, reference)


def cpu_seconds(call: Callable[[], None], rounds: int) -> float:
    """The fewest seconds of a few rounds."""
    spent = []
    for _ in range(rounds):
        started = time.process_time()
        call()
        spent.append(time.process_time() - started)
    return min(spent)


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
    rounds = int(sys.argv[3])
    bare(reference.head(1000), current.head(1000))
    found = {"bare": cpu_seconds(lambda: bare(reference, current), rounds)}
    if "--preset" in sys.argv:
        preset(reference.head(1000), current.head(1000))
        found["preset"] = cpu_seconds(lambda: preset(reference, current), min(rounds, 2))
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""krippendorff and statsmodels at work; run by benchmarks/agreement.py with the rivals' environment.

    python benchmarks/peers/agreement.py FILE.npz

The file has `table` (items × raters, NaN for no rating), `counts` (items × labels), `crossed` (labels × labels). Prints
one JSON document: for each task its value and the CPU seconds of one call, the best of several rounds.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial

import krippendorff
import numpy as np
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa


def seconds(work: Callable[[], object], least: float = 0.1, rounds: int = 5) -> float:
    """CPU seconds of one call: the best of `rounds`, each at least `least` seconds long."""
    calls, spent = 1, 0.0
    while spent < least:
        began = time.process_time()
        for _ in range(calls):
            work()
        spent = time.process_time() - began
        calls = calls if spent >= least else max(calls * 2, int(calls * least / max(spent, 1e-6) * 1.2))
    best = spent / calls
    for _ in range(rounds - 1 if spent < 1 else 0):
        began = time.process_time()
        for _ in range(calls):
            work()
        best = min(best, (time.process_time() - began) / calls)
    return best


def main() -> None:
    """Time every task."""
    given = np.load(sys.argv[1])
    table, counts, crossed = given["table"], given["counts"], given["crossed"]
    by_rater = np.ascontiguousarray(table.T)
    tasks: dict[str, Callable[[], object]] = {
        f"alpha {level}": partial(krippendorff.alpha, by_rater, level_of_measurement=level)
        for level in ("nominal", "ordinal", "interval")
    }
    tasks["fleiss from counts"] = partial(fleiss_kappa, counts)
    if not np.isnan(table).any():
        tasks["fleiss from labels"] = lambda: fleiss_kappa(aggregate_raters(table)[0])
    tasks["cohen from a table"] = partial(cohens_kappa, crossed, return_results=False)
    print(json.dumps({name: {"value": float(work()), "seconds": seconds(work)} for name, work in tasks.items()}))


if __name__ == "__main__":
    main()

"""The same coefficients of the same arrays here and by krippendorff and statsmodels: equal values, CPU seconds."""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from demands import Demand, Part, Size, at_most

from handrail import agreement

PEERS = Path(__file__).resolve().parents[1] / "peers"
RIVAL = PEERS / ".venv" / "bin" / "python"
SIZES = ((15, 3), (200, 3), (2_000, 5), (20_000, 5))
"""Items and raters of each round; eight labels."""
LABELS = 8
EQUAL = 1e-9


def measure(*, size: Size) -> Part:
    """How many times faster, at every size."""
    if not RIVAL.exists():
        return Part([], {"skipped": "no rivals"}, skipped="krippendorff and statsmodels are absent: `make peers`")
    sizes = size.of(SIZES, SIZES[:-1], SIZES[:1])
    demands, figures, lines = [], dict[str, Any](), [f"{'items × raters':18}{'task':22}{'here':>10}{'rival':>12}"]
    worst = 0.0
    for items, raters in sizes:
        ours, theirs = _both(items, raters)
        for name, rival in theirs.items():
            times = rival["seconds"] / ours[name]["seconds"]
            worst = max(worst, abs(rival["value"] - ours[name]["value"]))
            shape = f"{items:,} × {raters}"
            figures[f"{shape}, {name}"] = {"ours": ours[name]["seconds"], "rival": rival["seconds"], "times": times}
            lines.append(f"{shape:18}{name:22}{_told(ours[name]['seconds'])}{_told(rival['seconds'])}  {times:6.1f} ×")
            demands.append(Demand(f"{name}, {shape}: times faster", f"{times:.1f}", "> 1", times > 1))
    demands.append(at_most("largest difference of a value", worst, EQUAL, ".1e"))
    return Part(demands, {"largest_difference": worst, **figures}, "\n".join(lines))


def _both(items: int, raters: int) -> tuple[dict[str, Any], dict[str, Any]]:
    table, counts, crossed = _drawn(items, raters)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ratings.npz"
        np.savez(file, table=table, counts=counts, crossed=crossed)
        words = [str(RIVAL), str(PEERS / "agreement.py"), str(file)]
        told = subprocess.run(words, check=True, capture_output=True, text=True)  # noqa: S603 - our own script
    theirs = json.loads(told.stdout.splitlines()[-1])
    tasks: dict[str, Callable[[], float | None]] = {
        f"alpha {level}": partial(agreement.krippendorff_alpha_of, table, level)
        for level in ("nominal", "ordinal", "interval")
    }
    tasks["fleiss from counts"] = partial(agreement.fleiss_kappa_of, counts)
    tasks["fleiss from labels"] = lambda: agreement.fleiss_kappa_of(agreement.counts_of(table))
    tasks["cohen from a table"] = partial(agreement.cohen_kappa_of, crossed)
    return {name: {"value": tasks[name](), "seconds": _seconds(tasks[name])} for name in theirs}, theirs


def _drawn(items: int, raters: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratings of which seven in ten are the true label; counts by item; the first two raters' labels crossed."""
    rng = np.random.default_rng(items)
    truth = rng.integers(0, LABELS, items)[:, None]
    said = np.where(rng.random((items, raters)) < 0.7, truth, rng.integers(0, LABELS, (items, raters)))
    counts = (said[:, :, None] == np.arange(LABELS)).sum(axis=1)
    crossed = np.bincount(said[:, 0] * LABELS + said[:, 1], minlength=LABELS**2).reshape(LABELS, LABELS)
    return said.astype(np.float64), counts, crossed


def _seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call, as the rival's script takes them."""
    calls, spent = 1, 0.0
    while spent < 0.1:
        began = time.process_time()
        for _ in range(calls):
            work()
        spent = time.process_time() - began
        calls = calls if spent >= 0.1 else max(calls * 2, int(calls * 0.1 / max(spent, 1e-6) * 1.2))
    best = spent / calls
    for _ in range(4 if spent < 1 else 0):
        began = time.process_time()
        for _ in range(calls):
            work()
        best = min(best, (time.process_time() - began) / calls)
    return best


def _told(seconds: float) -> str:
    return f"{seconds * 1e6:9.0f} µs"

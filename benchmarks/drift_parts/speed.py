"""CPU seconds for every statistic of 10 numeric and 5 categorical columns, beside evidently in the same run."""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from handrail import drift
from handrail.drift import evidently

PEERS = Path(__file__).resolve().parent.parent / "peers"
PEER = PEERS / ".venv" / "bin" / "python"


def frame(rng: np.random.Generator, rows: int, shift: float) -> pd.DataFrame:
    """Ten numeric columns of several shapes and five categorical ones of 3 to 60 categories; half of them shifted."""
    columns: dict[str, Any] = {}
    for place in range(10):
        by = shift * (place % 2)
        shapes = (
            rng.normal(by, 1, rows),
            rng.lognormal(by, 1, rows),
            rng.gamma(2 + by, 1, rows),
            rng.poisson(30 + 30 * by, rows),
        )
        columns[f"number {place}"] = shapes[place % 4]
    for place, size in enumerate((3, 6, 12, 25, 60)):
        weights = 1 / np.arange(1, size + 1) ** (1 + shift * (place % 2))
        chosen = rng.choice(size, rows, p=weights / weights.sum())
        columns[f"letters {place}"] = np.array([f"category {one}" for one in range(size)])[chosen]
    return pd.DataFrame(columns)


def beside_evidently(rows: int, rounds: int, *, preset: bool) -> dict[str, Any]:
    """CPU seconds of both, each on the same two files as its own pandas reads them; reading is not counted."""
    rng = np.random.default_rng([31, rows])
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.parquet" for name in ("reference", "current")]
        for file, shift in zip(files, (0.0, 0.05), strict=True):
            frame(rng, rows, shift).to_parquet(file)
        reference, current = map(pd.read_parquet, files)
        ours = _ours(reference, current, rounds)
        theirs = _theirs(files, rounds, preset=preset)
    return {"rows": rows, **ours, **theirs}


def _ours(reference: pd.DataFrame, current: pd.DataFrame, rounds: int) -> dict[str, float]:
    saved = drift.build(reference)
    whole = drift.build(reference, cap=None)
    found = drift.compare(whole, current)
    thinned = drift.compare(saved, current)
    pairs = [(one, other) for one, other in zip(found.columns, thinned.columns, strict=True) if one.ks is not None]
    return {
        "seconds": cpu_seconds(lambda: drift.compare(drift.build(reference, cap=None), current), rounds),
        "cached": cpu_seconds(lambda: drift.compare(saved, current), rounds),
        "as_evidently": cpu_seconds(lambda: evidently.compare(drift.build(reference, cap=None), current), rounds),
        "cap_moves_ks": max(abs(one.ks - other.ks) for one, other in pairs),
        "cap_moves_wasserstein_std": max(abs(one.wasserstein_std - other.wasserstein_std) for one, other in pairs),
        "cap_changes_verdicts": sum(one.drifted != other.drifted for one, other in pairs),
    }  # type: ignore[operator, type-var]  # every numeric column has these figures


def _theirs(files: list[Path], rounds: int, *, preset: bool) -> dict[str, float]:
    """Nothing where evidently's environment is absent: `make peers` makes it."""
    if not PEER.exists():
        return {}
    command = [PEER, PEERS / "drift.py", *files, str(rounds), *(["--preset"] if preset else [])]
    spoken = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own program
    times: dict[str, float] = json.loads(spoken.splitlines()[-1])
    return times


def cpu_seconds(call: Callable[[], object], rounds: int) -> float:
    """The fewest CPU seconds of a few rounds."""
    spent = []
    for _ in range(rounds):
        started = time.process_time()
        call()
        spent.append(time.process_time() - started)
    return min(spent)

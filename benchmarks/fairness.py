"""Fairness figures beside fairlearn's, the same values in a fraction of the time; and what their verdicts keep.

    python benchmarks/fairness.py [--quick|--smoke] [--json]

Three groupings and four metrics over a million rows (a fifth of it with --quick): here one confusion cube a grouping
with intervals, tests and verdicts on top, there one MetricFrame a grouping. CPU seconds of both, in one run; fairlearn
works in the environment of the rivals (`make peers`) and is left out, aloud, where that is absent. Texts are given as
pandas reads them from a file, on both sides; the rival's are the older objects, which are what its pandas has.

Then simulations: coverage of the nominal 95 % intervals, looks at equal groups that show a gap or raise an alarm (at
most the 5 % that is promised), and the share of gaps found with as many cases as *underpowered* asks for.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

import numpy as np  # noqa: E402 - after the path is set
import pandas as pd  # noqa: E402
from demands import Demand, Part, Size, at_least, at_most, conclude, parser, show  # noqa: E402 - found beside this file
from fairness_parts import kept  # noqa: E402

from handrail import fairness  # noqa: E402
from handrail.cube import cubes  # noqa: E402

PEER = ROOT / "benchmarks" / "peers" / ".venv" / "bin" / "python"
GROUPINGS = {
    "region": ["north", "south", "east", "west", "coast"],
    "tier": ["basic", "plus", "premium"],
    "channel": ["web", "email", "phone", "chat", "app"],
}
FASTER = 300
ROUNDS = 5


def cases(rows: int) -> pd.DataFrame:
    """Cases with a gap of four points in one region, from a fixed seed."""
    rng = np.random.default_rng(20)
    frame = pd.DataFrame({name: rng.choice(groups, rows) for name, groups in GROUPINGS.items()})
    truth = rng.random(rows) < 0.4
    wrong = rng.random(rows) < np.where(frame["region"] == "coast", 0.14, 0.10)
    return frame.assign(truth=truth.astype(np.int64), said=(truth ^ wrong).astype(np.int64))


def ours(frame: pd.DataFrame) -> tuple[float, dict[str, Any]]:
    """CPU seconds (the least of some rounds) and the figures, with everything that `handrail fairness` tells."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        counted = cubes(frame, list(GROUPINGS), "said", "truth")
        found = {cube.grouping: fairness.compare(cube.tallies()) for cube in counted}
        apart = {cube.grouping: [fairness.spread(tally) for tally in cube.tallies()] for cube in counted}
        seconds.append(time.process_time() - began)
    figures = {
        "by_group": {
            name: {metric: {gap.group: gap.rate for gap in gaps if gap.metric == metric} for metric in _metrics(gaps)}
            for name, gaps in found.items()
        },
        "difference": {name: {one.metric: one.difference for one in spreads} for name, spreads in apart.items()},
        "beyond": [f"{name} {gap.group}" for name, gaps in found.items() for gap in gaps if gap.verdict.shows_gap],
    }
    return min(seconds), figures


def _metrics(gaps: list[fairness.GroupGap]) -> list[str]:
    return list(dict.fromkeys(gap.metric for gap in gaps))


def theirs(frame: pd.DataFrame) -> dict[str, Any]:
    """What fairlearn says of the same cases, and its CPU seconds."""
    with tempfile.TemporaryDirectory(prefix="handrail-fairness-") as folder:
        file = Path(folder) / "cases.npz"
        np.savez(
            file,
            **{
                name: frame[name].to_numpy() if frame[name].dtype == np.int64 else frame[name].to_numpy(dtype=str)
                for name in frame
            },
        )
        told = subprocess.run(  # noqa: S603 - our own script
            [str(PEER), str(PEER.parents[2] / "fairness.py"), str(file)], capture_output=True, text=True, check=True
        )
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def furthest(figures: dict[str, Any], rival: dict[str, Any]) -> float:
    """The largest difference between any of the figures here and there; fairlearn's accuracy is 1 - error."""
    apart = []
    for name, metrics in figures["by_group"].items():
        for metric, rates in metrics.items():
            there = rival["by_group"][name]["accuracy" if metric == "error" else metric]
            apart += [abs((1 - rate if metric == "error" else rate) - there[group]) for group, rate in rates.items()]
        for metric, difference in figures["difference"][name].items():
            apart.append(abs(difference - rival["difference"][name]["accuracy" if metric == "error" else metric]))
    return max(apart)


def measure(rows: int) -> Part:
    """Both sides over so many rows."""
    frame = cases(rows)
    seconds, figures = ours(frame)
    told: dict[str, Any] = {"rows": rows, "seconds": seconds}
    demands: list[Demand] = []
    text = f"{rows:,} rows, 3 groupings, 4 metrics: {seconds:.3f} CPU seconds here"
    if PEER.exists():
        rival = theirs(frame)
        told |= {"fairlearn": rival["fairlearn"], "fairlearn_seconds": rival["seconds"]}
        told |= {"times_faster": rival["seconds"] / seconds, "largest_difference": furthest(figures, rival)}
        demands = [
            at_least("times faster than fairlearn's MetricFrame", told["times_faster"], FASTER, ".0f"),
            at_most("largest difference between the figures", told["largest_difference"], 1e-9, ".1e"),
        ]
        text += f", {rival['seconds']:.1f} with fairlearn {rival['fairlearn']}"
    skipped = "" if PEER.exists() else "fairlearn is absent: `make peers`"
    return Part(demands, told, text, skipped)


def promises(size: Size) -> Part:
    """Intervals and verdicts in simulated looks."""
    held = kept.coverage(size.of(200_000, 20_000, 300))
    runs = size.of(10_000, 2_000, 5)
    equal, power = kept.looks_without_a_gap(runs), kept.power_at_needed(runs)
    most, least = 0.05 + 2 * (0.05 * 0.95 / runs) ** 0.5, 0.8 - 2 * (0.8 * 0.2 / runs) ** 0.5  # of a true 5 and 80 %
    demands = []
    for name, one in held.items():
        demands += [
            at_least(f"coverage of {name}", one, 0.93, ".1%"),
            at_most(f"coverage of {name}", one, 0.97, ".1%"),
        ]
    demands += [
        at_most("looks at equal groups that show a gap", equal["shown"], most, ".1%"),
        at_most("looks at equal groups that raise an alarm", equal["alarms"], most, ".1%"),
        at_least("gaps of the bound shown with the cases asked for", power, least, ".1%"),
    ]
    return Part(demands, {"coverage": held, "equal_groups": equal, "power_at_needed": power})


def main() -> None:
    """Measure and print; exit 1 when a promise does not hold."""
    options = parser(__doc__ or "", "a fifth of the rows: within a minute").parse_args()
    parts = {
        "beside fairlearn": measure(options.size.of(1_000_000, 200_000, 2_000)),
        "promises kept": promises(options.size),
    }
    for name, part in parts.items():
        show(name, part)
    conclude(
        options, parts.values(), {name: figure for part in parts.values() for name, figure in part.figures.items()}
    )


if __name__ == "__main__":
    main()

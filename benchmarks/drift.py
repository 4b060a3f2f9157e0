"""Is a drift seen, is quiet called quiet, and what does it cost?

    python benchmarks/drift.py [--quick] [--json]

Speed beside evidently in the same run (`make peers` makes its environment; without it these promises are skipped and
the output says so), false alarms on data without drift, and invented terms in otherwise equal texts. CPU seconds, the
fewest of a few rounds. With --json the last line on stdout is one JSON document.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

from demands import Part, at_least, at_most, show  # noqa: E402 - found beside this file

MILLION = 1_000_000


def speed_part(*, quick: bool) -> Part:
    """Every statistic of 15 columns, beside evidently's bare tests and its preset."""
    from drift_parts import speed

    rows, demands, lines = [], [], []
    # Its preset takes most of a minute at a million rows, its bare tests ten seconds.
    for size, rounds in ((10_000, 2), (MILLION, 1)) if quick else ((10_000, 3), (100_000, 3), (MILLION, 2)):
        rows.append(found := speed.beside_evidently(size, rounds, preset=not quick or size < MILLION))
        lines.append(
            "  ".join([f"{size:>9,} rows"] + [f"{key} {value:.3g}" for key, value in found.items() if key != "rows"])
        )
        if "bare" not in found:
            continue
        times = found["bare"] / found["seconds"]
        if size == 10_000:
            demands.append(at_least("times evidently's bare tests, 10,000 rows", times, 1, ".2f"))
        if size == MILLION:
            demands.append(at_least("times evidently's bare tests, 1,000,000 rows", times, 8, ".1f"))
        if size == MILLION and "preset" in found:
            demands.append(
                at_least("times evidently's preset, 1,000,000 rows", found["preset"] / found["seconds"], 40, ".0f")
            )
    demands.append(at_most("a capped reference moves KS by", max(row["cap_moves_ks"] for row in rows), 5.1e-5, ".1e"))
    if not speed.PEER.exists():
        lines.append("evidently's environment is absent: run `make peers` to measure beside it")
    return Part(demands, {"sizes": rows}, "\n".join(lines))


def alarms_part(*, quick: bool) -> Part:
    """Runs without drift that alarm all the same, and shifts that are seen."""
    from drift_parts import alarms

    sizes = ((1_000, 60), (10_000, 30), (100_000, 6)) if quick else ((1_000, 1000), (10_000, 400), (100_000, 100))
    rows = [alarms.false_alarms(size, runs) for size, runs in sizes]
    rows.append(alarms.false_alarms(200, sizes[0][1], reference_rows=20_000))
    demands = [
        at_most(
            f"alarms without drift, {row['rows']:,} beside {row['reference_rows']:,} rows", row["alarms"], 0.05, ".1%"
        )
        for row in rows
    ]
    power = alarms.found(1_000, sizes[1][1], 0.5)
    demands.append(at_least("a shift by half a deviation seen, 1,000 rows", power, 0.95, ".1%"))
    text = "\n".join(
        f"{row['rows']:>7,} rows, {row['runs']:,} runs: verdict {row['alarms']:.1%}, adjusted p alone "
        f"{row['p_adjusted_alone']:.1%}, p alone {row['p_alone']:.1%}"
        for row in rows
    )
    return Part(demands, {"no_drift": rows, "power_half_deviation_1000": power}, text)


def terms_part(*, quick: bool) -> Part:
    """Ten invented terms; near-copies of one letter; nothing new at all."""
    from drift_parts import invented

    runs = 3 if quick else 40
    rare, frequent = invented.detection(runs, 0.005), invented.detection(max(runs // 5, 2), 0.02)
    still = [invented.quiet(runs, 1_000, lengths) for lengths in ((25, 25), (25, 50))]
    demands = [
        at_least("invented terms found, 0.5 % of 5,000 documents", rare["recall"], 0.95, ".1%"),
        at_most("false terms a run beside them", rare["false_a_run"], 0.5, ".2f"),
        at_least("invented terms found, 2 %", frequent["recall"], 0.99, ".1%"),
        at_most("runs that took 40 near-copies for news", rare["runs_that_named_copies"], 0, ".0f"),
        at_most("false terms a run, nothing new", still[0]["false_a_run"], 0.5, ".2f"),
        at_most("false terms a run, texts twice as long", still[1]["false_a_run"], 0.5, ".2f"),
    ]
    return Part(demands, {"invented": [rare, frequent], "nothing_new": still})


def main() -> None:
    """Measure and print; exit 1 when a promise does not hold."""
    parser = argparse.ArgumentParser(description="Drift: speed, false alarms, new terms.")
    parser.add_argument("--quick", action="store_true", help="within a minute; small numbers")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON document")
    parser.add_argument("--part", choices=("speed", "alarms", "terms"), help="one part alone")
    asked = parser.parse_args()
    parts: dict[str, Callable[..., Part]] = {"speed": speed_part, "alarms": alarms_part, "terms": terms_part}
    figures, broken = {}, []
    for name, measure in parts.items():
        if asked.part not in {None, name}:
            continue
        started = time.monotonic()
        part = measure(quick=asked.quick)
        show(name, part, time.monotonic() - started)
        figures[name] = {**part.figures, "demands": [vars(demand) for demand in part.demands]}
        broken += [demand.name for demand in part.demands if not demand.holds]
    if asked.json:
        print(json.dumps({"quick": asked.quick, **figures, "holds": not broken}))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()

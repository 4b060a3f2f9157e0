"""Is a drift seen, is quiet called quiet, and what does it cost?

    python benchmarks/drift.py [--quick|--smoke] [--json]

Speed beside evidently in the same run (`make peers` makes its environment; without it these promises are skipped and
the output says so), false alarms on data without drift, and invented terms in otherwise equal texts. CPU seconds, the
fewest of a few rounds. With --json the last line on stdout is one JSON document.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

from demands import Part, Size, at_least, at_most, conclude, parser, show  # noqa: E402 - found beside this file

MILLION = 1_000_000


def speed_part(*, size: Size) -> Part:
    """Every statistic of 15 columns, beside evidently's bare tests and its preset."""
    from drift_parts import speed

    rows, demands, lines = [], [], []
    # Its preset takes most of a minute at a million rows, its bare tests ten seconds.
    rounds = ((10_000, 3), (100_000, 3), (MILLION, 2)), ((10_000, 2), (MILLION, 1)), ((1_000, 1),)
    for count, repeats in size.of(*rounds):
        preset = size is Size.FULL or count < MILLION
        rows.append(found := speed.beside_evidently(count, repeats, preset=preset))
        lines.append(
            "  ".join([f"{count:>9,} rows"] + [f"{key} {value:.3g}" for key, value in found.items() if key != "rows"])
        )
        if "bare" not in found:
            continue
        times = found["bare"] / found["seconds"]
        if count == 10_000:
            demands.append(at_least("times evidently's bare tests, 10,000 rows", times, 1, ".2f"))
        if count == MILLION:
            demands.append(at_least("times evidently's bare tests, 1,000,000 rows", times, 8, ".1f"))
        if count == MILLION and "preset" in found:
            demands.append(
                at_least("times evidently's preset, 1,000,000 rows", found["preset"] / found["seconds"], 40, ".0f")
            )
    demands.append(at_most("a capped reference moves KS by", max(row["cap_moves_ks"] for row in rows), 5.1e-5, ".1e"))
    skipped = "" if speed.PEER.exists() else "evidently is absent: `make peers`"
    return Part(demands, {"sizes": rows}, "\n".join(lines), skipped)


def alarms_part(*, size: Size) -> Part:
    """Runs without drift that alarm all the same, and shifts that are seen."""
    from drift_parts import alarms

    sizes = size.of(
        ((1_000, 1000), (10_000, 400), (100_000, 100)),
        ((1_000, 60), (10_000, 30), (100_000, 6)),
        ((1_000, 2), (2_000, 2)),
    )
    rows = [alarms.false_alarms(count, runs) for count, runs in sizes]
    rows.append(alarms.false_alarms(200, sizes[0][1], reference_rows=size.of(20_000, 20_000, 2_000)))
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


def terms_part(*, size: Size) -> Part:
    """Ten invented terms; near-copies of one letter; nothing new at all."""
    from drift_parts import invented

    runs = size.of(40, 3, 1)
    documents = size.of(invented.DOCUMENTS, invented.DOCUMENTS, 200)
    rare = invented.detection(runs, 0.005, documents)
    frequent = invented.detection(size.of(8, 2, 1), 0.02, documents)
    still = [invented.quiet(runs, size.of(1_000, 1_000, 100), lengths) for lengths in ((25, 25), (25, 50))]
    demands = [
        at_least("invented terms found, 0.5 % of 5,000 documents", rare["recall"], 0.95, ".1%"),
        at_most("false terms a run beside them", rare["false_a_run"], 0.5, ".2f"),
        at_least("invented terms found, 2 %", frequent["recall"], 0.99, ".1%"),
        at_most("runs that took 40 near-copies for news", rare["runs_that_named_copies"], 0, ".0f"),
        at_most("false terms a run, nothing new", still[0]["false_a_run"], 0.5, ".2f"),
        at_most("false terms a run, texts twice as long", still[1]["false_a_run"], 0.5, ".2f"),
    ]
    return Part(demands, {"invented": [rare, frequent], "nothing_new": still})


PARTS: dict[str, Callable[..., Part]] = {"speed": speed_part, "alarms": alarms_part, "terms": terms_part}


def main() -> None:
    """Measure and print; exit 1 when a promise does not hold."""
    words = parser(__doc__ or "", "within a minute; small numbers")
    words.add_argument("--part", choices=tuple(PARTS), help="one part alone")
    options = words.parse_args()
    measured: dict[str, Part] = {}
    for name, measure in PARTS.items():
        if options.part not in {None, name}:
            continue
        began = time.monotonic()
        measured[name] = measure(size=options.size)
        show(name, measured[name], time.monotonic() - began)
    figures = {
        name: {**part.figures, "demands": [vars(one) for one in part.demands]} for name, part in measured.items()
    }
    conclude(options, measured.values(), figures)


if __name__ == "__main__":
    main()

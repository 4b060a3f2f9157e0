"""Does the breaker keep its budget of false alarms, and how soon does it see what is wrong?

    python benchmarks/breaker.py [--quick|--smoke] [--json]

Simulated reviews, hourly looks, a healthy rate of 3 %, a budget of 5 % within 30 days. e-SR is judged by its recursion
in plain floats, written apart from the project's own in logarithms. The literal rule (5 % in 48 hours, no minimum)
stands beside it: it pauses a healthy category with 99.9 %, 95 % and 48 % at 1, 5 and 20 audits an hour, e-SR with
2.3 to 2.8 %. At 20 audits a look e-SR finds 8 % after a median of 300 audits, nine times in ten within 520, once in
ten within 150; 5 % takes 60 hours, 15 % five.
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

from breaker_parts import blind, streams  # noqa: E402 - as above
from demands import Part, Size, at_least, at_most, conclude, parser, show  # noqa: E402 - found beside this file


def false_alarm_part(*, size: Size) -> Part:
    """Healthy categories paused within thirty days."""
    rows = streams.false_alarms(size.of(20_000, 2_000, 20))
    demands = [
        at_most(f"false alarms of e-SR, {row['audits_an_hour']} audits an hour", row["esr"], 0.05, ".1%")
        for row in rows
    ]
    lines = [f"literal rule, {row['audits_an_hour']:>2} audits an hour: {row['literal']:.1%}" for row in rows]
    return Part(demands, {"volumes": rows}, "\n".join(lines))


def detection_part(*, size: Size) -> Part:
    """Bad categories found."""
    rows = streams.detection(size.of(10_000, 2_000, 20))
    (eight,) = (row for row in rows if row["rate"] == 0.08)
    apart = max(abs(row["own_median_hours"] / row["median_hours"] - 1) for row in rows)
    demands = [
        at_most("audits until 8 % is found, median", eight["median_audits"], 350, ".0f"),
        at_most("audits until 8 % is found, nine times in ten", eight["audits_90"], 600, ".0f"),
        at_least("15 % found within 48 hours", rows[-1]["within_48_hours"], 0.99, ".1%"),
        at_most("medians of the project's own simulation, apart by", apart, 0.2, ".1%"),
    ]
    lines = [
        f"{row['rate']:.0%}: median {row['median_hours']:.0f} h, {row['median_audits']:.0f} audits; nine in ten "
        f"{row['audits_90']:.0f}; within 150 audits {row['within_150_audits']:.0%}, within 48 h "
        f"{row['within_48_hours']:.0%}"
        for row in rows
    ]
    return Part(demands, {"rates": rows}, "\n".join(lines))


def restart_part(*, size: Size) -> Part:
    """A state carried on equals one folded at once."""
    found = streams.pieces(size.of(500, 50, 2))
    return Part([at_most(f"of {found['runs']} states in 21 pieces, different", found["different"], 0, ".0f")], found)


def blind_part(*, size: Size) -> Part:
    """Warnings of the blind share's monitor."""
    rows = blind.warnings(size.of(400, 40, 1))
    # What a true 5 % stays below in so many runs.
    bound = 0.05 + 2 * (0.05 * 0.95 / rows[0]["runs"]) ** 0.5
    demands = [
        at_most(f"blind share, false warnings, {row['decisions_a_day']} a day", row["false"], bound, ".1%")
        for row in rows
    ]
    lines = [f"a rate that tripled, {row['decisions_a_day']:>3} a day: warned {row['tripled']:.0%}" for row in rows]
    return Part(demands, {"volumes": rows}, "\n".join(lines))


PARTS = {
    "false alarms": false_alarm_part,
    "detection": detection_part,
    "restarts": restart_part,
    "blind share": blind_part,
}


def main() -> None:
    """Run every part; the exit code is 1 when a promise does not hold."""
    options = parser(__doc__ or "", "within a minute").parse_args()
    parts: dict[str, Part] = {}
    for name, measure in PARTS.items():
        began = time.monotonic()
        parts[name] = measure(size=options.size)
        show(name, parts[name], time.monotonic() - began)
    conclude(options, parts.values(), {name.replace(" ", "_"): part.figures for name, part in parts.items()})


if __name__ == "__main__":
    main()

"""Agreement: coverage of its intervals, false alarms about reviewers, and speed beside krippendorff and statsmodels.

    python benchmarks/agreement.py [--quick] [--json]

Raters of known habits give the coverage of the nominal 95 % intervals; the sample business's five reviewers give how
often a look at them names the two planted ones and how often an honest one. The rivals are timed in the same run, CPU
seconds, in the environment of the rivals (`make peers`), and left out, aloud, where that is absent. With --json the
last line on stdout is one JSON document. Exits with 1 where a promise does not hold.
"""

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

from agreement_parts import coverage, people, speed  # noqa: E402 - found beside this file
from demands import Part, show  # noqa: E402

PARTS = {"intervals": coverage, "reviewers": people, "speed": speed}


def main() -> None:
    """Measure every part, print it, and exit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller simulations, within a minute")
    parser.add_argument("--json", action="store_true", help="the JSON document alone")
    chosen = parser.parse_args()
    found: dict[str, Part] = {}
    for name, module in PARTS.items():
        began = time.monotonic()
        found[name] = module.measure(quick=chosen.quick)
        if not chosen.json:
            show(name, found[name], time.monotonic() - began)
    holds = all(demand.holds for part in found.values() for demand in part.demands)
    print(json.dumps({"holds": holds, **{name: part.figures for name, part in found.items()}}))
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()

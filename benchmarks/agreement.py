"""Agreement: coverage of its intervals, false alarms about reviewers, and speed beside krippendorff and statsmodels.

    python benchmarks/agreement.py [--quick|--smoke] [--json]

Raters of known habits give the coverage of the nominal 95 % intervals; the sample business's five reviewers give how
often a look at them names the two planted ones and how often an honest one. The rivals are timed in the same run, CPU
seconds, in the environment of the rivals (`make peers`), and left out, aloud, where that is absent. With --json the
last line on stdout is one JSON document. Exits with 1 where a promise does not hold.
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

from agreement_parts import coverage, people, speed  # noqa: E402 - found beside this file
from demands import Part, conclude, parser, show  # noqa: E402

PARTS = {"intervals": coverage, "reviewers": people, "speed": speed}


def main() -> None:
    """Measure every part, print it, and exit."""
    options = parser(__doc__ or "", "smaller simulations, within a minute").parse_args()
    measured: dict[str, Part] = {}
    for name, module in PARTS.items():
        began = time.monotonic()
        measured[name] = module.measure(size=options.size)
        show(name, measured[name], time.monotonic() - began)
    conclude(options, measured.values(), {name: part.figures for name, part in measured.items()})


if __name__ == "__main__":
    main()

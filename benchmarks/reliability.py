"""Is anybody refused, or anything lost or doubled, while everybody works at once and processes die?

    python benchmarks/reliability.py [--quick|--smoke] [--json]

On PostgreSQL four reviewers decide and take every third decision back, while an SLA watch escalates what falls due, an
operator pauses and resumes a category, and cases are routed, delivered and drawn for audits: all as fast as they can,
in threads of this process. Nobody may be refused, and the database may report no deadlock.

In the kill loop two workers in processes of their own take in, route, send, decide, take back, pause and resume on
SQLite, and a receiver in a third executes and now and then dies before it answers. All three are killed at random. In
the end every decision has one effect, is withdrawn, or was unknown until a person looked; no effect is without one.
"""

import dataclasses
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

from demands import Demand, Part, Size, at_most, conclude, parser, show  # noqa: E402 - found beside this file
from reliability_parts import crowd, kills  # noqa: E402 - as above
from shared_parts import postgresql  # noqa: E402 - as above

SETTLE_SECONDS = 1.0
"""PostgreSQL counts deadlocks late."""


def crowd_part(*, size: Size) -> Part:
    """Four reviewers beside an SLA watch, pauses, a sender and audits."""
    seconds = size.of(60.0, 15.0, 0.5)
    with postgresql.fresh("crowd") as address, crowd.opened(address, size.of(12_000, 4_000, 40)) as place:
        tally = crowd.Crowd(place).work(seconds)
        time.sleep(SETTLE_SECONDS)
        deadlocks, whole = crowd.deadlocks(place.store), crowd.is_whole(place.store)
    figures = {
        "refused": tally.refused.total(),
        "refusals": dict(tally.refused),
        "deadlocks": deadlocks,
        "decisions_a_second": round(tally.done["decide"] / seconds, 1),
        "acts": dict(tally.done),
        "longest_pause_seconds": round(max(tally.pauses, default=float("nan")), 3),
    }
    demands = [
        at_most("four reviewers beside watch and pauses, refused", figures["refused"], 0, ".0f"),
        at_most("four reviewers beside watch and pauses, deadlocks", deadlocks, 0, ".0f"),
        Demand("the trail verifies", "yes" if whole else "no", "yes", whole),
    ]
    text = (
        f"{figures['decisions_a_second']} decisions a second; a pause took {figures['longest_pause_seconds']} s at "
        f"most; acts {figures['acts']}"
    )
    return Part(demands, figures, text)


def kill_part(*, size: Size) -> Part:
    """Workers and receiver die again and again; every seed is a loop of its own."""
    seeds, cases, deaths = size.of(((1, 2, 3), 2_000, 50), ((1,), 200, 6), ((2,), 40, 1))
    accounts = [dataclasses.asdict(one) for one in kills.accounts(seeds=seeds, cases=cases, kills=deaths)]
    total = {name: sum(one[name] for one in accounts) for name in accounts[0]}
    asked = {
        "lost": "acknowledged decisions that are lost",
        "doubled": "decisions beyond one of the same work",
        "undecided": "cases that came to no end",
        "effects_twice": "actions with more than one effect",
        "effects_without_decision": "effects without a decision that stands",
        "decisions_without_effect": "decisions that stand without their effect",
        "broken_trail": "trails that do not verify",
    }
    text = (
        f"{total['kills']} kills and {total['deaths']} deaths of the receiver over {total['cases']} cases; "
        f"{total['acknowledged']} decisions by people acknowledged, {total['unknown']} actions settled by a person"
    )
    return Part([at_most(words, total[name], 0, ".0f") for name, words in asked.items()], {"loops": accounts}, text)


PARTS = {"crowd": crowd_part, "kills": kill_part}


def main() -> None:
    """Run every part; the exit code is 1 when a promise does not hold."""
    options = parser(__doc__ or "", "within a minute").parse_args()
    parts: dict[str, Part] = {}
    for name, measure in PARTS.items():
        began = time.monotonic()
        parts[name] = measure(size=options.size)
        show(name, parts[name], time.monotonic() - began)
    conclude(options, parts.values(), {name: part.figures for name, part in parts.items()})


if __name__ == "__main__":
    main()

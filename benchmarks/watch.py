"""Do the watches see what was planted into the sample business, in its week, and nothing else?

    python benchmarks/watch.py [--quick|--smoke] [--json] [--seeds 20] [--first 1]

Each seed is a business of 24 weeks of 1,600 cases. A new product and a new category come in week 8, typing errors and
slang in week 12, another wording in week 16, and from week 20 on reviewers file refunds of one region as complaints;
of the five reviewers one is careless and one approves whatever is suggested. Statistics on its data, by the sample
policy: the drift watch week by week against a reference that each shift renews, the fairness watch over four weeks,
and every fourth week the reviewers' signals. Half of the cases are decided by people, a quarter of these blindly; a
plain TF-IDF model suggests, and is trained again after each shift. No flow runs and nothing is stored.

With --json the last line on stdout is one JSON document.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

from demands import Demand, Part, at_least, at_most, conclude, parser, show  # noqa: E402 - found beside this file
from watch_parts.seed import EVERY, PER_WEEK, WEEKS, watched  # noqa: E402

from handrail.sample.events import BIAS_REGION, EVENTS, LABEL_BIAS  # noqa: E402

FOUND, FALSE = 0.95, 0.05
PLANTED = {"dev": "careless", "eve": "approves everything"}
QUICK_SEEDS = 3


def share(values: Sequence[bool]) -> float:
    """Share of true values; 0 of none."""
    return sum(values) / len(values) if values else 0.0


def drift_part(seeds: list[dict[str, Any]]) -> Part:
    """Events in their week, and alarms in weeks without one."""
    events = [event for event in EVENTS if event.name != LABEL_BIAS.name]
    found = {event.name: [_drifted(seed, event.week) for seed in seeds] for event in events}
    event_weeks = {event.week for event in EVENTS}
    looks = [(seed["seed"], look) for seed in seeds for look in seed["drift"] if look["week"] not in event_weeks]
    every = [one for seen in found.values() for one in seen]
    false = {
        "any": share([look["drifted"] for _, look in looks]),
        "terms": share([bool(look["terms"]) for _, look in looks]),
    }
    for name in sorted({name for seed in seeds for look in seed["drift"] for name in look["watched"]}):
        false[name] = share([name in look["columns"] for _, look in looks])
    lines = [
        f"{event.name.replace('_', ' '):15} week {event.week:>2}: {share(found[event.name]):.0%} found"
        f" ({share([_drifted(seed, event.week, 'terms') for seed in seeds]):.0%} by terms, "
        f"{share([_drifted(seed, event.week, 'columns') for seed in seeds]):.0%} by columns)"
        + _missed(seeds, found[event.name])
        for event in events
    ]
    lines.append("false alarms: " + ", ".join(f"{name} {one:.1%}" for name, one in false.items()))
    lines += [
        f"seed {seed}, week {look['week']}: {', '.join([*look['columns'], *look['terms'][:6]])}"
        for seed, look in looks
        if look["drifted"]
    ]
    demands = [
        at_least(f"planted events found in their week, {len(every)}", share(every), FOUND, ".1%"),
        at_most(f"weeks without an event that alarm, {len(looks)}", false["any"], FALSE, ".1%"),
    ]
    return Part(demands, {"found": {name: share(one) for name, one in found.items()}, "false": false}, "\n".join(lines))


def _drifted(seed: dict[str, Any], week: int, by: str = "drifted") -> bool:
    return any(bool(look[by]) for look in seed["drift"] if look["week"] == week)


def _missed(seeds: list[dict[str, Any]], found: list[bool]) -> str:
    missed = [str(seed["seed"]) for seed, seen in zip(seeds, found, strict=True) if not seen]
    return f"; missed with seed {', '.join(missed)}" if missed else ""


def fairness_part(seeds: list[dict[str, Any]]) -> Part:
    """The biased region by name, and gaps where none was planted."""
    weeks = {"gap shown": [_first(seed, lambda _: True) for seed in seeds]}
    weeks["gap beyond the bound"] = [_first(seed, lambda row: row["beyond"]) for seed in seeds]
    looks = [(seed["seed"], look) for seed in seeds for look in seed["fairness"] if look["week"] < LABEL_BIAS.week]
    shown = {name: share([bool(_of(look, name)) for _, look in looks]) for name in ("region", "tier", "channel")}
    alarms = share([any(row["beyond"] for row in look["gaps"]) for _, look in looks])
    wrong = [
        any(row["beyond"] and row["group"] != BIAS_REGION for row in look["gaps"])
        for seed in seeds
        for look in seed["fairness"]
        if look["week"] >= LABEL_BIAS.week
    ]
    lines = [
        f"region {BIAS_REGION}, {name}: {share([week is not None for week in seen]):.0%} of the seeds by week {WEEKS}, "
        f"in weeks {_span(seen)}{_missed(seeds, [week is not None for week in seen])}"
        for name, seen in weeks.items()
    ]
    told = ", ".join(f"{name} {one:.1%} of the looks" for name, one in shown.items())
    lines.append(f"gap shown where none was planted: {told}")
    lines += [
        f"seed {seed}, week {look['week']}: {row['metric']} of {row['grouping']} {row['group']} {row['gap']:+.3f}"
        for seed, look in looks
        for row in look["gaps"]
        if row["beyond"]
    ]
    named = share([week is not None for week in weeks["gap shown"]])
    demands = [
        at_least("biased region named by the fairness watch", named, FOUND, ".1%"),
        at_most("weeks without bias that alarm", alarms, FALSE, ".1%"),
        at_most("weeks with bias that accuse another group", share(wrong), FALSE, ".1%"),
    ]
    return Part(demands, {"weeks": weeks, "shown": shown, "alarms": alarms}, "\n".join(lines))


def _of(look: dict[str, Any], grouping: str) -> list[dict[str, Any]]:
    return [row for row in look["gaps"] if row["grouping"] == grouping]


def _first(seed: dict[str, Any], wanted: Callable[[dict[str, Any]], bool]) -> int | None:
    """The first week from the bias on in which the region stands out most of all regions, and as is wanted."""
    for look in seed["fairness"]:
        rows = sorted(_of(look, "region"), key=lambda row: -abs(row["gap"]))
        if look["week"] >= LABEL_BIAS.week and rows and rows[0]["group"] == BIAS_REGION and wanted(rows[0]):
            return int(look["week"])
    return None


def _span(weeks: Sequence[int | None]) -> str:
    known = sorted(week for week in weeks if week is not None)
    return f"{known[0]} to {known[-1]}" if known else "–"


def reviewers_part(seeds: list[dict[str, Any]]) -> Part:
    """The two planted reviewers by name, and nobody else; the region in which everybody is biased."""
    demands: list[Demand] = []
    lines = []
    for name, habit in PLANTED.items():
        by_seed = [[look["named"].get(name, []) for look in seed["reviewers"]] for seed in seeds]
        named = [any(looks) for looks in by_seed]
        first = [next((EVERY * at for at, one in enumerate(looks, 1) if one), None) for looks in by_seed]
        told = {
            signal: share([any(signal in one for one in looks) for looks in by_seed])
            for signal in sorted({signal for looks in by_seed for one in looks for signal in one})
        }
        words = ", ".join(f"{signal} {one:.0%}" for signal, one in told.items())
        demands.append(at_least(f"{name} ({habit}) named", share(named), FOUND, ".1%"))
        lines.append(f"{name} ({habit}): {words}; first in weeks {_span(first)}{_missed(seeds, named)}")
    innocent = [
        (seed["seed"], look["week"], name, found)
        for seed in seeds
        for look in seed["reviewers"]
        for name, found in look["named"].items()
        if name not in PLANTED
    ]
    looks = sum(len(seed["reviewers"]) for seed in seeds)
    accused = len({(seed, week) for seed, week, _, _ in innocent}) / looks
    demands.append(at_most(f"looks that accuse somebody else, {looks}", accused, FALSE, ".1%"))
    biased = [any(look["biased"] == [BIAS_REGION] for look in seed["reviewers"]) for seed in seeds]
    lines.append(
        f"region {BIAS_REGION} named as everybody's bias: {share(biased):.0%} of the seeds{_missed(seeds, biased)}"
    )
    lines += [f"seed {seed}, week {week}: {name} by {', '.join(found)}" for seed, week, name, found in innocent]
    return Part(demands, {"accused": accused, "biased_region": share(biased)}, "\n".join(lines))


def businesses(seeds: Sequence[int], workers: int, per_week: int) -> Iterator[dict[str, Any]]:
    """What the watches saw of each seed, in order; several at a time, each in a process of its own."""
    look = partial(watched, per_week=per_week)
    if len(seeds) == 1:
        yield look(seeds[0])
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(look, seeds)


def main() -> None:
    """Watch every seed and print each promise; exit 1 when one does not hold."""
    words = parser(__doc__ or "", f"{QUICK_SEEDS} seeds: within a minute")
    words.add_argument("--seeds", type=int, default=20, help="how many seeds (default 20)")
    words.add_argument("--first", type=int, default=1, help="the first of them (default 1)")
    options = words.parse_args()
    count = options.size.of(options.seeds, QUICK_SEEDS, 1)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # a process a seed: more threads would only wait for each other
    seeds, per_week = range(options.first, options.first + count), options.size.of(PER_WEEK, PER_WEEK, 60)
    seen = list(businesses(seeds, min(os.cpu_count() or 1, 4), per_week))
    parts = {"drift": drift_part(seen), "fairness": fairness_part(seen), "reviewers": reviewers_part(seen)}
    for title, part in parts.items():
        show(f"{title}, {count} seeds of {WEEKS} weeks", part)
    figures = {title: part.figures for title, part in parts.items()}
    conclude(options, parts.values(), {"seeds": [seed["seed"] for seed in seen], **figures})


if __name__ == "__main__":
    main()

"""A small shop's twelve weeks, played with ten seeds: when it certifies, what it automates, whom it names.

    python benchmarks/field_trial.py [--quick|--smoke] [--file FILE] [--launch CATEGORY] [--keep DIR] [--json]

Every seed is one `handrail rehearse` in a process of its own: the same flows and acts as daily work, with simulated
people. Afterwards versions are trained with the labels of the careless one, without them, and with each weighed. The
file is a stream of real requests, which the project does not contain: give it with --file, or lay it where the
project's shared data lies. --keep holds each seed's document and cases, and reads those that stand there already.
`--quick` plays two seeds; the smoke run plays three days of a stream made up here.
"""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

import numpy as np  # noqa: E402 - after the path is set
import pandas as pd  # noqa: E402
from demands import Demand, Part, Size, at_least, at_most, conclude, parser, show  # noqa: E402 - found beside this file
from field_parts.labels import careless_labels  # noqa: E402 - found beside this file

STREAM = ROOT.parent / "shared" / "data" / "requests" / "requests.csv"
WORDS = ("--text", "text", "--label", "category", "--time", "received")
CARELESS = "r4"
BY_DAY = 21
MOST_ERRORS = 0.02
SETTLED, LATE = (4, 7), (4, 12)
MINUTES = 30.0


@dataclass(frozen=True)
class Stream:
    """What is rehearsed: a file, from which day on, how long, and the category that is launched."""

    file: Path
    begin: str
    launch: str | None
    days: int | None = None

    def words(self) -> list[str]:
        """The command's, without seed and places."""
        words = [str(self.file), *WORDS, "--from", self.begin]
        words += ["--launch", self.launch] if self.launch else []
        return words + (["--days", str(self.days)] if self.days else [])


def play(stream: Stream, seed: int, keep: Path) -> dict[str, Any]:
    """Rehearse one seed, or read what stands there of it."""
    document = keep / f"seed-{seed}.json"
    if not document.exists():
        place = keep / f"home-{seed}"
        command = [str(Path(sys.executable).parent / "handrail"), "rehearse", *stream.words(), "--seed", str(seed)]
        command += [
            "--home",
            str(place),
            "--cases",
            str(keep / f"seed-{seed}.csv"),
            "--out",
            str(keep / f"seed-{seed}.html"),
        ]
        done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)  # noqa: S603 - our own
        (keep / f"seed-{seed}.log").write_text(done.stderr)
        if done.returncode:
            sys.exit(f"The rehearsal with seed {seed} ended with {done.returncode}: {done.stderr[-2000:]}")
        json.loads(done.stdout)
        document.write_text(done.stdout)
    loaded: dict[str, Any] = json.loads(document.read_text())
    return loaded


def over(document: dict[str, Any], weeks: tuple[int, int]) -> tuple[int, int, int]:
    """Cases, automated ones and errors of these weeks."""
    rows = [week for week in document["by_week"] if weeks[0] <= week["week"] <= weeks[1]]
    return tuple(sum(week[name] for week in rows) for name in ("cases", "automated", "errors"))  # type: ignore[return-value]


def share(automated: int, cases: int) -> float:
    """A share; 0 of nothing."""
    return automated / cases if cases else 0.0


def line(seed: int, one: dict[str, Any]) -> str:
    """One seed for a reader."""
    cases, automated, errors = over(one, SETTLED)
    late_cases, late, late_errors = over(one, LATE)
    named = ", ".join(f"{name} {who['named_day']}" for name, who in one["people"].items() if who["named_day"])
    launch = one["launch"] or {}
    return (
        f"seed {seed:>2}: certificate day {one['first_certificate_day']}, weeks 4-7 {share(automated, cases):.0%} "
        f"at {share(errors, automated):.2%} (oracle {one['oracle']['share'] or 0:.0%}), weeks 4-12 "
        f"{share(late, late_cases):.0%} at {share(late_errors, late):.2%} (naive {one['naive']['share'] or 0:.0%} at "
        f"{one['naive']['error'] or 0:.2%}), named {named or 'nobody'}, launch named {launch.get('named_day')} held "
        f"{launch.get('held_day')} wrong {launch.get('automated_wrong')}, {one['minutes_a_day']:.0f} min a day"
    )


def seeds(documents: Sequence[dict[str, Any]]) -> Part:
    """The promises over all seeds."""
    n = len(documents)
    certified = sum((one["first_certificate_day"] or math.inf) <= BY_DAY for one in documents)
    settled = [(over(one, SETTLED), one["oracle"]["share"] or 0.0) for one in documents]
    enough = sum(0 < best * 0.75 <= share(auto, cases) for (cases, auto, _), best in settled)
    sound = sum(share(wrong, auto) <= MOST_ERRORS for (_, auto, wrong), _ in settled)
    late = np.array([over(one, LATE) for one in documents]).sum(axis=0)
    naive = np.array([[one["naive"]["share"] or 0.0, one["naive"]["error"] or 0.0] for one in documents])
    passed = naive[:, 0].sum()
    naive_error = float((naive[:, 0] * naive[:, 1]).sum() / passed) if passed else 0.0
    careless = sum((one["people"].get(CARELESS, {}).get("named_day") or math.inf) <= BY_DAY for one in documents)
    others = [who["named_day"] for one in documents for name, who in one["people"].items() if name != CARELESS]
    accused = sum(day is not None for day in others)
    minutes = float(np.mean([one["minutes_a_day"] for one in documents]))
    mean = float(np.mean([share(auto, cases) for (cases, auto, _), _ in settled]))
    aim = float(np.mean([best for _, best in settled]))
    demands: list[Demand] = [
        at_least("first certificate by day 21, seeds", certified / n, 0.9, ".2f"),
        at_least("weeks 4-7: share ≥ 0.75 of the oracle's, seeds", enough / n, 0.8, ".2f"),
        at_least("weeks 4-7: true error ≤ 2 %, seeds", sound / n, 0.9, ".2f"),
        at_least(
            "weeks 4-12: share against naive's",
            share(int(late[1]), int(late[0])) / max(naive[:, 0].mean(), 1e-9),
            0.9,
            ".2f",
        ),
        at_most("weeks 4-12: true error, beside naive's", share(int(late[2]), int(late[1])), naive_error, ".4f"),
        at_least("the careless person named within 21 days, seeds", careless / n, 0.9, ".2f"),
        at_most("others named, person-trials", accused / max(len(others), 1), 0.05, ".3f"),
        at_most("minutes a day for looks", minutes, MINUTES, ".1f"),
    ]
    text = "\n".join(line(number + 1, one) for number, one in enumerate(documents))
    of_it = mean / max(aim, 1e-9)
    text += f"\nweeks 4-7 on average {mean:.1%} of all cases; the oracle {aim:.1%}, so {of_it:.2f} of it (aim 0.85)"
    return Part(demands, {"seeds": list(documents)}, text)


def made_up(folder: Path) -> Stream:
    """Three categories that any model tells apart: 400 rows of history, three days of 20."""
    rng, rows = np.random.default_rng(1), []
    things = {
        "order": ("chair", "table", "lamp"),
        "return": ("refund", "broken", "wrong"),
        "hours": ("open", "closed", "today"),
    }
    days = [*np.repeat(np.arange(-40, 0), 10), *np.repeat(np.arange(3), 20)]
    for number, day in enumerate(days):
        name = list(things)[int(rng.integers(len(things)))]
        words = rng.choice([*things[name], "please", "hello", "again", f"number{number}"], 6)
        at = pd.Timestamp("2026-03-02T09:00:00+01:00") + pd.Timedelta(days=int(day), minutes=int(rng.integers(480)))
        rows.append({"id": f"m{number}", "received": at.isoformat(), "text": " ".join(words), "category": name})
    file = folder / "made_up.csv"
    pd.DataFrame(rows).sort_values("received").to_csv(file, index=False)
    return Stream(file, "2026-03-02", None, 3)


def main() -> None:
    """Play the seeds and judge them."""
    words = parser(__doc__ or "", "two seeds")
    words.add_argument("--file", type=Path, default=STREAM, help="the stream: columns text, category, received")
    words.add_argument("--from", dest="begin", default="2026-05-25", help="first live day")
    words.add_argument("--launch", default="takeaway", help="category that comes later; '' for none")
    words.add_argument("--keep", type=Path, help="folder for the documents; what stands there is read, not played")
    words.add_argument("--at-once", type=int, default=2, help="rehearsals at the same time")
    options = words.parse_args()
    smoke = options.size is Size.SMOKE
    if not smoke and not options.file.exists():
        why = f"{options.file.name} is not here: give a stream with --file (columns {', '.join(WORDS[1::2])})"
        part = Part([], {}, skipped=why)
        show("field trial", part)
        conclude(options, [part], {})
    with tempfile.TemporaryDirectory(prefix="handrail-trial-") as temporary:
        keep = options.keep or Path(temporary)
        keep.mkdir(parents=True, exist_ok=True)
        stream = made_up(keep) if smoke else Stream(options.file, options.begin, options.launch or None)
        numbers = range(1, options.size.of(10, 2, 1) + 1)
        with ThreadPoolExecutor(options.at_once) as pool:
            documents = list(pool.map(lambda seed: play(stream, seed, keep), numbers))
        part = seeds(documents)
        show(f"{len(documents)} rehearsals", part)
        labels = careless_labels([keep / f"home-{number}" for number in numbers], stream.begin, CARELESS)
        show(f"What the labels of {CARELESS} do to a version", labels)
    conclude(options, [part, labels], {"trials": part.figures, "labels": labels.figures})


if __name__ == "__main__":
    main()

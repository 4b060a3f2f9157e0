"""Who is named in a small shop: 90 cases a day, four people, twelve weeks, looked at every day.

Two weeks of shadow, in which every case is labelled blindly; then 8 audits a day and 20 cases with people, of which the
policy's share is blind. Chances, rechecks, thirds and gold come as the product draws them. One of the four is careless
(80 % right, approves what he sees); the others are right in 98, 97 and 98 of 100. Half of all slips fall on the one
category that is commonly confused, so that two may slip alike. In a second world somebody who labels well and approves
whatever is suggested begins when the shop is automated: gold alone can tell.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from demands import Part, Size, at_least, at_most

from handrail import gold, rechecks
from handrail.policy import LabelRules
from handrail.reading import Verdict
from handrail.reviewers import DECEIVED, GOLD, NAMING, RECHECKS, SignalBounds, judged

DAYS, SHADOW, A_DAY, CATEGORIES = 84, 14, 90, 17
AUDITS, WITH_PEOPLE, BLIND = 8, 20, 0.1
LOOKS = (7, 14, 21, 28, 42, 63, 84)
"""Days on which it is asked who is named by then; a verdict stays, so that this is who was named on any day before."""
RULES = LabelRules(gold_share=0.02)
RIGHT = {"r1": 0.98, "r2": 0.97, "r3": 0.98, "r4": 0.80}
FOLLOWS = {"r2": 0.02, "r4": 0.95}
STAMPER = {"r1": 0.98, "r2": 0.97, "r3": 0.98, "r5": 0.97}
BEGAN = pd.Timestamp("2026-01-05", tz="UTC")
CONFUSED, SETTLED_AFTER = 0.5, 2
"""Share of slips into the common confusion, and days until a second and a third have looked."""


@dataclass
class Shop:
    """One run of the shop; `follows` is the share of wrong suggestions that each takes over."""

    right: Mapping[str, float]
    follows: Mapping[str, float]
    rng: np.random.Generator
    shadow: int = SHADOW
    labelled: dict[str, list[int]] = field(default_factory=dict)
    drawn: dict[str, list[int]] = field(default_factory=dict)
    decided: dict[str, list[int]] = field(default_factory=dict)
    looks: Counter[str] = field(default_factory=Counter)
    trials: list[tuple[str, str, int, bool, float]] = field(default_factory=list)
    """Person, kind, day, wrong, chance."""

    def run(self) -> pd.DataFrame:
        """All trials, each with the day on which it was settled."""
        for day in range(DAYS):
            blind = A_DAY if day < self.shadow else AUDITS + int(self.rng.binomial(WITH_PEOPLE, BLIND))
            everything = A_DAY if day < self.shadow else AUDITS + WITH_PEOPLE
            here = [name for name in self.right if self.rng.random() >= 1 / 7]  # a day off a week
            for name in here:
                self._label(name, here, day, blind // len(here))
                self._gold(name, day, everything // len(here))
        columns = ["person", "kind", "day", "wrong", "chance"]
        found = pd.DataFrame(self.trials, columns=columns)
        return found.assign(at=BEGAN + pd.to_timedelta(found["day"], unit="D"), settled=found["day"] + SETTLED_AFTER)

    def _label(self, name: str, here: list[str], day: int, count: int) -> None:
        mine = self.labelled.setdefault(name, [0] * DAYS)
        lately = sum(self.drawn.setdefault(name, [0] * DAYS)[max(0, day - rechecks.LATELY.days) : day])
        pace = rechecks.a_day(mine[max(0, day - rechecks.PACE.days) : day])
        chance = rechecks.chance(RULES, pace=pace, lately=lately)
        mine[day] = count
        hits = int(self.rng.binomial(count, chance))
        self.drawn[name][day] = hits
        others = [other for other in here if other != name]
        for _ in range(hits if len(others) > 1 else 0):
            second, third = self.rng.permutation(others)[:2]
            said = {one: self._answer(one) for one in (name, second, third)}
            self.looks[RECHECKS] += 1
            if said[name] == said[second]:
                truth = said[name]
            else:
                self.looks["third"] += 1
                # Where all three differ an adjudicator says what is right.
                truth = said[third] if said[third] in (said[name], said[second]) else 0
            self.trials.append((name, RECHECKS, day, said[name] != truth, chance))
            self.trials.append((second, RECHECKS, day, said[second] != truth, 1.0))

    def _answer(self, name: str) -> int:
        """0 is right, 1 the common confusion."""
        if self.rng.random() < self.right[name]:
            return 0
        return 1 if self.rng.random() < CONFUSED else int(self.rng.integers(2, CATEGORIES))

    def _gold(self, name: str, day: int, count: int) -> None:
        done = self.decided.setdefault(name, [0] * DAYS)
        share = gold.due_share(RULES, sum(done[max(0, day - 7) : day]))
        done[day] = count
        for _ in range(int(self.rng.binomial(count, share))):
            self.looks[GOLD] += 1
            if self.rng.random() < RULES.seeded_wrong:
                taken = self.rng.random() < self.follows.get(name, 0.0) or self.rng.random() < (
                    (1 - self.right[name]) * CONFUSED
                )
                self.trials.append((name, DECEIVED, day, bool(taken), 1.0))
            else:
                self.trials.append((name, GOLD, day, self._answer(name) != 0, 1.0))


def measure(*, size: Size) -> Part:
    """Who is named by when, at which cost; and whether the shown interval holds the truth at every look."""
    runs = size.of(300, 40, 1)
    worlds = [Shop(RIGHT, FOLLOWS, np.random.default_rng(seed)) for seed in range(runs)]
    named = [_named(shop.run()) for shop in worlds]
    careless = [days.get("r4", DAYS + 1) for days, _ in named]
    accused = [name in days for days, _ in named for name in RIGHT if name != "r4"]
    held = [hit for _, hits in named for hit in hits]
    minutes = float(np.mean([sum(shop.looks.values()) for shop in worlds])) / DAYS
    automated = [Shop(STAMPER, {"r2": 0.02, "r5": 0.95}, np.random.default_rng([seed, 2]), 0) for seed in range(runs)]
    stamped = [_named(shop.run())[0] for shop in automated]
    demands = [
        at_least("careless, named within 21 days", float(np.mean([day <= 21 for day in careless])), 0.9),
        at_most("others, named on any of 84 days", float(np.mean(accused)), 0.05),
        at_most("minutes a day for rechecks, thirds and gold", minutes, 15.0, ".1f"),
        at_least("approves what is shown, named within 42 days", _by(stamped, "r5", 42), 0.9),
        at_most("others there, named on any day", _others(stamped), 0.05),
        at_least("shown intervals that hold at every look", float(np.mean(held)), 0.95),
    ]
    figures: dict[str, Any] = {
        "runs": runs,
        "careless_by_day": {day: float(np.mean([one <= day for one in careless])) for day in LOOKS},
        "stamper_by_day": {day: _by(stamped, "r5", day) for day in LOOKS},
        "others": float(np.mean(accused)),
        "minutes": minutes,
        "looks_a_run": {name: sum(shop.looks[name] for shop in worlds) / runs for name in worlds[0].looks},
    }
    lines = [f"{name}: {value}" for name, value in figures.items()]
    return Part(demands, figures, "\n".join(lines))


def _by(named: list[dict[str, int]], person: str, day: int) -> float:
    return float(np.mean([days.get(person, DAYS + 1) <= day for days in named]))


def _others(named: list[dict[str, int]]) -> float:
    return float(np.mean([name in days for days in named for name in STAMPER if name != "r5"]))


def _named(trials: pd.DataFrame) -> tuple[dict[str, int], list[bool]]:
    """By which of the looks each was named; and for each rate of rechecks whether its interval held at all of them."""
    days: dict[str, int] = {}
    held: dict[str, bool] = {}
    for day in LOOKS:
        known = trials[trials["day"] < day]
        wrong = known["wrong"].astype(object).where((known["settled"] <= day) | ~known["wrong"], None)
        for one in judged(known.assign(wrong=wrong), SignalBounds(wrong=RULES.wrong_at_most), people=len(RIGHT)):
            if one.verdict is Verdict.ALARM and one.name in NAMING:
                days.setdefault(one.reviewer, day)
            if one.name == RECHECKS and one.value is not None:
                true = 1 - {**RIGHT, **STAMPER}[one.reviewer]
                held[one.reviewer] = held.get(one.reviewer, True) and one.low <= true <= one.high
    return days, list(held.values())

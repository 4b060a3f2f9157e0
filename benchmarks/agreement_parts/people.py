"""What a look at four weeks of the sample business's reviewers says: two of the five are planted, three are honest.

`dev` is careless (80 % right), `eve` takes over what is suggested; from week 20 on everybody files refunds of the coast
as complaints. A look is false when it names an honest reviewer, or a bias in weeks without one.
"""

from collections import Counter

import numpy as np
import pandas as pd
from demands import Part, Size, at_least, at_most

from handrail import reviewers
from handrail.reading import Verdict
from handrail.reviewers import EVERYBODY, ReviewerRecords
from handrail.sample import Reviewer, categories
from handrail.sample import reviewers as simulated
from handrail.sample.events import BIAS_FROM, BIAS_REGION, BIAS_TO

CALM, BIASED = (3, 4, 5, 6), (20, 21, 22, 23)
PLANTED, HONEST = ("dev", "eve"), ("ada", "ben", "cleo")
REGIONS = ("north", "south", "coast", "hills")
A_WEEK, GOLD_A_WEEK, SHARED_A_WEEK = 60, 6, 6
"""Decisions of each reviewer, gold cases slipped in for each, and cases each labels blindly after another."""
RIGHT, BLIND, SEEDED = 0.9, 0.25, 0.5


def measure(*, size: Size) -> Part:
    """How often a look names whom."""
    looks = size.of(200, 30, 1)
    calm = [_named(_window(CALM, np.random.default_rng(seed))) for seed in range(looks)]
    biased = [_named(_window(BIASED, np.random.default_rng([seed, 1]))) for seed in range(looks)]
    counts = Counter(name for names in calm for name in names)
    false = sum(bool(names - set(PLANTED)) for names in calm) / looks
    honest = sum(bool(names & set(HONEST)) for names in biased) / looks
    turned = sum(EVERYBODY in names for names in biased) / looks
    demands = [
        at_most("looks that name an honest reviewer or a bias", false, 0.05),
        *(at_least(f"looks that name {name}", counts[name] / looks, 0.95) for name in PLANTED),
        at_most("the same from week 20 on, honest ones", honest, 0.05),
        at_least(f"from week 20 on: {BIAS_FROM} as {BIAS_TO} in {BIAS_REGION}", turned, 0.95),
    ]
    return Part(demands, {"looks": looks, "false": false, "honest_biased": honest, "turned": turned, **counts})


def _named(evidence: ReviewerRecords) -> set[str]:
    """Who has an alarm; a bias of all counts only if it is the planted one."""
    alarms = [one for one in reviewers.look(evidence) if one.verdict is Verdict.ALARM]
    planted = (BIAS_REGION, BIAS_FROM, BIAS_TO)
    wrong = [
        one
        for one in alarms
        if one.reviewer == EVERYBODY
        and planted not in [(turn["group"], turn["reference"], turn["said"]) for turn in dict(one.details)["turns"]]
    ]
    return {"a bias that is none" if one in wrong else one.reviewer for one in alarms}


def _window(weeks: tuple[int, ...], rng: np.random.Generator) -> ReviewerRecords:
    """Four weeks of quick work, gold cases and second opinions."""
    people = simulated()
    parts: dict[str, list[pd.DataFrame]] = {"work": [], "gold": [], "twice": []}
    for week in weeks:
        for place, person in enumerate(people):
            other = people[(place + 1 + int(rng.integers(len(people) - 1))) % len(people)]
            work = _cases(A_WEEK, week, rng)
            parts["work"].append(_decided(work, person, week, rng.random(A_WEEK) >= BLIND, rng))
            gold = _cases(GOLD_A_WEEK, week, rng, right=0.0)
            parts["gold"].append(_decided(gold, person, week, rng.random(GOLD_A_WEEK) < SEEDED, rng))
            twice = _cases(SHARED_A_WEEK, week, rng)
            hidden = np.zeros(SHARED_A_WEEK, dtype=bool)
            parts["twice"] += [_decided(twice, one, week, hidden, rng) for one in (person, other)]
    work, gold, twice = (pd.concat(frames, ignore_index=True) for frames in parts.values())
    unaided = gold[~gold["visible"]]
    return ReviewerRecords(
        timed=work[work["visible"]],
        mixed=work.assign(approved=work["said"] == work["suggested"]),
        gold=gold.assign(seeded=gold["suggested"].where(gold["visible"], None)),
        rulings=pd.concat([twice, unaided]).rename(columns={"said": "label"})[["item", "reviewer", "label"]],
        truth=dict(zip(unaided["item"], unaided["truth"], strict=True)),
        turns=work.rename(columns={"suggested": "reference", "region": "group"}),
    )


def _cases(count: int, week: int, rng: np.random.Generator, right: float = RIGHT) -> pd.DataFrame:
    """Cases with what a model suggests, which is right in so many of them."""
    names = np.array(categories(week), dtype=object)
    weights = 1 / np.arange(1, len(names) + 1)
    truth = rng.choice(len(names), count, p=weights / weights.sum())
    wrong = (truth + rng.integers(1, len(names), count)) % len(names)
    items = [f"{number:016x}" for number in rng.integers(0, 2**63, count)]
    suggested = names[np.where(rng.random(count) < right, truth, wrong)]
    return pd.DataFrame(
        {"item": items, "truth": names[truth], "suggested": suggested, "region": rng.choice(REGIONS, count)}
    )


def _decided(
    cases: pd.DataFrame, person: Reviewer, week: int, visible: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    said, seconds = person.decide(cases["truth"], cases["suggested"], visible, cases["region"], week, rng)
    return cases.assign(reviewer=person.name, visible=visible, said=said, seconds=seconds)

"""One seed of the sample business, week by week, under every watch."""

from pathlib import Path
from typing import Any

import pandas as pd

from handrail import policy
from handrail.fairness import GapVerdict
from handrail.reviewers import EVERYBODY
from watch_parts import people
from watch_parts.business import Business
from watch_parts.drifting import DriftWatch

WEEKS = 24
PER_WEEK = 1_600
EVERY = 4
"""Weeks between two looks at the reviewers."""
POLICY = Path(__file__).resolve().parents[2] / "policy" / "sample" / "policy.yaml"


def watched(seed: int, per_week: int = PER_WEEK) -> dict[str, Any]:
    """What the watches saw of the business of this seed: looks of drift, fairness and reviewers, each with its week."""
    rules = policy.read(POLICY)
    business = Business.open(seed, WEEKS, per_week, rules)
    drift_watch = DriftWatch(rules.drift)
    decided: list[pd.DataFrame] = []
    again: list[pd.DataFrame] = []
    gold: list[pd.DataFrame] = []
    found: dict[str, Any] = {"seed": seed, "drift": [], "fairness": [], "reviewers": []}
    for week, arrived in enumerate(business.weeks, start=1):
        cases = business.suggest(arrived)
        decided.append(business.decide(week, cases))
        again.append(business.label_again(week, decided[-1]))
        gold.append(business.slip_in_gold(week, decided[-1]))
        look = drift_watch.look(week, cases, decided[-1])
        if look is not None:
            found["drift"].append({**vars(look), "watched": drift_watch.watched})
        found["fairness"].append({"week": week, "gaps": _gaps(decided, rules)})
        if week % EVERY == 0:
            found["reviewers"].append({"week": week, **_reviewers(decided, again, gold)})
        if look is not None and look.drifted:
            business.retrain(decided)
            drift_watch.speak_of(business)
    return found


def _gaps(decided: list[pd.DataFrame], rules: policy.Policy) -> list[dict[str, Any]]:
    """The gaps that are shown."""
    return [
        {
            "grouping": grouping,
            "group": gap.group,
            "metric": gap.metric,
            "gap": gap.gap,
            "beyond": gap.verdict is GapVerdict.BEYOND,
        }
        for grouping, gaps in people.group_gaps(decided, rules.fairness).items()
        for gap in gaps
        if gap.verdict.shows_gap
    ]


def _reviewers(decided: list[pd.DataFrame], again: list[pd.DataFrame], gold: list[pd.DataFrame]) -> dict[str, Any]:
    seen = people.signals(decided, again, gold)
    names = sorted({one.reviewer for one in seen} - {EVERYBODY})
    biased = sorted({group for one in seen if one.name == "bias" for group in people.regions_named(one)})
    named = {name: people.is_named(seen, name) for name in names}
    return {"named": {name: signals for name, signals in named.items() if signals}, "biased": biased}

"""The fairness watch and the reviewers' signals over what people decided in a business."""

from collections.abc import Sequence

import pandas as pd

from handrail import cube, fairness
from handrail.fairness import GroupGap
from handrail.policy import FairnessRules
from handrail.reviewers import ReviewerRecords, Signal, look

WINDOW = 4
"""Weeks that the watches of people look back, as their flows do."""


def group_gaps(decided: Sequence[pd.DataFrame], rules: FairnessRules) -> dict[str, list[GroupGap]]:
    """Approval and override by each of the policy's groupings, over the newest weeks of decisions."""
    rows = pd.concat(list(decided)[-WINDOW:], ignore_index=True)
    approved = rows["decided"] == rows["predicted"]
    outcomes = {"approval": approved, "override": ~approved & (rows["decided"] != "out_of_scope")}
    found = {}
    for grouping in rules.groups:
        tallies = []
        for metric, outcome in outcomes.items():
            (counted,) = cube.cubes(rows.assign(outcome=outcome), [grouping], "outcome")
            one = counted.selection()
            tallies.append(cube.Tally(metric, one.groups, one.k, one.n))
        found[grouping] = fairness.compare(tallies, bound=rules.max_gap)
    return found


def signals(
    decided: Sequence[pd.DataFrame], again: Sequence[pd.DataFrame], gold: Sequence[pd.DataFrame]
) -> list[Signal]:
    """What is said of the reviewers, from what they did in the newest weeks."""
    rows, seconds, tested = (pd.concat(list(one)[-WINDOW:], ignore_index=True) for one in (decided, again, gold))
    blind = rows[~rows["visible"]]
    unaided = tested[tested["seeded"].isna()].reset_index(drop=True)
    # An attested case is asked again and again: each answer is an item of its own.
    asked = unaided.assign(item=[f"{name}-{at}" for at, name in enumerate(unaided["external_id"])])
    rulings = pd.concat(
        [
            frame[["item", "reviewer", "decided"]]
            for frame in (*(one.assign(item=one["external_id"]) for one in (blind, seconds)), asked)
        ],
        ignore_index=True,
    )
    seen = rows[rows["visible"]]
    evidence = ReviewerRecords(
        timed=seen[["reviewer", "seconds"]].assign(place="B"),
        mixed=rows.assign(approved=rows["decided"] == rows["predicted"])[["reviewer", "visible", "approved"]],
        gold=tested.rename(columns={"decided": "said"})[["reviewer", "said", "seeded"]],
        rulings=rulings.rename(columns={"decided": "label"}),
        truth=dict(zip(asked["item"], asked["truth_label"], strict=True)),
        turns=pd.DataFrame(
            {
                "reviewer": rows["reviewer"],
                "group": rows["region"],
                "reference": rows["predicted"],
                "said": rows["decided"],
            }
        ),
    )
    return look(evidence)


def regions_named(signal: Signal) -> set[str]:
    """The groups that a signal of bias names."""
    turns = dict(signal.details).get("turns", [])
    return {str(turn["group"]) for turn in turns} if signal.verdict == "alarm" else set()


def is_named(seen: Sequence[Signal], reviewer: str) -> list[str]:
    """The signals that name a reviewer; a bias of everybody names nobody."""
    return sorted({one.name for one in seen if one.reviewer == reviewer and one.verdict == "alarm"})

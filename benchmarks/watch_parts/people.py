"""The fairness watch and the reviewers' signals over what people decided in a business."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from handrail import cube, fairness, rechecks
from handrail.fairness import GroupGap
from handrail.policy import FairnessRules
from handrail.reviewers import DECEIVED, GOLD, NAMING, RECHECKS, ReviewerRecords, Signal, look

WINDOW = 4
"""Weeks that the watches of people look back, as their flows do."""
BEGAN, WEEK = pd.Timestamp("2026-01-05", tz="UTC"), pd.Timedelta(days=7)


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
    """What is said of the reviewers: habits of the newest weeks, trials of all."""
    rows = pd.concat(list(decided)[-WINDOW:], ignore_index=True)
    seen = rows[rows["visible"]]
    evidence = ReviewerRecords(
        trials=pd.concat([_repeated(decided, again), _tested(gold)], ignore_index=True),
        timed=seen[["reviewer", "seconds"]].assign(place="B"),
        mixed=rows.assign(approved=rows["decided"] == rows["predicted"])[["reviewer", "visible", "approved"]],
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


def _dated(weeks: Sequence[pd.DataFrame]) -> pd.DataFrame:
    parts = [rows.assign(at=BEGAN + week * WEEK) for week, rows in enumerate(weeks)]
    return pd.concat(parts, ignore_index=True).rename(columns={"reviewer": "person"})


def _repeated(decided: Sequence[pd.DataFrame], again: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The trials of everybody whose blind label another person repeated, and of that person."""
    opinions = _dated(again).rename(columns={"external_id": "case_id", "decided": "label"})
    opinions = opinions.assign(outcome="override", reason_code=None, settles=False, counts=True)
    chances = opinions.drop_duplicates("case_id").set_index("case_id")["chance"]
    first = _dated(decided).rename(columns={"external_id": "case_id", "decided": "label", "at": "drawn_at"})
    draws = first[~first["visible"] & first["case_id"].isin(chances.index)]
    draws = draws.assign(
        outcome="override", reason_code=None, trained=True, counts=True, chance=draws["case_id"].map(chances)
    )
    return rechecks.trials(draws, opinions, ()).assign(kind=RECHECKS)


def _tested(gold: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The trials of gold cases: whether a wrong suggestion was taken over, else whether the answer is wrong."""
    rows = _dated(gold)
    seeded = rows["seeded"].notna()
    wrong = np.where(seeded, rows["decided"] == rows["seeded"], rows["decided"] != rows["truth_label"])
    kinds = np.where(seeded, DECEIVED, GOLD)
    return rows[["person", "at"]].assign(kind=kinds, wrong=wrong.astype(bool), chance=1.0)


def regions_named(signal: Signal) -> set[str]:
    """The groups that a signal of bias names."""
    turns = dict(signal.details).get("turns", [])
    return {str(turn["group"]) for turn in turns} if signal.verdict == "alarm" else set()


def is_named(seen: Sequence[Signal], reviewer: str) -> list[str]:
    """The signals that name a reviewer: those of cases that chance chose."""
    return sorted(
        {one.name for one in seen if one.reviewer == reviewer and one.verdict == "alarm" and one.name in NAMING}
    )

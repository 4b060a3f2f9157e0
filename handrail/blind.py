"""Which blind labels stand for the cases that would be automated, and from which confidence on.

A label counts only if every case like its own had the same chance to be labelled blindly on that day: each one
in shadow, the policy's share of queue B where the category goes there as a whole, the audit's simple-random draw
above the auto threshold. A draw that did not reach below a confidence says nothing of the cases below it.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.policy import Consequence, Policy, Stage
from handrail.reasons import Reason

Booleans = NDArray[np.bool_]

_EVERY, _QUICK, _AUDIT = "every", "quick", "audit "
_BELOW, _UNDRAWN = "below", "undrawn"


def automatable(cases: pd.DataFrame, policy: Policy) -> Booleans:
    """Whether each case could be approved by itself, were it only confident enough and its category's stage `auto`.

    Left out are predicted categories that the policy does not know, a consequence above low at the case's amount, novel
    cases and flagged ones.

    Args:
        cases: columns predicted, amount, novel, reasons (codes of its route).
        policy: the policy in force.

    Returns:
        One boolean a case.

    Source: docs/decisions/0009-looks-at-certificates.md.

    >>> from handrail.policy import for_labels
    >>> cases = pd.DataFrame({"predicted": ["refund", "gone"], "amount": 5.0, "novel": False, "reasons": [(), ()]})
    >>> automatable(cases, for_labels(["refund"])).tolist()
    [True, False]
    """
    amount = pd.to_numeric(cases["amount"]).to_numpy(dtype=float, na_value=np.nan)
    low = np.zeros(len(cases), dtype=bool)
    for name, rules in policy.categories.items():
        limits = [step.above for step in rules.consequence_by_amount if step.consequence is not Consequence.LOW]
        limits += [] if rules.amount_limit is None else [rules.amount_limit]
        over = amount > min(limits, default=np.inf)
        low |= cases["predicted"].eq(name).to_numpy() & ~over & (rules.consequence is Consequence.LOW)
    novel: Booleans = cases["novel"].to_numpy(dtype=bool)
    return low & ~novel & ~_any_of(cases, Reason.FLAGGED)


def draws(cases: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """How each case could come to a blind label.

    Another version's threshold says nothing of this one's confidence: of its cases only those in shadow count.

    Args:
        cases: columns predicted, own (routed by the version whose certificate it is), stage, threshold, reasons.
        policy: the policy in force.

    Returns:
        Columns `draw` (its name) and `floor` (the confidence down to which that draw reached), on the index of `cases`.

    Source: docs/decisions/0009-looks-at-certificates.md.

    >>> from handrail.policy import for_labels
    >>> route = {"predicted": "refund", "own": True, "stage": "shadow", "threshold": None, "reasons": ("stage_shadow",)}
    >>> draws(pd.DataFrame([route]), for_labels(["refund"])).values.tolist()
    [['every', 0.0]]
    """
    own, stage = cases["own"].to_numpy(dtype=bool), cases["stage"].astype(object)
    at_stage = {name: (stage == name.value).to_numpy(dtype=bool) for name in Stage}
    automatic = own & (at_stage[Stage.PARTIAL] | at_stage[Stage.AUTO])
    quick = own & at_stage[Stage.SUGGEST] | automatic & _any_of(cases, Reason.NOT_CERTIFIED)
    unsure = _any_of(cases, Reason.LOW_CONFIDENCE)
    below = unsure | _any_of(cases, Reason.BELOW_THRESHOLD)
    held = _any_of(cases, Reason.PAUSED, Reason.ALTERED, Reason.HELD)
    draw = np.select(
        [at_stage[Stage.SHADOW], quick & ~unsure, (quick | automatic) & below, automatic & ~held],
        [np.full(len(cases), _EVERY), np.full(len(cases), _QUICK), np.full(len(cases), _BELOW), _audits(cases, policy)],
        default=_UNDRAWN,
    )
    floor = np.select([draw == _EVERY, quick, automatic], [0.0, policy.queues.human_below, _passed(cases, policy)], 0.0)
    return pd.DataFrame({"draw": draw.astype(object), "floor": floor}, index=cases.index)


def population(cases: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The cases that would be automated, with how and from where on each could be drawn.

    Args:
        cases: all that were routed in the window, labelled or not; columns as in `automatable` and `draws`.
        policy: the policy in force.

    Returns:
        The rows of `automatable` cases, with columns `draw` and `reach` (the floor of `draws`).

    Source: docs/decisions/0009-looks-at-certificates.md.

    >>> from handrail.policy import for_labels
    >>> route = {"predicted": "refund", "own": True, "stage": "shadow", "threshold": None, "reasons": ("stage_shadow",)}
    >>> cases = pd.DataFrame([{**route, "amount": 5.0, "novel": False}])
    >>> population(cases, for_labels(["refund"]))[["draw", "reach"]].values.tolist()
    [['every', 0.0]]
    """
    candidates = cases[automatable(cases, policy)]
    return candidates.assign(**draws(candidates, policy).rename(columns={"floor": "reach"}))


def evidence_for(population: pd.DataFrame) -> pd.DataFrame:
    """The labelled cases that stand for a whole population.

    A day on which chances differed counts only from the confidence on at which they no longer do.

    Args:
        population: that of one category or of all together, from `population`; with confidence, day, correct (None
            without a blind label), audited (by the simple-random draw) and hidden (reviewed without the suggestion).

    Returns:
        The rows that count, with a column `floor`: the confidence from which on they stand for the others.

    Source: docs/decisions/0009-looks-at-certificates.md.

    >>> labelled = {"confidence": 0.9, "day": "2026-03-01", "correct": True, "audited": False, "hidden": True}
    >>> rows = pd.DataFrame([labelled, {**labelled, "correct": None}]).assign(draw="every", reach=0.0)
    >>> evidence_for(rows)[["correct", "floor"]].values.tolist()
    [[True, 0.0]]
    """
    if population.empty:
        return population.assign(floor=np.zeros(0))
    floor = population.groupby("day")["reach"].transform("max")
    draw = population["draw"].where(population["confidence"] >= floor)
    alike = draw.groupby(population["day"]).transform("nunique") == 1
    audit = draw.str.startswith(_AUDIT, na=False) & (population["hidden"] | population["audited"])
    counts = (
        alike & (audit | draw.eq(_EVERY) | (draw.eq(_QUICK) & population["hidden"])) & population["correct"].notna()
    )
    counted = population[counts]
    return counted.assign(floor=floor[counts], correct=counted["correct"].astype(bool))


def _any_of(cases: pd.DataFrame, *reasons: Reason) -> Booleans:
    wanted = {reason.value for reason in reasons}
    return np.fromiter((not wanted.isdisjoint(codes) for codes in cases["reasons"]), dtype=bool, count=len(cases))


def _audits(cases: pd.DataFrame, policy: Policy) -> NDArray[np.str_]:
    """The audit's draw by the share of the category that passes at this stage: another share is another chance."""
    partial = (cases["stage"] == Stage.PARTIAL.value).to_numpy(dtype=bool)
    shares = {name: rules.partial_share for name, rules in policy.categories.items()}
    share = np.where(partial, cases["predicted"].map(shares).to_numpy(dtype=float), 1.0)
    return np.array([f"{_AUDIT}{part}" for part in share], dtype=str)


def _passed(cases: pd.DataFrame, policy: Policy) -> NDArray[np.float64]:
    """The least confidence that the auto threshold let pass: the policy's must be exceeded, a certified one reached."""
    threshold = pd.to_numeric(cases["threshold"]).to_numpy(dtype=float, na_value=0.0)
    limits = {name: policy.auto_above(name) for name in policy.categories}
    fixed = cases["predicted"].map(limits).astype("float64")
    return np.where(threshold <= fixed.to_numpy(dtype=float), np.nextafter(threshold, 2.0), threshold)

"""Which blind labels stand for the cases that would be automated, and for how many of them.

A case's route and the audit's draw keep the chance with which it came to a blind label; its label stands for 1 / chance
cases. Where people saw the suggestion a case had no chance: it counts as if it were wrong, unless its whole category
had none that day, which the certificate then leaves out and says so.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.policy import Consequence, Policy, Stage
from handrail.queues import Queue
from handrail.reasons import Reason

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]

_NEVER = (
    Reason.NO_CONSENT,
    Reason.NO_TEXT,
    Reason.REOPENED,
    Reason.OTHER_CURRENCY,
    Reason.FLAGGED,
)
"""What sends a case to people whatever any model says of it."""
_ALL_BLIND = (Stage.SHADOW.value, Stage.MANUAL.value)


def automatable(cases: pd.DataFrame, policy: Policy) -> Booleans:
    """Whether each case could be approved by itself, were it only confident enough and its category's stage `auto`.

    Left out are predicted categories that the policy does not know, a consequence above low at the case's amount, novel
    cases and those that go to people whatever is predicted (flagged, reopened, without consent or text).

    Args:
        cases: columns predicted, amount, novel, reasons (codes of its route).
        policy: the policy in force.

    Returns:
        One boolean a case.

    Source: docs/decisions/0042-certificates.md.

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
    return low & ~novel & ~_any_of(cases, *_NEVER)


def chances(cases: pd.DataFrame, policy: Policy) -> Floats:
    """The chance with which each case came to a blind label, conditional on its route.

    In queue A the audit's, elsewhere what the route kept. Routes from before it was kept: 1 in shadow, the policy's
    share in queue B, else none.

    Args:
        cases: columns queue, stage, blind_chance and inclusion (chance of being audited).
        policy: the policy in force.

    Returns:
        One chance in [0, 1] a case; NaN in queue A until an audit's draw has looked at it.

    Source: docs/decisions/0042-certificates.md.

    >>> from handrail.policy import for_labels
    >>> cases = pd.DataFrame({"queue": ["C", "A"], "stage": ["shadow", "auto"]}).assign(blind_chance=None)
    >>> chances(cases.assign(inclusion=0.05), for_labels(["refund"])).tolist()
    [1.0, 0.05]
    """
    queue, stage = cases["queue"].to_numpy(dtype=object), cases["stage"].astype(object)
    every = (stage.isna() | stage.isin(_ALL_BLIND)).to_numpy(dtype=bool)
    before = np.where(every, 1.0, np.where(queue == Queue.B.value, policy.queues.blind_share, 0.0))
    kept = pd.to_numeric(cases["blind_chance"]).to_numpy(dtype=float, na_value=np.nan)
    audited = pd.to_numeric(cases["inclusion"]).to_numpy(dtype=float, na_value=np.nan)
    return np.where(queue == Queue.A.value, audited, np.where(np.isnan(kept), before, kept))


def population(cases: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The cases that would be automated, with their chances and what follows from them.

    Args:
        cases: all that were routed in the window, labelled or not; columns as in `automatable` and `chances`, and
            day, correct (None without a blind ruling), audited (drawn for an audit), hidden (suggestion not shown).
        policy: the policy in force.

    Returns:
        The rows of `automatable` cases, with columns `chance`, `counts` (its label is evidence), `unseen` (it had no
        chance) and `outside` (nor had any other of its predicted category on its day).

    Source: docs/decisions/0042-certificates.md.

    >>> from handrail.policy import for_labels
    >>> route = {"predicted": "refund", "queue": "C", "stage": "shadow", "reasons": (), "hidden": True, "correct": True}
    >>> cases = pd.DataFrame([{**route, "amount": 5.0, "novel": False, "audited": False, "day": "2026-03-01"}])
    >>> population(cases.assign(blind_chance=1.0, inclusion=None), for_labels(["refund"]))["counts"].tolist()
    [True]
    """
    candidates = cases[automatable(cases, policy)]
    chance = chances(candidates, policy)
    # A blind label that no draw has asked for was asked for because of a doubt: it stands for nothing.
    asked = np.where(candidates["queue"] == Queue.A.value, candidates["audited"], candidates["hidden"]).astype(bool)
    by_control = _by_control_group(candidates, policy, chance)
    asked &= np.isnan(by_control) | (candidates["queue"] != Queue.A.value).to_numpy(dtype=bool)
    chance = np.where(np.isnan(by_control), chance, by_control)
    labelled = candidates["correct"].notna().to_numpy(dtype=bool)
    none = pd.Series(chance == 0, index=candidates.index)
    groups = [candidates["day"], candidates["predicted"]]
    outside = none.groupby(groups).transform("all").to_numpy(dtype=bool) if len(candidates) else none.to_numpy()
    return candidates.assign(
        chance=chance,
        counts=asked & labelled & (chance > 0),
        unseen=none.to_numpy() & ~outside,
        outside=outside,
    )


def _by_control_group(candidates: pd.DataFrame, policy: Policy, chance: Floats) -> Floats:
    """At stage partial the chance to be in the control group and labelled, of what passed and what stayed; else NaN.

    Chance alone parts the two, so that the control group stands for both. It does where that says more than the day's
    audits; then these count no second time.
    """
    automatic = (candidates["queue"] == Queue.A.value).to_numpy(dtype=bool)
    first = candidates["reasons"].map(lambda codes: codes[0] if len(codes) else "").to_numpy(dtype=object)
    at_partial = (candidates["stage"].astype(object) == Stage.PARTIAL.value).to_numpy(dtype=bool)
    control = at_partial & (first == Reason.CONTROL_GROUP.value)
    mixed = control | (at_partial & automatic)
    if not mixed.any():
        return np.full(len(candidates), np.nan)
    shares = {name: 1 - rules.partial_share for name, rules in policy.categories.items()}
    stays = candidates["predicted"].map(shares).to_numpy(dtype=float)
    both = stays * np.where(control, chance, policy.queues.blind_share_at(Stage.PARTIAL))
    seen = pd.DataFrame({"day": candidates["day"].to_numpy(), "mixed": mixed})
    audited = pd.Series(np.where(mixed & automatic, chance, np.nan)).groupby(seen["day"]).transform("max")
    least = pd.Series(np.where(mixed, both, np.nan)).groupby(seen["day"]).transform("min")
    says_more = (least > 0) & (least >= audited.fillna(0.0))
    return np.where(mixed & says_more.to_numpy(dtype=bool), both, np.nan)


def evidence_for(population: pd.DataFrame) -> pd.DataFrame:
    """The labelled cases that stand for a population, with `correct` as booleans and their `chance`.

    Args:
        population: that of one category or of all together, from `population`.

    Returns:
        The rows that count.

    Source: docs/decisions/0042-certificates.md.

    >>> rows = pd.DataFrame({"correct": [True, None], "counts": [True, False], "chance": [0.1, 0.1]})
    >>> evidence_for(rows)[["correct", "chance"]].values.tolist()
    [[True, 0.1]]
    """
    counted = population[population["counts"].to_numpy(dtype=bool)]
    return counted.assign(correct=counted["correct"].astype(bool))


def _any_of(cases: pd.DataFrame, *reasons: Reason) -> Booleans:
    wanted = {reason.value for reason in reasons}
    return np.fromiter((not wanted.isdisjoint(codes) for codes in cases["reasons"]), dtype=bool, count=len(cases))

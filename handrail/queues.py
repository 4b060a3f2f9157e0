"""Where a case goes and why. The first matching reason decides, every matching one is kept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.case import Case, Prediction
from handrail.dead_mans_switch import Silence, holding
from handrail.governing import Alteration
from handrail.policy import CategoryRules, Consequence, Policy, Stage
from handrail.reasons import Queue, Reason, explain
from handrail.revisions import CURRENCY_MARK, MARKS, REOPENED_MARK

__all__ = ["AMOUNT_FLAG", "Queue", "Reason", "Route", "Situation", "explain", "route", "route_many"]

AMOUNT_FLAG = "amount"

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Situation:
    """What holds at the moment of routing, beside the policy.

    `stages` overrides the stages the policy begins with. `silent` are the watches that the dead-man's switch does not
    hear, `unwatched` the categories whose breaker could not be read, `altered` is what was changed outside Handrail;
    each says whom it concerns. `certified` maps a category, or None for the overall certificate, to the lowest
    confidence its valid certificate covers. `contradicted` are those whose certificate its own audits have ended: their
    cases go to people, also where the policy asks for no certificate.
    """

    stages: Mapping[str, Stage] = field(default_factory=dict)
    paused: Collection[str] = frozenset()
    all_paused: bool = False
    silent: tuple[Silence, ...] = ()
    altered: tuple[Alteration, ...] = ()
    certified: Mapping[str | None, float] = field(default_factory=dict)
    contradicted: Collection[str | None] = frozenset()
    unwatched: Collection[str] = frozenset()

    def stage_of(self, category: str, rules: CategoryRules) -> Stage:
        """The stage in force, or the one the policy begins with."""
        return self.stages.get(category, rules.stage)

    def is_paused(self, category: str) -> bool:
        """Is it paused, for itself or with everything?"""
        return self.all_paused or category in self.paused

    def is_held(self, category: str) -> bool:
        """Is its automatic approval held, because a watch is silent, or blind to this category?"""
        return category in self.unwatched or holding(self.silent, category) is not None

    def is_altered(self, category: str) -> bool:
        """Was something that governs its automation changed outside Handrail?"""
        return any(one.category in (None, category) for one in self.altered)

    def certified_from(self, category: str) -> float | None:
        """The certified threshold: the category's own certificate, else the overall one, else None.

        The overall one does not stand in for one that was contradicted.
        """
        return self.certified.get(category, None if category in self.contradicted else self.certified.get(None))

    def is_uncertified(self, category: str, policy: Policy) -> bool:
        """Does it lack a certificate that it needs?"""
        needed = policy.queues.uncertified == "review" or not {category, None}.isdisjoint(self.contradicted)
        return needed and self.certified_from(category) is None


@dataclass(frozen=True, slots=True)
class Route:
    """Where one case goes. `threshold` is the auto threshold that applied, None where there was none."""

    queue: Queue
    reason: Reason
    reasons: tuple[Reason, ...]
    threshold: float | None
    stage: Stage | None
    control: bool
    flags: tuple[str, ...]


def route(case: Case, prediction: Prediction | None, situation: Situation, policy: Policy, *, draw: float) -> Route:
    """Choose the queue of one case; all rules follow the *predicted* category.

    `draw` is uniform in [0, 1): at stage `partial` a case passes if it lies below the category's share.
    An amount above the predicted category's limit is a flag (`amount`) like those found in the text.
    A confidence that is not a number counts as low: silence never approves.
    """
    rules = policy.categories.get(prediction.label) if prediction else None
    flags = case.flags + ((AMOUNT_FLAG,) if _over_limit(case.amount, rules) else ())
    holds = {
        Reason.NO_CONSENT: not case.consent,
        Reason.NO_TEXT: not case.has_text,
        Reason.NO_MODEL: prediction is None,
        Reason.UNKNOWN_CATEGORY: prediction is not None and rules is None,
        Reason.REOPENED: REOPENED_MARK in flags,
        Reason.OTHER_CURRENCY: CURRENCY_MARK in flags,
        Reason.FLAGGED: any(flag not in MARKS for flag in flags),
    }
    if prediction is None or rules is None:
        return _route(holds, threshold=None, stage=None, flags=flags)
    stage = situation.stage_of(prediction.label, rules)
    fixed, certified = policy.auto_above(prediction.label), situation.certified_from(prediction.label)
    uncertified = situation.is_uncertified(prediction.label, policy)
    consequence = rules.consequence_at(case.amount)
    holds |= {
        Reason.STAGE_MANUAL: stage is Stage.MANUAL,
        Reason.STAGE_SHADOW: stage is Stage.SHADOW,
        Reason.NOVEL: prediction.novel,
        Reason.LOW_CONFIDENCE: not prediction.confidence >= policy.queues.human_below,
        Reason.HIGH_CONSEQUENCE: consequence is Consequence.HIGH,
        Reason.PAUSED: situation.is_paused(prediction.label),
        Reason.ALTERED: situation.is_altered(prediction.label),
        Reason.HELD: situation.is_held(prediction.label),
        Reason.STAGE_SUGGEST: stage is Stage.SUGGEST,
        Reason.MEDIUM_CONSEQUENCE: consequence is Consequence.MEDIUM,
        Reason.NOT_CERTIFIED: uncertified,
        Reason.BELOW_THRESHOLD: not (
            prediction.confidence > fixed and (certified is None or prediction.confidence >= certified)
        ),
        Reason.CONTROL_GROUP: stage is Stage.PARTIAL and draw >= rules.partial_share,
    }
    threshold = None if uncertified else max(fixed, certified or 0.0)
    return _route(holds, threshold=threshold, stage=stage, flags=flags)


def _over_limit(amount: float | None, rules: CategoryRules | None) -> bool:
    return rules is not None and rules.amount_limit is not None and amount is not None and amount > rules.amount_limit


def _route(
    holds: Mapping[Reason, bool], *, threshold: float | None, stage: Stage | None, flags: tuple[str, ...]
) -> Route:
    reasons = tuple(reason for reason in Reason if holds.get(reason)) or (Reason.AUTO,)
    first = reasons[0]
    return Route(first.queue, first, reasons, threshold, stage, first is Reason.CONTROL_GROUP, flags)


def route_many(
    frame: pd.DataFrame, situation: Situation, policy: Policy, draws: Floats | Sequence[float]
) -> pd.DataFrame:
    """Route many cases at once, exactly as `route` does one by one.

    Args:
        frame: columns consent, has_text, flags (lists), amount, label, confidence, novel; a missing label
            means that no model has scored the case.
        situation: what holds for all of them.
        policy: the policy pinned for the batch.
        draws: one uniform number in [0, 1) a row.

    Returns:
        Columns queue, reason, reasons (tuples), threshold, stage, control, flags on the frame's index;
        codes are plain strings, `stage` is None and `threshold` NaN where none applies. Empty in, empty out.
    """
    table = _by_category(situation, policy)
    # An unknown label has position -1: the table's last row, which stands for "no category".
    at = pd.Index(list(policy.categories), dtype=object).get_indexer(pd.Index(frame["label"], dtype=object))
    amount = pd.to_numeric(frame["amount"]).to_numpy(dtype=float, na_value=np.nan)
    over = amount > table["limit"][at]
    flags = [(*own, AMOUNT_FLAG) if above else tuple(own) for own, above in zip(frame["flags"], over, strict=True)]
    rules = _Rows({name: column[at] for name, column in table.items()}, amount, at)
    asked = _of_category(frame, rules, policy, np.asarray(draws, dtype=float))
    holds = _of_case(frame, at, flags) | {reason: true & (at >= 0) for reason, true in asked.items()}
    chosen = _choose(holds)
    chosen["threshold"] = rules.columns["threshold"]
    chosen["stage"] = pd.Series(rules.columns["stage"], dtype=object)
    chosen["flags"] = pd.Series(flags, dtype=object)
    return chosen.set_index(frame.index)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rules of each case's predicted category, one value a case."""

    columns: dict[str, NDArray[Any]]
    amount: Floats
    at: NDArray[np.intp]

    def consequence(self, policy: Policy) -> NDArray[np.int_]:
        """Rank of the consequence at each case's amount: 0 low, 1 medium, 2 high."""
        ranks = self.columns["consequence"].copy()
        for position, rules in enumerate(policy.categories.values()):
            for step in rules.consequence_by_amount:
                reached = (self.at == position) & (self.amount > step.above)
                ranks[reached] = np.maximum(ranks[reached], _rank(step.consequence))
        return ranks


def _rank(consequence: Consequence) -> int:
    return list(Consequence).index(consequence)


def _by_category(situation: Situation, policy: Policy) -> dict[str, NDArray[Any]]:
    """One row a category in the policy's order, and a last one for cases without a category."""
    names, rules = list(policy.categories), list(policy.categories.values())
    fixed = np.array([*(policy.auto_above(name) for name in names), np.nan])
    certified = np.array([*(situation.certified_from(name) for name in names), None], dtype=float)
    uncertified = np.array([*(situation.is_uncertified(name, policy) for name in names), False])
    limits = [np.inf if rule.amount_limit is None else rule.amount_limit for rule in rules]
    return {
        "stage": np.array([*(situation.stage_of(n, r).value for n, r in zip(names, rules, strict=True)), None]),
        "consequence": np.array([*(_rank(rule.consequence) for rule in rules), 0]),
        "limit": np.array([*limits, np.inf]),
        "share": np.array([*(rule.partial_share for rule in rules), 0.0]),
        "paused": np.array([*map(situation.is_paused, names), False]),
        "altered": np.array([*map(situation.is_altered, names), False]),
        "held": np.array([*map(situation.is_held, names), False]),
        "fixed": fixed,
        "certified": np.nan_to_num(certified, nan=0.0),
        "uncertified": uncertified,
        "threshold": np.where(uncertified, np.nan, np.fmax(fixed, certified)),
    }


def _of_case(frame: pd.DataFrame, at: NDArray[np.intp], flags: list[tuple[str, ...]]) -> dict[Reason, Booleans]:
    scored = frame["label"].notna().to_numpy(dtype=bool)
    return {
        Reason.NO_CONSENT: ~_is(frame["consent"], value=True),
        Reason.NO_TEXT: ~_is(frame["has_text"], value=True),
        Reason.NO_MODEL: ~scored,
        Reason.UNKNOWN_CATEGORY: scored & (at < 0),
        Reason.REOPENED: _any(flags, {REOPENED_MARK}),
        Reason.OTHER_CURRENCY: _any(flags, {CURRENCY_MARK}),
        Reason.FLAGGED: np.fromiter((any(one not in MARKS for one in own) for own in flags), bool, count=len(flags)),
    }


def _any(flags: list[tuple[str, ...]], of: Collection[str]) -> Booleans:
    return np.fromiter((any(one in of for one in own) for own in flags), dtype=bool, count=len(flags))


def _of_category(frame: pd.DataFrame, rules: _Rows, policy: Policy, draws: Floats) -> dict[Reason, Booleans]:
    confidence = pd.to_numeric(frame["confidence"]).to_numpy(dtype=float, na_value=np.nan)
    of, stage, consequence = rules.columns, rules.columns["stage"], rules.consequence(policy)
    return {
        Reason.STAGE_MANUAL: stage == Stage.MANUAL.value,
        Reason.STAGE_SHADOW: stage == Stage.SHADOW.value,
        Reason.NOVEL: ~_is(frame["novel"], value=False),
        Reason.LOW_CONFIDENCE: ~(confidence >= policy.queues.human_below),
        Reason.HIGH_CONSEQUENCE: consequence == _rank(Consequence.HIGH),
        Reason.PAUSED: of["paused"],
        Reason.ALTERED: of["altered"],
        Reason.HELD: of["held"],
        Reason.STAGE_SUGGEST: stage == Stage.SUGGEST.value,
        Reason.MEDIUM_CONSEQUENCE: consequence == _rank(Consequence.MEDIUM),
        Reason.NOT_CERTIFIED: of["uncertified"],
        Reason.BELOW_THRESHOLD: ~((confidence > of["fixed"]) & (confidence >= of["certified"])),
        Reason.CONTROL_GROUP: (stage == Stage.PARTIAL.value) & (draws >= of["share"]),
    }


def _is(column: pd.Series, *, value: bool) -> Booleans:
    """Whether each cell surely has this value; a missing one never has."""
    return column.astype(object).eq(value).to_numpy(dtype=bool)


def _choose(holds: Mapping[Reason, Booleans]) -> pd.DataFrame:
    """Queue, first reason, all reasons and control group, from what holds for each case."""
    asked = list(Reason)[:-1]
    matrix = np.stack([holds[reason] for reason in asked])
    # Few combinations of reasons occur: each is spelled out once and looked up by its bits.
    bits, which = np.unique((1 << np.arange(len(asked))) @ matrix, return_inverse=True)
    reasons_of = [[r for at, r in enumerate(asked) if int(bit) >> at & 1] or [Reason.AUTO] for bit in bits]

    def spread(values: Sequence[object]) -> NDArray[Any]:
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column[which]

    columns: dict[str, Sequence[object]] = {
        "queue": [reasons[0].queue.value for reasons in reasons_of],
        "reason": [reasons[0].value for reasons in reasons_of],
        "reasons": [tuple(reason.value for reason in reasons) for reasons in reasons_of],
    }
    chosen = pd.DataFrame({name: spread(values) for name, values in columns.items()}, dtype=object)
    return chosen.assign(control=chosen["reason"] == Reason.CONTROL_GROUP.value)

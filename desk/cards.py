"""A case as the review page shows it: the letter in parts, the suggestion in words, the policy beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from desk import letters
from handrail.policy import CategoryRules, Consequence, Policy
from handrail.queues import AMOUNT_FLAG

COSTS = {
    Consequence.LOW: "a mistake would cost little.",
    Consequence.MEDIUM: "a mistake would cost something.",
    Consequence.HIGH: "a mistake would cost much.",
}
OUTCOMES = {
    "approve": "approved",
    "override": "changed",
    "deny": "denied",
    "waiting": "waiting",
    "history": "known from before",
    None: "closed",
}
STRONG = 0.1
"""Log-odds below which a word is not worth a reviewer's glance."""
MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Rules:
    """What the policy says of one category, in words; `second` when a second person has to confirm a change to it."""

    category: str
    passage: str
    action: str
    sentences: tuple[str, ...]
    second: bool


@dataclass(frozen=True, slots=True)
class ReasonChoice:
    """A reason for a rejection; `escalates` when the escalation manager gets the case."""

    code: str
    meaning: str
    escalates: bool


def card(shown: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """What the template needs of a case that `tasks.views.review.shown_case` has told."""
    rules = {name: _rules(policy, name, shown["amount"]) for name in shown["categories"]}
    suggestion = shown["suggestion"]
    return {
        **shown,
        "parts": letters.parts(shown["text"], shown["findings"]),
        "money": None if shown["amount"] is None else money(policy, shown["amount"]),
        "fields": {name: value for name, value in (shown["fields"] or {}).items() if value not in (None, "")},
        "flags": [_flag(name) for name in shown["flags"] or ()],
        "sureness": sureness(policy, shown["confidence"]),
        "carried": carried(shown["because"]),
        "rules": rules,
        "own_rules": rules.get(suggestion),
        "approvable": suggestion in rules,
        "earlier": [{**one, "ended": _ended(one)} for one in shown["earlier"]],
    }


def reasons(policy: Policy) -> list[ReasonChoice]:
    """The reasons of a rejection, in the policy's order."""
    return [
        ReasonChoice(code, meaning, code in policy.escalation.reasons) for code, meaning in policy.desk.reasons.items()
    ]


def sureness(policy: Policy, confidence: float | None) -> str | None:
    """A confidence in words: the policy's two thresholds make three of them."""
    if confidence is None:
        return None
    if confidence > policy.queues.auto_above:
        return "very sure"
    return "fairly sure" if confidence >= policy.queues.human_below else "not sure"


def carried(because: dict[str, Any] | None) -> list[str]:
    """The words and fields that spoke for the suggestion, the strongest first; an empty list: many small signs."""
    if because is None:
        return []
    parts: Sequence[dict[str, Any]] = [*because["words"], *because["fields"]]
    strong = sorted((part for part in parts if part["weight"] >= STRONG), key=lambda part: -float(part["weight"]))
    return [str(part["term"]) for part in strong[:MOST_WORDS]]


def money(policy: Policy, amount: float) -> str:
    """An amount in the policy's currency: ``EUR 1,000`` or ``EUR 12.50``."""
    return (
        f"{policy.costs.currency}\u00a0{amount:,.0f}"
        if amount == int(amount)
        else (f"{policy.costs.currency}\u00a0{amount:,.2f}")
    )


def _rules(policy: Policy, category: str, amount: float | None) -> Rules:
    found = policy.category(category)
    second = found.consequence_at(amount) is Consequence.HIGH
    return Rules(category, found.passage, found.action, tuple(_sentences(policy, found, amount)), second)


def _sentences(policy: Policy, rules: CategoryRules, amount: float | None) -> list[str]:
    told = [f"Here {COSTS[rules.consequence_at(amount)]}"]
    told += [f"Above {money(policy, step.above)}: {COSTS[step.consequence]}" for step in rules.consequence_by_amount]
    if rules.amount_limit is not None:
        told.append(f"Above {money(policy, rules.amount_limit)} the case is flagged.")
    return told


def _flag(name: str) -> str:
    return "amount above the limit" if name == AMOUNT_FLAG else f"{name.replace('_', ' ')} words"


def _ended(one: dict[str, Any]) -> str:
    told = OUTCOMES[one["outcome"]]
    return f"{told} automatically" if one["automatic"] else told

"""A case as the review page shows it: the letter in parts, the suggestion in words, the policy beside it."""

from dataclasses import dataclass
from datetime import datetime

from desk import letters
from desk.letters import Part
from handrail.policy import CategoryRules, Consequence, Policy
from handrail.queues import AMOUNT_FLAG
from handrail.revisions import CURRENCY_MARK, REOPENED_MARK
from handrail.store.changes import ShownChange
from handrail.store.reviews import NoteOn
from tasks.views.review import Because, ShownCase

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
_MARKED = {
    AMOUNT_FLAG: "amount above the limit",
    CURRENCY_MARK: "amount in another currency",
    REOPENED_MARK: "reopened",
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


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier case of the customer, and in words how it ended."""

    case_id: int
    received_at: datetime
    category: str | None
    ended: str


@dataclass(frozen=True, slots=True)
class Card:
    """A claimed case as a template draws it: the letter in `parts`, the amount as `money`, the confidence in words.

    `rules` are those of each category, `own_rules` those of the suggestion; `carried` are the words and fields that
    spoke for it, left out for now where it is not `explained`.
    """

    case_id: int
    item_id: int
    kind: str
    fence: int
    due_at: datetime
    lease_until: datetime
    received_at: datetime
    why: str
    suggestion: str | None
    confidence: float | None
    sureness: str | None
    explained: bool
    carried: list[str]
    parts: list[Part]
    money: str | None
    fields: dict[str, str]
    flags: list[str]
    labels: list[str | None]
    notes: list[NoteOn]
    earlier: list[Earlier]
    categories: list[str]
    rules: dict[str, Rules]
    own_rules: Rules | None
    approvable: bool
    changes: list[ShownChange]
    goes_on_from: int | None


def card(shown: ShownCase, policy: Policy, *, explained: bool = True) -> Card:
    """What the template needs of a case that `tasks.views.review.shown_case` has told."""
    rules = {name: _rules(policy, name, shown.amount) for name in shown.categories}
    own = None if shown.suggestion is None else rules.get(shown.suggestion)
    return Card(
        case_id=shown.case_id,
        item_id=shown.item_id,
        kind=shown.kind,
        fence=shown.fence,
        due_at=shown.due_at,
        lease_until=shown.lease_until,
        received_at=shown.received_at,
        why=shown.why,
        suggestion=shown.suggestion,
        confidence=shown.confidence,
        sureness=sureness(policy, shown.confidence),
        explained=explained,
        carried=carried(shown.because),
        parts=letters.parts(shown.text, shown.findings),
        money=None if shown.amount is None else money(policy, shown.amount),
        fields={name: value for name, value in (shown.fields or {}).items() if value not in (None, "")},
        flags=[_flag(name) for name in shown.flags or ()],
        labels=shown.labels,
        notes=shown.notes,
        earlier=[
            Earlier(one["case_id"], one["received_at"], one["category"], _ended(one["outcome"], one["automatic"]))
            for one in shown.earlier
        ],
        categories=shown.categories,
        rules=rules,
        own_rules=own,
        approvable=own is not None,
        changes=shown.changes,
        goes_on_from=shown.goes_on_from,
    )


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


def carried(because: Because | None) -> list[str]:
    """The words and fields that spoke for the suggestion, the strongest first; an empty list: many small signs."""
    if because is None:
        return []
    strong = [part for part in (*because.words, *because.fields) if part.weight >= STRONG]
    return [part.term for part in sorted(strong, key=lambda part: -part.weight)[:MOST_WORDS]]


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
    return _MARKED.get(name, f"{name.replace('_', ' ')} words")


def _ended(outcome: str | None, automatic: bool) -> str:
    return f"{OUTCOMES[outcome]} automatically" if automatic else OUTCOMES[outcome]

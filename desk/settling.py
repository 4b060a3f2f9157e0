"""A case that the escalation manager has opened: what it is, what was decided first, and the form that settles it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Form
from pydantic import BaseModel, Field

from desk import cards
from desk.cards import Card, ReasonChoice
from desk.context import Desk
from desk.urgent import decider
from handrail.acts import escalating
from handrail.acts.disputing import LONGEST
from handrail.acts.signing_in import Visitor
from handrail.case import Outcome
from handrail.errors import BadInput
from handrail.policy import Policy
from handrail.ruling import Ruling
from handrail.store import escalations, staff
from handrail.store.escalations import FirstLook
from handrail.store.frames import records
from tasks.views.review import shown_case

LONGEST_NOTE = 4000
OUTCOMES = {"approve": "approved the suggestion", "override": "chose another category", "deny": "turned it down"}


class Settlement(BaseModel):
    """What the form says."""

    fence: int
    outcome: Outcome | None = None
    label: str = ""
    reason: str = ""
    note: str = Field("", max_length=LONGEST_NOTE)
    answer: str = Field("", max_length=LONGEST * 4)
    csrf: str = ""


Settled = Annotated[Settlement, Form()]


def ruling(item: int, said: Settlement, policy: Policy) -> Ruling:
    """What the form rules.

    Raises:
        BadInput: nothing is chosen, or a change of the decision has no reason, or one that the policy does not know.
    """
    if said.outcome is None:
        raise BadInput("Choose what is right: one of the three. The case is still yours.")
    if said.outcome is not Outcome.APPROVE and said.reason not in policy.desk.reasons:
        raise BadInput("Say why: choose one of the reasons. The case is still yours.")
    label = said.label or None if said.outcome is Outcome.OVERRIDE else None
    reason = None if said.outcome is Outcome.APPROVE else said.reason
    return Ruling(item, said.fence, said.outcome, label, reason, said.note.strip() or None, answer=said.answer or None)


@dataclass(frozen=True, slots=True)
class FirstDecision:
    """What was decided before, in words: who did what, why, and what they noted."""

    who: str | None
    did: str
    label: str | None
    reason: str
    decided_at: datetime
    note: str | None
    from_audit: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What the page shows of a case that the manager has opened."""

    case: Card
    item: int
    first: FirstDecision | None
    reasons: list[ReasonChoice]


def opened(desk: Desk, visitor: Visitor, item: int, contested: int | None = None) -> Opened:
    """Reserve the work and tell all that the page shows of it; `contested` is the decision of a dispute."""
    policy, now = desk.policy(), desk.clock()
    claim = desk.act(lambda store: escalating.take(store, item, visitor.name, policy=policy, now=now))
    shown = cards.card(shown_case(desk.occasion(visitor.name), claim), policy)
    with desk.store.read() as connection:
        found = escalations.first_look(connection, claim.case_id, contested)
        roles = {row["name"]: row["roles"] for row in records(staff.people(connection))}
    first = None if found is None else _first(found, visitor, roles, policy)
    return Opened(shown, item, first, cards.reasons(policy))


def _first(found: FirstLook, visitor: Visitor, roles: dict[str, list[str]], policy: Policy) -> FirstDecision:
    code = found.reason_code or ""
    return FirstDecision(
        who=decider(found.actor, visitor, roles),
        did=OUTCOMES[found.outcome],
        label=found.label,
        reason=(policy.desk.reasons.get(code) or code).partition(";")[0],
        decided_at=found.decided_at,
        note=found.note,
        from_audit=found.kind == "audit",
    )

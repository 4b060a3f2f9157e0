"""The packet of a dispute: its facts are gathered here, and told by `handrail.packet`."""

from typing import Any
from zoneinfo import ZoneInfo

from handrail.errors import NotFound, NotPermitted
from handrail.packet import Action, Facts, PacketSection, explain
from handrail.permissions import PERMITTED
from handrail.policy import Policy
from handrail.store import disputes, labels, outbox, policies, staff
from tasks.occasion import Occasion
from tasks.views.explain import explain_prediction

TELLING = 0.1
"""Log-odds below which a word or detail is not worth telling."""
MOST_WORDS = 6


def packet(occasion: Occasion, dispute_id: int) -> tuple[PacketSection, ...]:
    """The contested decision explained in plain words, times in the business's zone.

    Raises:
        NotFound: there is no such dispute.
        NotPermitted: somebody is to judge the case from its text alone, and the reader might be the one.
    """
    with occasion.store.read() as connection:
        told = disputes.told(connection, dispute_id)
        if told is None:
            raise NotFound(f"There is no dispute {dispute_id}. List them with `handrail dispute list --all`.")
        person = staff.person(connection, occasion.actor)
        if not PERMITTED["read_labels"].intersection(person.roles if person else ()) and labels.still_blind(
            connection, [told["case_id"]]
        ):
            raise NotPermitted(
                f"Somebody is to judge case {told['case_id']} from its text alone. Ask an escalation manager for it."
            )
        then = policies.published(connection, told["policy_version"]) or occasion.policy
    return explain(_facts(occasion, told, then), ZoneInfo(occasion.policy.sla.calendar.timezone))


def _facts(occasion: Occasion, told: dict[str, Any], then: Policy) -> Facts:
    words = _weighed(occasion, told)
    standing = disputes.category_in_force(told)
    rules = then.categories.get(standing or "")
    second = told["second"]
    chosen = disputes.category_in_force(second) if second else None
    return Facts(
        business=_words(occasion.policy.business),
        received_at=told["received_at"],
        text=(told["redacted"] or "") if told["readable"] else None,
        amount=None if told["amount"] is None else f"{told['amount']:,.2f} {occasion.policy.costs.currency}",
        automatic=told["kind"] == "automatic",
        blind=bool(told["blind"]),
        decided_at=told["decided_at"],
        proposed=None if told["proposed"] is None else _words(told["proposed"]),
        confidence=told["confidence"],
        words_for=None if words is None else [one for one, weight in words if weight >= TELLING][:MOST_WORDS],
        words_against=[one for one, weight in words or [] if weight <= -TELLING][:MOST_WORDS],
        details=[f"{_words(name)}: {value}" for name, value in told["fields"].items() if name in then.model.fields],
        category=None if standing is None else _words(standing),
        reason=_reason(told["reason_code"], then),
        passage=rules.passage if rules else None,
        policy_version=told["policy_version"],
        actions=_actions(told["actions"]),
        disputed_at=told["opened_at"],
        due_at=told["due_at"],
        closed_at=told["closed_at"],
        upheld=told["upheld"],
        second_category=None if chosen is None else _words(chosen),
        answer=told["answer"],
    )


def _weighed(occasion: Occasion, told: dict[str, Any]) -> list[tuple[str, float]] | None:
    """The words with their weights, the heaviest first; None where they cannot be told any more."""
    if told["model_version"] is None or told["proposed"] is None:
        return None
    found = explain_prediction(occasion, told["model_version"], told["case_id"])
    return None if found is None else [(part.term, part.weight) for part in found.terms]


def _reason(code: str | None, policy: Policy) -> str | None:
    """What a reason means to the customer: the business's own words, without what it tells its people."""
    return None if code is None else policy.desk.reasons.get(code, _words(code)).partition(";")[0]


def _actions(rows: list[dict[str, Any]]) -> list[Action]:
    """The actions as the customer may hear of them; what was stopped before it was sent never reached them."""
    undone = {outbox.undo_key(row["key"]) for row in rows}
    undos = {row["key"]: row for row in rows if row["key"] in undone and row["state"] == "done"}
    return [
        Action(
            _words(row["action"]),
            row["state"],
            taken_back=outbox.undo_key(row["key"]) in undos,
            takes_back=row["key"] in undone,
        )
        for row in rows
    ]


def _words(code: str) -> str:
    return code.replace("_", " ")

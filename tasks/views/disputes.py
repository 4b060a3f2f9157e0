"""The packet of a dispute: its facts are gathered here, and told by `handrail.packet`."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from handrail.errors import NotFound, NotPermitted
from handrail.outbox import OutboxAction
from handrail.packet import Action, Facts, PacketSection, explain
from handrail.permissions import PERMITTED
from handrail.policy import Policy
from handrail.store import disputes, labels, outbox, policies, staff
from handrail.store.disputes import Explained
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
            connection, [told.case_id]
        ):
            raise NotPermitted(
                f"Somebody is to judge case {told.case_id} from its text alone. Ask an escalation manager for it."
            )
        then = policies.published(connection, told.policy_version) or occasion.policy
    return explain(_facts(occasion, told, then), ZoneInfo(occasion.policy.sla.calendar.timezone))


def _facts(occasion: Occasion, told: Explained, then: Policy) -> Facts:
    words = _weighed(occasion, told)
    first = told.first
    rules = then.categories.get(first.standing or "")
    chosen = told.second.standing if told.second else None
    return Facts(
        business=_words(occasion.policy.business),
        received_at=told.received_at,
        text=(told.text or "") if told.readable else None,
        amount=None if told.amount is None else f"{told.amount:,.2f} {occasion.policy.costs.currency}",
        automatic=first.kind == "automatic",
        blind=bool(first.blind),
        decided_at=first.decided_at,
        proposed=None if first.proposed is None else _words(first.proposed),
        confidence=told.confidence,
        words_for=None if words is None else [one for one, weight in words if weight >= TELLING][:MOST_WORDS],
        words_against=[one for one, weight in words or [] if weight <= -TELLING][:MOST_WORDS],
        details=[f"{_words(name)}: {value}" for name, value in told.fields.items() if name in then.model.fields],
        category=None if first.standing is None else _words(first.standing),
        reason=_reason(first.reason_code, then),
        passage=rules.passage if rules else None,
        policy_version=told.policy_version,
        actions=_actions(told.actions),
        disputed_at=told.opened_at,
        due_at=told.due_at,
        closed_at=told.closed_at,
        upheld=told.upheld,
        second_category=None if chosen is None else _words(chosen),
        answer=told.answer,
    )


def _weighed(occasion: Occasion, told: Explained) -> list[tuple[str, float]] | None:
    """The words with their weights, the heaviest first; None where they cannot be told any more."""
    if told.model_version is None or told.first.proposed is None:
        return None
    found = explain_prediction(occasion, told.model_version, told.case_id)
    return None if found is None else [(part.term, part.weight) for part in found.terms]


def _reason(code: str | None, policy: Policy) -> str | None:
    """What a reason means to the customer: the business's own words, without what it tells its people."""
    return None if code is None else policy.desk.reasons.get(code, _words(code)).partition(";")[0]


def _actions(actions: Sequence[OutboxAction]) -> list[Action]:
    """The actions as the customer may hear of them; what was stopped before it was sent never reached them."""
    undone = {outbox.undo_key(one.key) for one in actions}
    undos = {one.key for one in actions if one.key in undone and one.state == "done"}
    return [
        Action(
            _words(one.action),
            "unknown" if one.state == "dead" and one.is_in_doubt else one.state,
            taken_back=outbox.undo_key(one.key) in undos,
            takes_back=one.key in undone,
        )
        for one in actions
    ]


def _words(code: str) -> str:
    return code.replace("_", " ")

"""What a reviewer sees of a claimed case."""

from dataclasses import asdict
from typing import Any

from handrail.acts.claiming import Claim
from handrail.gold import shown_kind
from handrail.policy import Consequence
from handrail.queues import Reason, explain
from handrail.store import cases, customers, labels, models, reviews, routes, staff, visibility
from handrail.store.engine import Connection
from handrail.store.visibility import Onlooker
from tasks.occasion import Occasion
from tasks.views.explain import explain_prediction

_BLIND = {
    "review": "blind review: decide from the case alone",
    "adjudication": "the labels given so far differ: say which one counts",
}


def shown_case(occasion: Occasion, claim: Claim, *, explained: bool = True) -> dict[str, Any]:
    """The redacted case with its route; the suggestion only where the reviewer may see it.

    Without `explained` what carried the suggestion is left out: it costs more than all the rest, and a page may ask
    for it afterwards (`because`).
    """
    hidden = claim.suggestion_hidden
    with occasion.store.read() as connection:
        case = cases.shown(connection, claim.case_id)
        route = {} if hidden else _suggested(connection, occasion, claim, case)
        # Who settles a dispute weighs what was said, and not who said it.
        said = labels.opinions_on(connection, claim.case_id) if claim.kind == "adjudication" else []
        notes = [] if hidden else reviews.notes_on(connection, claim.case_id)
        earlier = _earlier(connection, occasion, claim.case_id)
    return {
        "case_id": claim.case_id,
        "item_id": claim.item_id,
        "kind": shown_kind(claim.kind, claim.queue),
        "queue": claim.queue,
        "fence": claim.fence,
        "due_at": claim.due_at,
        "lease_until": claim.lease_until,
        "received_at": case.received_at,
        "reason": route.get("reason"),
        "why": _BLIND.get(claim.kind, _BLIND["review"]) if hidden else explain(route["reason"]),
        "because": _because(occasion, claim.case_id, route) if explained else None,
        "suggestion": route.get("category"),
        "confidence": route.get("confidence"),
        "amount": case.amount,
        "fields": case.fields,
        "flags": case.flags,
        "text": case.redacted,
        "findings": case.findings,
        "labels": said,
        "notes": notes,
        "earlier": earlier,
        "categories": list(occasion.policy.categories),
    }


def because(occasion: Occasion, claim: Claim) -> dict[str, Any] | None:
    """What carried the suggestion of a claimed case; None where it is hidden or there is nothing to tell."""
    if claim.suggestion_hidden:
        return None
    with occasion.store.read() as connection:
        case = cases.shown(connection, claim.case_id)
        route = _suggested(connection, occasion, claim, case)
    return _because(occasion, claim.case_id, route)


def _suggested(connection: Connection, occasion: Occasion, claim: Claim, case: cases.VisibleCase) -> dict[str, Any]:
    """The suggestion and why a person looks: of the route, or one seeded into a gold case, which looks the same."""
    route = routes.route_of(connection, claim.case_id)
    label, confidence = reviews.seeded(connection, claim.item_id)
    if label is None:
        return route or {"reason": Reason.NO_MODEL}
    version = (route or {}).get("model_version") or models.serving(connection).model_version
    reason = _plausible(occasion, label, case.amount, confidence)
    return {"category": label, "confidence": confidence, "model_version": version, "reason": reason, "seeded": True}


def _plausible(occasion: Occasion, category: str, amount: float | None, confidence: float | None) -> Reason:
    """Why an ordinary case with this suggestion would have come to a person."""
    rules = occasion.policy.categories.get(category)
    if rules is not None and rules.consequence_at(amount) is not Consequence.LOW:
        return Reason.MEDIUM_CONSEQUENCE
    sure = confidence is not None and confidence > occasion.policy.queues.auto_above
    return Reason.STAGE_SUGGEST if sure else Reason.BELOW_THRESHOLD


def _earlier(connection: Connection, occasion: Occasion, case_id: int) -> list[dict[str, Any]]:
    """The customer's earlier cases; how one ended is kept from whoever may still have to decide it."""
    found = customers.earlier(connection, case_id)
    person = staff.person(connection, occasion.actor) if found else None
    onlooker = Onlooker(occasion.actor, person.roles if person else (), occasion.now)
    kept = visibility.kept(connection, [one.case_id for one in found], onlooker) if found else set()
    return [asdict(one.withheld if one.case_id in kept else one) for one in found]


def _because(occasion: Occasion, case_id: int, route: dict[str, Any]) -> dict[str, Any] | None:
    """What carried the suggestion: words and fields with what each adds to the log-odds against the second choice."""
    if route.get("model_version") is None or route.get("category") is None:
        return None
    label = route["category"] if route.get("seeded") else None
    found = explain_prediction(occasion, route["model_version"], case_id, label)
    if found is None:
        return None
    parts = {"words": found.terms, "fields": found.fields}
    weighed = {name: [{"term": p.term, "weight": round(p.weight, 2)} for p in part] for name, part in parts.items()}
    return {**weighed, "second_choice": found.against}

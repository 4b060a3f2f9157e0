"""What a reviewer sees of a claimed case."""

from typing import Any

from handrail.acts.deciding import Claim
from handrail.queues import explain
from handrail.store import cases, queue
from tasks.occasion import Occasion


def shown_case(occasion: Occasion, claim: Claim) -> dict[str, Any]:
    """The redacted case with its route; the suggestion only where the reviewer may see it."""
    with occasion.store.read() as connection:
        case = cases.shown(connection, claim.case_id)
        route = queue.route_of(connection, claim.case_id) or {}
    hidden = claim.suggestion_hidden
    return {
        "case_id": claim.case_id,
        "kind": claim.kind,
        "queue": claim.queue,
        "fence": claim.fence,
        "due_at": claim.due_at,
        "lease_until": claim.lease_until,
        "reason": None if hidden else route.get("reason"),
        "why": "blind review: decide from the case alone" if hidden else explain(route["reason"]),
        "suggestion": None if hidden else route.get("category"),
        "confidence": None if hidden else route.get("confidence"),
        "amount": case["amount"],
        "fields": case["fields"],
        "flags": case["flags"],
        "text": case["redacted"],
        "categories": list(occasion.policy.categories),
    }

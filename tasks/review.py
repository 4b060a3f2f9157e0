"""What a reviewer sees of a claimed case."""

from typing import Any

import pandas as pd

from handrail.acts.claiming import Claim
from handrail.queues import explain
from handrail.store import cases, labels, queue
from tasks.explain import explain_prediction
from tasks.occasion import Occasion

_BLIND = {
    "review": "blind review: decide from the case alone",
    "adjudication": "the labels given so far differ: say which one counts",
}


def shown_case(occasion: Occasion, claim: Claim) -> dict[str, Any]:
    """The redacted case with its route; the suggestion only where the reviewer may see it."""
    with occasion.store.read() as connection:
        case = cases.shown(connection, claim.case_id)
        route = queue.route_of(connection, claim.case_id) or {}
        # Who settles a dispute weighs what was said, and not who said it.
        said = labels.opinions_on(connection, claim.case_id) if claim.kind == "adjudication" else []
    hidden = claim.suggestion_hidden
    return {
        "case_id": claim.case_id,
        "kind": claim.kind,
        "queue": claim.queue,
        "fence": claim.fence,
        "due_at": claim.due_at,
        "lease_until": claim.lease_until,
        "reason": None if hidden else route.get("reason"),
        "why": _BLIND.get(claim.kind, _BLIND["review"]) if hidden else explain(route["reason"]),
        "because": None if hidden else _because(occasion, claim.case_id, case, route),
        "suggestion": None if hidden else route.get("category"),
        "confidence": None if hidden else route.get("confidence"),
        "amount": case["amount"],
        "fields": case["fields"],
        "flags": case["flags"],
        "text": case["redacted"],
        "labels": said,
        "categories": list(occasion.policy.categories),
    }


def _because(occasion: Occasion, case_id: int, case: dict[str, Any], route: dict[str, Any]) -> dict[str, Any] | None:
    """What carried the suggestion: words and fields with what each adds to the log-odds against the second choice."""
    if route.get("model_version") is None or route.get("category") is None:
        return None
    seen = {"case_id": case_id, "redacted": case["redacted"], "amount": case["amount"], "fields": case["fields"]}
    found = explain_prediction(occasion, route["model_version"], pd.DataFrame([seen]))
    if found is None:
        return None
    parts = {"words": found.terms, "fields": found.fields}
    weighed = {name: [{"term": p.term, "weight": round(p.weight, 2)} for p in part] for name, part in parts.items()}
    return {**weighed, "second_choice": found.against}

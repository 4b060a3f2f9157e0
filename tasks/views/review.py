"""What a reviewer sees of a claimed case."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from handrail.acts.claiming import Claim
from handrail.gold import is_slipped_in, shown_kind
from handrail.policy import Consequence
from handrail.queues import Reason, explain
from handrail.store import cases, changes, customers, labels, models, reviews, routes, staff, visibility
from handrail.store.changes import ShownChange
from handrail.store.engine import Connection
from handrail.store.reviews import NoteOn
from handrail.store.visibility import Onlooker
from tasks.occasion import Occasion
from tasks.views.explain import explain_prediction

_BLIND = {
    "review": "blind review: decide from the case alone",
    "adjudication": "the labels given so far differ: say which one counts",
}


@dataclass(frozen=True, slots=True)
class Weighed:
    """A word or field of a case, and what it adds to the log-odds of the suggestion against the second choice."""

    term: str
    weight: float


@dataclass(frozen=True, slots=True)
class Because:
    """What carried a suggestion."""

    words: tuple[Weighed, ...]
    fields: tuple[Weighed, ...]
    second_choice: str


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A claimed case as its reviewer sees it: redacted, with `why` it came to a person.

    `reason`, `suggestion`, `confidence` and `because` are None where the suggestion is hidden; `labels` are those that
    an adjudication is about.
    """

    case_id: int
    item_id: int
    kind: str
    queue: str
    fence: int
    due_at: datetime
    lease_until: datetime
    received_at: datetime
    reason: str | None
    why: str
    because: Because | None
    suggestion: str | None
    confidence: float | None
    amount: float | None
    fields: dict[str, str]
    flags: list[str]
    text: str | None
    findings: list[tuple[str, int, int]] | None
    labels: list[str | None]
    notes: list[NoteOn]
    earlier: list[dict[str, Any]]
    categories: list[str]
    changes: list[ShownChange]
    goes_on_from: int | None


@dataclass(frozen=True, slots=True)
class _Suggestion:
    """What a reviewer is shown, and why a person looks; `seeded` where it is a wrong one of a gold case."""

    reason: str
    category: str | None = None
    confidence: float | None = None
    model_version: str | None = None
    seeded: bool = False


def shown_case(occasion: Occasion, claim: Claim, *, explained: bool = True) -> ShownCase:
    """The redacted case with its route; the suggestion only where the reviewer may see it.

    Without `explained` what carried the suggestion is left out: it costs more than all the rest, and a page may ask
    for it afterwards (`because`).
    """
    hidden = claim.suggestion_hidden
    with occasion.store.read() as connection:
        case = cases.shown(connection, claim.case_id)
        suggested = None if hidden else _suggested(connection, occasion, claim, case.amount)
        # Who settles a dispute weighs what was said, and not who said it.
        said = labels.opinions_on(connection, claim.case_id) if claim.kind == "adjudication" else []
        # Work like this has no notes: those on a gold case are of its first life.
        passes = claim.kind == "gold" or is_slipped_in(*reviews.kind_of(connection, claim.item_id))
        notes = [] if hidden or passes else reviews.notes_on(connection, claim.case_id)
        received_at = visibility.received_of(connection, claim.case_id, Onlooker(occasion.actor, (), occasion.now))
        earlier = _earlier(connection, occasion, claim.case_id)
        changed, (goes_on_from, _) = changes.shown(connection, claim.case_id), changes.links(connection, claim.case_id)
    return ShownCase(
        case_id=claim.case_id,
        item_id=claim.item_id,
        kind=shown_kind(claim.kind, claim.queue),
        queue=claim.queue,
        fence=claim.fence,
        due_at=claim.due_at,
        lease_until=claim.lease_until,
        received_at=received_at,
        reason=suggested.reason if suggested else None,
        why=explain(suggested.reason) if suggested else _BLIND.get(claim.kind, _BLIND["review"]),
        because=_because(occasion, claim.case_id, suggested) if suggested and explained else None,
        suggestion=suggested.category if suggested else None,
        confidence=suggested.confidence if suggested else None,
        amount=case.amount,
        fields=case.fields,
        flags=case.flags,
        text=case.redacted,
        findings=case.findings,
        labels=said,
        notes=notes,
        earlier=earlier,
        categories=list(occasion.policy.categories),
        changes=changed,
        goes_on_from=goes_on_from,
    )


def because(occasion: Occasion, claim: Claim) -> Because | None:
    """What carried the suggestion of a claimed case; None where it is hidden or there is nothing to tell."""
    if claim.suggestion_hidden:
        return None
    with occasion.store.read() as connection:
        case = cases.shown(connection, claim.case_id)
        suggested = _suggested(connection, occasion, claim, case.amount)
    return _because(occasion, claim.case_id, suggested)


def _suggested(connection: Connection, occasion: Occasion, claim: Claim, amount: float | None) -> _Suggestion:
    """The suggestion and why a person looks: of the route, or one seeded into a gold case, which looks the same."""
    route = routes.route_of(connection, claim.case_id)
    label, confidence = reviews.seeded(connection, claim.item_id)
    version = route.model_version if route else None
    if label is not None:
        version = version or models.serving(connection).model_version
        reason = _plausible(occasion, label, amount, confidence)
        return _Suggestion(reason, label, confidence, version, seeded=True)
    if route is None:
        return _Suggestion(Reason.NO_MODEL)
    return _Suggestion(route.reason, route.category, route.confidence, version)


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
    onlooker = Onlooker(occasion.actor, person.roles if person else (), occasion.store.clock())
    kept = visibility.kept(connection, [one.case_id for one in found], onlooker) if found else set()
    return [asdict(one.withheld if one.case_id in kept else one) for one in found]


def _because(occasion: Occasion, case_id: int, suggested: _Suggestion) -> Because | None:
    """What carried the suggestion: words and fields with what each adds to the log-odds against the second choice."""
    if suggested.model_version is None or suggested.category is None:
        return None
    label = suggested.category if suggested.seeded else None
    found = explain_prediction(occasion, suggested.model_version, case_id, label)
    if found is None:
        return None
    words, fields = ([Weighed(one.term, round(one.weight, 2)) for one in part] for part in (found.terms, found.fields))
    return Because(tuple(words), tuple(fields), found.against)

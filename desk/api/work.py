"""Work for people: listed, claimed, looked at, decided."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from desk.api.bearer import require_scope, scoped
from desk.api.bodies import PROBLEMS, Body, Code, Fence, InPath, Letter, Name, Number, Sentence
from desk.api.calls import StrictRoute, TheCall
from desk.context import Desk
from desk.permit import TheDesk
from handrail.acts import claiming, deciding, training, undoing
from handrail.acts.claiming import ACTS, KINDS, Claim
from handrail.acts.signing_in import Visitor
from handrail.case import Outcome
from handrail.gold import shown_kind
from handrail.ruling import Ruling
from handrail.store import undone, work, worklist
from handrail.store.engine import Store
from handrail.store.visibility import Onlooker
from handrail.store.worklist import Place
from tasks.views.review import shown_case

router = APIRouter(prefix="/queue", tags=["work"], route_class=StrictRoute, responses=PROBLEMS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_REVIEW = 7 * 24 * 3600.0


class Claimed(Body):
    """Work that is reserved for you until `lease_until`; the fence must come back with the decision."""

    item: int
    case: int
    kind: str
    queue: str
    suggestion_hidden: bool
    fence: int
    due_at: datetime
    lease_until: datetime


class Claims(Body):
    """What you hold, in the order of claiming."""

    claims: list[Claimed]


class Suggestion(Body):
    """What the model says, where you may see it before you decide."""

    category: str
    confidence: float | None


class Shown(Claimed):
    """The claimed case as a reviewer sees it: redacted."""

    text: str | None
    amount: float | None
    fields: dict[str, Any]
    flags: list[str]
    why: str = Field(description="why it came to you")
    suggestion: Suggestion | None
    categories: list[str] = Field(description="what `label` may name")
    labels: list[str | None] = Field(description="of an adjudication: the labels given so far")
    changed_at: datetime | None = Field(description="the request changed then; null: it never did")
    earlier_text: str | None = Field(description="what it said before, redacted")
    goes_on_from: int | None = Field(description="the decided case whose request changed")


class NotOffered(Body):
    """Work that you could take and are not offered."""

    skipped: int = Field(description="by you; POST /queue/recall brings it back at once")
    snoozed: int = Field(description="put off, by you or a colleague")
    back_at: datetime | None = Field(description="when the first of it is offered again")
    is_away: bool = Field(description="you are on leave: nothing is offered to you")


class Next(Body):
    """The work that is due next; null when nothing is offered to you, and `put_aside` says what waits all the same."""

    case: Shown | None
    put_aside: NotOffered | None = Field(None, description="null while there is a case")


class Wanted(Body):
    """Which kinds of work to take; absent: all that your token and your roles allow."""

    kinds: list[Literal["review", "audit", "second", "recheck", "escalation", "dispute", "adjudication"]] | None = (
        Field(None, min_length=1, max_length=7, examples=[["review"]])
    )
    besides_held: bool = Field(default=False, description="leave out what you hold already, to take one more")


class Waiting(Body):
    """Open work."""

    item: int
    case: int
    external_id: str | None = Field(description="null while you may have to decide the case unseen")
    kind: str
    queue: str
    opened_at: datetime
    due_at: datetime
    holder: str | None
    lease_until: datetime | None
    assigned_to: str | None
    snoozed_until: datetime | None
    category: str | None = Field(description="null where the suggestion is hidden")
    confidence: float | None


class WorkList(Body):
    """Open work, earliest due first."""

    work: list[Waiting]
    cursor: str | None = Field(description="give it back for the next page; null on the last one")


@router.get("", summary="What waits for people")
def list_work(
    desk: TheDesk,
    queue: Annotated[Literal["A", "B", "C"] | None, Query(description="A: audits only")] = None,
    cursor: Annotated[
        str | None, Query(pattern=r"^[0-9]{1,16}-[0-9]{1,18}$", description="from the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="at most so many")] = 50,
    visitor: Visitor = scoped("read_cases"),
) -> WorkList:
    """Earliest due first. Hidden suggestions stay hidden, tests of reviewers are not listed."""
    onlooker = Onlooker(visitor.name, visitor.roles, desk.clock())
    with desk.store.read() as connection:
        rows, last = worklist.page(connection, onlooker, queue=queue, after=_place(cursor), limit=limit)
    found = [_waiting(one) for one in rows]
    return WorkList(work=found, cursor=None if last is None else _cursor(last))


def _waiting(one: worklist.Waiting) -> Waiting:
    return Waiting(
        item=one.id,
        case=one.case_id,
        external_id=one.external_id,
        kind=one.kind,
        queue=one.queue,
        opened_at=one.opened_at,
        due_at=one.due_at,
        holder=one.holder,
        lease_until=one.lease_until,
        assigned_to=one.assigned_to,
        snoozed_until=one.snoozed_until,
        category=one.category,
        confidence=one.confidence,
    )


def _cursor(place: Place) -> str:
    return f"{(place.due_at - _EPOCH) // _MICROSECOND}-{place.item_id}"


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    due_at, _, item = cursor.partition("-")
    return Place(_EPOCH + int(due_at) * _MICROSECOND, int(item))


@router.post("/next", summary="Claim the work that is due next")
def claim_next(asked: Wanted, call: TheCall, visitor: Visitor = scoped("decide")) -> Next:
    """What you hold already comes first, with its fence. The claim lasts as long as the policy's lease; renew it."""
    occasion = call.desk.occasion(visitor.name)
    kinds = [kind for kind in asked.kinds or KINDS if _is_in_scope(visitor, kind)]

    def act(store: Store) -> Claims:
        if "review" in kinds:
            training.slip_in(store, visitor.name, policy=occasion.policy, secret=call.desk.secret(), now=occasion.now)
        claims = claiming.claim(
            store,
            visitor.name,
            policy=occasion.policy,
            now=occasion.now,
            kinds=kinds or ("review",),
            besides_held=asked.besides_held,
        )
        return Claims(claims=[_claimed(claim) for claim in claims])

    claims = call.act(visitor, Claims, act).claims
    if claims:
        return Next(case=_shown(call.desk, visitor, claims[0]))
    aside = claiming.put_aside(call.desk.store, visitor.name, now=occasion.now, kinds=kinds or ("review",))
    return Next(case=None, put_aside=NotOffered(**asdict(aside)))


@router.post("/cases/{case}/claim", summary="Claim the open work of one case")
def claim_case(case: InPath, call: TheCall, visitor: Visitor = scoped("decide")) -> Shown:
    """Refused while somebody else holds it, and for who decided it before."""
    occasion = call.desk.occasion(visitor.name)
    kinds = [kind for kind in KINDS if _is_in_scope(visitor, kind)]

    def act(store: Store) -> Claimed:
        return _claimed(
            claiming.claim_case(store, case, visitor.name, policy=occasion.policy, now=occasion.now, kinds=kinds)
        )

    return _shown(call.desk, visitor, call.act(visitor, Claimed, act))


@router.get("/held", summary="What you hold")
def list_held(desk: TheDesk, visitor: Visitor = scoped("decide")) -> Claims:
    """Your live claims, in the order of claiming."""
    found = claiming.held(desk.store, visitor.name)
    return _as_shown(Claims(claims=[_claimed(claim) for claim in found]))


class Renewal(Body):
    """Claims that you are still working on."""

    items: list[Number] = Field(min_length=1, max_length=200)


@router.post("/renew", summary="Prolong claims")
def renew(asked: Renewal, call: TheCall, visitor: Visitor = scoped("decide")) -> Claims:
    """The heartbeat of whoever is at work; answers those that are still yours."""
    policy = call.desk.policy()

    def act(store: Store) -> Claims:
        found = claiming.renew(store, visitor.name, asked.items, policy=policy)
        return Claims(claims=[_claimed(claim) for claim in found])

    return _as_shown(call.act(visitor, Claims, act))


class Decision(Body):
    """What you decide: approve the suggestion, override it by another category, or deny."""

    fence: Fence
    outcome: Outcome
    label: Name | None = Field(None, description="the right category, for an override", examples=["refund_request"])
    reason: Code | None = Field(None, description="a code such as wrong_category, policy or legal; a denial needs one")
    note: Sentence | None = Field(None, description="free text; erasable")
    answer: Letter | None = Field(None, description="of a dispute: what the customer is told")
    seconds: float | None = Field(None, ge=0, le=_LONGEST_REVIEW, description="the time that it took")


class Decided(Body):
    """The decision is written down; its action waits as long as it can be undone."""

    item: int
    decision: int = Field(description="names it for an undo")
    outcome: Outcome


@router.post("/{item}/decision", summary="Decide claimed work")
def decide(item: InPath, asked: Decision, call: TheCall, visitor: Visitor = scoped("decide")) -> Decided:
    """Decision, label, action and trail event together or not at all; a stale fence is refused with 409."""
    desk, occasion = call.desk, call.desk.occasion(visitor.name)
    ruling = Ruling(
        item, asked.fence, asked.outcome, asked.label, asked.reason, asked.note, asked.seconds, asked.answer
    )

    def act(store: Store) -> Decided:
        with store.read() as connection:
            found = work.items(connection, [item])
        require_kinds(visitor, [one.kind for one in found.values()])
        (decision,) = deciding.decide(
            store,
            [ruling],
            visitor.name,
            policy=occasion.policy,
            now=occasion.now,
            secret=desk.secret(),
            hold=occasion.policy.desk.undo_within,
        )
        return Decided(item=item, decision=decision, outcome=asked.outcome)

    return call.act(visitor, Decided, act)


class Undoing(Body):
    """Decisions of yours to take back, all or none."""

    decisions: list[Number] = Field(min_length=1, max_length=200)


@router.post("/undo", summary="Take decisions back")
def undo(asked: Undoing, call: TheCall, visitor: Visitor = scoped("decide")) -> Claims:
    """Within the policy's time, while the action is held back; the work is yours again."""
    policy, now = call.desk.policy(), call.desk.clock()

    def act(store: Store) -> Claims:
        with store.read() as connection:
            found = undone.decisions(connection, asked.decisions)
        require_kinds(visitor, [one.kind for one in found.values()])
        claims = undoing.undo(store, asked.decisions, visitor.name, policy=policy, now=now)
        return Claims(claims=[_claimed(claim) for claim in claims])

    return _as_shown(call.act(visitor, Claims, act))


def require_kinds(visitor: Visitor, kinds: Collection[str]) -> None:
    """Refuse work that the token was not made for, whatever its person may do.

    Raises:
        NotPermitted: names the scope.
    """
    for kind in kinds:
        require_scope(visitor, ACTS.get(kind, "decide"))


def _is_in_scope(visitor: Visitor, kind: str) -> bool:
    return visitor.scopes is None or ACTS.get(kind, "decide") in visitor.scopes


def _claimed(claim: Claim) -> Claimed:
    return Claimed(
        item=claim.item_id,
        case=claim.case_id,
        kind=claim.kind,
        queue=claim.queue,
        suggestion_hidden=claim.suggestion_hidden,
        fence=claim.fence,
        due_at=claim.due_at,
        lease_until=claim.lease_until,
    )


def _as_shown(claims: Claims) -> Claims:
    """The same, a test of the reviewer looking like any other work."""
    return Claims(claims=[one.model_copy(update={"kind": shown_kind(one.kind, one.queue)}) for one in claims.claims])


def _shown(desk: Desk, visitor: Visitor, claimed: Claimed) -> Shown:
    """The case behind a claim."""
    claim = Claim(
        claimed.item,
        claimed.case,
        claimed.kind,
        claimed.queue,
        claimed.suggestion_hidden,
        claimed.fence,
        claimed.due_at,
        claimed.lease_until,
    )
    found = shown_case(desk.occasion(visitor.name), claim, explained=False)
    suggestion = found.suggestion
    return Shown(
        **{**claimed.model_dump(), "kind": found.kind},
        text=found.text,
        amount=found.amount,
        fields=found.fields,
        flags=found.flags,
        why=found.why,
        suggestion=suggestion and Suggestion(category=suggestion, confidence=found.confidence),
        categories=found.categories,
        labels=found.labels,
        changed_at=found.changes[0].at if found.changes else None,
        earlier_text=found.changes[0].earlier if found.changes else None,
        goes_on_from=found.goes_on_from,
    )

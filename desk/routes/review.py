"""Reviewing: the next case, and what the reviewer decides of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import AwareDatetime

from desk import afterwards, cards
from desk.cards import Card
from desk.context import Desk
from desk.pages import page, rendered
from desk.permit import TheDesk, permit
from desk.problems import wants_json
from handrail.acts import claiming, deciding, handing, signing_in, training, undoing
from handrail.acts.claiming import Claim
from handrail.acts.signing_in import Visitor
from handrail.case import Outcome
from handrail.errors import BadInput, Conflict, NotFound
from handrail.own_quality import seconds_worked
from handrail.ruling import Ruling
from handrail.store import inbox, reviews
from handrail.store.engine import Store
from tasks.views.review import because, shown_case

router = APIRouter(prefix="/review")

KINDS = tuple(kind for kind in claiming.KINDS if kind != "dispute")
"""What is reviewed here; a dispute needs an answer to the customer and has a page of its own."""
Decisions = Annotated[list[int], Query(max_length=200)]
Narrowed = Literal["audit", "gold"]
"""Kinds of work that may be asked for alone; `gold` is a test."""
Done = Literal["skipped", "snoozed", "handed_over", "released", "undone", "recalled"]
LONGEST_NOTE = 4000
"""Characters."""


@router.get("")
def show(
    request: Request,
    desk: TheDesk,
    case: int | None = None,
    after: Decisions = [],  # noqa: B006 - read only
    done: Done | None = None,
    of: int | None = None,
    kinds: Narrowed | None = None,
    visitor: Visitor = permit("decide"),
) -> HTMLResponse:
    """Show what the reviewer holds, else claim the work that is due next."""
    claim = _claimed(desk, visitor, case, kinds)
    with desk.store.read() as connection:
        on_the_way = claim is None and inbox.has_arrived(connection)
    return page(
        request,
        "review.html",
        on_the_way=on_the_way,
        case=None if claim is None else _card(desk, visitor, claim),
        aside=None if claim else claiming.put_aside(desk.store, visitor.name, now=desk.clock(), kinds=_kinds(kinds)),
        after=afterwards.bar(desk, visitor.name, after),
        done=done,
        of=of,
        kinds=kinds,
        reasons=cards.reasons(desk.policy()),
        shortcuts=signing_in.preferences(desk.store, visitor.name).shortcuts,
    )


@router.post("/next")
def prefetch(
    request: Request,
    desk: TheDesk,
    case: Annotated[int | None, Form()] = None,
    kinds: Annotated[Narrowed | None, Form()] = None,
    visitor: Visitor = permit("decide"),
) -> Response:
    """The case that comes after those the reviewer holds, as a part of the page; or `case`, claimed again."""
    claim = _claimed(desk, visitor, case, kinds, besides_held=True)
    if claim is None:
        return Response(status_code=204)
    with desk.drawing:
        found = _card(desk, visitor, claim, explained=False)
        drawn = rendered(request, "review_case.html", case=found, kinds=kinds, reasons=cards.reasons(desk.policy()))
    return HTMLResponse(drawn)


@router.post("/renew")
def renew(
    desk: TheDesk, item: Annotated[list[int], Form(max_length=10)], visitor: Visitor = permit("decide")
) -> dict[str, Any]:
    """Keep what is on the screen and what comes next reserved; says which of them are still the reviewer's."""
    policy = desk.policy()
    kept = desk.act(lambda store: claiming.renew(store, visitor.name, item, policy=policy))
    return {"kept": [claim.item_id for claim in kept], "seconds": policy.leases.duration.total_seconds()}


@router.post("/recall")
def recall(
    desk: TheDesk, kinds: Annotated[Narrowed | None, Form()] = None, visitor: Visitor = permit("decide")
) -> RedirectResponse:
    """Offer the reviewer again what they skipped."""
    now = desk.clock()
    desk.act(lambda store: handing.recall(store, visitor.name, now=now))
    return RedirectResponse("/review?done=recalled" + (f"&kinds={kinds}" if kinds else ""), 303)


@router.get("/key")
def form_key(visitor: Visitor = permit("decide")) -> dict[str, str]:
    """The secret that a form of this session must return: for a page that outlived the session it was made in."""
    return {"csrf": visitor.csrf}


@router.get("/after")
def told_afterwards(request: Request, desk: TheDesk, after: Decisions, visitor: Visitor = permit("decide")) -> Response:
    """What is told once decisions can no longer be undone: after a blind choice, what the model had said."""
    return HTMLResponse(rendered(request, "review_after.html", after=afterwards.bar(desk, visitor.name, after)))


@router.post("/undo")
def undo(
    request: Request,
    desk: TheDesk,
    after: Annotated[list[int], Form(max_length=200)],
    visitor: Visitor = permit("decide"),
) -> Response:
    """Take decisions back that were held until now."""
    policy, now = desk.policy(), desk.clock()
    claims = desk.act(lambda store: undoing.undo(store, after, visitor.name, policy=policy, now=now))
    case = claims[0].case_id if len(claims) == 1 else None
    if wants_json(request):
        return JSONResponse({"case": case, "undone": len(claims)})
    return RedirectResponse(f"/review?done=undone&case={case}&of={case}" if case else "/bulk", 303)


@router.get("/{item}/because")
def explain(request: Request, desk: TheDesk, item: int, visitor: Visitor = permit("decide")) -> HTMLResponse:
    """What carried the suggestion of a case that the reviewer holds; it comes after the rest of the case.

    Raises:
        NotFound: they do not hold it.
    """
    held = claiming.held(desk.store, visitor.name)
    claim = next((one for one in held if one.item_id == item), None)
    if claim is None:
        raise NotFound("You do not hold this case any more. Open the review page for the next one.")
    told = None if claim.suggestion_hidden else cards.carried(because(desk.occasion(visitor.name), claim))
    return HTMLResponse(rendered(request, "review_because.html", carried=told or []))


@router.post("/{item}")
def decide(
    request: Request,
    item: int,
    desk: TheDesk,
    fence: Annotated[int, Form()],
    outcome: Annotated[Outcome, Form()],
    label: Annotated[str | None, Form()] = None,
    reason: Annotated[str | None, Form()] = None,
    note: Annotated[str | None, Form(max_length=LONGEST_NOTE)] = None,
    seconds: Annotated[float | None, Form(ge=0, le=86_400)] = None,
    shown: Annotated[AwareDatetime | None, Form()] = None,
    kinds: Annotated[Narrowed | None, Form()] = None,
    visitor: Visitor = permit("decide"),
) -> Response:
    """Write down a decision; the same one again by the same person is recorded already.

    Raises:
        BadInput: a change of the suggestion without a reason.
        Conflict: somebody else holds or has decided the case.
    """
    occasion = desk.occasion(visitor.name)
    ruling = Ruling(item, fence, outcome, label or None, reason or None, (note or "").strip() or None)
    if seconds is not None:  # the page's script knows when a case that was fetched ahead came on the screen
        shown = occasion.now - timedelta(seconds=seconds)
    if shown is not None:
        worked = seconds_worked(shown, occasion.now, occasion.policy.leases.duration)
        ruling = replace(ruling, seconds=worked)
    _require_reason(desk, ruling)
    try:
        decided = desk.act(
            lambda store: deciding.decide(
                store,
                [ruling],
                visitor.name,
                policy=occasion.policy,
                now=occasion.now,
                secret=desk.secret(),
                hold=occasion.policy.desk.undo_within,
            )
        )
        left = int(occasion.policy.desk.undo_within.total_seconds())
    except Conflict as refusal:
        decided = [afterwards.recorded(desk, ruling, visitor.name, refusal)]
        left = afterwards.seconds_left(desk, decided, visitor.name)
    if wants_json(request):
        return JSONResponse({"decisions": decided, "undo_seconds": left})
    return RedirectResponse(f"/review?after={decided[0]}" + (f"&kinds={kinds}" if kinds else ""), 303)


def _require_reason(desk: Desk, ruling: Ruling) -> None:
    """A change of what the model suggested says why; a blind choice changes nothing."""
    if ruling.outcome is Outcome.APPROVE or ruling.reason_code is not None:
        return
    if ruling.outcome is Outcome.OVERRIDE:
        with desk.store.read() as connection:
            if reviews.is_hidden(connection, ruling.item_id):
                return
    raise BadInput("Say why: choose one of the reasons, then send it again. The case is still yours.")


def _claimed(
    desk: Desk, visitor: Visitor, case: int | None, narrowed: Narrowed | None, *, besides_held: bool = False
) -> Claim | None:
    """What `visitor` holds, that case or any, as it is: a new fence would make the page in another tab stale."""
    policy, now, name = desk.policy(), desk.clock(), visitor.name
    kinds = _kinds(narrowed)
    if case is not None or not besides_held:
        held = [one for one in claiming.held(desk.store, name) if one.kind in kinds]
        if mine := [one for one in held if case in {None, one.case_id}]:
            return mine[0]
    if case is not None:
        return desk.act(lambda store: claiming.claim_case(store, case, name, policy=policy, now=now, kinds=KINDS))

    def act(store: Store) -> list[Claim]:
        if narrowed is None:
            training.slip_in(store, name, policy=policy, secret=desk.secret(), now=now)
        return claiming.claim(store, name, policy=policy, now=now, kinds=kinds, besides_held=besides_held)

    found = desk.act(act)
    return found[0] if found else None


def _kinds(narrowed: Narrowed | None) -> tuple[str, ...]:
    return KINDS if narrowed is None else (narrowed,)


def _card(desk: Desk, visitor: Visitor, claim: Claim, *, explained: bool = True) -> Card:
    occasion = desk.occasion(visitor.name)
    return cards.card(shown_case(occasion, claim, explained=explained), occasion.policy, explained=explained)

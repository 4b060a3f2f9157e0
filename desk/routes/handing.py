"""What a reviewer does with a case other than decide it: pass it on, put it off, hand it over, give it back."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from desk import offers
from desk.context import Desk
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.problems import wants_json
from handrail.acts import claiming, handing
from handrail.acts.claiming import Claim
from handrail.acts.signing_in import Visitor
from handrail.errors import Conflict
from handrail.store import reviews

router = APIRouter(prefix="/review")


@router.get("/{item}/more")
def show(request: Request, item: int, desk: TheDesk, visitor: Visitor = permit("decide")) -> HTMLResponse:
    """Everything that can be done with a case beside the four keys."""
    claim = _held(desk, item, visitor.name)
    with desk.store.read() as connection:
        blind = claim.suggestion_hidden or reviews.is_hidden(connection, item)
    offered = offers.choices(desk, visitor.name)
    return page(
        request,
        "review_more.html",
        case=claim,
        approvable=not blind,
        snoozes=offered.snoozes,
        colleagues=offered.colleagues,
    )


@router.post("/{item}/skip")
def skip(request: Request, item: int, desk: TheDesk, visitor: Visitor = permit("decide")) -> Response:
    """Leave a case to others for a while."""
    claim, policy, now = _held(desk, item, visitor.name), desk.policy(), desk.clock()
    desk.act(lambda store: handing.skip(store, item, visitor.name, policy=policy, now=now))
    return _gone_on(request, "skipped", claim)


@router.post("/{item}/snooze")
def snooze(
    request: Request,
    item: int,
    desk: TheDesk,
    minutes: Annotated[int, Form(ge=1, le=1_000_000)],
    visitor: Visitor = permit("decide"),
) -> Response:
    """Put a case off."""
    claim, policy, now = _held(desk, item, visitor.name), desk.policy(), desk.clock()
    until = now + timedelta(minutes=minutes)
    desk.act(lambda store: handing.snooze(store, item, until, visitor.name, policy=policy, now=now))
    return _gone_on(request, "snoozed", claim)


@router.post("/{item}/hand-over")
def hand_over(
    request: Request,
    item: int,
    desk: TheDesk,
    to: Annotated[str, Form(max_length=200)],
    reason: Annotated[str, Form(max_length=500)],
    visitor: Visitor = permit("decide"),
) -> Response:
    """Give a case to a colleague."""
    claim, now = _held(desk, item, visitor.name), desk.clock()
    desk.act(lambda store: handing.hand_over(store, item, to, reason=reason, actor=visitor.name, now=now))
    return _gone_on(request, "handed_over", claim)


@router.post("/{item}/release")
def release(request: Request, item: int, desk: TheDesk, visitor: Visitor = permit("decide")) -> Response:
    """Give a case back to the queue."""
    claim, now = _held(desk, item, visitor.name), desk.clock()
    desk.act(lambda store: handing.release(store, [item], visitor.name, now=now))
    return _gone_on(request, "released", claim)


def _held(desk: Desk, item: int, name: str) -> Claim:
    """The claim of a case that is on the reviewer's screen.

    Raises:
        Conflict: it is no longer theirs.
    """
    policy = desk.policy()
    found = desk.act(lambda store: claiming.renew(store, name, [item], policy=policy))
    if not found:
        raise Conflict("This case is no longer yours: it was decided, or somebody else took it. Take the next one.")
    return found[0]


def _gone_on(request: Request, done: str, claim: Claim) -> Response:
    if wants_json(request):
        return JSONResponse({"done": done, "case": claim.case_id})
    return RedirectResponse(f"/review?done={done}&of={claim.case_id}", 303)

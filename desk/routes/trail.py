"""The audit trail: searched, told in words, verified."""

from time import perf_counter
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from desk.filters import Filters
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.wording import at_desk
from handrail.acts.signing_in import Visitor
from handrail.errors import BadInput
from handrail.store import trail
from handrail.store.trail import Sought, Written
from handrail.store.visibility import Onlooker
from tasks.views import narration

router = APIRouter(prefix="/trail")

PAGE = 50
VERIFIED = 20_000
"""Events that the page verifies: a sixth of a second, in which other visitors wait; the console verifies all."""


@router.get("")
def find(request: Request, desk: TheDesk, visitor: Visitor = permit("read_trail")) -> Response:
    """Search the trail, newest first."""
    asked = Filters(request.query_params, ZoneInfo(desk.policy().sla.calendar.timezone))
    if len(asked.typed) < len(request.query_params):
        return RedirectResponse(asked.address("/trail"), 303)
    onlooker = Onlooker(visitor.name, visitor.roles, desk.clock())
    events: list[Written] = []
    sentence = None
    try:
        since, until = asked.span("since", "until")
        sought = Sought(
            case=asked.number("case"),
            kind=asked.text("kind"),
            actor=asked.text("actor"),
            since=since,
            until=until,
            before=asked.number("before"),
        )
    except BadInput as refusal:
        sentence = at_desk(refusal)
    else:
        with desk.store.read() as connection:
            events = trail.newest(connection, sought, onlooker=onlooker, limit=PAGE + 1)
    return page(
        request,
        "trail.html",
        status=200 if sentence is None else 400,
        events=events[:PAGE],
        sentence=sentence,
        asked=asked,
        more=len(events) > PAGE,
        narration=narration,
        kinds=narration.KINDS,
        some_are_kept=onlooker.may("decide") or onlooker.may("adjudicate"),
    )


@router.get("/verify")
def verify(request: Request, desk: TheDesk, visitor: Visitor = permit("read_trail")) -> HTMLResponse:  # noqa: ARG001 - the permit is the point
    """Follow the chain through the newest events and say whether it is whole."""
    begun = perf_counter()
    with desk.store.read() as connection:
        found = trail.verify_newest(connection, VERIFIED)
        last = trail.newest(connection, Sought(), limit=1)
    return page(
        request,
        "trail_verify.html",
        found=found,
        most=VERIFIED,
        seconds=perf_counter() - begun,
        in_all=last[0].seq if last else 0,
    )

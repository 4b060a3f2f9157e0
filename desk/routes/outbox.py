"""Actions that did not reach their receiver, or of which nobody knows: people settle them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from desk.operator_words import said
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.routes.operations import Reason, back, permitted
from handrail.acts import settling
from handrail.acts.signing_in import Visitor
from handrail.store import outbox
from handrail.store.frames import records

router = APIRouter(prefix="/operations/actions")

PLACE = "/operations/actions"
SHOWN = 100


@router.get("")
def show(
    request: Request,
    desk: TheDesk,
    done: Annotated[str | None, Query(max_length=20)] = None,
    count: Annotated[int, Query(ge=0)] = 0,
    visitor: Visitor = permit("read_operations"),
) -> HTMLResponse:
    """Actions by state, and those that wait for a person."""
    with desk.store.read() as connection:
        counts = outbox.counts(connection)
        stuck = records(outbox.in_states(connection, settling.STUCK, limit=SHOWN))
    return page(
        request,
        "operations_actions.html",
        counts=counts,
        stuck=stuck,
        may=permitted(visitor),
        said=said(desk.policy(), done, None, count),
    )


@router.post("/{number}/retry")
def retry(
    number: int, desk: TheDesk, reason: Reason = "", visitor: Visitor = permit("settle_actions")
) -> RedirectResponse:
    """Send an action again from the beginning."""
    now = desk.clock()
    desk.act(lambda store: settling.retry(store, number, reason=reason, actor=visitor.name, now=now))
    return back("retried", to=PLACE, count=number)


@router.post("/{number}/abandon")
def abandon(
    number: int, desk: TheDesk, reason: Reason = "", visitor: Visitor = permit("settle_actions")
) -> RedirectResponse:
    """Give an action up; its case waits for a person again."""
    now, policy = desk.clock(), desk.policy()
    desk.act(lambda store: settling.abandon(store, number, reason=reason, policy=policy, actor=visitor.name, now=now))
    return back("abandoned", to=PLACE, count=number)


@router.post("/{number}/confirm")
def confirm(
    number: int, desk: TheDesk, reason: Reason = "", visitor: Visitor = permit("settle_actions")
) -> RedirectResponse:
    """Write down that the receiver has executed an action of which nobody knew."""
    now = desk.clock()
    desk.act(lambda store: settling.confirm_executed(store, number, reason=reason, actor=visitor.name, now=now))
    return back("executed", to=PLACE, count=number)

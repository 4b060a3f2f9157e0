"""Labels that count no longer: what a withdrawal would touch, the act, and its way back."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from desk.pages import page
from desk.permit import TheDesk, permit
from desk.tabs import tabs
from handrail.acts import withdrawing
from handrail.acts.signing_in import Visitor
from tasks.occasion import moment

router = APIRouter(prefix="/training/labels")

Reason = Annotated[str, Form()]
AGAIN = 50
"""Cases of one click."""


@router.get("")
def show(
    request: Request,
    desk: TheDesk,
    reviewer: Annotated[str, Query(max_length=200)] = "",
    since: Annotated[str, Query(max_length=40)] = "",
    visitor: Visitor = permit("withdraw_labels"),
) -> HTMLResponse:
    """The withdrawals there are; with a reviewer and a day also what withdrawing their labels would touch."""
    extent = None
    if reviewer and since:
        begin = moment(since)
        extent = withdrawing.preview(desk.store, reviewer, begin, actor=visitor.name, now=desk.clock())
    return page(
        request,
        "training_labels.html",
        tabs=tabs(visitor),
        reviewer=reviewer,
        since=since,
        extent=extent,
        withdrawals=withdrawing.listed(desk.store, actor=visitor.name),
    )


@router.post("")
def withdraw(
    desk: TheDesk,
    reviewer: Annotated[str, Form()],
    since: Annotated[str, Form()],
    reason: Reason = "",
    visitor: Visitor = permit("withdraw_labels"),
) -> RedirectResponse:
    """Let them count no longer."""
    first, now, name, policy = moment(since), desk.clock(), visitor.name, desk.policy()
    begun = desk.act(lambda store: withdrawing.begin(store, reviewer, first, reason=reason, actor=name, now=now))
    number = begun.withdrawal
    while number is not None and desk.act(
        lambda store: withdrawing.take_more(store, number, policy=policy, actor=name, now=now)
    ):
        pass  # a transaction each: the desk never waits long
    return RedirectResponse("/training/labels", 303)


@router.post("/{number}/reinstate")
def reinstate(
    number: int, desk: TheDesk, reason: Reason = "", visitor: Visitor = permit("withdraw_labels")
) -> RedirectResponse:
    """Let them count again."""
    now, name, policy = desk.clock(), visitor.name, desk.policy()
    desk.act(lambda store: withdrawing.end(store, number, reason=reason, actor=name, now=now))
    while desk.act(lambda store: withdrawing.give_more(store, number, policy=policy, actor=name, now=now)) is not None:
        pass
    return RedirectResponse("/training/labels", 303)


@router.post("/{number}/again")
def again(number: int, desk: TheDesk, visitor: Visitor = permit("withdraw_labels")) -> RedirectResponse:
    """Have some of the cases labelled by somebody else."""
    policy, now = desk.policy(), desk.clock()
    desk.act(
        lambda store: withdrawing.label_again(store, number, most=AGAIN, policy=policy, actor=visitor.name, now=now)
    )
    return RedirectResponse("/training/labels", 303)

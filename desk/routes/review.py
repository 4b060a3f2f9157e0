"""Reviewing: the next case, and what the reviewer decides of it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from desk.pages import page
from desk.permit import TheDesk, permit
from handrail.acts import claiming, deciding
from handrail.acts.deciding import Ruling
from handrail.acts.signing_in import Visitor
from handrail.case import Outcome
from tasks.review import shown_case

router = APIRouter(prefix="/review")


@router.get("")
def show(request: Request, desk: TheDesk, visitor: Visitor = permit("decide")) -> HTMLResponse:
    """Claim the work that is due next and show it."""
    occasion = desk.occasion(visitor.name)
    claims = desk.act(lambda store: claiming.claim(store, visitor.name, policy=occasion.policy, now=occasion.now))
    found = {"item": claims[0].item_id, **shown_case(occasion, claims[0])} if claims else None
    return page(request, "review.html", case=found, reasons=occasion.policy.desk.reasons)


@router.post("/{item}")
def decide(
    item: int,
    desk: TheDesk,
    fence: Annotated[int, Form()],
    outcome: Annotated[Outcome, Form()],
    label: Annotated[str | None, Form()] = None,
    reason: Annotated[str | None, Form()] = None,
    note: Annotated[str | None, Form()] = None,
    visitor: Visitor = permit("decide"),
) -> RedirectResponse:
    """Write down a decision and go on with the next case."""
    occasion = desk.occasion(visitor.name)
    ruling = Ruling(item, fence, outcome, label or None, reason or None, note or None)
    desk.act(
        lambda store: deciding.decide(
            store, [ruling], visitor.name, policy=occasion.policy, now=occasion.now, secret=desk.secret()
        )
    )
    return RedirectResponse("/review", 303)

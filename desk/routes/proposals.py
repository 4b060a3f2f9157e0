"""Acts that wait for a second person: confirmed, refused, withdrawn. Who may is for the act itself to say."""

from dataclasses import replace

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from desk.permit import TheDesk, permit
from desk.routes.operations import Reason, back
from handrail.acts import proposing
from handrail.acts.signing_in import Visitor
from tasks.learning import proposals

router = APIRouter(prefix="/operations/proposals")


@router.post("/{number}/confirm")
def confirm(number: int, desk: TheDesk, visitor: Visitor = permit("read_operations")) -> RedirectResponse:
    """Be the second person: what was proposed is done."""
    occasion = desk.occasion(visitor.name)
    if proposals.act_of(occasion, number) in proposals.OF_MODELS:
        # Not with the writer's group: it may judge a version and speaks to MLflow, and nobody is to wait for that.
        proposals.confirm(occasion, number)
    else:
        desk.act(lambda store: proposals.confirm(replace(occasion, store=store), number))
    return back("confirmed", count=number)


@router.post("/{number}/refuse")
def refuse(
    number: int, desk: TheDesk, reason: Reason = "", visitor: Visitor = permit("read_operations")
) -> RedirectResponse:
    """Refuse what somebody else has proposed."""
    now = desk.clock()
    desk.act(lambda store: proposing.refuse(store, number, reason=reason, actor=visitor.name, now=now))
    return back("refused", count=number)


@router.post("/{number}/withdraw")
def withdraw(number: int, desk: TheDesk, visitor: Visitor = permit("read_operations")) -> RedirectResponse:
    """Take one's own proposal back."""
    now = desk.clock()
    desk.act(lambda store: proposing.withdraw(store, number, actor=visitor.name, now=now))
    return back("withdrawn", count=number)

"""Customers' disputes: taken down, explained in plain words, settled by somebody who has not decided before."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from desk import settling
from desk.context import Desk
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.problems import wants_json
from desk.settling import Settled
from desk.wording import at_desk
from handrail.acts import disputing, overturning
from handrail.acts.disputing import LONGEST
from handrail.acts.signing_in import Visitor
from handrail.errors import BadInput, Conflict, NotFound, Refused
from handrail.outbox import OutboxAction
from handrail.permissions import PERMITTED
from handrail.store import decisions, disputes
from handrail.store.disputes import NamedDispute
from handrail.store.engine import Connection
from handrail.store.frames import records
from tasks.views.disputes import packet

router = APIRouter(prefix="/disputes")
MOST = 200
LONGEST_FORM = LONGEST * 4
"""Characters that are read before the act itself says what is too long, in a sentence."""


@router.get("")
def show(request: Request, desk: TheDesk, visitor: Visitor = permit("read_escalations")) -> HTMLResponse:
    """All disputes, the open ones first."""
    with desk.store.read() as connection:
        rows = records(disputes.listed(connection, only_open=False, limit=MOST))
    settles = bool(PERMITTED["resolve_dispute"].intersection(visitor.roles))
    return page(request, "disputes.html", disputes=rows, settles=settles, most=MOST)


@router.get("/new")
def ask(
    request: Request,
    desk: TheDesk,
    case: Annotated[int | None, Query()] = None,
    visitor: Visitor = permit("open_dispute"),
) -> HTMLResponse:
    """Ask for what the customer says."""
    return _asked(request, desk, case, visitor)


@router.post("")
def take_down(
    request: Request,
    desk: TheDesk,
    case: Annotated[int | None, Form()] = None,
    text: Annotated[str, Form(max_length=LONGEST_FORM)] = "",
    visitor: Visitor = permit("open_dispute"),
) -> Response:
    """Open a dispute; a refusal keeps what was typed."""
    policy, now = desk.policy(), desk.clock()
    if case is None:
        return _asked(request, desk, case, visitor, text, sentence="Which case is it? Give its number.", status=400)
    try:
        number = desk.act(
            lambda store: disputing.open_dispute(store, case, text, actor=visitor.name, policy=policy, now=now)
        )
    except BadInput as refusal:
        if wants_json(request):
            raise
        return _asked(request, desk, case, visitor, text, sentence=at_desk(refusal), status=400)
    return RedirectResponse(f"/disputes/{number}/packet?opened=1", 303)


@router.get("/{number}/packet")
def show_packet(
    request: Request,
    desk: TheDesk,
    number: int,
    opened: Annotated[bool, Query()] = False,
    visitor: Visitor = permit("open_dispute"),
) -> HTMLResponse:
    """The first decision explained in plain words, to be printed."""
    sections = packet(desk.occasion(visitor.name), number)
    with desk.store.read() as connection:
        dispute = _known(connection, number)
    settles = bool(PERMITTED["resolve_dispute"].intersection(visitor.roles)) and dispute.closed_at is None
    return page(request, "dispute_packet.html", dispute=dispute, sections=sections, opened=opened, settles=settles)


@router.get("/{number}")
def open_one(
    request: Request, desk: TheDesk, number: int, visitor: Visitor = permit("resolve_dispute")
) -> HTMLResponse:
    """Reserve a dispute and show it with its packet; a closed one is shown as it ended."""
    return _shown(request, desk, number, visitor)


@router.post("/{number}")
def settle(
    request: Request, desk: TheDesk, number: int, said: Settled, visitor: Visitor = permit("resolve_dispute")
) -> Response:
    """Settle a dispute: the first decision stands, or it is changed and what was done is taken back."""
    policy, now = desk.policy(), desk.clock()
    with desk.store.read() as connection:
        dispute = _known(connection, number)
    try:
        ruling = settling.ruling(dispute.work_item_id, said, policy)
        desk.act(
            lambda store: disputing.resolve(
                store, ruling, visitor.name, policy=policy, now=now, secret=desk.secret(), hold=policy.desk.undo_within
            )
        )
    except BadInput as refusal:
        if wants_json(request):
            raise
        return _shown(request, desk, number, visitor, said=said, sentence=at_desk(refusal), status=400)
    return RedirectResponse(f"/escalations?done={dispute.case_id}", 303)


def _asked(
    request: Request,
    desk: Desk,
    case: int | None,
    visitor: Visitor,
    text: str = "",
    *,
    sentence: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    with desk.store.read() as connection:
        known = None if case is None else disputes.contestable(connection, case)
        is_own = case is not None and bool(decisions.decided_by(connection, visitor.name, [case]))
    if case is not None and known is None:
        raise NotFound(f"There is no case {case}. Look its number up under Cases.")
    return page(
        request,
        "dispute_new.html",
        status=status,
        case=case,
        known=known,
        is_own=is_own,
        text=text,
        sentence=sentence,
        longest=LONGEST,
    )


def _shown(
    request: Request,
    desk: Desk,
    number: int,
    visitor: Visitor,
    *,
    said: settling.Settlement | None = None,
    sentence: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    with desk.store.read() as connection:
        dispute = _known(connection, number)
        told = disputes.told(connection, number)
    sections = packet(desk.occasion(visitor.name), number)
    if dispute.closed_at is not None:
        return page(request, "dispute_packet.html", dispute=dispute, sections=sections, opened=False, settles=False)
    opened = settling.opened(desk, visitor, dispute.work_item_id, dispute.first_decision_id)
    return page(
        request,
        "dispute.html",
        status=status,
        case=opened.case,
        first=opened.first,
        reasons=opened.reasons,
        dispute=dispute,
        sections=sections,
        standing=told.first.standing if told else None,
        sentence=sentence,
        said=said,
        changed=_if_changed(told.actions if told else (), dispute, desk),
    )


def _if_changed(actions: Sequence[OutboxAction], dispute: NamedDispute, desk: Desk) -> str:
    """What becomes of the actions so far, should the manager choose otherwise."""
    name = (dispute.source, dispute.external_id)
    try:
        plan = overturning.plan(actions, None, name=name, dispute=dispute.id, policy=desk.policy())
    except (Conflict, Refused) as hindrance:
        return str(hindrance)
    told = {
        "What was decided has not been carried out yet, and is stopped.": plan.withdraw,
        "What was carried out is taken back.": plan.taken_back,
        "What was carried out cannot be taken back: our rules name no way. Say so in the answer.": plan.final,
    }
    return " ".join(sentence for sentence, number in told.items() if number) or "Nothing was carried out so far."


def _known(connection: Connection, number: int) -> NamedDispute:
    found = disputes.one(connection, number)
    if found is None:
        raise NotFound(f"There is no dispute {number}. Go back to the list of disputes.")
    return found

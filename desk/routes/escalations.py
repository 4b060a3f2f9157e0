"""The escalation manager's page: what is due within the hour, missed, disputed by customers, or broken."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from desk import afterwards, settling, urgent
from desk.context import Desk
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.problems import wants_json
from desk.settling import Settled
from desk.wording import at_desk
from handrail.acts import deciding, escalating
from handrail.acts.signing_in import Visitor
from handrail.errors import BadInput, NotFound, Refused
from handrail.permissions import PERMITTED
from handrail.store import escalations, staff
from handrail.store.frames import records

router = APIRouter(prefix="/escalations")
Reason = Annotated[str, Form(max_length=2000)]


@router.get("")
def show(
    request: Request,
    desk: TheDesk,
    cause: Annotated[urgent.Group | None, Query()] = None,
    done: Annotated[int | None, Query()] = None,
    after: Annotated[int | None, Query()] = None,
    visitor: Visitor = permit("read_escalations"),
) -> HTMLResponse:
    """Everything that waits for the escalation manager, the most urgent first."""
    policy, now = desk.policy(), desk.clock()
    with desk.store.read() as connection:
        found = urgent.listed(connection, visitor, policy, now, cause)
    seconds = afterwards.seconds_left(desk, [after], visitor.name) if after is not None else 0
    settles = bool(PERMITTED["resolve_escalation"].intersection(visitor.roles))
    return page(
        request,
        "escalations.html",
        listed=found,
        cause=cause,
        names=urgent.NAMES,
        done=done,
        after=after,
        seconds=seconds,
        settles=settles,
        within=policy.escalation.due_within,
        most=urgent.MOST,
    )


@router.get("/late/{case}")
def show_late(
    request: Request, desk: TheDesk, case: int, visitor: Visitor = permit("read_escalations")
) -> HTMLResponse:
    """What was not decided in time, with whom it lies, and who else could take it."""
    return _late(request, desk, case, visitor)


@router.post("/late/{case}/acknowledge")
def acknowledge(
    request: Request, desk: TheDesk, case: int, reason: Reason = "", visitor: Visitor = permit("resolve_escalation")
) -> Response:
    """Take note of a missed time; the work stays open."""
    now = desk.clock()
    try:
        desk.act(lambda store: escalating.acknowledge(store, case, reason=reason, actor=visitor.name, now=now))
    except BadInput as refusal:
        if wants_json(request):
            raise
        return _late(request, desk, case, visitor, sentence=at_desk(refusal), status=400)
    return RedirectResponse(f"/escalations?done={case}", 303)


@router.post("/late/{case}/hand-over")
def hand_over(
    request: Request,
    desk: TheDesk,
    case: int,
    item: Annotated[int, Form()],
    to: Annotated[str, Form(max_length=200)] = "",
    reason: Reason = "",
    visitor: Visitor = permit("hand_out"),
) -> Response:
    """Give late work to somebody who can do it now."""
    now = desk.clock()
    try:
        desk.act(lambda store: escalating.hand_over(store, case, item, to, reason=reason, actor=visitor.name, now=now))
    except (BadInput, Refused) as refusal:
        if wants_json(request):
            raise
        return _late(request, desk, case, visitor, sentence=at_desk(refusal), status=400)
    return RedirectResponse(f"/escalations?done={case}", 303)


@router.get("/{item}")
def open_one(
    request: Request, desk: TheDesk, item: int, visitor: Visitor = permit("resolve_escalation")
) -> HTMLResponse:
    """Reserve an escalated case and show it, with what was decided first and why."""
    return _opened(request, desk, item, visitor)


@router.post("/{item}")
def settle(
    request: Request, desk: TheDesk, item: int, said: Settled, visitor: Visitor = permit("resolve_escalation")
) -> Response:
    """Settle an escalated case; its action goes out where the case still waited."""
    policy, now = desk.policy(), desk.clock()
    with desk.store.read() as connection:
        work = escalations.work(connection, item)
    if work is None:
        raise NotFound(f"There is no escalated case with the number {item}. Go back to the list.")
    try:
        ruling = settling.ruling(item, said, policy)
        (decided,) = desk.act(
            lambda store: deciding.decide(
                store,
                [ruling],
                visitor.name,
                policy=policy,
                now=now,
                secret=desk.secret(),
                hold=policy.desk.undo_within,
            )
        )
    except BadInput as refusal:
        if wants_json(request):
            raise
        return _opened(request, desk, item, visitor, said=said, sentence=at_desk(refusal), status=400)
    return RedirectResponse(f"/escalations?done={work.case_id}&after={decided}", 303)


def _opened(
    request: Request,
    desk: Desk,
    item: int,
    visitor: Visitor,
    *,
    said: settling.Settlement | None = None,
    sentence: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    opened = settling.opened(desk, visitor, item)
    return page(
        request,
        "escalation.html",
        status=status,
        case=opened.case,
        item=opened.item,
        first=opened.first,
        reasons=opened.reasons,
        sentence=sentence,
        said=said,
    )


def _late(
    request: Request, desk: Desk, case: int, visitor: Visitor, *, sentence: str | None = None, status: int = 200
) -> HTMLResponse:
    """What was not decided in time.

    Raises:
        NotFound: no missed time of this case is open.
    """
    with desk.store.read() as connection:
        found = [
            one
            for one in escalations.waiting(connection, case_id=case)
            if one.item_id is None or one.cause == "sla_breach"
        ]
        people = records(staff.people(connection))
    if not found:
        raise NotFound(f"Nothing of case {case} is late any more. Go back to the list.")
    may = {act: bool(PERMITTED[act].intersection(visitor.roles)) for act in ("hand_out", "resolve_escalation")}
    able = [one["name"] for one in people if one["active"] and PERMITTED["decide"].intersection(one["roles"])]
    return page(request, "escalation_late.html", status=status, late=found[0], may=may, people=able, sentence=sentence)

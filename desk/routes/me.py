"""A person's own page: where they are signed in, their password, how they like the desk, their leave."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from desk.leave import LeaveForm
from desk.pages import page
from desk.password_limiter import passing
from desk.permit import TheDesk, permit
from desk.routes.sign_in import Text, new_password
from desk.wording import at_desk
from handrail import passwords
from handrail.acts import handing, signing_in
from handrail.acts.signing_in import Visitor
from handrail.errors import BadInput
from handrail.store import staff

router = APIRouter(prefix="/me")

DONE = {
    "password": "The new password holds from now on; every other session of yours has ended.",
    "sessions": "Signed out there.",
    "shortcuts": "Saved.",
    "leave": "Saved.",
}


@router.get("")
def show(
    request: Request, desk: TheDesk, done: Annotated[str, Query()] = "", visitor: Visitor = permit("come_in")
) -> HTMLResponse:
    """The page."""
    return _page(request, desk, visitor, notice=DONE.get(done))


def _page(
    request: Request, desk: TheDesk, visitor: Visitor, *, notice: str | None = None, sentence: str | None = None
) -> HTMLResponse:
    with desk.store.read() as connection:
        person = staff.person(connection, visitor.name)
    return page(
        request,
        "me.html",
        status=400 if sentence else 200,
        notice=notice,
        sentence=sentence,
        sessions=signing_in.sessions(desk.store, visitor, policy=desk.policy(), now=desk.clock()),
        preferences=signing_in.preferences(desk.store, visitor.name),
        trained_until=person.trained_until if person else None,
        away_from=person.away_from if person else None,
        away_until=person.away_until if person else None,
    )


@router.post("/password")
def change_password(
    request: Request, desk: TheDesk, present: Text, password: Text, again: Text, visitor: Visitor = permit("come_in")
) -> Response:
    """Set a new password, for who knows the present one; a wrong one counts as it does at the door."""
    now = desk.clock()
    with passing():
        attempt = desk.act(lambda store: signing_in.begin_attempt(store, visitor.name, now=now))
        right = passwords.is_right(present, attempt.kept)
    if not right:
        desk.act(lambda store: signing_in.fail(store, attempt, now=now))
        sentence = "That is not your present password, or too many wrong ones came before it. Wait and try again."
        return _page(request, desk, visitor, sentence=sentence)
    desk.act(lambda store: signing_in.succeed(store, attempt))
    try:
        kept = new_password(password, again, name=visitor.name, business=desk.policy().business)
    except BadInput as refusal:
        return _page(request, desk, visitor, sentence=at_desk(refusal))
    desk.act(lambda store: signing_in.change_password(store, visitor, kept, now=now))
    return RedirectResponse("/me?done=password", 303)


@router.post("/sessions/end")
def end_sessions(
    desk: TheDesk,
    reference: Annotated[str | None, Form(max_length=signing_in.REFERENCE)] = None,
    visitor: Visitor = permit("come_in"),
) -> RedirectResponse:
    """End one session, or all but this one."""
    now = desk.clock()
    desk.act(lambda store: signing_in.revoke(store, visitor, reference or None, now=now))
    return RedirectResponse("/me?done=sessions", 303)


@router.post("/shortcuts")
def set_shortcuts(
    desk: TheDesk, on: Annotated[bool, Form()] = False, visitor: Visitor = permit("come_in")
) -> RedirectResponse:
    """Switch single keys on or off."""
    now = desk.clock()
    desk.act(lambda store: signing_in.set_shortcuts(store, visitor.name, on=on, now=now))
    return RedirectResponse("/me?done=shortcuts", 303)


@router.post("/leave")
def take_leave(
    request: Request, desk: TheDesk, form: Annotated[LeaveForm, Depends()], visitor: Visitor = permit("come_in")
) -> Response:
    """Say when one is away."""
    policy, now = desk.policy(), desk.clock()
    try:
        leave = form.read(ZoneInfo(policy.sla.calendar.timezone))
        desk.act(
            lambda store: handing.set_away(
                store, visitor.name, leave.away_from, leave.away_until, actor=visitor.name, now=now
            )
        )
    except BadInput as refusal:
        return _page(request, desk, visitor, sentence=at_desk(refusal))
    return RedirectResponse("/me?done=leave", 303)

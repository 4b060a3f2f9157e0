"""Who works here: added, invited, given roles and categories, on leave, deactivated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from desk.context import Desk
from desk.leave import LeaveForm
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.wording import at_desk
from handrail import labels, staff
from handrail.acts import employing, handing, inviting
from handrail.acts.signing_in import Visitor
from handrail.errors import BadInput, Conflict, NotFound, Refused
from handrail.permissions import EVERYBODY, PERMITTED
from handrail.store import accounts

router = APIRouter(prefix="/people")

ROLES = sorted(str(role) for role in EVERYBODY)
LONGEST_NAME = 80
Name = Annotated[str, Form(max_length=LONGEST_NAME)]
Roles = Annotated[list[str], Form(default_factory=list, max_length=len(ROLES))]
Skills = Annotated[list[str], Form(default_factory=list, max_length=500)]
DONE = {
    "saved": "Saved; it counts from their next click.",
    "leave": "Saved.",
    "deactivated": "Signed out everywhere; what they held is back in the queue.",
}


@router.get("")
def show(request: Request, desk: TheDesk, _: Visitor = permit("manage_people")) -> HTMLResponse:
    """Everybody."""
    return _everybody(request, desk)


@router.get("/person")
def show_person(
    request: Request,
    desk: TheDesk,
    name: Annotated[str, Query(max_length=LONGEST_NAME)],
    done: Annotated[str, Query()] = "",
    _: Visitor = permit("manage_people"),
) -> HTMLResponse:
    """One of them."""
    return _one(request, desk, name, notice=DONE.get(done))


@router.post("/add")
def add(
    request: Request, desk: TheDesk, name: Name, role: Roles, visitor: Visitor = permit("manage_people")
) -> Response:
    """Make somebody known and give out their link."""
    person, now = name.strip(), desk.clock()
    try:
        _require_new(desk, person)
        desk.act(
            lambda store: employing.add_person(
                store, person, roles=role, trained_until=None, actor=visitor.name, now=now
            )
        )
    except (BadInput, Conflict) as refusal:
        return _everybody(request, desk, sentence=at_desk(refusal), name=person, chosen=role)
    return _link(request, desk, person, visitor)


@router.post("/invite")
def invite(request: Request, desk: TheDesk, name: Name, visitor: Visitor = permit("manage_people")) -> HTMLResponse:
    """Give out a link, also to who has forgotten the password; it is shown in this answer and never again."""
    return _link(request, desk, name, visitor)


@router.post("/change")
def change(
    request: Request, desk: TheDesk, name: Name, role: Roles, skill: Skills, visitor: Visitor = permit("manage_people")
) -> Response:
    """Change roles and categories; who was deactivated may act again."""
    policy, now = desk.policy(), desk.clock()
    try:
        desk.act(
            lambda store: employing.change(
                store, name, roles=role, skills=skill or None, policy=policy, actor=visitor.name, now=now
            )
        )
    except (BadInput, Refused) as refusal:
        return _one(request, desk, name, sentence=at_desk(refusal))
    return _back(name, "saved")


@router.post("/leave")
def send_on_leave(
    request: Request,
    desk: TheDesk,
    name: Name,
    form: Annotated[LeaveForm, Depends()],
    visitor: Visitor = permit("manage_people"),
) -> Response:
    """Say when somebody is away."""
    policy, now = desk.policy(), desk.clock()
    try:
        leave = form.read(ZoneInfo(policy.sla.calendar.timezone))
        desk.act(
            lambda store: handing.set_away(store, name, leave.away_from, leave.away_until, actor=visitor.name, now=now)
        )
    except BadInput as refusal:
        return _one(request, desk, name, sentence=at_desk(refusal))
    return _back(name, "leave")


@router.post("/deactivate")
def deactivate(request: Request, desk: TheDesk, name: Name, visitor: Visitor = permit("manage_people")) -> Response:
    """Let somebody act no more, from this moment on."""
    now = desk.clock()
    try:
        desk.act(lambda store: handing.deactivate(store, name, actor=visitor.name, now=now))
    except Refused as refusal:
        return _one(request, desk, name, sentence=at_desk(refusal))
    return _back(name, "deactivated")


def _back(name: str, done: str) -> RedirectResponse:
    return RedirectResponse(f"/people/person?name={quote(name, safe='')}&done={done}", 303)


def _link(request: Request, desk: Desk, person: str, visitor: Visitor) -> HTMLResponse:
    now = desk.clock()
    secret = desk.act(lambda store: inviting.invite(store, person, actor=visitor.name, now=now))
    address = request.app.state.address or str(request.base_url).rstrip("/")
    link = f"{address}{inviting.path_of(secret)}"
    return page(request, "people_link.html", person=person, link=link, until=now + inviting.LASTS)


def _require_new(desk: Desk, person: str) -> None:
    """Refuse a name that somebody has, which would change their roles."""
    with desk.store.read() as connection:
        if accounts.is_anybody(connection, person):
            raise Conflict(
                f"{person} is known already. Open their line to change their roles or to let them act again."
            )


def _everybody(
    request: Request, desk: Desk, *, sentence: str | None = None, name: str = "", chosen: Sequence[str] = ("reviewer",)
) -> HTMLResponse:
    people = _people(desk)
    return page(
        request,
        "people.html",
        status=400 if sentence else 200,
        people=people,
        roles=ROLES,
        sentence=sentence,
        name=name,
        chosen=chosen,
        notice=None,
    )


def _one(
    request: Request, desk: Desk, name: str, *, notice: str | None = None, sentence: str | None = None
) -> HTMLResponse:
    one = next((one for one in _people(desk) if one.person.name == name), None)
    if one is None:
        raise NotFound(f"Nobody is called {name}. Choose somebody on the page People.")
    return page(
        request,
        "people_person.html",
        status=400 if sentence else 200,
        one=one,
        person=one.person,
        roles=ROLES,
        categories=list(desk.policy().categories),
        notice=notice,
        sentence=sentence,
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """Somebody, with what the page says of them; a leave that is over is none."""

    person: staff.Person
    away_from: datetime | None
    seen_at: datetime | None
    invited: bool
    has_password: bool
    trained: bool
    reviews: bool


def _people(desk: Desk) -> list[_Entry]:
    """Everybody, who may act first."""
    now = desk.clock()
    with desk.store.read() as connection:
        people = accounts.everybody(connection)
        seen, invited = accounts.last_seen(connection), accounts.invited(connection, now)
        known = accounts.with_account(connection)
    return [
        _Entry(
            person,
            away_from=person.away_from if person.away_until is None or person.away_until > now else None,
            seen_at=seen.get(person.name),
            invited=person.name in invited,
            has_password=person.name in known,
            trained=labels.status(person.trained_until, now) is labels.Status.ACCEPTED,
            reviews=not PERMITTED["decide"].isdisjoint(person.roles),
        )
        for person in people
    ]

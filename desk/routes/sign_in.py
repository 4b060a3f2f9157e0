"""The way in and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from desk.pages import MENU, page
from desk.password_limiter import passing
from desk.permit import COOKIE, TheDesk, permit
from desk.wording import at_desk
from handrail import passwords
from handrail.acts import inviting, signing_in
from handrail.acts.signing_in import Visitor
from handrail.errors import BadInput
from handrail.permissions import PERMITTED

router = APIRouter()

WRONG = (
    "This name and password do not belong together. After five wrong ones in a row even the right one has to wait, a "
    "minute at first and up to an hour. If you have forgotten it, ask a product owner for a new link."
)
"""One sentence for every reason, so that nobody learns which names there are and which are locked."""
ENDED = "Your time had run out before that was sent, so it was not saved. Sign in and send it again."

Text = Annotated[str, Form(max_length=1_000)]


@router.get("/")
def start(visitor: Visitor = permit("come_in")) -> RedirectResponse:
    """The first page of the menu that the visitor may open."""
    href = next(href for href, _, act in MENU if PERMITTED[act].intersection(visitor.roles))
    return RedirectResponse(href, 303)


@router.get("/sign-in")
def ask(request: Request, then: Annotated[str, Query()] = "/", again: Annotated[bool, Query()] = False) -> HTMLResponse:
    """Ask for name and password."""
    return page(request, "sign_in.html", then=local(then), name="", sentence=ENDED if again else None)


@router.post("/sign-in")
def come_in(request: Request, desk: TheDesk, name: Text, password: Text, then: Text = "/") -> Response:
    """Look at the password, count what is wrong, and begin a session of its own."""
    now, person = desk.clock(), name.strip().replace("\0", "")
    with passing():
        attempt = desk.act(lambda store: signing_in.begin_attempt(store, person, now=now))
        right = passwords.is_right(password, attempt.kept)
    if not right:
        desk.act(lambda store: signing_in.fail(store, attempt, now=now))
        return page(request, "sign_in.html", status=401, then=local(then), name=person, sentence=WRONG)
    before, policy = request.cookies.get(COOKIE), desk.policy()
    secret = desk.act(lambda store: signing_in.come_in(store, attempt, policy=policy, now=now, instead_of=before))
    return with_cookie(RedirectResponse(local(then), 303), secret)


@router.get("/welcome")
def welcome(request: Request, desk: TheDesk, invitation: Annotated[str, Query(max_length=200)]) -> HTMLResponse:
    """Who opens the link of an invitation chooses a password; looking at the page does not use the link up."""
    person = inviting.invited(desk.store, invitation, now=desk.clock())
    return page(request, "welcome.html", person=person, invitation=invitation, sentence=None)


@router.post("/welcome")
def accept(request: Request, desk: TheDesk, invitation: Text, password: Text, again: Text) -> Response:
    """Set the password and begin the first session."""
    now, policy = desk.clock(), desk.policy()
    person = inviting.invited(desk.store, invitation, now=now)
    try:
        kept = new_password(password, again, name=person, business=policy.business)
    except BadInput as refusal:
        return page(
            request, "welcome.html", status=400, person=person, invitation=invitation, sentence=at_desk(refusal)
        )
    secret = desk.act(lambda store: inviting.accept(store, invitation, kept, policy=policy, now=now))
    return with_cookie(RedirectResponse("/", 303), secret)


@router.post("/sign-out")
def leave(desk: TheDesk, visitor: Visitor = permit("come_in")) -> RedirectResponse:
    """End the session."""
    desk.act(lambda store: signing_in.close_session(store, visitor, now=desk.clock()))
    found = RedirectResponse("/sign-in", 303)
    found.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return found


def new_password(password: str, again: str, *, name: str, business: str) -> str:
    """The hash of a password that was typed twice and is good enough.

    Raises:
        BadInput: it is not, or the two differ.
        Crowded: too many wait already.
    """
    if password != again:
        raise BadInput("The two passwords differ. Type the same one twice.")
    passwords.require_good(password, name=name, business=business)
    with passing():
        return passwords.hashed(password)


def local(address: str) -> str:
    r"""An address of this desk, to go on to; the start for everything that leads elsewhere.

    >>> local("/cases?state=done"), local("//else.where"), local("https://else.where"), local("/\\else.where")
    ('/cases?state=done', '/', '/', '/')
    """
    leads_here = address.startswith("/") and not address.startswith("//")
    return address if leads_here and "\\" not in address and address.isprintable() else "/"


def with_cookie(answer: Response, secret: str) -> Response:
    """Let the browser bring the session along: to this host over TLS (or on this machine), unseen by scripts."""
    answer.set_cookie(COOKIE, secret, path="/", secure=True, httponly=True, samesite="strict")
    return answer

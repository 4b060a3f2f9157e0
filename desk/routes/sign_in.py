"""The way in and out."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from desk.pages import MENU, page
from desk.permit import COOKIE, TheDesk, permit
from handrail.acts import signing_in
from handrail.acts.signing_in import Visitor
from handrail.roles import PERMITTED

router = APIRouter()


@router.get("/")
def start(visitor: Visitor = permit("come_in")) -> RedirectResponse:
    """The first page of the menu that the visitor may open."""
    href = next(href for href, _, act in MENU if PERMITTED[act].intersection(visitor.roles))
    return RedirectResponse(href, 303)


@router.get("/sign-in")
def ask(request: Request, then: Annotated[str, Query()] = "/") -> HTMLResponse:
    """Ask for name and password."""
    return page(request, "sign_in.html", then=then, sentence=None)


@router.post("/sign-out")
def leave(desk: TheDesk, visitor: Visitor = permit("come_in")) -> RedirectResponse:
    """End the session."""
    desk.act(lambda store: signing_in.close_session(store, visitor, now=desk.clock()))
    found = RedirectResponse("/sign-in", 303)
    found.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return found

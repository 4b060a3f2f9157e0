"""Who may open which page: each route names one act of the table in `handrail.permissions`."""

import hmac
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request

from desk.context import Desk
from handrail import permissions
from handrail.acts import signing_in
from handrail.acts.signing_in import Visitor
from handrail.errors import HandrailError, NotFound, NotPermitted, RetryableError

COOKIE = "__Host-handrail"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
NOTING = timedelta(milliseconds=50)
"""Longest wait to note the last click: whoever reads does not stand in line with those who write."""


class SignedOut(HandrailError):
    """Nobody is signed in, or no longer. Sign in and go on where you were."""


class Forged(NotPermitted):
    """A form came without the secret of its session. Reload the page and send it again."""


class Away(RetryableError):
    """The database is not there, so nobody can be let in. Try again in a moment."""


def desk_of(request: Request) -> Desk:
    """The running desk."""
    desk: Desk = request.app.state.desk
    return desk


async def _the_desk(request: Request) -> Desk:
    """As `desk_of`, without the thread that FastAPI gives to what is not async."""
    return desk_of(request)


TheDesk = Annotated[Desk, Depends(_the_desk)]


async def _returned(request: Request) -> str | None:
    """The secret that came back with a form, in a header or a field."""
    if request.method in SAFE:
        return None
    sent = request.headers.get("X-CSRF") or (await request.form()).get("csrf")
    return sent if isinstance(sent, str) else ""


class Permit:
    """Lets in who is signed in and may do `act`; a form must bring its session's secret back."""

    def __init__(self, act: str) -> None:
        """Name an act of `handrail.permissions.PERMITTED`."""
        if act not in permissions.PERMITTED:
            raise KeyError(act)
        self.act = act

    def __call__(self, request: Request, desk: TheDesk, returned: Annotated[str | None, Depends(_returned)]) -> Visitor:
        """Find the visitor: the session is read at every request, so that whoever lost a role is out at the next click.

        Raises:
            SignedOut: there is no session, or it has ended.
            Forged: the form is not of this session.
            NotPermitted: their roles do not allow the act.
            Away: the database is not there.
        """
        now = desk.clock()
        visitor = _visitor(request, desk, now)
        if visitor is None:
            raise SignedOut("You are not signed in, or your time has run out. Sign in and go on where you were.")
        if returned is not None and not hmac.compare_digest(returned.encode(), visitor.csrf.encode()):
            raise Forged("This form is not of your session. Reload the page and send it again.")
        request.state.visitor = visitor
        permissions.check(self.act, visitor.name, visitor.roles)
        if signing_in.is_due_to_be_noted(visitor, now):
            with suppress(RetryableError):  # the next click will do
                desk.writer.run(lambda store: signing_in.note_seen(store, visitor, now=now), wait=NOTING)
        return visitor


def permit(act: str) -> Visitor:
    """The visitor of a route that asks for `act`."""
    found: Visitor = Depends(Permit(act))
    return found


def _visitor(request: Request, desk: Desk, now: datetime) -> Visitor | None:
    secret = request.cookies.get(COOKIE)
    if not secret:
        return None
    try:
        policy = desk.policy()
        found = signing_in.visitor(desk.store, secret, policy=policy, now=now)
    except NotFound as gone:
        raise Away(str(gone)) from gone
    request.state.policy = policy  # the page need not ask for it again
    return found

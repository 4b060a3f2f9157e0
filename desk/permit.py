"""Who may open which page: each route names one act of the table in `handrail.roles`."""

import hmac
from typing import Annotated

from fastapi import Depends, Request

from desk.context import Desk
from handrail import roles
from handrail.acts import signing_in
from handrail.acts.signing_in import Visitor
from handrail.errors import HandrailError, NotPermitted

COOKIE = "__Host-handrail"
SAFE = frozenset({"GET", "HEAD"})


class SignedOut(HandrailError):
    """Nobody is signed in, or no longer. Sign in and go on where you were."""


class Forged(NotPermitted):
    """A form came without the secret of its session. Reload the page and send it again."""


def desk_of(request: Request) -> Desk:
    """The running desk."""
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(desk_of)]


async def _returned(request: Request) -> str | None:
    """The secret that came back with a form, in a header or a field."""
    if request.method in SAFE:
        return None
    sent = request.headers.get("X-CSRF") or (await request.form()).get("csrf")
    return sent if isinstance(sent, str) else ""


class Permit:
    """Lets in who is signed in and may do `act`; a form must bring its session's secret back."""

    def __init__(self, act: str) -> None:
        """Name an act of `handrail.roles.PERMITTED`."""
        if act not in roles.PERMITTED:
            raise KeyError(act)
        self.act = act

    def __call__(self, request: Request, desk: TheDesk, returned: Annotated[str | None, Depends(_returned)]) -> Visitor:
        """Find the visitor.

        Raises:
            SignedOut: there is no session, or it has ended.
            Forged: the form is not of this session.
            NotPermitted: their roles do not allow the act.
        """
        secret = request.cookies.get(COOKIE)
        now = desk.clock()
        visitor = signing_in.visitor(desk.store, secret, policy=desk.policy(), now=now) if secret else None
        if visitor is None:
            raise SignedOut("You are not signed in, or your time has run out. Sign in and go on where you were.")
        if returned is not None and not hmac.compare_digest(returned.encode(), visitor.csrf.encode()):
            raise Forged("This form is not of your session. Reload the page and send it again.")
        roles.check(self.act, visitor.name, visitor.roles)
        request.state.visitor = visitor
        return visitor


def permit(act: str) -> Visitor:
    """The visitor of a route that asks for `act`."""
    found: Visitor = Depends(Permit(act))
    return found

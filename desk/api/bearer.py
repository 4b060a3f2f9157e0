"""A token is the only way in: no cookie counts here, so that no page of another site can ask for anything."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from desk.permit import Permit, SignedOut, TheDesk
from handrail import permissions
from handrail.acts import tokens
from handrail.acts.signing_in import Visitor
from handrail.errors import NotPermitted

BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token from the page of your name at the desk, or from the command `handrail tokens create`.",
)
Sent = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]


class Scoped(Permit):
    """Lets in a token that names `act` among its scopes and whose person may do it."""

    def __call__(self, request: Request, desk: TheDesk, sent: Sent) -> Visitor:  # type: ignore[override]
        """Find in whose name the call comes.

        Raises:
            SignedOut: no token, or one that is unknown, expired or revoked.
            NotPermitted: the token does not name the act, or the person's roles do not allow it.
        """
        visitor = tokens.visitor(desk.store, sent.credentials, now=desk.clock()) if sent else None
        if visitor is None:
            raise SignedOut(
                "This needs a token that is valid. Send `Authorization: Bearer handrail_…`; make a token on the page "
                "of your name at the desk."
            )
        request.state.visitor = visitor
        require_scope(visitor, self.act)
        permissions.check(self.act, visitor.name, visitor.roles)
        return visitor


def require_scope(visitor: Visitor, act: str) -> None:
    """Refuse what the token was not made for, whatever its person may do.

    Raises:
        NotPermitted: names the scope.
    """
    if visitor.scopes is not None and act not in visitor.scopes:
        raise NotPermitted(f"This token was not made for it. Make one with the scope {act}.")


def scoped(act: str) -> Visitor:
    """In whose name a call that asks for `act` comes."""
    found: Visitor = Depends(Scoped(act))
    return found

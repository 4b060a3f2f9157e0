"""What nobody foresaw: a calm page with a number, and the number in the log beside where it happened."""

import logging
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.problems import refuse
from handrail.bulkhead import place

_log = logging.getLogger("handrail")


class BrokenOff(Exception):
    """The answer had begun, so the connection is all that can be ended; the log says why."""


class Faults:
    """Turns an exception that no handler knows into a page; the user sees no trace of the program."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, come what may."""
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as fault:
            if scope["type"] != "http":
                raise
            number = secrets.token_hex(4)
            _log.error("fault %s at %s %s: %s", number, scope["method"], scope["path"], place(fault))
            if begun:
                raise BrokenOff(f"The answer broke off. Look for fault {number} above.") from None
            sentence = (
                "Something went wrong on our side. What had been saved stays saved. Try again; if it happens again, "
                f"tell whoever runs the desk the number {number}."
            )
            await refuse(scope, receive, send, 500, sentence)

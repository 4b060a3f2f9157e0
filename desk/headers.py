"""What every answer carries, and what no request may: a strict content policy, other sites, large bodies."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.permit import SAFE
from desk.problems import refuse

LARGEST_BODY = 1_000_000
"""Bytes."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",  # browsers heed it behind TLS only
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Headers:
    """Adds the headers of security to every answer; what people work on is never kept by a cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the headers."""
        # A file of the program's own may be kept, and is asked after at each use: an update shows at once.
        cache = "no-cache" if scope.get("path", "").startswith("/static/") else "no-store"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    found.setdefault(name, value)
                found.setdefault("Cache-Control", cache)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class OwnPages:
    """Refuses what a page of another site sends, also where no session exists yet: somebody else's sign-in.

    Browsers say where a request comes from; a program that says nothing brings no cookie by itself. Another port of
    this machine is another site to us, and not to the cookie.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let our own forms through, and links from anywhere."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        address = request.app.state.address
        if address is not None and _is_misled(request, address):
            await refuse(scope, receive, send, 421, f"This desk answers at {address}. Open it there.")
        elif _is_foreign(request):
            sentence = "This request came from another site. Open the page here and send it again."
            await refuse(scope, receive, send, 403, sentence)
        else:
            await self._app(scope, receive, send)


def _is_misled(request: Request, address: str) -> bool:
    """Does a foreign name lead to us, so that its page takes itself for one of ours? A number is nobody's name."""
    named = request.headers.get("Host", "").lower()
    host = urlsplit(f"//{named}").hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return named != urlsplit(address).netloc.lower() and host != "localhost"
    return False


def _is_foreign(request: Request) -> bool:
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        # A link may be followed; a picture, a script or a frame would fetch a page, and its next case, unseen.
        mode, into = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
        return request.method not in SAFE or mode not in {None, "navigate"} or into not in {None, "document"}
    if request.method in SAFE:
        return False
    origin = request.headers.get("Origin")
    # The scheme is left out: behind a proxy that ends TLS ours is another one.
    return origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower()


class BodyLimit:
    """Refuses a body over `LARGEST_BODY` as soon as it is known, announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let small bodies through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > LARGEST_BODY:
            await _too_large(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > LARGEST_BODY:
                await _too_large(scope, receive, send)
                return
        whole = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    await refuse(scope, receive, send, 413, f"The request is larger than {LARGEST_BODY:,} bytes. Send less at once.")

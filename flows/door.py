"""The door of a server for this machine: its own pages and this machine's programs come in, other pages do not."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = frozenset({"GET", "HEAD"})
MISDIRECTED = 421
FORBIDDEN = 403

HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    # Pages load from and send to their own server alone, and stand in nobody else's frame. Both libraries' pages style
    # themselves inline, look for features with `eval` and start workers from texts.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob: data:; frame-src 'self' blob:; "
        "form-action 'self'; base-uri 'self'; frame-ancestors 'self'"
    ),
}
"""What keeps the pages of Prefect and MLflow to themselves."""


def refusal(origin: str, method: str, headers: Mapping[str, str]) -> str | None:
    """Why a request stays outside a server that answers at `origin`, in a sentence; None for one that may come in.

    Names of `headers` are in lower case. Browsers say from which page a request comes; a program that says nothing is
    no page. A foreign page may lead here by a link, and by nothing else: no form, script, picture, frame or socket. The
    name in Host is ours, or else a foreign name leads to this machine and its page takes itself for ours.
    """
    if headers.get("host", "").lower() != urlsplit(origin).netloc:
        return f"This server answers at {origin} only. Open it there."
    foreign = f"This request came from a page of another site. Open {origin} and send it from there."
    if headers.get("origin", origin) != origin:
        return foreign
    if headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
        return None
    is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return None if is_link and method in SAFE else foreign


class Door:
    """Lets in what `refusal` lets in, and gives every answer the headers that keep its page to itself."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        """Stand before `app`, which answers at `origin`, such as ``http://127.0.0.1:4200``."""
        self._app, self._origin = app, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers, method = Headers(scope=scope), scope.get("method", "GET")
        sentence = refusal(self._origin, method, headers)
        if sentence is None:
            await self._app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: the browser sees a 403
        else:
            await self._refused(scope, headers, sentence)(scope, receive, _with_headers(send))

    def _refused(self, scope: Scope, headers: Headers, sentence: str) -> Response:
        own = urlsplit(self._origin)
        host = headers.get("host", "").lower()
        # Who types `localhost` means this page, whose scripts speak to the address with the number.
        if host == f"localhost:{own.port}" and scope["method"] in SAFE:
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            return RedirectResponse(f"{self._origin}{scope['raw_path'].decode('latin-1')}{query}")
        return PlainTextResponse(f"{sentence}\n", MISDIRECTED if host != own.netloc else FORBIDDEN)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return send_with_headers

"""How large a request may be, looked at before anything reads it: some of what reads it takes quadratic time."""

from starlette.types import ASGIApp, Receive, Scope, Send

from desk.problems import refuse

LONGEST_PATH = 2_048
"""Bytes. Our longest address names a category, which the policy allows 100 letters."""
LONGEST_QUERY = 8_192
"""Bytes. Two hundred cases approved at once are 6,000, the longest search 3,000, and twice that when it is quoted
in `then=` of the sign-in."""
MOST_PARAMETERS = 256
"""The desk's longest list has 200 entries. FastAPI looks through all parameters for each of them: 11,500 in one
address of 53 kB kept everybody waiting for seconds."""
MOST_HEADERS = 100
"""Browsers send about 20, a proxy adds a handful; FastAPI reads them as it reads parameters."""
LARGEST_HEADERS = 32_768
"""Bytes of all names and values. Other programs under the same host name may have set cookies of their own."""


class Bounds:
    """Refuses a request whose address or headers are too large for anything that is asked here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let requests of an ordinary size through."""
        found = excess(scope) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        # What is too large is not read to answer it either: the page's beginning says whether a program asks.
        accept = [(name, value) for name, value in scope["headers"] if name == b"accept"][:1]
        small = {**scope, "path": scope["path"][:LONGEST_PATH], "query_string": b"", "headers": accept}
        await refuse(small, receive, send, *found)


def excess(scope: Scope) -> tuple[int, str] | None:
    """The status and the sentence with which a request is refused that is too large, or None."""
    if len(scope.get("raw_path") or scope["path"].encode()) > LONGEST_PATH:
        return 414, f"The address is longer than {LONGEST_PATH:,} bytes. Shorten it."
    query: bytes = scope["query_string"]
    if len(query) > LONGEST_QUERY:
        return 414, f"The address is longer than {LONGEST_QUERY:,} bytes after its question mark. Ask for less at once."
    if query.count(b"&") >= MOST_PARAMETERS:
        return 414, f"The address has more than {MOST_PARAMETERS} parameters. Ask for less at once."
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > MOST_HEADERS:
        return 431, f"The request has more than {MOST_HEADERS} headers. Send fewer."
    if sum(len(name) + len(value) for name, value in headers) > LARGEST_HEADERS:
        return 431, (
            f"The headers of the request are larger than {LARGEST_HEADERS:,} bytes together. "
            "Delete this site's cookies, or send smaller headers."
        )
    return None

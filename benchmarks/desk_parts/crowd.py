"""Fifty reviewers at once: each decides, takes the next case, thinks, and decides again, as the page's script does."""

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

THINK = 0.25
"""Seconds between seeing a case and deciding it."""
COOKIE = "__Host-handrail"
ITEM = re.compile(rb'data-item="(\d+)"')
FENCE = re.compile(rb'name="fence" value="(\d+)"')
APPROVABLE = re.compile(rb'value="approve"')


@dataclass
class Tally:
    """What one client saw; times in seconds."""

    waited: list[float] = field(default_factory=list)
    decided: list[float] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    idle: int = 0


@dataclass(frozen=True)
class Shown:
    """A case on the client's screen."""

    item: int
    fence: int
    approvable: bool


class Client:
    """One reviewer's browser, without the browser: a kept connection, a cookie, a form secret."""

    def __init__(self, port: int, secret: str, csrf: str) -> None:
        self._port, self._secret, self._csrf = port, secret, csrf
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.tally = Tally()

    async def work(self, until: float) -> None:
        """Decide until `until`, by the monotonic clock."""
        shown = await self._first()
        while time.monotonic() < until:
            await asyncio.sleep(THINK)
            if shown is None:
                self.tally.idle += 1
                shown = await self._next()
                continue
            began = time.perf_counter()
            status = await self._decide(shown)
            self.tally.decided.append(time.perf_counter() - began)
            if status == 200:
                self.tally.acknowledged.append(shown.item)
            shown = await self._next()
            self.tally.waited.append(time.perf_counter() - began)
        if self._streams:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()

    async def _first(self) -> Shown | None:
        _, body = await self._ask("GET", "/review", None)
        return _seen(body)

    async def _next(self) -> Shown | None:
        _, body = await self._ask("POST", "/review/next", {})
        return _seen(body)

    async def _decide(self, shown: Shown) -> int:
        form = {"fence": str(shown.fence), "seconds": str(THINK)}
        chosen = {"outcome": "approve"} if shown.approvable else {"outcome": "deny", "reason": "out_of_scope"}
        status, _ = await self._ask("POST", f"/review/{shown.item}", form | chosen)
        return status

    async def _ask(self, method: str, path: str, form: dict[str, str] | None) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        body = b"" if form is None else urlencode(form).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nCookie: {COOKIE}={self._secret}\r\n"
            f"X-CSRF: {self._csrf}\r\nOrigin: http://127.0.0.1:{self._port}\r\nSec-Fetch-Site: same-origin\r\n"
            f"Accept: {'application/json' if form is not None else 'text/html'}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        status, answer = await _answer(reader)
        self.tally.statuses[status] = self.tally.statuses.get(status, 0) + 1
        return status, answer


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    found = re.search(rb"content-length: (\d+)", head.lower())
    if found:
        return status, await reader.readexactly(int(found[1]))
    if status == 204:
        return status, b""
    raise ValueError(f"an answer without a length: {head!r}")


def _seen(body: bytes) -> Shown | None:
    item, fence = ITEM.search(body), FENCE.search(body)
    if item is None or fence is None:
        return None
    return Shown(int(item[1]), int(fence[1]), APPROVABLE.search(body) is not None)


def crowd(port: int, sessions: dict[str, tuple[str, str]], seconds: float) -> list[Tally]:
    """Let everybody work for so long; what each saw."""

    async def everybody() -> list[Tally]:
        clients = [Client(port, *session) for session in sessions.values()]
        until = time.monotonic() + seconds
        # Not all at the same moment: people come in one after another.
        await asyncio.gather(*(_late(client, number, until) for number, client in enumerate(clients)))
        return [client.tally for client in clients]

    return asyncio.run(everybody())


async def _late(client: Client, number: int, until: float) -> None:
    await asyncio.sleep(number * 0.02)
    await client.work(until)

"""The desk's side of a connection: how long a sender may take, and how much may come before anybody reads it.

Uvicorn waits for ever for the end of a request, and its parser keeps whatever comes until then. A few hundred senders
of one byte a minute would take every connection that the machine has.
"""

import asyncio
import json
from asyncio import TimerHandle
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from desk.headers import HEADERS


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one connection, and of all of them together."""

    head_seconds: float = 15.0
    """From the first byte, or the connection's beginning, to the end of the headers: a packet or two."""
    body_seconds: float = 60.0
    """From there to the end of the body: a megabyte over the slowest telephone."""
    answer_seconds: float = 60.0
    """In which an answer that waits in our memory must be taken."""
    connections: int = 500
    """Fifty reviewers hold six each, and a process may usually open 1,024 files."""
    head_bytes: int = 65_536
    """Before anybody counts: address and headers within `desk.bounds` are 43,000."""
    framing_bytes: int = 8_000_000
    """What a body in pieces may carry beside itself; a megabyte in pieces of one byte needs five."""


USUAL = Limits()


def limited(limits: Limits) -> type[HttpToolsProtocol]:
    """The protocol of a server whose connections keep within `limits`."""
    return type("LimitedConnection", (Connection,), {"limits": limits})


class Connection(HttpToolsProtocol):
    """Uvicorn's protocol that ends what takes too long, and makes room for others.

    A request is *whole* when its body has arrived. Until then its sender is in our debt: it can be cut off, and gives
    way first. Afterwards we are in theirs.
    """

    limits: ClassVar[Limits] = USUAL
    _expects_head = True
    _head_bytes = 0
    _framing_bytes = 0
    waiting_since = 0.0
    _deadline: TimerHandle | None = None
    _untaken: TimerHandle | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether nothing is asked here yet, or not the whole of it."""
        working = self.cycle is not None and not self.cycle.response_complete and self._expects_head
        return not (working or self.pipeline or self.transport.is_closing())

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait; where there are too many, who has been awaited for longest gives way."""
        super().connection_made(transport)
        self.waiting_since = self.loop.time()
        self._expire(self.limits.head_seconds, self._end_slow_head)
        if len(self.connections) > self.limits.connections:
            others = (one for one in self.connections if isinstance(one, Connection) and one is not self)
            awaited = (one for one in others if one.is_awaited)
            oldest = min(awaited, key=lambda one: one.waiting_since, default=None)
            if oldest is None:
                self._say(503, "Too many people are at the desk at this moment. Try again in a moment.")
            else:
                oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        for timer in (self._deadline, self._untaken):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes; a head that follows on an answer begins with its first byte."""
        if self._expects_head:
            self._head_bytes += len(data)
            if self._deadline is None:
                self.waiting_since = self.loop.time()
                self._expire(self.limits.head_seconds, self._end_slow_head)
        else:
            self._framing_bytes += len(data)
        super().data_received(data)
        if self._expects_head and self._head_bytes > self.limits.head_bytes:
            self._say(431, "Address and headers of the request are too large. Send less.")
        elif self._framing_bytes > self.limits.framing_bytes:
            self._say(413, "The request is larger than anything that is asked here. Send less at once.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, but none that follows the body: the request has been looked at by then."""
        if self._expects_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Wait for the body."""
        self._expects_head, self._framing_bytes = False, 0
        self.waiting_since = self.loop.time()
        self._expire(self.limits.body_seconds, self._end_slow_body)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._framing_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole: from now on its sender waits."""
        self._expects_head, self._head_bytes, self._framing_bytes = True, 0, 0
        self._expire(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer that ends the connection is not kept for ever either."""
        self.waiting_since = self.loop.time()
        super().on_response_complete()
        if self.transport.is_closing():
            self._end()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing more is asked."""
        self._end()

    def pause_writing(self) -> None:
        """The receiver takes nothing at this moment."""
        super().pause_writing()
        self._untaken = self.loop.call_later(self.limits.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        if self._untaken is not None:
            self._untaken.cancel()

    def shutdown(self) -> None:
        """Finish what is whole; nobody waits for the rest of a request when the desk is stopped."""
        if self.is_awaited:
            self.transport.close()
        else:
            super().shutdown()

    def _expire(self, seconds: float | None, end: Callable[[], None] | None = None) -> None:
        """Let the present wait end after so many seconds, or not at all."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None or end is None else self.loop.call_later(seconds, end)

    def _end_slow_head(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()
        elif self.flow.read_paused:  # we keep them waiting
            self._expire(self.limits.head_seconds, self._end_slow_head)
        elif self.is_awaited and not self._head_bytes:
            self._end()
        else:
            self._say(408, f"The request did not arrive within {self.limits.head_seconds:g} seconds. Send it again.")

    def _end_slow_body(self) -> None:
        if self.flow.read_paused:
            self._expire(self.limits.body_seconds, self._end_slow_body)
        else:
            self._say(408, f"The request did not arrive within {self.limits.body_seconds:g} seconds. Send it again.")

    def _say(self, status: int, sentence: str) -> None:
        """Refuse the request that is coming in, and end; an answer to an earlier one is finished first."""
        if self.is_awaited:
            if self._expects_head or not self.cycle.response_started:
                self.transport.write(self._refusal(status, sentence))
            self._end()
        elif self.cycle is not None:
            self.flow.pause_reading()
            self.cycle.keep_alive = False

    def _refusal(self, status: int, sentence: str) -> bytes:
        is_api = not self._expects_head and self.scope["path"].startswith("/api/")
        text = json.dumps({"status": status, "problem": sentence}) if is_api else f"{sentence}\n"
        kind = "application/json" if is_api else "text/plain; charset=utf-8"
        own = {"content-type": kind, "content-length": str(len(text)), "cache-control": "no-store"}
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            own["retry-after"] = "5"
        lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in {**HEADERS, **own}.items())
        return b"".join([STATUS_LINE[status], lines.encode(), b"connection: close\r\n\r\n", text.encode()])

    def _end(self) -> None:
        """Close once what was written has been taken, and at the latest in the time for that."""
        self._expire(None)
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._expire(self.limits.answer_seconds, self.transport.abort)

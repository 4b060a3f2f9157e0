"""Real receivers of alerts on free ports of this machine."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


@dataclass
class HttpReceiver:
    """Keeps what it is sent; answers with `status`, after `release` where it is told to hang."""

    port: int = 0
    status: int = 200
    location: str = ""
    hangs: bool = False
    release: Event = field(default_factory=Event)
    bodies: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def messages(self) -> list[Any]:
        """What came as JSON."""
        return [json.loads(body) for body in self.bodies]


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    """A web server that takes whatever is posted."""
    found = HttpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if found.hangs:
                found.release.wait(20)
            found.bodies.append(body)
            found.paths.append(self.path)
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def mail_receiver() -> Iterator[tuple[int, list[str]]]:
    """A mail server that speaks just enough to take letters; its port, and what it took."""
    letters: list[str] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb", buffering=0) as talk:
            talk.write(b"220 here\r\n")
            while word := talk.readline().decode().strip().upper():
                if word == "DATA":
                    talk.write(b"354 go on\r\n")
                    lines = []
                    while (line := talk.readline()).strip() != b".":
                        lines.append(line.decode())
                    letters.append("".join(lines))
                talk.write(b"221 bye\r\n" if word == "QUIT" else b"250 fine\r\n")

    thread = Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1], letters
    listening.close()
    thread.join(timeout=5)

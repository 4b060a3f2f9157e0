"""A receiver in a process of its own: it executes, and now and then it dies before it has answered.

    python receiver.py DATABASE PORT SEED idempotent|repeats

Each key that was executed stands in the database with the number of its effects. Death is a coin that the seed throws;
whoever started the receiver starts it again.
"""

import json
import os
import random
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

DIES = 0.05
"""Of the deliveries: executed, and never answered."""
SCHEMA = "CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, case_id INTEGER, effects INTEGER NOT NULL)"
ONCE = "INSERT INTO effects VALUES (?, ?, 1) ON CONFLICT (key) DO NOTHING"
AGAIN = "INSERT INTO effects VALUES (?, ?, 1) ON CONFLICT (key) DO UPDATE SET effects = effects + 1"


def serve(database: Path, port: int, seed: int, *, is_idempotent: bool) -> None:
    """Execute what is posted, as long as it lives."""
    coin = random.Random(seed)  # noqa: S311 - a replayable accident
    connection = sqlite3.connect(database)
    connection.execute(SCHEMA)
    connection.commit()

    class Handler(BaseHTTPRequestHandler):
        """Takes a list of [key, case id] and answers when all of them are executed."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with connection:
                connection.executemany(ONCE if is_idempotent else AGAIN, body)
            if coin.random() < DIES:
                os._exit(1)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), is_idempotent=sys.argv[4] == "idempotent")

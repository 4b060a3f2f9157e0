"""The built-in receiver of actions: a ledger of its own, in which one idempotency key has one effect."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from handrail.errors import BadInput, RetryableError
from handrail.outbox import OutboxAction

SCHEMA = """
CREATE TABLE IF NOT EXISTS executed (
    key TEXT PRIMARY KEY CHECK (key <> ''),
    action TEXT NOT NULL, category TEXT NOT NULL, case_id INTEGER NOT NULL, automatic INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 1
)
"""
EXECUTE = """
INSERT INTO executed (key, action, category, case_id, automatic) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET received = received + 1
"""
EXECUTED = "SELECT EXISTS (SELECT 1 FROM executed WHERE key = ?)"


class Ledger:
    """Writes executed actions to a SQLite file, away from Handrail's own database as any business system would be."""

    idempotent = True

    def __init__(self, path: Path) -> None:
        """Name the file; it is made by the first action."""
        self.path = path

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        """Execute actions; a key that came before counts as received again and has no second effect.

        Raises:
            BadInput: an action without a key.
            RetryableError: the file is locked or cannot be written.
        """
        if any(not action.key for action in actions):
            raise BadInput("An action without an idempotency key is refused. Give every action its key.")
        rows = [(one.key, one.action, one.category, one.case_id, int(one.automatic)) for one in actions]
        try:
            with sqlite3.connect(self.path, timeout=10) as connection:
                connection.execute(SCHEMA)
                connection.executemany(EXECUTE, rows)
            connection.close()
        except sqlite3.OperationalError as error:
            raise RetryableError(f"The receiver {self.path} cannot write ({error}). It is tried again.") from error

    def executed(self, keys: Sequence[str]) -> dict[str, bool]:
        """For each key whether its action was executed; nothing is on its way to a file once its sender is gone.

        Raises:
            RetryableError: the file is locked or cannot be read.
        """
        if not self.path.exists():
            return dict.fromkeys(keys, False)
        try:
            with closing(sqlite3.connect(self.path, timeout=10)) as connection:
                connection.execute(SCHEMA)
                return {key: bool(connection.execute(EXECUTED, (key,)).fetchone()[0]) for key in keys}
        except sqlite3.Error as error:
            raise RetryableError(f"The receiver {self.path} cannot be asked ({error}). It is tried again.") from error

    def effects(self) -> int:
        """How many different actions had an effect."""
        if not self.path.exists():
            return 0
        connection = sqlite3.connect(self.path)
        try:
            return int(connection.execute("SELECT count(*) FROM executed").fetchone()[0])
        finally:
            connection.close()

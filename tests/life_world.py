"""What a shop's life runs on: a store that others write to in between, and a receiver with moods."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from handrail.errors import PermanentError, RetryableError, Unanswered
from handrail.outbox import OutboxAction
from handrail.store.engine import Connection, Store


class Killed(BaseException):
    """The process is gone: nothing of it goes on."""


class Interleaved(Store):
    """A store whose next act may meet another before its nth transaction, or die there; `watch` sees each commit."""

    def __init__(self, url: str, **options: Any) -> None:  # noqa: ANN401 - those of a store
        super().__init__(url, **options)
        self.intruder: tuple[int, Callable[[], None]] | None = None
        self.watch: Callable[[Connection], None] = lambda _: None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.intruder is not None:
            left, intrude = self.intruder
            self.intruder = None if left == 1 else (left - 1, intrude)
            if left == 1:
                intrude()
        with super().write() as connection:
            yield connection
            self.watch(connection)


class Ledger:
    """A receiver that keeps what it executed, and fails as it is told, before or after.

    A key it knows has no second effect where it is idempotent; where it is not, every call has one.
    """

    MOODS = ("well", "away", "unanswered", "lost answer", "refusing", "killed before", "killed after")

    def __init__(self, *, idempotent: bool) -> None:
        self.idempotent, self.mood = idempotent, "well"
        self.effects: Counter[str] = Counter()

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        if self.mood == "away":
            raise RetryableError("The receiver is away. It is tried again.")
        if self.mood == "killed before":
            raise Killed
        if self.mood == "refusing" and len(actions) > 1:
            raise PermanentError("One of these is impossible. Send them alone.")
        if self.mood == "refusing" and actions[0].case_id % 2:
            raise PermanentError("There is no such account. Correct it.")
        for action in actions:
            self.effects[action.key] = 1 if self.idempotent else self.effects[action.key] + 1
        if self.mood == "killed after":
            raise Killed
        if self.mood in {"unanswered", "lost answer"}:
            raise Unanswered("The receiver did not answer. It is tried again.")

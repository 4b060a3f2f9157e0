"""An act that the database ended for another's sake begins anew."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from handrail.errors import Overtaken

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 3


def rerun(act: Callable[P, R]) -> Callable[P, R]:
    """Make an act of one transaction begin anew, from its first line, where PostgreSQL ended it to end a deadlock.

    Acts wait for nothing but their turn; only somebody who writes past Handrail can stand in their way. What cannot
    wait, such as a pause, is not refused for that: it is tried three times.
    """

    @wraps(act)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(ATTEMPTS - 1):
            try:
                return act(*args, **kwargs)
            except Overtaken:
                continue  # nothing of it was written
        return act(*args, **kwargs)

    return call

"""Whoever looks says so: when it begins, that it succeeded, and what kind of failure it ended in."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from handrail.acts import attending
from handrail.errors import code_of
from handrail.permissions import SYSTEM
from handrail.store import watch_runs
from handrail.store.engine import Store
from handrail.workspace import Workspace
from tasks.occasion import Occasion, log, opened, set_to
from tasks.watch import schedules

P = ParamSpec("P")
R = TypeVar("R")


def attended(
    name: str, *, counts: Callable[[Mapping[str, Any]], bool] = lambda _: True
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Note of every call of a flow how it went, wherever it runs; `counts` says of its parameters whether to.

    What somebody asks for by hand through the same flow is none of the watch's looks.
    """

    def attend(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            if not counts(given.arguments):
                return function(*args, **kwargs)
            home = given.arguments["home"]
            workspace = Workspace.from_environment(Path(home) if home else None)
            store = opened(workspace, set_to(given.arguments["as_of"]))
            try:
                with _noting(store, name):
                    result = function(*args, **kwargs)
                schedules.note(store)
            finally:
                store.dispose()
            return result

        return call

    return attend


@contextmanager
def attending_to(occasion: Occasion, name: str, *, every: timedelta | None = None) -> Iterator[None]:
    """Note how a block goes that is a look of the watch `name`; a success at most once in `every`."""
    store = occasion.store
    if every is not None:
        now = store.clock()
        with store.read() as connection:
            fresh = watch_runs.is_fresh(connection, name, now - every, now)
        if fresh:
            with _noting_failure(store, name, now):
                yield
            return
    with _noting(store, name):
        yield


@contextmanager
def _noting(store: Store, name: str) -> Iterator[None]:
    now = store.clock()
    attending.begin(store, name, actor=SYSTEM + name, now=now)
    with _noting_failure(store, name, now):
        yield
    attending.succeed(store, name, actor=SYSTEM + name, now=now)


@contextmanager
def _noting_failure(store: Store, name: str, now: datetime) -> Iterator[None]:
    try:
        yield
    except BaseException as fault:  # also a stopped run: whatever ended it, it has not looked
        code = code_of(fault)
        log.error("the watch %s failed: %s", name, code)
        try:
            attending.fail(store, name, error=code, actor=SYSTEM + name, now=now)
        except Exception as second:  # noqa: BLE001 - the first fault is the one to tell; this one is told with it
            log.error("that could not be written down: %s", code_of(second))
            fault.add_note(f"The failure of {name} could not be written down: {code_of(second)}.")
        raise

"""A step is a Prefect task inside a flow run and a plain call outside of one."""

import sys
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def recorded() -> bool:
    """Does a Prefect flow run record what happens here?"""
    # Who has not loaded Prefect is in none of its runs; loading it to learn this would cost a command a second.
    prefect = sys.modules.get("prefect.context")
    return prefect is not None and prefect.FlowRunContext.get() is not None


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Make `function` a Prefect task wherever a flow run is there to record it.

    Without a server the same code runs as it stands, so that a command never pays a server's start. Results are
    never persisted: they may touch texts.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not recorded():
            return function(*args, **kwargs)
        from prefect.utilities.annotations import quote  # noqa: PLC0415 - loaded already, see `recorded`

        # Quoted: Prefect would walk through each value, down to every rule of the policy, in search of other tasks.
        quoted = {name: quote(value) for name, value in kwargs.items()}
        result: R = _task(function)(*map(quote, args), **quoted)
        return result

    return call


@cache
def _task(function: Callable[..., R]) -> Any:  # noqa: ANN401 - Prefect's task, typed by its own arguments
    """One task for each step, made when it is first recorded."""
    from prefect import task  # noqa: PLC0415 - as above
    from prefect.cache_policies import NO_CACHE  # noqa: PLC0415 - as above

    record = task(name=function.__name__.replace("_", " "), cache_policy=NO_CACHE, persist_result=False)
    return record(function)

"""A step is a Prefect task inside a flow run and a plain call outside of one."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.utilities.annotations import quote

P = ParamSpec("P")
R = TypeVar("R")


def recorded() -> bool:
    """Does a Prefect flow run record what happens here?"""
    return FlowRunContext.get() is not None


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Make `function` a Prefect task wherever a flow run is there to record it.

    Without a server the same code runs as it stands, so that a command never pays a server's start. Results are
    never persisted: they may touch texts.
    """
    record = task(name=function.__name__.replace("_", " "), cache_policy=NO_CACHE, persist_result=False)
    prefect_task: Any = record(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not recorded():
            return function(*args, **kwargs)
        # Quoted: Prefect would walk through each value, down to every rule of the policy, in search of other tasks.
        quoted = {name: quote(value) for name, value in kwargs.items()}
        result: R = prefect_task(*map(quote, args), **quoted)
        return result

    return call
